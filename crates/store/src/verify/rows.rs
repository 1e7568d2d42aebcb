//! Rows that must not exist, each kind as one SELECT, and the counts of the report.

use super::{Report, Tables};
use crate::archive;
use crate::encoding::terminal_statuses;
use crate::error::{Error, Result};

/// Invariant, description and query of each kind; every row that a query returns is a finding.
const MUST_NOT_BE: &[(&str, &str, &str)] = &[
    (
        "I5",
        "reserved units of a line without a reservation",
        "SELECT l.order_id, l.line FROM order_lines l LEFT JOIN reservations r ON r.order_id = l.order_id AND r.line = l.line AND r.vendor = l.vendor \
         WHERE l.vendor <> 'inventory' GROUP BY l.order_id, l.line, l.reserved, l.in_shipment \
         HAVING l.reserved + l.in_shipment <> COALESCE(SUM(CASE WHEN r.state IN ('held', 'committed') THEN r.quantity - r.consumed - r.released ELSE 0 END), 0)",
    ),
    (
        "I5",
        "units of a line that vendors were asked for, other than its reservations",
        "SELECT l.order_id, l.line FROM order_lines l LEFT JOIN reservations r ON r.order_id = l.order_id AND r.line = l.line \
         WHERE l.vendor IS NULL GROUP BY l.order_id, l.line, l.reserved, l.in_shipment, l.shipped \
         HAVING l.reserved + l.in_shipment <> COALESCE(SUM(CASE WHEN r.state = 'committed' THEN r.quantity - r.consumed - r.released ELSE 0 END), 0) \
         OR l.shipped <> COALESCE(SUM(r.consumed), 0)",
    ),
    (
        "I5",
        "units that wait for a vendor which is not asked for them",
        "SELECT r.order_id, r.line, r.vendor, r.attempt FROM reservations r WHERE r.state = 'held' \
         AND r.order_id NOT IN (SELECT w.order_id FROM work w WHERE w.order_id IS NOT NULL)",
    ),
    (
        "I6",
        "an order without its content",
        "SELECT o.id FROM orders o LEFT JOIN order_content c ON c.n = o.n WHERE c.n IS NULL",
    ),
    (
        "I12",
        "a shipment that the simulated carrier has to move but that has no timer",
        "SELECT s.id FROM shipments s LEFT JOIN timers t ON t.shipment_id = s.id AND t.due_at = s.due_at WHERE s.due_at IS NOT NULL AND t.due_at IS NULL",
    ),
    (
        "I17",
        "a shipment made after the tombstone",
        "SELECT s.id FROM shipments s JOIN deliveries d ON d.order_id = s.order_id WHERE d.state = 'cancelled' AND s.status NOT IN ('cancelled', 'failed')",
    ),
];

/// Claims without an order. An order of the archive keeps its claims.
const CLAIMS: &str = "SELECT c.kind, c.order_id FROM claims c LEFT JOIN orders o ON o.id = c.order_id \
                      LEFT JOIN archived_orders a ON a.order_id = c.order_id WHERE o.id IS NULL AND a.order_id IS NULL";
const CLAIMS_BEFORE_THE_ARCHIVE: &str = "SELECT c.kind, c.order_id FROM claims c LEFT JOIN orders o ON o.id = c.order_id WHERE o.id IS NULL";

/// Runs all queries.
pub(super) async fn check(tables: &mut dyn Tables, report: &mut Report) -> Result<()> {
    let claims = if tables.schema().await? < archive::SINCE {
        CLAIMS_BEFORE_THE_ARCHIVE
    } else {
        CLAIMS
    };
    let claims = ("I3", "a claim without its order", claims);
    for (invariant, what, sql) in MUST_NOT_BE.iter().copied().chain([claims]) {
        tables
            .rows(sql, &mut |row| report.find(invariant, row.join(" "), what))
            .await?;
    }
    Ok(())
}

/// Counts the rows of the tables that no other check counts.
pub(super) async fn count(tables: &mut dyn Tables, report: &mut Report) -> Result<()> {
    let unfinished = format!(
        "SELECT COUNT(*) FROM orders WHERE status NOT IN ({})",
        terminal_statuses()
    );
    let counts = &mut report.counts;
    for (count, sql) in [
        (
            &mut counts.reservations,
            "SELECT COUNT(*) FROM reservations",
        ),
        (&mut counts.claims, "SELECT COUNT(*) FROM claims"),
        (&mut counts.unfinished, unfinished.as_str()),
        (&mut counts.parked, "SELECT COUNT(*) FROM parked"),
        (&mut counts.timers, "SELECT COUNT(*) FROM timers"),
    ] {
        let mut read = None;
        let mut visit = |row: &[String]| read = Some(row[0].parse());
        tables.rows(sql, &mut visit).await?;
        *count = match read {
            Some(Ok(number)) => number,
            Some(Err(_)) | None => {
                return Err(Error::damaged_row("an answer that should be a number", sql));
            }
        };
    }
    Ok(())
}
