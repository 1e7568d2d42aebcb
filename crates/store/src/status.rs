//! The status of a store's consumers: which processes are alive, which holds which partition of the log, how far each
//! consumer has read, what is parked, and the order that has not changed for longest.
//!
//! For operators: it reads the tables beside running servers, on one snapshot, and changes nothing. The statements are
//! the same for every driver; each of them reads a bounded number of rows.

use std::collections::BTreeMap;
use std::str::FromStr;

use crate::encoding::{status_list, terminal_statuses};
use crate::error::{Error, Result};
use crate::verify::Tables;
use waybill_domain::echo::quoted;
use waybill_domain::parked::ParkedState;
use waybill_domain::stuck;
use waybill_domain::time::Time;

/// How many of the newest orders are searched for the one that has not changed for longest.
pub const ORDERS_LOOKED_AT: usize = 200_000;
/// The most parked events that are counted.
const PARKED_COUNTED: usize = 100_000;

/// The status of a store at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// The database's product, version and schema, for a person.
    pub engine: String,
    /// The time of the status, by the clock that leases use.
    pub taken_at: Time,
    /// Partitions of the log.
    pub partitions: u16,
    pub members: Vec<Member>,
    pub leases: Vec<Holding>,
    pub progress: Vec<Progress>,
    pub parked: Vec<Parked>,
    pub unfinished: Unfinished,
}

/// A process that has registered as a consumer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    pub consumer: String,
    pub owner: String,
    /// The process counts as alive until then, unless it renews this.
    pub until: Time,
}

/// A lease as it was last written. It may have run out, or have been ended early (`until` is 0 then).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holding {
    pub consumer: String,
    pub partition: u16,
    pub owner: String,
    /// How often the lease was taken so far.
    pub epoch: i64,
    pub until: Time,
}

/// How far a consumer has read in a partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    pub consumer: String,
    pub partition: u16,
    pub cursor: i64,
    /// The position of the partition's newest event.
    pub head: i64,
    /// When the first event after the cursor was recorded.
    pub oldest_waiting: Option<Time>,
}

/// Parked events of a consumer in one state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parked {
    pub consumer: String,
    pub state: ParkedState,
    pub count: i64,
}

/// The orders that are not done, among the newest ones.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unfinished {
    pub count: i64,
    /// Of the orders that are not on hold and do not wait for stock, the one that has not changed for longest.
    pub oldest: Option<StillOrder>,
}

/// An order that has not changed for some time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StillOrder {
    pub id: String,
    pub number: i64,
    pub status: String,
    pub updated_at: Time,
}

impl Member {
    #[must_use]
    pub fn is_alive(&self, now: Time) -> bool {
        self.until > now
    }
}

impl Holding {
    #[must_use]
    pub fn is_held(&self, now: Time) -> bool {
        self.until > now
    }
}

/// The consumers that read the log. The others (timers, housekeeping) hold a lease but have no position in the log.
const READERS: [&str; 2] = ["delivery", "status"];

/// Reads the status. `now` is the time by the clock that leases use; `engine` names the driver's database and version.
///
/// # Errors
/// The tables cannot be read.
pub async fn look(tables: &mut dyn Tables, now: Time, engine: String) -> Result<Status> {
    let partitions = partitions(tables).await?;
    Ok(Status {
        engine,
        taken_at: now,
        partitions,
        members: members(tables).await?,
        leases: leases(tables).await?,
        progress: progress(tables, partitions).await?,
        parked: parked(tables).await?,
        unfinished: unfinished(tables).await?,
    })
}

/// A row of one of the tables, cell by cell in the order of its SELECT.
struct Cells<'r> {
    table: &'static str,
    row: &'r [String],
}

impl Cells<'_> {
    fn text(&self, cell: usize) -> String {
        self.row[cell].clone()
    }

    /// Parses a cell as a number.
    ///
    /// # Errors
    /// [`Error::DamagedRow`], with the row, when it is no number.
    fn number<T: FromStr>(&self, cell: usize, column: &str) -> Result<T> {
        self.row[cell]
            .parse()
            .map_err(|_| self.damaged(cell, column))
    }

    /// Parses a cell as one of some words.
    ///
    /// # Errors
    /// [`Error::DamagedRow`], with the row, when it is none of them.
    fn parsed<T>(&self, cell: usize, column: &str, parse: fn(&str) -> Option<T>) -> Result<T> {
        parse(&self.row[cell]).ok_or_else(|| self.damaged(cell, column))
    }

    fn damaged(&self, cell: usize, column: &str) -> Error {
        let (table, row) = (self.table, self.row.join(", "));
        let found = quoted(&self.row[cell]);
        Error::damaged_row(table, format!("{column} is {found} in the row {row}"))
    }

    fn time(&self, cell: usize, column: &str) -> Result<Time> {
        self.number(cell, column).map(Time)
    }
}

/// The rows of a SELECT, read one by one.
///
/// # Errors
/// A row cannot be read, or the table cannot.
async fn read<T: Send>(
    tables: &mut dyn Tables,
    table: &'static str,
    sql: &str,
    of: impl Fn(&Cells<'_>) -> Result<T> + Send + Sync,
) -> Result<Vec<T>> {
    let mut found = vec![];
    tables
        .rows(sql, &mut |row| found.push(of(&Cells { table, row })))
        .await?;
    found.into_iter().collect()
}

async fn partitions(tables: &mut dyn Tables) -> Result<u16> {
    let sql = "SELECT value FROM meta WHERE key = 'parts'";
    let noted = read(tables, "meta", sql, |row| row.number(0, "parts")).await?;
    // A store with one partition does not record the number.
    Ok(noted.last().copied().unwrap_or(1))
}

async fn members(tables: &mut dyn Tables) -> Result<Vec<Member>> {
    let sql = "SELECT consumer, owner, until FROM members ORDER BY owner, consumer";
    read(tables, "members", sql, |row| {
        Ok(Member {
            consumer: row.text(0),
            owner: row.text(1),
            until: row.time(2, "until")?,
        })
    })
    .await
}

async fn leases(tables: &mut dyn Tables) -> Result<Vec<Holding>> {
    let sql = "SELECT consumer, part, owner, epoch, until FROM leases ORDER BY consumer, part";
    read(tables, "leases", sql, |row| {
        Ok(Holding {
            consumer: row.text(0),
            partition: row.number(1, "part")?,
            owner: row.text(2),
            epoch: row.number(3, "epoch")?,
            until: row.time(4, "until")?,
        })
    })
    .await
}

/// The progress of every reading consumer in every partition; a consumer that never ran is at position 0.
async fn progress(tables: &mut dyn Tables, partitions: u16) -> Result<Vec<Progress>> {
    let sql = "SELECT consumer, part, position FROM cursors";
    let cursors = read(tables, "cursors", sql, |row| {
        let of = (row.text(0), row.number::<u16>(1, "part")?);
        Ok((of, row.number::<i64>(2, "position")?))
    });
    let cursors: BTreeMap<_, _> = cursors.await?.into_iter().collect();
    let mut found = vec![];
    for partition in 0..partitions {
        let sql = format!(
            "SELECT position FROM events WHERE part = {partition} ORDER BY position DESC LIMIT 1"
        );
        let head = read(tables, "events", &sql, |row| row.number(0, "position")).await?;
        let head: i64 = head.first().copied().unwrap_or(0);
        for consumer in READERS {
            let cursor = cursors.get(&(consumer.to_owned(), partition)).copied();
            let cursor = cursor.unwrap_or(0);
            let oldest_waiting = if head > cursor {
                let sql = format!(
                    "SELECT recorded_at FROM events WHERE part = {partition} AND position > {cursor} ORDER BY position LIMIT 1"
                );
                let read = read(tables, "events", &sql, |row| row.time(0, "recorded_at"));
                read.await?.first().copied()
            } else {
                None
            };
            found.push(Progress {
                consumer: consumer.to_owned(),
                partition,
                cursor,
                head,
                oldest_waiting,
            });
        }
    }
    Ok(found)
}

async fn parked(tables: &mut dyn Tables) -> Result<Vec<Parked>> {
    let sql = format!(
        "SELECT consumer, state, COUNT(*) FROM (SELECT consumer, state FROM parked LIMIT {PARKED_COUNTED}) AS p \
         GROUP BY consumer, state ORDER BY consumer, state"
    );
    read(tables, "parked", &sql, |row| {
        Ok(Parked {
            consumer: row.text(0),
            state: row.parsed(1, "state", ParkedState::parse)?,
            count: row.number(2, "the count")?,
        })
    })
    .await
}

async fn unfinished(tables: &mut dyn Tables) -> Result<Unfinished> {
    let newest = format!(
        "(SELECT n, id, status, updated_at FROM orders ORDER BY n DESC LIMIT {ORDERS_LOOKED_AT}) AS o \
         WHERE o.status NOT IN ({})",
        terminal_statuses()
    );
    let sql = format!("SELECT COUNT(*) FROM {newest}");
    let count = read(tables, "orders", &sql, |row| row.number(0, "the count")).await?;
    let sql = format!(
        "SELECT o.id, o.n, o.status, o.updated_at FROM {newest} AND o.status IN ({}) \
         AND NOT EXISTS (SELECT 1 FROM order_holds h WHERE h.order_id = o.id AND h.released_at IS NULL) \
         ORDER BY o.updated_at LIMIT 1",
        status_list(stuck::statuses())
    );
    let oldest = read(tables, "orders", &sql, |row| {
        Ok(StillOrder {
            id: row.text(0),
            number: row.number(1, "n")?,
            status: row.text(2),
            updated_at: row.time(3, "updated_at")?,
        })
    });
    Ok(Unfinished {
        oldest: oldest.await?.pop(),
        count: count.first().copied().unwrap_or(0),
    })
}
