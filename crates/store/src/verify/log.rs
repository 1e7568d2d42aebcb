//! I7 and I10, from the log alone: positions rise within a partition, and each aggregate counts 1, 2, 3, … and takes
//! only allowed steps. The states that the events add up to are passed on to the checks of the tables.

use super::{Finding, Report, Tables};
use crate::error::Result;
use std::collections::HashMap;
use uuid::Uuid;
use waybill_domain::event::AggregateKind;
use waybill_domain::history::{OrderHistory, ShipmentHistory};

/// What the log says of every aggregate.
#[derive(Default)]
pub(super) struct Histories {
    pub orders: HashMap<Uuid, OrderHistory>,
    pub shipments: HashMap<Uuid, ShipmentHistory>,
    /// Version of deliveries and stock rows.
    others: HashMap<(AggregateKind, Uuid), i64>,
}

pub(super) async fn read(tables: &mut dyn Tables, report: &mut Report) -> Result<Histories> {
    let mut histories = Histories::default();
    let mut last: HashMap<u16, i64> = HashMap::new();
    let mut disorder = vec![];
    tables
        .events(&mut |logged| {
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
        })
        .await?;
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
