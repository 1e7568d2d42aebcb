//! I6 and I9 of shipments: each row equals what its events add up to. Rows of orders are not read.

use super::difference::difference;
use super::log::Histories;
use super::{Report, Tables};
use crate::error::Result;
use waybill_domain::event::body::ShipmentLine;
use waybill_domain::shipment::{ShipmentCopy, ShipmentStatus};
use waybill_domain::time::Time;

const ROWS: &str = "SELECT id, version, status, lines, vendor, attempt, tracking_number, carrier, created_at, updated_at, shipped_at, \
                    delivered_at FROM shipments";

/// Compares rows with their events.
pub(super) async fn check(
    tables: &mut dyn Tables,
    histories: &Histories,
    report: &mut Report,
) -> Result<()> {
    let mut seen = 0;
    tables
        .rows(ROWS, &mut |row| {
            seen += 1;
            check_row(row, histories, report);
        })
        .await?;
    report.counts.shipments = seen;
    if seen != histories.shipments.len() {
        report.find(
            "I6",
            "shipments",
            format!(
                "{seen} rows, but {} shipments have events",
                histories.shipments.len()
            ),
        );
    }
    Ok(())
}

fn check_row(row: &[String], histories: &Histories, report: &mut Report) {
    let subject = format!("shipment {}", row[0]);
    let Some(id) = report.number("I9", &subject, "id", &row[0]) else {
        return;
    };
    let history = histories.shipments.get(&id);
    let version = history.map_or(0, |h| h.version);
    let status = history.and_then(waybill_domain::history::ShipmentHistory::status);
    // A discarded event still counts, so it never explains a version.
    let explanation = histories.discards.of_aggregate(&id);
    let explanation = explanation.filter(|_| row[1] == version.to_string());
    if row[1] != version.to_string() || Some(row[2].as_str()) != status.map(ShipmentStatus::as_str)
    {
        let status = status.map_or("nothing", ShipmentStatus::as_str);
        let detail = format!(
            "version {} status {} but its events amount to version {version} status {status}",
            row[1], row[2]
        );
        return report.find_or_explain("I9", subject, detail, explanation);
    }
    let Some(told) = history.and_then(|h| h.state.as_ref()) else {
        return;
    };
    let detail = match stored(row, told) {
        Some(stored) => {
            difference(&stored, told).map(|differs| format!("its events say {differs}"))
        }
        None => Some(format!("its row cannot be read: {}", row[3..].join(" "))),
    };
    if let Some(detail) = detail {
        report.find_or_explain("I9", subject, detail, explanation);
    }
}

/// The shipment's state in a row of [`ROWS`].
fn stored(row: &[String], told: &ShipmentCopy) -> Option<ShipmentCopy> {
    let text = |cell: usize| Some(row[cell].clone()).filter(|text| !text.is_empty());
    // No error: the caller reports a row with an invalid cell as a finding.
    let time = |cell: usize| row[cell].parse().ok().map(Time);
    let optional = |cell: usize| match row[cell].as_str() {
        "" => Some(None),
        _ => time(cell).map(Some),
    };
    Some(ShipmentCopy {
        lines: serde_json::from_str::<Vec<ShipmentLine>>(&row[3]).ok()?,
        vendor: waybill_domain::text::Vendor::stored(&row[4]),
        // No error: as above.
        attempt: row[5].parse().ok()?,
        tracking_number: text(6),
        carrier: text(7),
        created_at: time(8)?,
        updated_at: time(9)?,
        shipped_at: optional(10)?,
        delivered_at: optional(11)?,
        ..told.clone()
    })
}
