//! How far an order store has taken in the events of shipments that live in another store. Their events are not in this
//! store's log, so copies are compared with watermarks.

use super::{Report, Tables};
use crate::error::Result;
use std::collections::{HashMap, HashSet};
use uuid::Uuid;

/// The first schema with an inbox.
const SINCE_SCHEMA: i64 = 9;

/// Shipments of another store.
#[derive(Default)]
pub(super) struct ReceivedShipments {
    /// The `seq` of the last event that was taken in, by shipment.
    pub seqs: HashMap<Uuid, i64>,
    /// Orders of which an event waits among the parked ones.
    waiting: HashSet<Uuid>,
    /// Orders of which an event was discarded, here or at its sender.
    discarded: HashSet<Uuid>,
}

impl ReceivedShipments {
    pub async fn read(tables: &mut dyn Tables, report: &mut Report) -> Result<Self> {
        let mut received = Self::default();
        if tables.schema().await? < SINCE_SCHEMA {
            return Ok(received);
        }
        let sql = "SELECT w.aggregate_id, w.seq FROM inbox_watermarks w JOIN inbox_sources s ON s.id = w.source \
                   WHERE s.consumer = 'status-inbox' AND w.stream = 'shipment'";
        tables
            .rows(sql, &mut |row| {
                let subject = format!("watermark of shipment {}", row[0]);
                let shipment: Option<Uuid> = report.number("I9", &subject, "aggregate_id", &row[0]);
                let seq = report.number("I9", &subject, "seq", &row[1]);
                received.seqs.extend(shipment.zip(seq));
            })
            .await?;
        for (table, orders) in [
            ("parked", &mut received.waiting),
            ("discards", &mut received.discarded),
        ] {
            let sql =
                format!("SELECT DISTINCT order_id FROM {table} WHERE consumer = 'status-inbox'");
            let subject = format!("an event of status-inbox in {table}");
            tables
                .rows(&sql, &mut |row| {
                    let order: Option<Uuid> = report.number("I9", &subject, "order_id", &row[0]);
                    orders.extend(order);
                })
                .await?;
        }
        Ok(received)
    }

    /// Why a copy need not be as far as the events that were taken in.
    pub fn explanation(&self, order: Uuid) -> Option<&'static str> {
        let discarded = self.discarded.contains(&order);
        discarded.then_some("an event of the other store was discarded for consumer status-inbox")
    }

    /// What is wrong with the copy of a shipment whose events are not in this log; `None` when it is as far as its events
    /// were taken in.
    pub fn fault(&self, order: Uuid, shipment: Uuid, version: i64) -> Option<String> {
        let Some(seq) = self.seqs.get(&shipment) else {
            return Some(format!(
                "shows shipment {shipment} at version {version}, of which there is no event"
            ));
        };
        let waits = self.waiting.contains(&order) && version < *seq;
        (version != *seq && !waits).then(|| {
            format!("shows shipment {shipment} at version {version}, but has taken in event {seq}")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_is_as_far_as_its_events_were_taken_in_unless_one_waits() {
        let [order, waiting, shipment, unknown] = [1, 2, 3, 4].map(Uuid::from_u128);
        let received = ReceivedShipments {
            seqs: HashMap::from([(shipment, 3)]),
            waiting: HashSet::from([waiting]),
            discarded: HashSet::from([order]),
        };
        assert!(received.explanation(order).is_some());
        assert_eq!(received.explanation(waiting), None);
        assert_eq!(received.fault(order, shipment, 3), None);
        assert_eq!(received.fault(waiting, shipment, 2), None);
        for (order, shipment, version, said) in [
            (order, shipment, 2, "but has taken in event 3"),
            (waiting, shipment, 4, "but has taken in event 3"),
            (order, unknown, 1, "of which there is no event"),
        ] {
            let fault = received.fault(order, shipment, version);
            assert!(
                fault.as_ref().is_some_and(|f| f.contains(said)),
                "{fault:?}"
            );
        }
    }
}
