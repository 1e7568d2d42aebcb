//! I7 and I10, from the log alone: positions rise within a partition, and each aggregate counts 1, 2, 3, … and takes
//! only allowed steps. The states that the events add up to are passed on to the checks of the tables.

use super::copies::Copies;
use super::discards::Discards;
use super::{Finding, Report, Tables};
use crate::error::Result;
use std::collections::HashMap;
use uuid::Uuid;
use waybill_domain::event::AggregateKind;
use waybill_domain::history::{OrderHistory, ShipmentHistory};

/// The state of every aggregate according to the log.
#[derive(Default)]
pub(super) struct Histories {
    pub orders: HashMap<Uuid, OrderHistory>,
    pub shipments: HashMap<Uuid, ShipmentHistory>,
    /// Version of deliveries and stock rows.
    others: HashMap<(AggregateKind, Uuid), i64>,
    pub discards: Discards,
    /// The orders' copies of their shipments, compared with the events while these are read.
    pub copies: Copies,
    /// Why an event cannot be read, by its aggregate and the place among the aggregate's faults.
    explained: HashMap<(Uuid, usize), String>,
}

impl Histories {
    /// Explains the newest fault of an aggregate, which is that this event cannot be read, if it was discarded.
    fn explain(&mut self, place: (u16, i64), aggregate: Uuid, faults: usize) {
        if let (Some(words), Some(newest)) = (
            self.discards.of_event(place, aggregate),
            faults.checked_sub(1),
        ) {
            self.explained.insert((aggregate, newest), words);
        }
    }

    fn report_faults(&self, report: &mut Report) {
        let orders = self.orders.iter();
        let orders = orders.map(|(id, history)| ("order", id, &history.faults));
        let shipments = self.shipments.iter();
        let shipments = shipments.map(|(id, history)| ("shipment", id, &history.faults));
        for (kind, id, faults) in orders.chain(shipments) {
            for (place, fault) in faults.iter().enumerate() {
                let explanation = self.explained.get(&(*id, place)).map(String::as_str);
                let subject = format!("{kind} {id}");
                report.find_or_explain("I7", subject, fault.clone(), explanation);
            }
        }
    }
}

pub(super) async fn read(tables: &mut dyn Tables, report: &mut Report) -> Result<Histories> {
    let mut histories = Histories {
        discards: Discards::read(tables, report).await?,
        copies: Copies::read(tables, report).await?,
        ..Histories::default()
    };
    let mut last: HashMap<u16, i64> = HashMap::new();
    let mut disorder = vec![];
    tables
        .events(&mut |logged| {
            report.counts.events += 1;
            let last = last.entry(logged.partition).or_default();
            if logged.position <= *last {
                disorder.push(logged.position);
            }
            *last = logged.position;
            let place = (logged.partition, logged.position);
            let event = logged.event;
            // No error: the history of its aggregate reports a body that cannot be read, as one of a newer version.
            let text = event.body_text().unwrap_or_default();
            match event.aggregate.kind {
                AggregateKind::Order => {
                    let history = histories.orders.entry(event.aggregate.id).or_default();
                    history.take(event.seq, event.kind, text);
                    if history.unread {
                        let faults = history.faults.len();
                        histories.explain(place, event.aggregate.id, faults);
                    }
                }
                AggregateKind::Shipment => {
                    let history = histories.shipments.entry(event.aggregate.id).or_default();
                    history.take(event.seq, event.kind, event.occurred_at, text);
                    histories
                        .copies
                        .take(place, &event, history, &histories.discards);
                    if history.unread {
                        let faults = history.faults.len();
                        histories.explain(place, event.aggregate.id, faults);
                    }
                }
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
    histories.report_faults(report);
    Ok(histories)
}
