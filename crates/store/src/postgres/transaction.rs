//! Transactions: whether one was committed, also when its COMMIT got no answer, and when to repeat one.
//!
//! Invariant: `Ok` means committed, and at the standby if the database waits for one. A connection in COMMIT is never
//! cancelled: the caller may go away, the task that commits stays. An outcome that cannot be found out is always
//! [`Error::OutcomeUnknown`].

use super::commit_status::{CommitMarker, IDENTIFY, TransactionId};
use super::connection::{Connection, Connections};
use super::errors::{IntoStore, is_contention, translate};
use super::pipeline::{Failure, Parameter, Pipeline, Sql};
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

/// A transaction that has begun.
pub struct Open {
    connection: Connection,
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

    /// Begins a transaction with a first flush; `fill` adds to it. The rows of each added statement, in order.
    pub async fn begin<'a>(
        &'a self,
        fill: impl FnOnce(&mut Pipeline<'a>),
    ) -> std::result::Result<(Open, Vec<Vec<Row>>), Failed> {
        let connection = self.connections.get().await?;
        let mut pipeline = Pipeline::begin(&self.connections);
        pipeline.add(&IDENTIFY, vec![]);
        fill(&mut pipeline);
        let mut rows = match pipeline.run(&self.connections, &connection).await {
            Ok(rows) => rows,
            Err(failure) => return Err(self.undo(connection, failure.error).await),
        };
        // BEGIN and its own statement are answered first.
        let rest = rows.split_off(2);
        let identified = rows.pop().and_then(|mut rows| rows.pop());
        let row = identified.ok_or(Error::unavailable("the database answered nothing"))?;
        let id = TransactionId::read(&row)?;
        let waits = row.try_get(3).store()?;
        let open = Open {
            connection,
            id,
            waits,
        };
        Ok((open, rest))
    }

    /// Runs further statements of a transaction.
    pub async fn go_on(
        &self,
        open: Open,
        pipeline: Pipeline<'_>,
    ) -> std::result::Result<(Open, Vec<Vec<Row>>), Failed> {
        match pipeline.run(&self.connections, &open.connection).await {
            Ok(rows) => Ok((open, rows)),
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
    ) -> std::result::Result<Vec<Vec<Row>>, Failed> {
        pipeline.commit();
        let waits = self.connections.cancelled_waits();
        let Open { connection, id, .. } = open;
        match pipeline.run(&self.connections, &connection).await {
            Ok(rows) => {
                if self.connections.cancelled_waits() == waits {
                    self.prove(waits);
                    return Ok(rows);
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
                    // The rows of its statements are lost with the answer.
                    Some(true) => Ok(vec![]),
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
    pub async fn read_all(&self, pipeline: Pipeline<'_>) -> Result<Vec<Vec<Row>>> {
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
    pub async fn read_same_moment(&self, pipeline: Pipeline<'_>) -> Result<Vec<Vec<Row>>> {
        let connection = self.connections.get().await?;
        let run = pipeline.at_one_moment().run(&self.connections, &connection);
        match run.await {
            Ok(mut rows) => {
                rows.remove(0);
                rows.pop();
                Ok(rows)
            }
            Err(failure) => {
                end(connection).await;
                Err(translate(failure.error))
            }
        }
    }

    /// Begins to read at one moment, when what is read next depends on what was read first.
    pub async fn begin_reading(
        &self,
        pipeline: Pipeline<'_>,
    ) -> Result<(Reader<'_>, Vec<Vec<Row>>)> {
        let reader = Reader {
            commits: self,
            connection: Some(self.connections.get().await?),
        };
        let mut rows = reader.run(pipeline.beginning_to_read()).await?;
        rows.remove(0);
        Ok((reader, rows))
    }

    async fn undo(&self, connection: Connection, error: tokio_postgres::Error) -> Failed {
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
    connection: Option<Connection>,
}

impl Reader<'_> {
    async fn run(&self, pipeline: Pipeline<'_>) -> Result<Vec<Vec<Row>>> {
        let Some(connection) = &self.connection else {
            return Err(Error::unavailable("the reading is over"));
        };
        let run = pipeline.run(&self.commits.connections, connection).await;
        run.map_err(|failure| translate(failure.error))
    }

    /// Reads more at the same moment.
    pub async fn go_on(self, pipeline: Pipeline<'_>) -> Result<(Self, Vec<Vec<Row>>)> {
        let rows = self.run(pipeline).await?;
        Ok((self, rows))
    }

    /// Reads the rest and ends.
    pub async fn finish(mut self, mut pipeline: Pipeline<'_>) -> Result<Vec<Vec<Row>>> {
        pipeline.commit();
        let mut rows = self.run(pipeline).await?;
        rows.pop();
        // It goes back to the pool.
        drop(self.connection.take());
        Ok(rows)
    }
}

impl Drop for Reader<'_> {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            drop(Connection::take(connection));
        }
    }
}
