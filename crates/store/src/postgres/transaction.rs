//! Transactions: whether one was committed, also when its COMMIT got no answer, and when to repeat one.
//!
//! Invariant: `Ok` means committed, and at the standby if the database waits for one. A connection in COMMIT is never
//! cancelled: the caller may go away, the task that commits stays. An outcome that cannot be found out is always
//! [`Error::OutcomeUnknown`].

use super::commit_status::{CommitMarker, IDENTIFY, TransactionId};
use super::connection::{Connections, Taken};
use super::errors::{IntoStore, is_contention, translate};
use super::pipeline::{Answers, Failure, Parameter, Pipeline, Sql};
use super::single::end;
use crate::error::{Error, Result};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio_postgres::Row;
use tokio_postgres::error::SqlState;

/// Everything that writes shares this.
pub struct Commits {
    pub connections: Connections,
    /// Of the waits for a standby that were cancelled, how many a later commit has proven to be there.
    proven: AtomicU64,
    pub retries: AtomicU64,
    pub deadlocks: AtomicU64,
}

/// Writes to the database's own log and nothing else, so that COMMIT has something to wait for.
static MARK_THE_LOG: Sql = Sql {
    text: "/* transaction::mark_the_log */ SELECT pg_logical_emit_message(true, 'waybill', '')",
    types: &[],
};

/// How often a transaction that was in somebody's way is made again.
const ATTEMPTS: u32 = 6;
/// The first pause before that; it doubles.
const PAUSE: Duration = Duration::from_millis(2);

/// A transaction that has begun. Dropped before its end, it takes its connection with it, and the database rolls back.
pub struct Open {
    connection: Taken,
    id: TransactionId,
    /// Whether its COMMIT waits for a standby.
    waits: bool,
}

/// How an attempt ended that was not committed.
pub enum Failed {
    /// Nothing was written, and the reason is this.
    Error(Error),
    /// Nothing was written; somebody was in the way, or the connection was lost before COMMIT.
    Again(Error),
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

/// The attempts at one transaction: made again when somebody else was in its way.
pub struct Attempts<'a> {
    commits: &'a Commits,
    made: u32,
    pause: Duration,
}

impl Attempts<'_> {
    /// Waits a little before the next attempt.
    ///
    /// # Errors
    /// There will be no next one.
    pub async fn again(&mut self, failed: Failed) -> Result<()> {
        let error = match failed {
            Failed::Error(error) => return Err(error),
            Failed::Again(error) => error,
        };
        self.made += 1;
        if self.made == ATTEMPTS {
            return Err(error);
        }
        tracing::debug!(%error, made = self.made, "a transaction is made again");
        self.commits.retries.fetch_add(1, Ordering::Relaxed);
        tokio::time::sleep(self.pause).await;
        self.pause *= 2;
        Ok(())
    }
}

impl Commits {
    pub fn new(connections: Connections) -> Self {
        Self {
            connections,
            proven: AtomicU64::new(0),
            retries: AtomicU64::new(0),
            deadlocks: AtomicU64::new(0),
        }
    }

    /// Whether something that is committed here may not be at the standby. Who answers from what it read says so
    /// then: it would acknowledge what nobody acknowledged.
    pub fn in_doubt(&self) -> bool {
        self.connections.cancelled_waits() > self.proven.load(Ordering::SeqCst)
    }

    /// A commit has reached the standby, and with it all whose wait was cancelled before it was sent.
    fn prove(&self, cancelled_waits: u64) {
        self.proven.fetch_max(cancelled_waits, Ordering::SeqCst);
    }

    /// Counts the attempts at one transaction.
    pub fn attempts(&self) -> Attempts<'_> {
        Attempts {
            commits: self,
            made: 0,
            pause: PAUSE,
        }
    }

    /// Begins a transaction with a first flush of what `ask` adds, and goes on with what `read` makes of the answers.
    /// Where `read` refuses them, the transaction is given up.
    pub async fn begin<'a, H, T>(
        &'a self,
        ask: impl FnOnce(&mut Pipeline<'a>) -> H,
        read: impl FnOnce(&mut Answers, H) -> Result<T>,
    ) -> std::result::Result<(Open, T), Failed> {
        let connection = Taken::of(self.connections.get().await?);
        let mut pipeline = Pipeline::begin(&self.connections);
        let identified = pipeline.add(&IDENTIFY, vec![]);
        let asked = ask(&mut pipeline);
        let mut answers = match pipeline.run(&self.connections, &connection).await {
            Ok(answers) => answers,
            Err(failure) => return Err(self.undo(connection, failure.error).await),
        };
        let identified = answers.take(identified);
        let row = identified.first();
        let row = row.ok_or_else(|| Error::unavailable("the database answered nothing"))?;
        let open = Open {
            connection,
            id: TransactionId::read(row)?,
            waits: row.try_get(3).store()?,
        };
        self.unless_refused(open, read(&mut answers, asked)).await
    }

    /// Runs further statements of a transaction, as [`Commits::begin`] runs the first ones.
    pub async fn go_on<'a, H, T>(
        &'a self,
        open: Open,
        ask: impl FnOnce(&mut Pipeline<'a>) -> H,
        read: impl FnOnce(&mut Answers, H) -> Result<T>,
    ) -> std::result::Result<(Open, T), Failed> {
        let mut pipeline = Pipeline::new();
        let asked = ask(&mut pipeline);
        match pipeline.run(&self.connections, &open.connection).await {
            Ok(mut answers) => self.unless_refused(open, read(&mut answers, asked)).await,
            Err(failure) => Err(self.undo(open.connection, failure.error).await),
        }
    }

    /// Gives a transaction up.
    pub async fn roll_back(&self, open: Open) {
        end(open.connection).await;
    }

    /// Goes on with what was made of a transaction's answers, or gives it up because of them.
    pub async fn unless_refused<T>(
        &self,
        open: Open,
        read: Result<T>,
    ) -> std::result::Result<(Open, T), Failed> {
        match read {
            Ok(read) => Ok((open, read)),
            Err(error) => {
                self.roll_back(open).await;
                Err(Failed::Error(error))
            }
        }
    }

    /// Ends a transaction of which nothing is kept, and whose answers tell what it read: others may have committed
    /// that here while their wait for the standby was cancelled, so the standby is waited for again.
    pub async fn tell_what_was_read(&self, open: Open) -> Result<()> {
        let waits = open.waits;
        self.roll_back(open).await;
        if self.in_doubt() {
            return Err(Error::OutcomeUnknown);
        }
        if waits {
            self.write_through(&MARK_THE_LOG, vec![]).await?;
        }
        Ok(())
    }

    /// One statement that writes, in a transaction of its own, and all committed before it, at the standby too.
    ///
    /// # Errors
    /// [`Error::OutcomeUnknown`] when the wait for the standby was cancelled.
    pub async fn write_through<'a>(
        &'a self,
        sql: &'static Sql,
        parameters: Vec<Parameter<'a>>,
    ) -> Result<()> {
        let waits = self.connections.cancelled_waits();
        self.write_one(sql, parameters).await?;
        if self.connections.cancelled_waits() != waits {
            return Err(Error::OutcomeUnknown);
        }
        self.prove(waits);
        Ok(())
    }

    /// The last flush: what it carries and COMMIT go out together. `mark` is looked for when COMMIT is not answered.
    pub async fn commit(
        &self,
        open: Open,
        mut pipeline: Pipeline<'_>,
        mark: Option<CommitMarker>,
    ) -> std::result::Result<(), Failed> {
        let committed = pipeline.commit();
        let waits = self.connections.cancelled_waits();
        let Open { connection, id, .. } = open;
        match pipeline.run(&self.connections, &connection).await {
            Ok(mut answers) => {
                answers.take(committed);
                drop(connection.into_pool());
                if self.connections.cancelled_waits() == waits {
                    self.prove(waits);
                    return Ok(());
                }
                tracing::error!(
                    "a wait for the standby was cancelled; not ready until a commit has reached it"
                );
                Err(Failed::Error(Error::OutcomeUnknown))
            }
            Err(Failure {
                error,
                undone: true,
            }) => Err(self.undo(connection, error).await),
            Err(Failure { error, .. }) => {
                drop(connection);
                tracing::warn!(%error, xid = id.xid(), "nobody answered a COMMIT; looking for what became of it");
                match id.was_committed(&self.connections, mark).await {
                    Some(true) => Ok(()),
                    Some(false) => Err(Failed::Again(translate(error))),
                    None => Err(Failed::Error(Error::OutcomeUnknown)),
                }
            }
        }
    }

    /// As [`Connections::read`].
    pub async fn read<'a>(
        &'a self,
        sql: &'static Sql,
        parameters: Vec<Parameter<'a>>,
    ) -> Result<Vec<Row>> {
        self.connections.read(sql, parameters).await
    }

    /// As [`Connections::read_all`].
    pub async fn read_all(&self, pipeline: Pipeline<'_>) -> Result<Answers> {
        self.connections.read_all(pipeline).await
    }

    /// As [`Connections::write_one`].
    pub async fn write_one<'a>(
        &'a self,
        sql: &'static Sql,
        parameters: Vec<Parameter<'a>>,
    ) -> Result<Vec<Row>> {
        self.connections.write_one(sql, parameters).await
    }

    /// Several statements that see the same moment.
    pub async fn read_same_moment(&self, pipeline: Pipeline<'_>) -> Result<Answers> {
        let connection = self.connections.get().await?;
        let run = pipeline.at_one_moment().run(&self.connections, &connection);
        match run.await {
            Ok(answers) => Ok(answers),
            Err(failure) => {
                end(Taken::of(connection)).await;
                Err(translate(failure.error))
            }
        }
    }

    /// Begins to read at one moment, when what is read next depends on what was read first.
    pub async fn begin_reading(&self, pipeline: Pipeline<'_>) -> Result<(Reader<'_>, Answers)> {
        let reader = Reader {
            commits: self,
            connection: Taken::of(self.connections.get().await?),
        };
        let answers = reader.run(pipeline.beginning_to_read()).await?;
        Ok((reader, answers))
    }

    async fn undo(&self, connection: Taken, error: tokio_postgres::Error) -> Failed {
        let contended = error.code().is_some_and(is_contention);
        if error.code() == Some(&SqlState::T_R_DEADLOCK_DETECTED) {
            self.deadlocks.fetch_add(1, Ordering::Relaxed);
            tracing::error!(%error, "transactions locked each other out, which their lock order forbids");
        }
        let lost = connection.is_closed();
        end(connection).await;
        let translated = translate(error);
        if contended || lost {
            Failed::Again(translated)
        } else {
            Failed::Error(translated)
        }
    }
}

/// A transaction that only reads. Dropped before its end, it takes its connection with it.
pub struct Reader<'a> {
    commits: &'a Commits,
    connection: Taken,
}

impl Reader<'_> {
    async fn run(&self, pipeline: Pipeline<'_>) -> Result<Answers> {
        let connections = &self.commits.connections;
        let run = pipeline.run(connections, &self.connection).await;
        run.map_err(|failure| translate(failure.error))
    }

    /// Reads more at the same moment.
    pub async fn go_on(self, pipeline: Pipeline<'_>) -> Result<(Self, Answers)> {
        let answers = self.run(pipeline).await?;
        Ok((self, answers))
    }

    /// Reads the rest and ends.
    pub async fn finish(self, mut pipeline: Pipeline<'_>) -> Result<Answers> {
        let ended = pipeline.commit();
        let mut answers = self.run(pipeline).await?;
        answers.take(ended);
        drop(self.connection.into_pool());
        Ok(answers)
    }
}
