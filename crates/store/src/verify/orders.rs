//! I6, I7 and I9 of orders: each row and each line equals what the order's events add up to.

use super::log::Histories;
use super::{Report, Tables};
use crate::error::Result;
use std::collections::HashMap;
use waybill_domain::quantities::Quantities;
use waybill_domain::status::OrderStatus;

/// Lines of every order, as stored.
type Lines = HashMap<String, Vec<(u16, Quantities)>>;

/// Compares rows and lines with the events.
pub(super) async fn check(
    tables: &mut dyn Tables,
    histories: &Histories,
    report: &mut Report,
) -> Result<()> {
    check_rows(tables, histories, report).await?;
    let lines = read_lines(tables, report).await?;
    check_lines(lines, histories, report);
    Ok(())
}

async fn check_rows(
    tables: &mut dyn Tables,
    histories: &Histories,
    report: &mut Report,
) -> Result<()> {
    let mut seen = 0;
    let sql = "SELECT id, version, status FROM orders";
    tables
        .rows(sql, &mut |row| {
            seen += 1;
            let order = format!("order {}", row[0]);
            let Some(id) = report.number("I6", &order, "id", &row[0]) else {
                return;
            };
            let Some(history) = histories.orders.get(&id) else {
                report.find("I6", order, "has no events");
                return;
            };
            if row[1] != history.version.to_string() {
                let detail = format!(
                    "version {} but its last event is {}",
                    row[1], history.version
                );
                report.find("I7", order.clone(), detail);
            }
            if Some(row[2].as_str()) != history.status.map(OrderStatus::as_str) {
                let folded = history.status.map_or("nothing", OrderStatus::as_str);
                let detail = format!("status {} but its events amount to {folded}", row[2]);
                let explanation = histories.discards.of_aggregate(&id);
                report.find_or_explain("I9", order, detail, explanation);
            }
        })
        .await?;
    report.counts.orders = seen;
    let known = histories.orders.len();
    if seen != known {
        report.find(
            "I6",
            "orders",
            format!("{seen} rows, but {known} orders have events"),
        );
    }
    Ok(())
}

/// A line that cannot be read is a finding, and is not compared.
async fn read_lines(tables: &mut dyn Tables, report: &mut Report) -> Result<Lines> {
    let mut lines = Lines::new();
    let sql = "SELECT order_id, line, ordered, cancelled, backordered, reserved, in_shipment, shipped, delivered, returned, lost FROM order_lines";
    tables
        .rows(sql, &mut |row| {
            let order = format!("order {}, line {}", row[0], row[1]);
            if let Some(line) = read_line(row, &order, report) {
                lines.entry(row[0].clone()).or_default().push(line);
            }
        })
        .await?;
    Ok(lines)
}

fn read_line(row: &[String], order: &str, report: &mut Report) -> Option<(u16, Quantities)> {
    let line = report.number("I7", order, "line", &row[1])?;
    let mut units = |column, cell: usize| report.number("I7", order, column, &row[cell]);
    let quantities = Quantities {
        ordered: units("ordered", 2)?,
        cancelled: units("cancelled", 3)?,
        backordered: units("backordered", 4)?,
        reserved: units("reserved", 5)?,
        in_shipment: units("in_shipment", 6)?,
        shipped: units("shipped", 7)?,
        delivered: units("delivered", 8)?,
        returned: units("returned", 9)?,
        lost: units("lost", 10)?,
    };
    Some((line, quantities))
}

fn check_lines(mut lines: Lines, histories: &Histories, report: &mut Report) {
    for (id, history) in &histories.orders {
        let order = || format!("order {id}");
        let stored = lines.remove(&id.to_string()).unwrap_or_default();
        if stored.is_empty() {
            report.find("I6", order(), "has events but no lines");
        }
        for (line, quantities) in stored {
            if !quantities.adds_up() {
                let detail = format!("line {line} does not add up: {quantities}");
                report.find("I7", order(), detail);
            }
            let folded = history.lines.get(&line);
            if folded != Some(&quantities) {
                let folded = folded.map_or_else(|| "nothing".to_owned(), Quantities::to_string);
                let detail =
                    format!("line {line} has {quantities}, but its events amount to {folded}");
                let explanation = histories.discards.of_aggregate(id);
                report.find_or_explain("I9", order(), detail, explanation);
            }
        }
    }
    for order in lines.keys() {
        report.find("I6", format!("order {order}"), "has lines but no events");
    }
}
