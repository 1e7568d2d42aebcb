//! What a store says about those who work on it: who is alive, who holds which partition of the log, how far each
//! consumer is, what is parked, and the order that has stood still longest.
//!
//! For a person who looks, so it reads the tables beside running servers, on one snapshot, and changes nothing. The
//! statements are the same for every driver; every one of them looks at a bounded number of rows.

use std::collections::BTreeMap;

use crate::error::Result;
use crate::verify::Tables;
use waybill_domain::time::Time;

/// Orders looked at for the one that has stood still longest: the newest ones.
pub const ORDERS_LOOKED_AT: usize = 200_000;
/// Parked events counted at most.
const PARKED_COUNTED: usize = 100_000;

/// A look at a store.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// The database's product, version and schema, for a person.
    pub engine: String,
    /// By the clock that leases are written by.
    pub taken_at: Time,
    /// Partitions of the log.
    pub partitions: u16,
    pub members: Vec<Member>,
    pub leases: Vec<Holding>,
    pub progress: Vec<Progress>,
    pub parked: Vec<Parked>,
    pub unfinished: Unfinished,
}

/// A process that said that it acts as a consumer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    pub consumer: String,
    pub owner: String,
    /// It is alive until then, unless it says so again.
    pub until: Time,
}

/// A lease as it was written last: it may have run out or have been handed back (`until` is 0 then).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holding {
    pub consumer: String,
    pub partition: u16,
    pub owner: String,
    /// How often it was taken so far.
    pub epoch: i64,
    pub until: Time,
}

/// How far a consumer is in a partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    pub consumer: String,
    pub partition: u16,
    pub cursor: i64,
    /// The newest event of the partition.
    pub head: i64,
    /// When the first event after the cursor was recorded.
    pub oldest_waiting: Option<Time>,
}

/// Parked events of a consumer in one state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parked {
    pub consumer: String,
    pub state: String,
    pub count: i64,
}

/// Orders that are not done, among the newest ones.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unfinished {
    pub count: i64,
    /// Of those that are not on hold and do not wait for stock, the one that has not moved for longest.
    pub oldest: Option<StillOrder>,
}

/// An order that stands still.
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

/// Consumers that read the log; the others keep timers or house under a lease and have no place in it.
const READERS: [&str; 2] = ["delivery", "status"];

/// Looks. `now` is the time by the clock that leases are written by; `engine` is what the driver says of its database.
///
/// # Errors
/// When the tables cannot be read.
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

/// Cells that should be numbers are; what is not shows as 0, which a person who looks can live with.
fn number<T: std::str::FromStr + Default>(cell: &str) -> T {
    cell.parse().unwrap_or_default()
}

fn time(cell: &str) -> Time {
    Time(number(cell))
}

async fn partitions(tables: &mut dyn Tables) -> Result<u16> {
    // A store of one partition does not keep the number.
    let mut partitions = 1;
    let sql = "SELECT value FROM meta WHERE key = 'parts'";
    tables
        .rows(sql, &mut |row| partitions = number::<u16>(&row[0]).max(1))
        .await?;
    Ok(partitions)
}

async fn members(tables: &mut dyn Tables) -> Result<Vec<Member>> {
    let mut found = vec![];
    let sql = "SELECT consumer, owner, until FROM members ORDER BY owner, consumer";
    tables
        .rows(sql, &mut |row| {
            found.push(Member {
                consumer: row[0].clone(),
                owner: row[1].clone(),
                until: time(&row[2]),
            });
        })
        .await?;
    Ok(found)
}

async fn leases(tables: &mut dyn Tables) -> Result<Vec<Holding>> {
    let mut found = vec![];
    let sql = "SELECT consumer, part, owner, epoch, until FROM leases ORDER BY consumer, part";
    tables
        .rows(sql, &mut |row| {
            found.push(Holding {
                consumer: row[0].clone(),
                partition: number(&row[1]),
                owner: row[2].clone(),
                epoch: number(&row[3]),
                until: time(&row[4]),
            });
        })
        .await?;
    Ok(found)
}

/// Of every reader in every partition; one that never ran stands at the beginning.
async fn progress(tables: &mut dyn Tables, partitions: u16) -> Result<Vec<Progress>> {
    let mut cursors = BTreeMap::new();
    let sql = "SELECT consumer, part, position FROM cursors";
    tables
        .rows(sql, &mut |row| {
            cursors.insert((row[0].clone(), number::<u16>(&row[1])), number(&row[2]));
        })
        .await?;
    let mut found = vec![];
    for partition in 0..partitions {
        let sql = format!(
            "SELECT position FROM events WHERE part = {partition} ORDER BY position DESC LIMIT 1"
        );
        let head = first_cell(tables, &sql).await?;
        let head: i64 = head.map_or(0, |cell| number(&cell));
        for consumer in READERS {
            let cursor = cursors.get(&(consumer.to_owned(), partition)).copied();
            let cursor = cursor.unwrap_or(0);
            let oldest_waiting = if head > cursor {
                let sql = format!(
                    "SELECT recorded_at FROM events WHERE part = {partition} AND position > {cursor} ORDER BY position LIMIT 1"
                );
                first_cell(tables, &sql).await?.map(|cell| time(&cell))
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

async fn first_cell(tables: &mut dyn Tables, sql: &str) -> Result<Option<String>> {
    let mut found = None;
    tables
        .rows(sql, &mut |row| found = Some(row[0].clone()))
        .await?;
    Ok(found)
}

async fn parked(tables: &mut dyn Tables) -> Result<Vec<Parked>> {
    let mut found = vec![];
    let sql = format!(
        "SELECT consumer, state, COUNT(*) FROM (SELECT consumer, state FROM parked LIMIT {PARKED_COUNTED}) AS p \
         GROUP BY consumer, state ORDER BY consumer, state"
    );
    tables
        .rows(&sql, &mut |row| {
            found.push(Parked {
                consumer: row[0].clone(),
                state: row[1].clone(),
                count: number(&row[2]),
            });
        })
        .await?;
    Ok(found)
}

async fn unfinished(tables: &mut dyn Tables) -> Result<Unfinished> {
    let newest = format!(
        "(SELECT n, id, status, updated_at FROM orders ORDER BY n DESC LIMIT {ORDERS_LOOKED_AT}) AS o \
         WHERE o.status NOT IN ('delivered', 'cancelled', 'failed')"
    );
    let count = first_cell(tables, &format!("SELECT COUNT(*) FROM {newest}")).await?;
    let mut oldest = None;
    let sql = format!(
        "SELECT o.id, o.n, o.status, o.updated_at FROM {newest} AND o.status <> 'backordered' \
         AND NOT EXISTS (SELECT 1 FROM order_holds h WHERE h.order_id = o.id AND h.released_at IS NULL) \
         ORDER BY o.updated_at LIMIT 1"
    );
    tables
        .rows(&sql, &mut |row| {
            oldest = Some(StillOrder {
                id: row[0].clone(),
                number: number(&row[1]),
                status: row[2].clone(),
                updated_at: time(&row[3]),
            });
        })
        .await?;
    Ok(Unfinished {
        count: count.map_or(0, |cell| number(&cell)),
        oldest,
    })
}
