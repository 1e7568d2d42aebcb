//! Figures for metrics. What has no counter is counted here, up to a bounded number of rows each.

use super::errors::IntoStore;
use super::rows::Columns;
use crate::error::Result;
use crate::model::{Positions, Stats};
use rusqlite::Connection;
use waybill_domain::inbox::HeldReason;
use waybill_domain::status::OrderStatus;

/// Rows counted at most; a figure that reaches it means "at least".
const COUNT_LIMIT: i64 = 100_000;

fn counter(connection: &Connection, name: &str) -> Result<i64> {
    connection
        .prepare_cached("SELECT COALESCE((SELECT value FROM counters WHERE name = ?1), 0)")
        .store()?
        .query_row([name], |row| row.get(0))
        .store()
}

/// The position of the newest event, of the one partition.
pub fn log_ends(connection: &Connection) -> Result<Positions> {
    Ok(Positions(vec![counter(connection, "position")?]))
}

/// Reads the figures.
pub fn read(connection: &Connection) -> Result<Stats> {
    let mut stats = Stats::default();
    for status in OrderStatus::ALL {
        stats
            .orders_by_status
            .push((*status, counter(connection, status.as_str())?));
    }
    stats.log_positions = log_ends(connection)?;
    let count = |table: &str, condition: &str| -> Result<i64> {
        let sql =
            format!("SELECT COUNT(*) FROM (SELECT 1 FROM {table} {condition} LIMIT {COUNT_LIMIT})");
        connection
            .prepare_cached(&sql)
            .store()?
            .query_row([], |row| row.get(0))
            .store()
    };
    stats.parked = count("parked", "")?;
    stats.dead = count("parked", "WHERE state = 'dead'")?;
    for reason in HeldReason::ALL {
        let waits = format!("WHERE reason = '{reason}'");
        stats.held.push((*reason, count("inbox_held", &waits)?));
    }
    stats.stopped_sources = count("inbox_generations", "WHERE number IS NULL")?;
    stats.timers = count("timers", "")?;
    stats.work = count("work", "")?;
    let mut statement = connection
        .prepare_cached("SELECT consumer, part, position FROM cursors ORDER BY consumer, part")
        .store()?;
    let mut rows = statement.query([]).store()?;
    while let Some(row) = rows.next().store()? {
        let mut c = Columns::of(row);
        stats.cursors.push((c.get()?, c.get()?, c.get()?));
    }
    Ok(stats)
}
