//! I9 and I11 of orders' copies of their shipments: each copy equals the state that the shipment's events add up to at
//! its version, no copy is behind the events that the order has taken in, and no unit is in two shipments. Rows of
//! shipments are not read.

use super::difference::difference;
use super::discards::{Discards, STATUS};
use super::received::ReceivedShipments;
use super::{Report, Tables};
use crate::encoding::read_copies;
use crate::error::Result;
use std::collections::{HashMap, HashSet};
use uuid::Uuid;
use waybill_domain::event::NewEvent;
use waybill_domain::history::ShipmentHistory;
use waybill_domain::shipment::{ShipmentCopy, ShipmentStatus};

/// The first schema in which orders have copies; older stores have none to check.
const SINCE_SCHEMA: i64 = 7;

/// The copies of a store, and the events that they should contain.
#[derive(Default)]
pub(super) struct Copies {
    /// The copies, by shipment.
    kept: HashMap<Uuid, Kept>,
    /// How far the consumer has read, by partition.
    cursors: HashMap<u16, i64>,
    /// Events that are parked for the consumer.
    parked: HashSet<(u16, i64)>,
    /// By shipment, events that the consumer has taken in but that are newer than the copy: their order and the last
    /// one's `seq`.
    missed: HashMap<Uuid, (Option<Uuid>, i64)>,
    /// By shipment, why an event of it was discarded.
    discarded: HashMap<Uuid, String>,
}

struct Kept {
    order: Uuid,
    copy: ShipmentCopy,
    agreement: Agreement,
}

/// Whether a copy equals the state that its shipment's events add up to at its version.
enum Agreement {
    NoSuchEvent,
    /// The event cannot be read, which is reported as a separate finding.
    Unreadable,
    Yes,
    No(String),
}

/// A place in the log, of a row of the consumer.
fn place(of: &str, row: &[String], report: &mut Report) -> Option<(u16, i64)> {
    let subject = format!("{of} of {STATUS} in part {} at {}", row[0], row[1]);
    let partition = report.number("I9", &subject, "part", &row[0])?;
    Some((
        partition,
        report.number("I9", &subject, "position", &row[1])?,
    ))
}

impl Copies {
    pub async fn read(tables: &mut dyn Tables, report: &mut Report) -> Result<Self> {
        let mut copies = Self::default();
        if tables.schema().await? < SINCE_SCHEMA {
            return Ok(copies);
        }
        let sql = "SELECT part, position FROM cursors WHERE consumer = 'status'";
        let cursors = &mut copies.cursors;
        tables
            .rows(sql, &mut |row| cursors.extend(place("cursor", row, report)))
            .await?;
        let sql = "SELECT part, position FROM parked WHERE consumer = 'status'";
        let parked = &mut copies.parked;
        tables
            .rows(sql, &mut |row| {
                parked.extend(place("parked event", row, report));
            })
            .await?;
        let sql = "SELECT id, shipments FROM orders WHERE shipments IS NOT NULL";
        tables
            .rows(sql, &mut |row| copies.add(&row[0], &row[1], report))
            .await?;
        Ok(copies)
    }

    fn add(&mut self, order: &str, text: &str, report: &mut Report) {
        let Some(copies) = read_copies(text) else {
            let detail = format!("its shipments cannot be read: {text}");
            return report.find("I9", format!("order {order}"), detail);
        };
        let subject = format!("order {order}");
        let Some(order) = report.number("I9", &subject, "id", order) else {
            return;
        };
        for copy in copies {
            let id = copy.id;
            let kept = Kept {
                order,
                copy,
                agreement: Agreement::NoSuchEvent,
            };
            if self.kept.insert(id.0, kept).is_some() {
                let detail = format!("shows shipment {id}, which is shown a second time");
                report.find("I9", format!("order {order}"), detail);
            }
        }
    }

    /// Takes the next event of a shipment, whose history has it already.
    pub fn take(
        &mut self,
        place: (u16, i64),
        event: &NewEvent,
        history: &ShipmentHistory,
        discards: &Discards,
    ) {
        let shipment = event.aggregate.id;
        let order = event.order_id.map(|id| id.0);
        let read = self.cursors.get(&place.0).is_some_and(|to| place.1 <= *to);
        let kept = self.kept.get_mut(&shipment);
        if let Some(words) = discards.for_status(place) {
            self.discarded.insert(shipment, words.to_owned());
        } else if read
            && !self.parked.contains(&place)
            && kept
                .as_ref()
                .is_none_or(|kept| kept.copy.version < event.seq)
        {
            self.missed.insert(shipment, (order, event.seq));
        }
        let Some(kept) = kept.filter(|kept| kept.copy.version == event.seq) else {
            return;
        };
        kept.agreement = match &history.state {
            _ if history.unread => Agreement::Unreadable,
            _ if order != Some(kept.order) => Agreement::No("another order".into()),
            Some(told) => difference(&kept.copy, told).map_or(Agreement::Yes, Agreement::No),
            None => Agreement::NoSuchEvent,
        };
    }
}

/// Reports the differences found, and compares the units of all copies with the lines of their orders.
pub(super) async fn check(
    tables: &mut dyn Tables,
    copies: &Copies,
    discards: &Discards,
    report: &mut Report,
) -> Result<()> {
    let explanation = |shipment: &Uuid| {
        let discarded = copies.discarded.get(shipment).map(String::as_str);
        discarded.or_else(|| discards.of_aggregate(shipment))
    };
    let received = ReceivedShipments::read(tables, report).await?;
    for (shipment, kept) in &copies.kept {
        let version = kept.copy.version;
        let detail = match &kept.agreement {
            Agreement::Yes | Agreement::Unreadable => continue,
            Agreement::No(differs) => {
                format!(
                    "shows shipment {shipment} at version {version}, but its events say {differs}"
                )
            }
            Agreement::NoSuchEvent => match received.fault(kept.order, *shipment, version) {
                Some(fault) => fault,
                None => continue,
            },
        };
        let subject = format!("order {}", kept.order);
        let why = explanation(shipment).or_else(|| received.explanation(kept.order));
        report.find_or_explain("I9", subject, detail, why);
    }
    for (shipment, (order, seq)) in &copies.missed {
        let shown = copies
            .kept
            .get(shipment)
            .map_or(0, |kept| kept.copy.version);
        let subject = format!("order {}", order.unwrap_or_default());
        let detail =
            format!("shows shipment {shipment} at version {shown}, but has taken in event {seq}");
        report.find_or_explain("I9", subject, detail, explanation(shipment));
    }
    check_units(tables, copies, report).await
}

/// I11: nothing is sent twice.
async fn check_units(tables: &mut dyn Tables, copies: &Copies, report: &mut Report) -> Result<()> {
    let mut sent: HashMap<(String, u16), i64> = HashMap::new();
    for Kept { order, copy, .. } in copies.kept.values() {
        if matches!(
            copy.status,
            ShipmentStatus::Cancelled | ShipmentStatus::Failed
        ) {
            continue;
        }
        for line in &copy.lines {
            let units = sent.entry((order.to_string(), line.line)).or_default();
            // No error: a sum beyond the type's range is more than was ordered in any case.
            *units = units.saturating_add(line.quantity);
        }
    }
    let sql = "SELECT order_id, line, ordered FROM order_lines";
    tables
        .rows(sql, &mut |row| {
            let order = format!("order {}", row[0]);
            let line = report.number("I11", &order, "line", &row[1]);
            let ordered = report.number("I11", &order, "ordered", &row[2]);
            let (Some(line), Some(ordered)) = (line, ordered) else {
                return;
            };
            let sent = sent.remove(&(row[0].clone(), line)).unwrap_or(0);
            if sent > ordered {
                let detail = format!("line {line}: {ordered} ordered, {sent} in its shipments");
                report.find("I11", order, detail);
            }
        })
        .await?;
    for ((order, line), sent) in sent {
        let detail = format!("{sent} units of line {line} in shipments, but there is no such line");
        report.find("I11", format!("order {order}"), detail);
    }
    Ok(())
}
