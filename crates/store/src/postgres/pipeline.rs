//! Statements that are sent together and answered together: one round trip for all.

use super::connection::{Connection, Connections};
use super::errors::{is_aftermath, is_of_the_statement};
use super::plain;
use futures::poll;
use std::task::Poll;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Error, Row, Statement};

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
    /// Text that begins a transaction.
    Begin(&'a str),
    Statement(&'static Sql, Vec<Parameter<'a>>),
    Commit,
}

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
            steps: vec![Step::Begin(&connections.begin)],
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
        self.steps.insert(0, Step::Begin(begin));
        self
    }

    /// Adds a statement; says which answer will be its own.
    pub fn add(&mut self, sql: &'static Sql, parameters: Vec<Parameter<'a>>) -> usize {
        debug_assert_eq!(sql.types.len(), parameters.len(), "{}", sql.text);
        self.steps.push(Step::Statement(sql, parameters));
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
        self.steps.push(Step::Begin(&connections.begin));
        let answer = self.add(sql, parameters);
        self.commit();
        answer
    }

    /// Whether what writes stands in a transaction that this pipeline begins, and so says how durable it is.
    pub fn begins_what_it_writes(&self) -> bool {
        let mut begun = false;
        self.steps.iter().all(|step| match step {
            Step::Begin(_) => {
                begun = true;
                true
            }
            Step::Commit => {
                begun = false;
                true
            }
            Step::Statement(sql, _) => begun || !sql.writes(),
        })
    }

    /// Ends the transaction with this flush.
    pub fn commit(&mut self) {
        self.steps.push(Step::Commit);
    }

    /// Sends everything and waits for every answer; the rows of each statement.
    ///
    /// The first poll of a client's future puts its message on the wire, so each step is polled once before the next
    /// one is made: they go out in their order. A step that cannot be sent (a parameter that its type does not take)
    /// fails at that poll, and no step follows it, above all no COMMIT.
    pub async fn run(
        self,
        connections: &Connections,
        connection: &Connection,
    ) -> Result<Vec<Vec<Row>>, Failure> {
        let known = self.prepare(connections, connection).await?;
        let mut answers = Answers::default();
        let mut pending = Vec::with_capacity(self.steps.len());
        for (step, known) in self.steps.iter().zip(&known) {
            // Before it is sent: when the connection ends at the same moment, it may have gone out all the same.
            answers.commit_was_sent |= matches!(step, Step::Commit);
            let mut answer = Box::pin(step.send(connection, known.as_ref()));
            match poll!(&mut answer) {
                Poll::Pending => pending.push(answer),
                Poll::Ready(Err(error)) => {
                    answers.not_sent = Some(error);
                    break;
                }
                // Every answer before it is there too.
                Poll::Ready(Ok(rows)) => {
                    answers.wait_for(&mut pending).await;
                    answers.take(Ok(rows));
                }
            }
        }
        answers.wait_for(&mut pending).await;
        answers.finish()
    }

    /// Makes statements known to the connection where they have names. Done first: while the flush goes out, nothing
    /// may overtake anything else.
    async fn prepare(
        &self,
        connections: &Connections,
        connection: &Connection,
    ) -> Result<Vec<Option<Statement>>, Failure> {
        let mut known = Vec::with_capacity(self.steps.len());
        for step in &self.steps {
            known.push(match step {
                Step::Statement(sql, _) if !connections.unnamed => {
                    let prepared = connection.prepare_typed_cached(sql.text, sql.types).await;
                    Some(prepared.map_err(|error| Failure {
                        error,
                        undone: true,
                    })?)
                }
                Step::Statement(..) | Step::Begin(_) | Step::Commit => None,
            });
        }
        Ok(known)
    }
}

impl Step<'_> {
    async fn send(
        &self,
        connection: &Connection,
        known: Option<&Statement>,
    ) -> Result<Vec<Row>, Error> {
        match (self, known) {
            (Step::Begin(text), _) => plain::step(connection, text).await.map(|()| vec![]),
            (Step::Commit, _) => plain::commit(connection).await.map(|()| vec![]),
            (Step::Statement(_, parameters), Some(statement)) => {
                let parameters: Vec<&(dyn ToSql + Sync)> = parameters
                    .iter()
                    .map(|p| &**p as &(dyn ToSql + Sync))
                    .collect();
                connection.query(statement, &parameters).await
            }
            (Step::Statement(sql, parameters), None) => {
                let typed: Vec<(&(dyn ToSql + Sync), Type)> = parameters
                    .iter()
                    .zip(sql.types)
                    .map(|(p, t)| (&**p as &(dyn ToSql + Sync), t.clone()))
                    .collect();
                connection.query_typed(sql.text, &typed).await
            }
        }
    }
}

/// The answers to what was sent, in its order.
#[derive(Default)]
struct Answers {
    rows: Vec<Vec<Row>>,
    failed: Option<Error>,
    not_sent: Option<Error>,
    /// It may have been sent.
    commit_was_sent: bool,
    /// The database refused a statement, so the transaction cannot have been committed.
    refused: bool,
}

impl Answers {
    async fn wait_for<A>(&mut self, pending: &mut Vec<A>)
    where
        A: Future<Output = Result<Vec<Row>, Error>>,
    {
        for answer in pending.drain(..) {
            let answer = answer.await;
            self.take(answer);
        }
    }

    fn take(&mut self, answer: Result<Vec<Row>, Error>) {
        match answer {
            Ok(rows) => self.rows.push(rows),
            Err(error) => {
                self.refused |= is_of_the_statement(&error);
                // The first error is the reason, the others follow from it.
                if self.failed.as_ref().is_none_or(is_aftermath) {
                    self.failed = Some(error);
                }
            }
        }
    }

    fn finish(self) -> Result<Vec<Vec<Row>>, Failure> {
        // What was sent before it was answered well, or its own error says more.
        match self.failed.or(self.not_sent) {
            None => Ok(self.rows),
            Some(error) => Err(Failure {
                error,
                undone: self.refused || !self.commit_was_sent,
            }),
        }
    }
}
