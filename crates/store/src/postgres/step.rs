//! One step of a pipeline: BEGIN, a statement or COMMIT, and how it is sent and its answer read.

use super::answers::Answer;
use super::connection::Connection;
use super::plain;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Error, Statement};

/// A statement with the types of its parameters. It begins with a comment that names its function, so that the
/// database's log of slow statements names the code.
pub struct Sql {
    pub text: &'static str,
    pub types: &'static [Type],
}

impl Sql {
    /// Whether the statement writes rows, so that its transaction's COMMIT matters; a statement that only locks does
    /// not.
    pub fn writes(&self) -> bool {
        const WORDS: [&str; 5] = [
            "INSERT INTO ",
            "DELETE FROM ",
            " SET ",
            "pg_logical_emit_message",
            "setval",
        ];
        WORDS.iter().any(|words| self.text.contains(words))
    }
}

/// A parameter, kept until it is sent.
pub type Parameter<'a> = Box<dyn ToSql + Sync + Send + 'a>;

pub enum Step<'a> {
    /// Text that begins a transaction; nothing is read of its answer.
    Begin(&'a str),
    Statement {
        sql: &'static Sql,
        parameters: Vec<Parameter<'a>>,
        kind: AnswerKind,
    },
    Commit,
}

/// Which part of a statement's answer is read.
#[derive(Clone, Copy)]
pub enum AnswerKind {
    Rows,
    Count,
}

impl Step<'_> {
    /// Sends the step and waits for its answer; `None` for BEGIN, of whose answer nothing is read.
    pub async fn send(
        &self,
        connection: &Connection,
        known: Option<&Statement>,
    ) -> Result<Option<Answer>, Error> {
        match self {
            Step::Begin(text) => plain::step(connection, text).await.map(|()| None),
            Step::Commit => {
                let committed = plain::commit(connection).await;
                committed.map(|()| Some(Answer::Committed))
            }
            Step::Statement {
                sql,
                parameters,
                kind,
            } => {
                let answer = match known {
                    Some(statement) => named(connection, statement, parameters, *kind).await,
                    None => unnamed(connection, sql, parameters, *kind).await,
                };
                answer.map(Some)
            }
        }
    }
}

async fn named(
    connection: &Connection,
    statement: &Statement,
    parameters: &[Parameter<'_>],
    kind: AnswerKind,
) -> Result<Answer, Error> {
    let parameters: Vec<&(dyn ToSql + Sync)> = parameters
        .iter()
        .map(|p| &**p as &(dyn ToSql + Sync))
        .collect();
    match kind {
        AnswerKind::Rows => {
            let rows = connection.query(statement, &parameters).await;
            rows.map(Answer::Rows)
        }
        AnswerKind::Count => {
            let count = connection.execute(statement, &parameters).await;
            count.map(Answer::Count)
        }
    }
}

async fn unnamed(
    connection: &Connection,
    sql: &Sql,
    parameters: &[Parameter<'_>],
    kind: AnswerKind,
) -> Result<Answer, Error> {
    let typed: Vec<(&(dyn ToSql + Sync), Type)> = parameters
        .iter()
        .zip(sql.types)
        .map(|(p, t)| (&**p as &(dyn ToSql + Sync), t.clone()))
        .collect();
    match kind {
        AnswerKind::Rows => {
            let rows = connection.query_typed(sql.text, &typed).await;
            rows.map(Answer::Rows)
        }
        AnswerKind::Count => {
            let count = connection.execute_typed(sql.text, &typed).await;
            count.map(Answer::Count)
        }
    }
}
