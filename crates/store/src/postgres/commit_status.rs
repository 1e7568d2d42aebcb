//! Finds out whether a transaction was committed when its COMMIT got no answer.
//!
//! The database knows by the transaction's number whether it is over. Whether it was committed is decided by what it
//! wrote: after a crash or a failover the same number may be another transaction.

use super::connection::Connections;
use super::errors::IntoStore;
use super::pipeline::{Sql, params};
use super::rows::{Small, small};
use crate::error::{Error, Result};
use std::time::Duration;
use tokio::time::Instant;
use tokio_postgres::Row;
use tokio_postgres::types::Type;
use uuid::Uuid;
use waybill_domain::event::NewEvent;
use waybill_domain::text::Tenant;

/// Identifies a transaction, also on another connection.
#[derive(Clone, Debug)]
pub struct TransactionId {
    xid: String,
    /// The database's timeline and its server's start time. If either has changed, this transaction cannot still be
    /// running.
    incarnation: String,
    /// The position to which the write-ahead log was flushed when the transaction began.
    flushed: String,
}

/// How long to look up the outcome of a commit before it is reported as unknown.
const SEARCH: Duration = Duration::from_secs(10);
/// The first pause between two queries; it doubles up to the longest pause.
const PAUSE: Duration = Duration::from_millis(2);
const LONGEST_PAUSE: Duration = Duration::from_millis(200);

macro_rules! incarnation {
    () => {
        "left(pg_walfile_name(pg_current_wal_lsn()), 8) || pg_postmaster_start_time()::text"
    };
}

/// The columns of a [`TransactionId`], and whether its COMMIT will wait for a standby.
pub static IDENTIFY: Sql = Sql {
    text: concat!(
        "/* commit_status::identify */ SELECT pg_current_xact_id()::text, ",
        incarnation!(),
        ", pg_current_wal_flush_lsn()::text, current_setting('synchronous_standby_names') <> ''"
    ),
    types: &[],
};

/// When a backend crashes, the server's first process lives on, and recovery ends with a checkpoint behind everything
/// that was on the disk. So the last column says whether a crash since then is ruled out. A number that has not been
/// given out yet was lost in a crash, and with it everything that had it: 'aborted'.
static STATUS: Sql = Sql {
    text: concat!(
        "/* commit_status::status */ SELECT CASE WHEN $1::text::xid8 < pg_current_xact_id() THEN pg_xact_status($1::text::xid8) ELSE 'aborted' END, ",
        incarnation!(),
        ", (SELECT checkpoint_lsn < $2::text::pg_lsn FROM pg_control_checkpoint())"
    ),
    types: &[Type::TEXT, Type::TEXT],
};

static EVENT_OF_ORDER: Sql = Sql {
    text: "/* commit_status::event_of_order */ SELECT 1 FROM events WHERE tenant = $1 AND order_id = $2 AND event_id = $3",
    types: &[Type::TEXT, Type::UUID, Type::UUID],
};

/// Finds an event that has no order, and so no index entry: it was written moments ago, so the newest positions are
/// searched.
static NEWEST_EVENT: Sql = Sql {
    text: "/* commit_status::newest_event */ SELECT 1 FROM (SELECT event_id FROM events WHERE part = $1 ORDER BY position DESC LIMIT 200000) AS newest \
           WHERE event_id = $2",
    types: &[Type::INT2, Type::UUID],
};

/// Shows whether a transaction was committed: the first of its events, whose id was made before the first attempt. It is
/// in the log if and only if the transaction was committed, and found by its id, since it is the first of its row.
#[derive(Clone, Debug)]
pub struct CommitMarker {
    partition: Small,
    tenant: Tenant,
    order: Option<Uuid>,
    event: Uuid,
}

impl CommitMarker {
    /// The marker of a transaction that appends `events`; `None` when there are no events.
    pub fn of(partition: u16, events: &[&NewEvent]) -> Option<Self> {
        let first = events.first()?;
        Some(Self {
            partition: small(partition),
            tenant: first.tenant.clone(),
            order: first.order_id.map(|id| id.0),
            event: first.id.0,
        })
    }

    async fn is_there(&self, connections: &Connections) -> Result<bool> {
        let rows = match self.order {
            Some(order) => {
                let parameters = params![self.tenant.as_str(), order, self.event];
                connections.read(&EVENT_OF_ORDER, parameters).await?
            }
            None => {
                let parameters = params![self.partition, self.event];
                connections.read(&NEWEST_EVENT, parameters).await?
            }
        };
        Ok(!rows.is_empty())
    }
}

/// The database's answer about a transaction's number.
enum Status {
    UnderWay,
    Committed,
    Gone,
    /// The timeline or the server's start changed, or a crash cannot be ruled out: the number says nothing.
    OtherIncarnation,
}

impl TransactionId {
    /// Reads the answer to [`IDENTIFY`].
    pub fn read(row: &Row) -> Result<Self> {
        Ok(Self {
            xid: row.try_get(0).store()?,
            incarnation: row.try_get(1).store()?,
            flushed: row.try_get(2).store()?,
        })
    }

    pub fn xid(&self) -> &str {
        &self.xid
    }

    /// Whether the transaction was committed; `None` when that cannot be found out. Without a marker its number
    /// decides, as long as no crash can have given the number to another transaction.
    pub async fn was_committed(
        &self,
        connections: &Connections,
        mark: Option<CommitMarker>,
    ) -> Option<bool> {
        let until = Instant::now() + SEARCH;
        let mut pause = PAUSE;
        while Instant::now() < until {
            match (self.status(connections).await, &mark) {
                (Ok(Status::Gone), _) => return Some(false),
                (Ok(Status::Committed), None) => return Some(true),
                (Ok(Status::OtherIncarnation), None) => return None,
                (Ok(Status::Committed | Status::OtherIncarnation), Some(mark)) => {
                    if let Ok(found) = mark.is_there(connections).await {
                        return Some(found);
                    }
                }
                // Still running, or the database is unavailable: ask again after the pause.
                (Ok(Status::UnderWay) | Err(_), _) => {}
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
        None
    }

    async fn status(&self, connections: &Connections) -> Result<Status> {
        let names = params![self.xid.as_str(), self.flushed.as_str()];
        let mut rows = connections.read(&STATUS, names).await?;
        let row = rows.pop();
        let row = row.ok_or_else(|| Error::unavailable("the database returned no row"))?;
        let (status, incarnation): (Option<&str>, &str) =
            (row.try_get(0).store()?, row.try_get(1).store()?);
        let crash_ruled_out: bool = row.try_get(2).store()?;
        Ok(match status {
            _ if incarnation != self.incarnation => Status::OtherIncarnation,
            Some("committed") if crash_ruled_out => Status::Committed,
            Some("committed") => Status::OtherIncarnation,
            Some("aborted") => Status::Gone,
            _ => Status::UnderWay,
        })
    }
}
