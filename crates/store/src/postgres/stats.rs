//! Figures for metrics. What has no counter is counted here, up to a bounded number of rows each.

use super::log;
use super::pipeline::{Pipeline, Sql, params};
use super::rows::{Columns, count};
use super::snapshots;
use super::transaction::Commits;
use crate::error::{Error, Result};
use crate::model::{Positions, Stats};
use std::sync::atomic::Ordering;
use tokio_postgres::types::Type;
use waybill_domain::inbox::HeldReason;
use waybill_domain::status::OrderStatus;

/// The number of order statuses.
const STATUSES: i32 = OrderStatus::ALL.len() as i32;

/// Sums of order counts; one row per status, in the order of [`OrderStatus::ALL`].
static BY_STATUS: Sql = Sql {
    text: "/* stats::by_status */ SELECT i, COALESCE((SELECT sum(c.deltas[i]) FROM order_counts c), 0)::bigint \
           FROM generate_series(1, $1) AS i ORDER BY i",
    types: &[Type::INT4],
};

/// Table sizes, each counted up to a limit; a figure equal to the limit means "at least".
static SIZES: Sql = Sql {
    text: "/* stats::sizes */ SELECT (SELECT count(*) FROM (SELECT 1 FROM parked LIMIT 100000) AS t), \
           (SELECT count(*) FROM (SELECT 1 FROM parked WHERE state = 'dead' LIMIT 100000) AS t), \
           (SELECT count(*) FROM inbox_generations WHERE number IS NULL), \
           (SELECT count(*) FROM (SELECT 1 FROM timers LIMIT 100000) AS t), (SELECT count(*) FROM (SELECT 1 FROM work LIMIT 100000) AS t)",
    types: &[],
};

/// Messages of other stores that wait; their number is bounded.
static HELD: Sql = Sql {
    text: "/* stats::held */ SELECT reason, count(*) FROM inbox_held GROUP BY reason",
    types: &[],
};

static CURSORS: Sql = Sql {
    text: "/* stats::cursors */ SELECT consumer, part, position FROM cursors ORDER BY consumer, part",
    types: &[],
};

/// The position of the newest event of each partition.
pub async fn log_ends(commits: &Commits, partitions: u16) -> Result<Positions> {
    log::positions(commits, partitions).await
}

/// Reads the figures.
pub async fn read(commits: &Commits, partitions: u16) -> Result<Stats> {
    let mut stats = Stats {
        log_positions: log_ends(commits, partitions).await?,
        ..Stats::default()
    };
    let mut pipeline = Pipeline::new();
    let by_status = pipeline.add(&BY_STATUS, params![STATUSES]);
    let sizes = pipeline.add(&SIZES, vec![]);
    let held = pipeline.add(&HELD, vec![]);
    let cursors = pipeline.add(&CURSORS, vec![]);
    let snapshot = pipeline.add(&snapshots::OLDEST_MS, vec![]);
    let mut answers = commits.read_all(pipeline).await?;
    for (row, status) in answers.take(by_status).iter().zip(OrderStatus::ALL) {
        let count = Columns::from(row, 1).get()?;
        stats.orders_by_status.push((*status, count));
    }
    let sizes = answers.take(sizes);
    let row = sizes.first();
    let mut c =
        Columns::of(row.ok_or_else(|| Error::unavailable("the database returned no figures"))?);
    stats.parked = c.get()?;
    stats.dead = c.get()?;
    stats.stopped_sources = c.get()?;
    stats.timers = c.get()?;
    stats.work = c.get()?;
    let held = answers.take(held);
    for reason in HeldReason::ALL {
        let mut of = held.iter().map(Columns::of);
        let count = of.find_map(|mut c| match c.get::<&str>() {
            Ok(named) => (named == reason.as_str()).then(|| c.get()),
            Err(error) => Some(Err(error)),
        });
        stats
            .held
            .push((*reason, count.transpose()?.unwrap_or_default()));
    }
    for row in &answers.take(cursors) {
        let mut c = Columns::of(row);
        stats.cursors.push((c.get()?, c.small("part")?, c.get()?));
    }
    if let Some(row) = answers.take(snapshot).first() {
        stats.oldest_snapshot_ms = Some(Columns::of(row).get()?);
    }
    (stats.readers, stats.readers_idle) = commits.connections.counts();
    stats.retries = commits.retries.load(Ordering::Relaxed);
    stats.deadlocks = commits.deadlocks.load(Ordering::Relaxed);
    Ok(stats)
}

/// Sums old counts into one row. Rows that another transaction has locked are left for the next call.
static FOLD: Sql = Sql {
    text: "/* stats::fold */ WITH gone AS (DELETE FROM order_counts WHERE n IN (SELECT n FROM order_counts ORDER BY n LIMIT $1 FOR UPDATE \
           SKIP LOCKED) RETURNING deltas) INSERT INTO order_counts (deltas) \
           SELECT array_agg(total ORDER BY i) FROM (SELECT i, sum(deltas[i])::bigint AS total FROM gone, generate_series(1, $2) AS i GROUP BY i) AS s \
           HAVING count(*) > 0 RETURNING 1",
    types: &[Type::INT8, Type::INT4],
};

/// Replaces up to `limit` counts with one row of their sums, so that reading the totals stays cheap.
pub async fn fold(commits: &Commits, limit: usize) -> Result<()> {
    let parameters = params![count(limit), STATUSES];
    commits.write_one(&FOLD, parameters).await?;
    Ok(())
}
