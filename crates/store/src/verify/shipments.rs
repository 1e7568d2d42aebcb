//! I6, I9 and I11 of shipments: each row equals what its events add up to, and no unit is in two shipments.

use super::log::Histories;
use super::{Report, Tables};
use crate::error::Result;
use std::collections::HashMap;
use uuid::Uuid;
use waybill_domain::event::body::ShipmentLine;
use waybill_domain::shipment::ShipmentStatus;

/// Rows against their events, and their units against the lines of their orders.
pub(super) async fn check(
    tables: &mut dyn Tables,
    histories: &Histories,
    report: &mut Report,
) -> Result<()> {
    let mut seen = 0;
    let mut units = Units::default();
    tables
        .rows(
            "SELECT id, version, status, order_id, lines FROM shipments",
            &mut |row| {
                seen += 1;
                if !units.take(&row[2], &row[3], &row[4]) {
                    let detail = format!("its lines cannot be read: {}", row[4]);
                    report.find("I9", format!("shipment {}", row[0]), detail);
                }
                let id = Uuid::parse_str(&row[0]).unwrap_or_default();
                let history = histories.shipments.get(&id);
                let agrees = history.is_some_and(|h| {
                    row[1] == h.version.to_string()
                        && Some(row[2].as_str()) == h.status.map(ShipmentStatus::as_str)
                });
                if !agrees {
                    let version = history.map_or(0, |h| h.version);
                    let status = history.and_then(|h| h.status);
                    let status = status.map_or("nothing", ShipmentStatus::as_str);
                    // A discarded event still counts, so it never explains a version.
                    let explanation = histories.discards.of_aggregate(&id);
                    let explanation = explanation.filter(|_| row[1] == version.to_string());
                    let detail = format!(
                        "version {} status {} but its events amount to version {version} status {status}",
                        row[1], row[2]
                    );
                    let subject = format!("shipment {}", row[0]);
                    report.find_or_explain("I9", subject, detail, explanation);
                }
            },
        )
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
    units.check(tables, report).await
}

/// Units in shipments that were not called off, per order and line.
#[derive(Default)]
struct Units(HashMap<(String, u16), i64>);

impl Units {
    /// Counts a shipment; `false` when its lines cannot be read.
    fn take(&mut self, status: &str, order: &str, lines: &str) -> bool {
        let Ok(lines) = serde_json::from_str::<Vec<ShipmentLine>>(lines) else {
            return false;
        };
        if !matches!(status, "cancelled" | "failed") {
            for line in lines {
                *self.0.entry((order.to_owned(), line.line)).or_default() += line.quantity;
            }
        }
        true
    }

    /// I11: nothing is sent twice.
    async fn check(mut self, tables: &mut dyn Tables, report: &mut Report) -> Result<()> {
        tables
            .rows(
                "SELECT order_id, line, ordered FROM order_lines",
                &mut |row| {
                    let line = row[1].parse().unwrap_or(0);
                    let sent = self.0.remove(&(row[0].clone(), line)).unwrap_or(0);
                    let ordered = row[2].parse().unwrap_or(0);
                    if sent > ordered {
                        let detail =
                            format!("line {line}: {ordered} ordered, {sent} in its shipments");
                        report.find("I11", format!("order {}", row[0]), detail);
                    }
                },
            )
            .await?;
        for ((order, line), sent) in self.0 {
            let detail =
                format!("{sent} units of line {line} in shipments, but there is no such line");
            report.find("I11", format!("order {order}"), detail);
        }
        Ok(())
    }
}
