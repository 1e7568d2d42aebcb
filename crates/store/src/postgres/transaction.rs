//! Transactions: whether one was committed, also when its COMMIT got no answer, and when to repeat one.
//!
//! Invariant: `Ok` means committed, and at the standby if the database waits for one. A COMMIT in progress is never
//! cancelled: it runs in a task that continues when the caller goes away. An outcome that cannot be found out is always
//! [`Error::OutcomeUnknown`].

use super::commit_status::{CommitMarker, IDENTIFY, TransactionId};
use super::connection::{Connections, Taken};
use super::errors::{IntoStore, is_contention, translate};
use super::pipeline::{Answers, Failure, Parameter, Pipeline, Sql};
use super::room::Room;
use super::single::end;
use crate::error::{Error, Result};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio_postgres::Row;
use tokio_postgres::error::SqlState;

/// The state that all writing transactions share.
pub struct Commits {
    pub connections: Connections,
    /// Of the cancelled waits for a standby, how many belong to commits that have reached the standby since, as a later
    /// commit's wait has shown.
    proven: AtomicU64,
    pub room: Room,
    pub retries: AtomicU64,
    pub deadlocks: AtomicU64,
}

/// Writes a message to the write-ahead log and no row, so that COMMIT has something to wait for.
static MARK_THE_LOG: Sql = Sql {
    text: "/* transaction::mark_the_log */ SELECT pg_logical_emit_message(true, 'waybill', '')",
    types: &[],
};

/// The most attempts at a transaction that conflicts with others.
const ATTEMPTS: u32 = 6;
/// The pause before the second attempt; it doubles with each further one.
const PAUSE: Duration = Duration::from_millis(2);

/// A transaction that has begun. If it is dropped before its end, its connection is closed and the database rolls back.
pub struct Open {
    connection: Taken,
    id: TransactionId,
    /// Whether its COMMIT waits for a standby.
    waits: bool,
}

/// How an attempt ended that was not committed.
pub enum Failed {
    /// Nothing was written; repeating it would fail again.
    Error(Error),
    /// Nothing was written because of a conflict, or because the connection was lost before COMMIT; it may be repeated.
    Again(Error),
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

/// Counts the attempts at one transaction, which is repeated when it conflicts with another.
pub struct Attempts<'a> {
    commits: &'a Commits,
    made: u32,
    pause: Duration,
}

impl Attempts<'_> {
    /// Waits before the next attempt.
    ///
    /// # Errors
    /// The error of `failed`, when it cannot be repeated or the attempts are used up.
    pub async fn again(&mut self, failed: Failed) -> Result<()> {
        let error = match failed {
            Failed::Error(error) => return Err(error),
            Failed::Again(error) => error,
        };
        self.made += 1;
        if self.made == ATTEMPTS {
            return Err(error);
        }
        tracing::debug!(%error, made = self.made, "repeating a transaction");
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
            room: Room::default(),
            retries: AtomicU64::new(0),
            deadlocks: AtomicU64::new(0),
        }
    }

    /// Whether a commit on this server may be missing on the standby. A read that acknowledges another request's commit
    /// must then fail with [`Error::OutcomeUnknown`] instead.
    pub fn in_doubt(&self) -> bool {
        self.connections.cancelled_waits() > self.proven.load(Ordering::SeqCst)
    }

    /// Records that a commit has reached the standby: so have all commits whose wait was cancelled before it was sent.
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

    /// Begins a transaction: sends the statements that `ask` adds and passes the answers to `read`. If `read` fails,
    /// the transaction is rolled back.
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

    /// Rolls a transaction back.
    pub async fn roll_back(&self, open: Open) {
        end(open.connection).await;
    }

    /// Returns the transaction with `made`; if `made` is an error, rolls the transaction back.
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

    /// Rolls back a transaction whose results report rows that other transactions committed. Such a commit may be on
    /// this server only, if its wait for the standby was cancelled, so this waits for the standby before it returns.
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

    /// Runs one statement that writes, in a transaction of its own; on return it and every earlier commit have reached
    /// the standby.
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

    /// The last flush: its statements and COMMIT are sent together. If COMMIT is not answered, `mark` is looked up to
    /// find out whether it took effect.
    pub async fn commit(
        &self,
        open: Open,
        pipeline: Pipeline<'_>,
        mark: Option<CommitMarker>,
    ) -> std::result::Result<(), Failed> {
        self.commit_answered(open, pipeline, mark).await.map(drop)
    }

    /// As [`Commits::commit`], with the answers of the last flush; `None` where they were lost and the commit was found
    /// to have taken effect.
    pub async fn commit_answered(
        &self,
        open: Open,
        mut pipeline: Pipeline<'_>,
        mark: Option<CommitMarker>,
    ) -> std::result::Result<Option<Answers>, Failed> {
        let committed = pipeline.commit();
        let waits = self.connections.cancelled_waits();
        let Open { connection, id, .. } = open;
        match pipeline.run(&self.connections, &connection).await {
            Ok(mut answers) => {
                answers.take(committed);
                drop(connection.into_pool());
                if self.connections.cancelled_waits() == waits {
                    self.prove(waits);
                    return Ok(Some(answers));
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
                tracing::warn!(%error, xid = id.xid(), "a COMMIT got no answer; looking up whether it took effect");
                match id.was_committed(&self.connections, mark).await {
                    Some(true) => Ok(None),
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

    /// Several statements on one snapshot.
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

    /// Begins a read-only transaction, for reads on one snapshot that depend on earlier ones.
    pub async fn begin_reading(&self, pipeline: Pipeline<'_>) -> Result<(Reader<'_>, Answers)> {
        let connection = Taken::of(self.connections.get().await?);
        let reader = Reader {
            commits: self,
            connection: Some(connection),
        };
        let answers = reader.run(pipeline.beginning_to_read()).await?;
        Ok((reader, answers))
    }

    async fn undo(&self, connection: Taken, error: tokio_postgres::Error) -> Failed {
        self.room.note(&error);
        let contended = error.code().is_some_and(is_contention);
        if error.code() == Some(&SqlState::T_R_DEADLOCK_DETECTED) {
            self.deadlocks.fetch_add(1, Ordering::Relaxed);
            tracing::error!(%error, "a deadlock occurred, which the lock order should rule out");
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

/// A read-only transaction. If it is dropped before its end, as when its caller hangs up, it is rolled back behind what
/// was sent, and the connection then goes back to the pool: to close it would make the next reader wait for a new one.
pub struct Reader<'a> {
    commits: &'a Commits,
    /// There until the end.
    connection: Option<Taken>,
}

impl Drop for Reader<'_> {
    fn drop(&mut self) {
        // Without a runtime the process is ending, and the connection is closed.
        if let (Some(connection), Ok(runtime)) = (self.connection.take(), Handle::try_current()) {
            runtime.spawn(end(connection));
        }
    }
}

impl Reader<'_> {
    async fn run(&self, pipeline: Pipeline<'_>) -> Result<Answers> {
        let connection = self.connection.as_ref().expect("it is there until the end");
        let run = pipeline.run(&self.commits.connections, connection).await;
        run.map_err(|failure| translate(failure.error))
    }

    /// Reads more on the same snapshot.
    pub async fn go_on(self, pipeline: Pipeline<'_>) -> Result<(Self, Answers)> {
        let answers = self.run(pipeline).await?;
        Ok((self, answers))
    }

    /// Reads the rest and ends the transaction.
    pub async fn finish(mut self, mut pipeline: Pipeline<'_>) -> Result<Answers> {
        let ended = pipeline.commit();
        let mut answers = self.run(pipeline).await?;
        answers.take(ended);
        self.connection.take().map(Taken::into_pool);
        Ok(answers)
    }
}
