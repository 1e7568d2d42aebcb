//! Recomputing what must hold (INVARIANTS I4-I7, I9, I13) from the tables and the log, and saying what does not add up.
//!
//! Shares no code with the writes it checks. A driver hands in its tables; the checks are the same for all.

use crate::error::Result;
use serde::Serialize;
use std::collections::HashMap;
use uuid::Uuid;
use waybill_domain::event::body::ShipmentLine;
use waybill_domain::event::{AggregateKind, EventKind, LoggedEvent};
use waybill_domain::history::{OrderHistory, ShipmentHistory};
use waybill_domain::quantities::Quantities;
use waybill_domain::shipment::ShipmentStatus;
use waybill_domain::status::OrderStatus;

/// Something that does not add up.
#[derive(Clone, Debug, Serialize, PartialEq, Eq)]
pub struct Finding {
    /// Which invariant, as `I5`.
    pub invariant: &'static str,
    /// The order, shipment, stock row or table.
    pub subject: String,
    pub detail: String,
}

/// The outcome of a verification.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Report {
    pub findings: Vec<Finding>,
    pub counts: Counts,
}

/// What was looked at.
#[derive(Clone, Copy, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Counts {
    pub orders: usize,
    pub shipments: usize,
    pub events: usize,
    pub stock_rows: usize,
    pub reservations: usize,
    pub claims: usize,
    /// Orders that are not yet delivered, cancelled or failed.
    pub unfinished: usize,
    pub parked: usize,
    pub timers: usize,
}

/// Tables of a store, on one snapshot.
pub trait Tables {
    /// Runs a SELECT that every driver understands; cells come as text, null as the empty text.
    fn rows(&self, sql: &str, visit: &mut dyn FnMut(&[String])) -> Result<()>;
    /// The whole log, oldest first.
    fn events(&self, visit: &mut dyn FnMut(LoggedEvent)) -> Result<()>;
}

/// Findings listed at most; the rest is counted in one line.
const LISTED: usize = 200;

/// Runs every check.
///
/// # Errors
/// When the tables cannot be read.
pub fn run(tables: &dyn Tables) -> Result<Report> {
    let mut report = Report::default();
    let histories = read_log(tables, &mut report)?;
    check_orders(tables, &histories, &mut report)?;
    check_shipments(tables, &histories, &mut report)?;
    check_stock(tables, &mut report)?;
    check_rows_that_must_not_be(tables, &mut report)?;
    count(tables, &mut report)?;
    if report.findings.len() > LISTED {
        let more = report.findings.len() - LISTED;
        report.findings.truncate(LISTED);
        report.findings.push(Finding {
            invariant: "-",
            subject: "more".into(),
            detail: format!("{more} further findings are not listed"),
        });
    }
    Ok(report)
}

#[derive(Default)]
struct Histories {
    orders: HashMap<Uuid, OrderHistory>,
    shipments: HashMap<Uuid, ShipmentHistory>,
    /// Version of deliveries and stock rows.
    others: HashMap<(AggregateKind, Uuid), i64>,
}

impl Report {
    fn find(
        &mut self,
        invariant: &'static str,
        subject: impl Into<String>,
        detail: impl Into<String>,
    ) {
        self.findings.push(Finding {
            invariant,
            subject: subject.into(),
            detail: detail.into(),
        });
    }
}

fn read_log(tables: &dyn Tables, report: &mut Report) -> Result<Histories> {
    let mut histories = Histories::default();
    let mut last: HashMap<u16, i64> = HashMap::new();
    let mut disorder = vec![];
    tables.events(&mut |logged| {
        report.counts.events += 1;
        let last = last.entry(logged.part).or_default();
        if logged.position <= *last {
            disorder.push(logged.position);
        }
        *last = logged.position;
        let event = logged.event;
        match event.aggregate.kind {
            AggregateKind::Order => histories
                .orders
                .entry(event.aggregate.id)
                .or_default()
                .take(event.seq, event.kind, &event.body),
            AggregateKind::Shipment => histories
                .shipments
                .entry(event.aggregate.id)
                .or_default()
                .take(event.seq, event.kind, &event.body),
            AggregateKind::Delivery | AggregateKind::Stock => {
                let version = histories
                    .others
                    .entry((event.aggregate.kind, event.aggregate.id))
                    .or_default();
                if event.seq != *version + 1 {
                    let subject = format!("{} {}", event.aggregate.kind, event.aggregate.id);
                    report.findings.push(Finding {
                        invariant: "I7",
                        subject,
                        detail: format!("seq {} after {version}", event.seq),
                    });
                }
                *version = event.seq;
            }
        }
    })?;
    for position in disorder {
        report.find("I10", "log", format!("position {position} does not rise"));
    }
    for (id, history) in &histories.orders {
        for fault in &history.faults {
            report.find("I7", format!("order {id}"), fault.clone());
        }
    }
    for (id, history) in &histories.shipments {
        for fault in &history.faults {
            report.find("I7", format!("shipment {id}"), fault.clone());
        }
    }
    Ok(histories)
}

fn check_orders(tables: &dyn Tables, histories: &Histories, report: &mut Report) -> Result<()> {
    let mut seen = 0;
    let mut found = vec![];
    tables.rows("SELECT id, version, status FROM orders", &mut |row| {
        seen += 1;
        let Some(history) = Uuid::parse_str(&row[0])
            .ok()
            .and_then(|id| histories.orders.get(&id))
        else {
            found.push(("I6", row[0].clone(), "has no events".to_owned()));
            return;
        };
        if row[1] != history.version.to_string() {
            found.push((
                "I7",
                row[0].clone(),
                format!(
                    "version {} but its last event is {}",
                    row[1], history.version
                ),
            ));
        }
        if Some(row[2].as_str()) != history.status.map(OrderStatus::as_str) {
            found.push((
                "I9",
                row[0].clone(),
                format!(
                    "status {} but its events amount to {:?}",
                    row[2], history.status
                ),
            ));
        }
    })?;
    let mut lines: HashMap<String, Vec<(u16, Quantities)>> = HashMap::new();
    let columns = "ordered, cancelled, backordered, reserved, in_shipment, shipped, delivered, returned, lost";
    tables.rows(
        &format!("SELECT order_id, line, {columns} FROM order_lines"),
        &mut |row| {
            let n = |i: usize| row[i].parse().unwrap_or(-1);
            let quantities = Quantities {
                ordered: n(2),
                cancelled: n(3),
                backordered: n(4),
                reserved: n(5),
                in_shipment: n(6),
                shipped: n(7),
                delivered: n(8),
                returned: n(9),
                lost: n(10),
            };
            lines
                .entry(row[0].clone())
                .or_default()
                .push((row[1].parse().unwrap_or(0), quantities));
        },
    )?;
    for (id, history) in &histories.orders {
        let stored = lines.remove(&id.to_string()).unwrap_or_default();
        if stored.is_empty() {
            found.push(("I6", id.to_string(), "has events but no lines".into()));
        }
        for (line, quantities) in stored {
            if !quantities.adds_up() {
                found.push((
                    "I7",
                    id.to_string(),
                    format!("line {line} does not add up: {quantities:?}"),
                ));
            }
            if history.lines.get(&line) != Some(&quantities) {
                found.push((
                    "I9",
                    id.to_string(),
                    format!(
                        "line {line} is {quantities:?} but its events amount to {:?}",
                        history.lines.get(&line)
                    ),
                ));
            }
        }
    }
    for order in lines.keys() {
        found.push(("I6", order.clone(), "has lines but no events".into()));
    }
    report.counts.orders = seen;
    if seen != histories.orders.len() {
        report.find(
            "I6",
            "orders",
            format!(
                "{seen} rows, but {} orders have events",
                histories.orders.len()
            ),
        );
    }
    for (invariant, id, detail) in found {
        report.find(invariant, format!("order {id}"), detail);
    }
    Ok(())
}

fn check_shipments(tables: &dyn Tables, histories: &Histories, report: &mut Report) -> Result<()> {
    let mut seen = 0;
    let mut found = vec![];
    let mut units = Units::default();
    tables.rows(
        "SELECT id, version, status, order_id, lines FROM shipments",
        &mut |row| {
            seen += 1;
            if !units.take(&row[2], &row[3], &row[4]) {
                found.push((
                    row[0].clone(),
                    format!("its lines cannot be read: {}", row[4]),
                ));
            }
            let history = Uuid::parse_str(&row[0])
                .ok()
                .and_then(|id| histories.shipments.get(&id));
            let agrees = history.is_some_and(|h| {
                row[1] == h.version.to_string()
                    && Some(row[2].as_str()) == h.status.map(ShipmentStatus::as_str)
            });
            if !agrees {
                found.push((
                    row[0].clone(),
                    format!(
                        "version {} status {} but its events amount to {history:?}",
                        row[1], row[2]
                    ),
                ));
            }
        },
    )?;
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
    for (id, detail) in found {
        report.find("I9", format!("shipment {id}"), detail);
    }
    units.check(tables, report)
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
    fn check(mut self, tables: &dyn Tables, report: &mut Report) -> Result<()> {
        tables.rows(
            "SELECT order_id, line, ordered FROM order_lines",
            &mut |row| {
                let line = row[1].parse().unwrap_or(0);
                let sent = self.0.remove(&(row[0].clone(), line)).unwrap_or(0);
                let ordered = row[2].parse().unwrap_or(0);
                if sent > ordered {
                    let detail = format!("line {line}: {ordered} ordered, {sent} in its shipments");
                    report.find("I11", format!("order {}", row[0]), detail);
                }
            },
        )?;
        for ((order, line), sent) in self.0 {
            let detail =
                format!("{sent} units of line {line} in shipments, but there is no such line");
            report.find("I11", format!("order {order}"), detail);
        }
        Ok(())
    }
}

/// I4 and I5: on hand = movements − consumed, reserved = open reservations, 0 ≤ reserved ≤ on hand.
fn check_stock(tables: &dyn Tables, report: &mut Report) -> Result<()> {
    let mut sums: HashMap<[String; 3], (i64, i64)> = HashMap::new();
    let key = |row: &[String]| [row[0].clone(), row[1].clone(), row[2].clone()];
    tables.rows(
        "SELECT tenant, sku, vendor, SUM(delta) FROM stock_movements GROUP BY tenant, sku, vendor",
        &mut |row| {
            sums.entry(key(row)).or_default().0 += row[3].parse::<i64>().unwrap_or(0);
        },
    )?;
    let open = "SUM(CASE WHEN state IN ('held', 'committed') THEN quantity - consumed - released ELSE 0 END)";
    tables.rows(&format!("SELECT tenant, sku, vendor, SUM(consumed), {open} FROM reservations GROUP BY tenant, sku, vendor"), &mut |row| {
        let sum = sums.entry(key(row)).or_default();
        sum.0 -= row[3].parse::<i64>().unwrap_or(0);
        sum.1 += row[4].parse::<i64>().unwrap_or(0);
    })?;
    tables.rows(
        "SELECT tenant, sku, vendor, on_hand, reserved FROM stock",
        &mut |row| {
            report.counts.stock_rows += 1;
            let (on_hand, reserved) = sums.remove(&key(row)).unwrap_or_default();
            let subject = format!("stock {}@{} of {}", row[1], row[2], row[0]);
            if row[3] != on_hand.to_string() {
                report.find(
                    "I5",
                    subject.clone(),
                    format!(
                        "on hand is {}, movements less consumed units are {on_hand}",
                        row[3]
                    ),
                );
            }
            if row[4] != reserved.to_string() {
                report.find(
                    "I5",
                    subject.clone(),
                    format!("reserved is {}, open reservations are {reserved}", row[4]),
                );
            }
            let (stored_on_hand, stored_reserved) =
                (row[3].parse().unwrap_or(0), row[4].parse().unwrap_or(-1));
            if row[2] == "local" && !(0..=stored_on_hand).contains(&stored_reserved) {
                report.find(
                    "I4",
                    subject,
                    format!(
                        "reserved {stored_reserved} is not between 0 and on hand {stored_on_hand}"
                    ),
                );
            }
        },
    )?;
    for ([tenant, sku, vendor], _) in sums {
        report.find(
            "I5",
            format!("stock {sku}@{vendor} of {tenant}"),
            "has movements or reservations but no row",
        );
    }
    Ok(())
}

/// Each query names what must not be; every row it finds is a finding.
const MUST_NOT_BE: &[(&str, &str, &str)] = &[
    (
        "I5",
        "reserved units of a line that no reservation stands behind",
        "SELECT l.order_id, l.line FROM order_lines l LEFT JOIN reservations r ON r.order_id = l.order_id AND r.line = l.line AND r.vendor = l.vendor \
         WHERE l.vendor <> 'inventory' GROUP BY l.order_id, l.line, l.reserved, l.in_shipment \
         HAVING l.reserved + l.in_shipment <> COALESCE(SUM(CASE WHEN r.state IN ('held', 'committed') THEN r.quantity - r.consumed - r.released ELSE 0 END), 0)",
    ),
    (
        "I6",
        "an order without its content",
        "SELECT o.id FROM orders o LEFT JOIN order_content c ON c.n = o.n WHERE c.n IS NULL",
    ),
    (
        "I12",
        "a shipment under way that no timer moves and nobody has touched by hand",
        "SELECT s.id FROM shipments s LEFT JOIN timers t ON t.shipment_id = s.id AND t.due_at = s.due_at WHERE s.due_at IS NOT NULL AND t.due_at IS NULL",
    ),
    (
        "I17",
        "a shipment made after the tombstone",
        "SELECT s.id FROM shipments s JOIN deliveries d ON d.order_id = s.order_id WHERE d.state = 'cancelled' AND s.status NOT IN ('cancelled', 'failed')",
    ),
    (
        "I3",
        "a claim without its order",
        "SELECT c.kind, c.order_id FROM claims c LEFT JOIN orders o ON o.id = c.order_id WHERE o.id IS NULL",
    ),
];

fn check_rows_that_must_not_be(tables: &dyn Tables, report: &mut Report) -> Result<()> {
    for (invariant, what, sql) in MUST_NOT_BE {
        tables.rows(sql, &mut |row| report.find(invariant, row.join(" "), *what))?;
    }
    Ok(())
}

fn count(tables: &dyn Tables, report: &mut Report) -> Result<()> {
    let one = |sql: &str| -> Result<usize> {
        let mut n = 0;
        tables.rows(sql, &mut |row| n = row[0].parse().unwrap_or(0))?;
        Ok(n)
    };
    report.counts.reservations = one("SELECT COUNT(*) FROM reservations")?;
    report.counts.claims = one("SELECT COUNT(*) FROM claims")?;
    report.counts.unfinished = one(
        "SELECT COUNT(*) FROM orders WHERE status NOT IN ('delivered', 'cancelled', 'failed')",
    )?;
    report.counts.parked = one("SELECT COUNT(*) FROM parked")?;
    report.counts.timers = one("SELECT COUNT(*) FROM timers")?;
    Ok(())
}

/// Whether an event kind exists twice for one aggregate where it may stand once; for callers that read events.
#[must_use]
pub fn happens_once(kind: EventKind) -> bool {
    matches!(
        kind,
        EventKind::OrderCreated
            | EventKind::OrderShipped
            | EventKind::OrderDelivered
            | EventKind::OrderCancelled
            | EventKind::ShipmentCreated
            | EventKind::ShipmentDelivered
    )
}
