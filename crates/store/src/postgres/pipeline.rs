//! Statements that are sent together and answered together: one round trip for all.

use super::connection::{Connection, Connections};
use super::errors::{is_aftermath, is_of_the_statement};
use super::plain;
use futures::future::join_all;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Error, Row};

/// A statement with the types of its parameters. It begins with a comment that names its function, so that the
/// database's log of slow statements names the code.
pub struct Sql {
    pub text: &'static str,
    pub types: &'static [Type],
}

impl Sql {
    /// Whether there is anything to commit. A lock that is taken and let go of at once is nothing.
    fn writes(&self) -> bool {
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

enum Step<'a> {
    /// Text without parameters: BEGIN, COMMIT.
    Plain(&'a str),
    Prepared(&'static Sql, Vec<Parameter<'a>>),
}

const COMMIT: &str = "COMMIT";

/// Statements to be sent together.
pub struct Pipeline<'a> {
    steps: Vec<Step<'a>>,
}

/// Boxes parameters for [`Pipeline::add`].
macro_rules! params {
    ($($value:expr),* $(,)?) => { vec![$(Box::new($value) as Box<dyn tokio_postgres::types::ToSql + Sync + Send + '_>),*] };
}
pub(super) use params;

/// Why a pipeline failed.
#[derive(Debug)]
pub struct Failure {
    pub error: Error,
    /// Whether it is certain that nothing of it was committed.
    pub undone: bool,
}

impl<'a> Pipeline<'a> {
    pub fn new() -> Self {
        Self { steps: vec![] }
    }

    /// A transaction's first flush.
    pub fn begin(connections: &'a Connections) -> Self {
        Self {
            steps: vec![Step::Plain(&connections.begin)],
        }
    }

    /// Puts a reading transaction around the statements.
    pub fn at_one_moment(self) -> Self {
        let mut whole = self.beginning_to_read();
        whole.commit();
        whole
    }

    /// Begins a reading transaction with the statements.
    pub fn beginning_to_read(mut self) -> Self {
        let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
        self.steps.insert(0, Step::Plain(begin));
        self
    }

    /// Adds a statement; says which answer will be its own.
    pub fn add(&mut self, sql: &'static Sql, parameters: Vec<Parameter<'a>>) -> usize {
        debug_assert_eq!(sql.types.len(), parameters.len(), "{}", sql.text);
        self.steps.push(Step::Prepared(sql, parameters));
        self.steps.len() - 1
    }

    /// Adds a statement that writes, in a transaction of its own between BEGIN and COMMIT; says which answer will be its
    /// own. All three go out with the flush.
    pub fn add_write(
        &mut self,
        connections: &'a Connections,
        sql: &'static Sql,
        parameters: Vec<Parameter<'a>>,
    ) -> usize {
        self.steps.push(Step::Plain(&connections.begin));
        let answer = self.add(sql, parameters);
        self.commit();
        answer
    }

    /// Whether what writes stands in a transaction that this pipeline begins, and so says how durable it is.
    pub fn begins_what_it_writes(&self) -> bool {
        let mut begun = false;
        self.steps.iter().all(|step| match step {
            Step::Plain(text) => {
                begun = *text != COMMIT;
                true
            }
            Step::Prepared(sql, _) => begun || !sql.writes(),
        })
    }

    /// Ends the transaction with this flush.
    pub fn commit(&mut self) {
        self.steps.push(Step::Plain(COMMIT));
    }

    /// Sends everything and waits for every answer; the rows of each statement.
    pub async fn run(
        self,
        connections: &Connections,
        connection: &Connection,
    ) -> Result<Vec<Vec<Row>>, Failure> {
        let unnamed = connections.unnamed;
        // A statement that is not yet known to the connection is made known first: nothing may overtake another.
        let mut known = Vec::with_capacity(self.steps.len());
        for step in &self.steps {
            known.push(match step {
                Step::Prepared(sql, _) if !unnamed => {
                    let prepared = connection.prepare_typed_cached(sql.text, sql.types).await;
                    Some(prepared.map_err(|error| Failure {
                        error,
                        undone: true,
                    })?)
                }
                _ => None,
            });
        }
        // What cannot be sent (a parameter that its type does not take) is known before the next statement goes out:
        // nothing follows it, and above all no COMMIT.
        let stopped = AtomicBool::new(false);
        let stopped = &stopped;
        let committing = AtomicBool::new(false);
        let committing = &committing;
        let sent = self
            .steps
            .iter()
            .zip(&known)
            .map(|(step, known)| async move {
                if stopped.load(Ordering::Relaxed) {
                    return None;
                }
                let answer = match (step, known) {
                    (Step::Plain(text), _) => {
                        committing.fetch_or(*text == COMMIT, Ordering::Relaxed);
                        plain::step(connection, text).await.map(|()| vec![])
                    }
                    (Step::Prepared(_, parameters), Some(statement)) => {
                        let parameters: Vec<&(dyn ToSql + Sync)> = parameters
                            .iter()
                            .map(|p| &**p as &(dyn ToSql + Sync))
                            .collect();
                        connection.query(statement, &parameters).await
                    }
                    (Step::Prepared(sql, parameters), None) => {
                        let typed: Vec<(&(dyn ToSql + Sync), Type)> = parameters
                            .iter()
                            .zip(sql.types)
                            .map(|(p, t)| (&**p as &(dyn ToSql + Sync), t.clone()))
                            .collect();
                        connection.query_typed(sql.text, &typed).await
                    }
                };
                stopped.fetch_or(answer.is_err(), Ordering::Relaxed);
                Some(answer)
            });
        let mut rows = Vec::with_capacity(self.steps.len());
        let mut failed: Option<Error> = None;
        let mut undone = false;
        // All are polled in their order first, so they are sent in their order.
        for answer in join_all(sent).await.into_iter().flatten() {
            match answer {
                Ok(found) => rows.push(found),
                Err(error) => {
                    undone |= is_of_the_statement(&error);
                    // The first one is the reason, the others follow from it.
                    if failed.as_ref().is_none_or(is_aftermath) {
                        failed = Some(error);
                    }
                }
            }
        }
        match failed {
            None => Ok(rows),
            Some(error) => {
                let undone = undone || !committing.load(Ordering::Relaxed);
                Err(Failure { error, undone })
            }
        }
    }
}
