//! Finds orders that may be stuck.

use super::pipeline::{Sql, params};
use super::rows::{Columns, count};
use super::transaction::Commits;
use crate::error::Result;
use std::sync::atomic::{AtomicI64, Ordering};
use tokio_postgres::types::Type;
use uuid::Uuid;
use waybill_domain::ids::OrderId;
use waybill_domain::status::OrderStatus;
use waybill_domain::stuck::statuses;
use waybill_domain::time::Time;

/// Orders of some statuses that were not changed for long, among the next `scan` ones. In every row the last two columns
/// are the last order scanned and the number scanned; when no order is found, one row has only these.
static STUCK: Sql = Sql {
    text: "/* stuck::find */ WITH seen AS MATERIALIZED (SELECT id, updated_at, n, status FROM orders WHERE n > $2 ORDER BY n LIMIT $3) \
           SELECT s.id, s.updated_at, s.n, a.last, a.looked_at FROM (SELECT COALESCE(max(n), 0) AS last, count(*) AS looked_at FROM seen) AS a \
           LEFT JOIN LATERAL (SELECT id, updated_at, n FROM seen WHERE status = ANY($5) \
           AND updated_at < $1 ORDER BY n LIMIT $4) AS s ON TRUE",
    types: &[
        Type::INT8,
        Type::INT8,
        Type::INT8,
        Type::INT8,
        Type::TEXT_ARRAY,
    ],
};

/// Orders that may be stuck (`waybill_domain::stuck::is_candidate`, here as values of the statement), among the next
/// `scan` ones after `walk`. `walk` moves on with each call, because a stuck order may be far behind the newest ones.
pub async fn find(
    commits: &Commits,
    walk: &AtomicI64,
    before: Time,
    limit: usize,
    scan: usize,
) -> Result<Vec<(OrderId, Time)>> {
    let from = walk.load(Ordering::Relaxed);
    let going_on: Vec<&str> = statuses().map(OrderStatus::as_str).collect();
    let parameters = params![before.0, from, count(scan), count(limit), going_on];
    let rows = commits.read(&STUCK, parameters).await?;
    let mut found = vec![];
    let mut go_on_at = 0;
    for row in &rows {
        let mut c = Columns::of(row);
        let (order, touched, n): (Option<Uuid>, Option<i64>, Option<i64>) =
            (c.get()?, c.get()?, c.get()?);
        let (last, looked_at): (i64, i64) = (c.get()?, c.get()?);
        if let (Some(order), Some(touched), Some(n)) = (order, touched, n) {
            found.push((OrderId(order), Time(touched)));
            go_on_at = n;
        }
        if found.len() < limit {
            go_on_at = if looked_at < count(scan) { 0 } else { last };
        }
    }
    walk.store(go_on_at, Ordering::Relaxed);
    Ok(found)
}
