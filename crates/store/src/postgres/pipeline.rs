//! Statements that are sent one after another without waiting for answers in between: one round trip for all. Answers
//! arrive in the order of the statements.

use super::answers::{Answer, Committed, Count, Kind, PipelineId};
pub use super::answers::{Answers, Handle, Rows};
use super::connection::{Connection, Connections};
use super::errors::{is_aftermath, is_of_the_statement};
use super::step::{AnswerKind, Step};
pub use super::step::{Parameter, Sql};
use futures::poll;
use std::task::Poll;
use tokio_postgres::{Error, Statement};

/// Statements to be sent one after another.
pub struct Pipeline<'a> {
    id: PipelineId,
    steps: Vec<Step<'a>>,
    /// How many of the steps have an answer.
    answered: usize,
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
    /// Whether it is certain that nothing was committed.
    pub undone: bool,
}

impl<'a> Pipeline<'a> {
    pub fn new() -> Self {
        Self {
            id: PipelineId::new(),
            steps: vec![],
            answered: 0,
        }
    }

    /// A transaction's first flush.
    pub fn begin(connections: &'a Connections) -> Self {
        let mut pipeline = Self::new();
        pipeline.steps.push(Step::Begin(&connections.begin));
        pipeline
    }

    /// Wraps the statements in a read-only transaction, so that all see one snapshot.
    pub fn at_one_moment(self) -> Self {
        let mut whole = self.beginning_to_read();
        whole.commit();
        whole
    }

    /// Begins a read-only transaction before the statements and leaves it open.
    pub fn beginning_to_read(mut self) -> Self {
        let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
        self.steps.insert(0, Step::Begin(begin));
        self
    }

    /// Adds a statement whose rows are read.
    pub fn add(&mut self, sql: &'static Sql, parameters: Vec<Parameter<'a>>) -> Handle<Rows> {
        self.push_statement(sql, parameters, AnswerKind::Rows)
    }

    /// Adds a statement of which the number of written rows is read.
    pub fn add_counted(
        &mut self,
        sql: &'static Sql,
        parameters: Vec<Parameter<'a>>,
    ) -> Handle<Count> {
        self.push_statement(sql, parameters, AnswerKind::Count)
    }

    fn push_statement<A: Kind>(
        &mut self,
        sql: &'static Sql,
        parameters: Vec<Parameter<'a>>,
        kind: AnswerKind,
    ) -> Handle<A> {
        debug_assert_eq!(sql.types.len(), parameters.len(), "{}", sql.text);
        self.push(Step::Statement {
            sql,
            parameters,
            kind,
        })
    }

    /// Adds a step that is answered.
    fn push<A: Kind>(&mut self, step: Step<'a>) -> Handle<A> {
        self.steps.push(step);
        self.answered += 1;
        Handle::new(self.id, self.answered - 1)
    }

    /// Adds a statement that writes, in a transaction of its own between BEGIN and COMMIT. All three go out with the
    /// flush.
    pub fn add_write(
        &mut self,
        connections: &'a Connections,
        sql: &'static Sql,
        parameters: Vec<Parameter<'a>>,
    ) -> Handle<Rows> {
        self.steps.push(Step::Begin(&connections.begin));
        let answer = self.add(sql, parameters);
        self.commit();
        answer
    }

    /// Whether every statement that writes is inside a transaction that this pipeline begins, whose BEGIN sets its
    /// durability.
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
            Step::Statement { sql, .. } => begun || !sql.writes(),
        })
    }

    /// Ends the transaction with this flush.
    pub fn commit(&mut self) -> Handle<Committed> {
        self.push(Step::Commit)
    }

    /// Sends everything and waits for every answer.
    ///
    /// The first poll of a client's future puts its message on the wire, so each step is polled once before the next
    /// one is made: they go out in their order. A step that cannot be sent (a parameter that its type does not take)
    /// fails at that poll, and no step follows it, above all no COMMIT.
    pub async fn run(
        self,
        connections: &Connections,
        connection: &Connection,
    ) -> Result<Answers, Failure> {
        let known = self.prepare(connections, connection).await?;
        let mut received = Received::default();
        let mut pending = Vec::with_capacity(self.steps.len());
        for (step, known) in self.steps.iter().zip(&known) {
            // Set before the COMMIT is sent: if the connection ends during the send, the server may have received it.
            received.commit_was_sent |= matches!(step, Step::Commit);
            let mut answer = Box::pin(step.send(connection, known.as_ref()));
            match poll!(&mut answer) {
                Poll::Pending => pending.push(answer),
                Poll::Ready(Err(error)) => {
                    received.not_sent = Some(error);
                    break;
                }
                // Answers arrive in order, so every earlier answer is there too.
                Poll::Ready(Ok(answer)) => {
                    received.wait_for(&mut pending).await;
                    received.take(Ok(answer));
                }
            }
        }
        received.wait_for(&mut pending).await;
        Ok(Answers::new(self.id, received.finish()?))
    }

    /// Prepares the statements on the connection if statements have names. Done before the flush, so that no
    /// preparation comes between two of its statements.
    async fn prepare(
        &self,
        connections: &Connections,
        connection: &Connection,
    ) -> Result<Vec<Option<Statement>>, Failure> {
        let mut known = Vec::with_capacity(self.steps.len());
        for step in &self.steps {
            known.push(match step {
                Step::Statement { sql, .. } if !connections.unnamed => {
                    let prepared = connection.prepare_typed_cached(sql.text, sql.types).await;
                    Some(prepared.map_err(|error| Failure {
                        error,
                        undone: true,
                    })?)
                }
                Step::Statement { .. } | Step::Begin(_) | Step::Commit => None,
            });
        }
        Ok(known)
    }
}

/// The answers so far, in the order in which the steps were sent.
#[derive(Default)]
struct Received {
    answers: Vec<Answer>,
    failed: Option<Error>,
    not_sent: Option<Error>,
    /// Whether COMMIT may have been sent.
    commit_was_sent: bool,
    /// The database refused a statement, so the transaction cannot have been committed.
    refused: bool,
}

impl Received {
    async fn wait_for<A>(&mut self, pending: &mut Vec<A>)
    where
        A: Future<Output = Result<Option<Answer>, Error>>,
    {
        for answer in pending.drain(..) {
            let answer = answer.await;
            self.take(answer);
        }
    }

    fn take(&mut self, answer: Result<Option<Answer>, Error>) {
        match answer {
            Ok(answer) => self.answers.extend(answer),
            Err(error) => {
                self.refused |= is_of_the_statement(&error);
                // The first error is the cause; later ones only report that the transaction was aborted.
                if self.failed.as_ref().is_none_or(is_aftermath) {
                    self.failed = Some(error);
                }
            }
        }
    }

    fn finish(self) -> Result<Vec<Answer>, Failure> {
        // A step that could not be sent is reported only when every step before it succeeded; otherwise the earlier
        // error is the cause.
        match self.failed.or(self.not_sent) {
            None => Ok(self.answers),
            Some(error) => Err(Failure {
                error,
                undone: self.refused || !self.commit_was_sent,
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::connection::Options;
    use super::super::generation::Generation;
    use super::*;
    use std::sync::Arc;
    use tokio_postgres::types::Type;
    use waybill_testkit::postgres::{Database, Postgres};
    use waybill_testkit::unavailable::or_skip;

    /// Each statement takes the next number when it arrives. Its text makes some messages longer than others.
    static ARRIVE: Sql = Sql {
        text: "/* pipeline::arrive */ SELECT nextval('arrivals'), length($1)",
        types: &[Type::TEXT],
    };

    static WRITE: Sql = Sql {
        text: "/* pipeline::write */ INSERT INTO written (n) SELECT generate_series(1, $1)",
        types: &[Type::INT4],
    };

    async fn connected(unnamed: bool) -> Option<(Database, Connections)> {
        let server = or_skip(Postgres::shared())?;
        let database = server.database(None).expect("a database is made");
        let made = database.sql(
            "CREATE SEQUENCE arrivals; CREATE TABLE written (n integer); \
             CREATE TABLE meta (key text, value text); INSERT INTO meta VALUES ('generation', 'first')",
        );
        made.expect("the statements run");
        let mut options = Options::new(database.url());
        options.unnamed_statements = unnamed;
        let generation = Arc::new(Generation::new("first"));
        let connections = Connections::new(&options, unnamed, generation);
        Some((database, connections.expect("the address is well formed")))
    }

    #[tokio::test]
    async fn statements_arrive_in_the_order_in_which_they_were_added() {
        for unnamed in [false, true] {
            let Some((database, connections)) = connected(unnamed).await else {
                return;
            };
            let mut pipeline = Pipeline::begin(&connections);
            let arrive = |pipeline: &mut Pipeline<'_>, n: usize| {
                let text = "x".repeat(if n.is_multiple_of(3) { 50_000 } else { 1 });
                pipeline.add(&ARRIVE, params![text])
            };
            let mut arrived: Vec<_> = (0..20).map(|n| arrive(&mut pipeline, n)).collect();
            let written = pipeline.add_counted(&WRITE, params![3]);
            let committed = pipeline.commit();
            arrived.extend((20..40).map(|n| arrive(&mut pipeline, n)));
            let connection = connections.get().await.expect("a connection");
            let run = pipeline.run(&connections, &connection).await;
            let mut answers = run.expect("it is answered");
            answers.take(committed);
            assert_eq!(answers.take(written), 3);
            // The handles are taken in another order than the statements were added in.
            arrived.reverse();
            let numbers: Vec<i64> = arrived
                .into_iter()
                .map(|handle| answers.take(handle)[0].get(0))
                .collect();
            assert_eq!(numbers, (1..=40).rev().collect::<Vec<i64>>());
            let found = database.sql("SELECT count(*) FROM written");
            assert_eq!(found.expect("it runs").trim(), "3");
        }
    }

    #[tokio::test]
    async fn nothing_follows_a_step_that_cannot_be_sent_and_least_of_all_its_commit() {
        let Some((database, connections)) = connected(false).await else {
            return;
        };
        let mut pipeline = Pipeline::begin(&connections);
        pipeline.add(&WRITE, params![1]);
        // The type takes no text, which the client library finds before it sends.
        pipeline.add(&WRITE, params!["one"]);
        pipeline.commit();
        let connection = connections.get().await.expect("a connection");
        let run = pipeline.run(&connections, &connection).await;
        assert!(run.expect_err("it cannot be sent").undone);
        drop(Connection::take(connection));
        let found = database.sql("SELECT count(*) FROM written");
        assert_eq!(found.expect("it runs").trim(), "0");
    }
}
