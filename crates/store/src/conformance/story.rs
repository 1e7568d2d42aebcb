//! A random sequence of orders, commands, deliveries, consumers, stale writes and stock counts from a seed; afterwards
//! every invariant holds.

use super::Harness;
use crate::error::Error;
use crate::model::{Accepted, ConsumerBatch, Lease};
use crate::traits::{Effect, EffectStore, Store};
use waybill_domain::change::{Change, OrderEffect};
use waybill_domain::command::Command;
use waybill_domain::delivery;
use waybill_domain::event::{EventKind, LoggedEvent};
use waybill_domain::ids::OrderId;
use waybill_domain::order::HoldReason;
use waybill_domain::shipment::ShipmentStatus;
use waybill_domain::stock::Adjustment;

const SKUS: [&str; 3] = ["A", "B", "C"];

/// A story in progress, with the state that its next steps depend on.
pub struct Story {
    pub h: Harness,
    pub orders: Vec<OrderId>,
    /// How often a write was refused because it was decided on an older version.
    pub overtaken: usize,
}

impl Story {
    pub fn new(h: Harness) -> Self {
        Self {
            h,
            orders: vec![],
            overtaken: 0,
        }
    }

    /// Runs further steps.
    pub async fn tell(&mut self, steps: usize) {
        for _ in 0..steps {
            match self.h.make.below(10) {
                0 => self.count().await,
                1..=3 => self.place().await,
                4..=5 => self.command().await,
                6 => self.carry().await,
                7 => self.h.clock.advance_ms(700),
                _ => self.follow().await,
            }
        }
        self.follow().await;
    }

    async fn count(&mut self) {
        let sku = SKUS[usize::try_from(self.h.make.below(3)).expect("small")];
        let delta = i64::try_from(self.h.make.below(40)).expect("small") - 5;
        let change = self.h.make.stock(sku, Adjustment::Delta(delta));
        // A refusal is allowed.
        let _ = self
            .h
            .store
            .adjust_stock(vec![change])
            .await
            .expect("taken");
    }

    async fn place(&mut self) {
        let mut batch = vec![];
        for _ in 0..=self.h.make.below(4) {
            let lines: Vec<_> = (0..=self.h.make.below(3))
                .map(|_| {
                    (
                        SKUS[usize::try_from(self.h.make.below(3)).expect("small")],
                        i64::try_from(self.h.make.below(5)).expect("small"),
                    )
                })
                .collect();
            let mut order = self.h.make.order(&lines);
            if self.h.make.below(4) == 0 {
                order.holds = vec![self.h.make.hold(Some("look at it"))];
            }
            batch.push(order);
        }
        let ids: Vec<_> = batch.iter().map(|o| o.id).collect();
        for (id, result) in ids.into_iter().zip(self.h.accept(batch).await) {
            match result {
                Ok(Accepted::Created { .. }) => self.orders.push(id),
                // A quantity of 0 is invalid, and stock may be short.
                Ok(Accepted::Short(_) | Accepted::AskInventory(_)) | Err(Error::Refused { .. }) => {
                }
                other => panic!("{other:?}"),
            }
        }
    }

    fn any(&self) -> Option<OrderId> {
        let count = u64::try_from(self.orders.len()).expect("few");
        (count > 0)
            .then(|| self.orders[usize::try_from(self.h.make.below(count)).expect("in range")])
    }

    async fn command(&mut self) {
        let Some(id) = self.any() else { return };
        let order = self.h.order(id).await;
        let open = order.open_holds().first().copied();
        let command = match (self.h.make.below(5), open) {
            (0, _) => Command::Cancel {
                reason: Some("changed my mind".into()),
            },
            (1, _) => Command::PlaceHold {
                reason: HoldReason::Manual,
                placed_by: "client:c-1".into(),
                note: Some("wait".into()),
            },
            (2 | 3, Some(hold)) => Command::ReleaseHold { hold },
            _ => Command::AddNote,
        };
        if let Some(change) = self.h.try_command(&order, &command) {
            // Sometimes two writes on the same version: the second one conflicts.
            let twice = self.h.make.below(3) == 0;
            let changes = if twice {
                vec![change.clone(), change]
            } else {
                vec![change]
            };
            let results = self.h.write_changes(changes).await;
            assert!(results[0].is_ok(), "{:?}", results[0]);
            if twice {
                assert!(
                    matches!(results[1], Err(Error::Conflict { .. })),
                    "{:?}",
                    results[1]
                );
                self.overtaken += 1;
            }
        }
    }

    /// The simulated carrier takes the steps that are due.
    async fn carry(&mut self) {
        let (due, _) = self
            .h
            .store
            .due_timers(0, self.h.clock.now(), 50)
            .await
            .expect("read");
        for (timer, shipment) in due {
            let shipment = shipment.expect("a timer has its shipment");
            assert_eq!(shipment.due_at, Some(timer.due_at));
            let (to, next) = match shipment.status {
                ShipmentStatus::Processing if self.h.make.below(8) == 0 => {
                    (ShipmentStatus::Failed, None)
                }
                ShipmentStatus::Processing => {
                    (ShipmentStatus::Shipped, Some(self.h.make.in_ms(500)))
                }
                _ if self.h.make.below(6) == 0 => (ShipmentStatus::Lost, None),
                _ => (ShipmentStatus::Delivered, None),
            };
            let step = self.h.ship(&shipment, to, next);
            self.h
                .write_changes(vec![step])
                .await
                .remove(0)
                .expect("no other write came first");
        }
    }

    /// Runs both consumers to the end of the log, one event at a time.
    pub async fn follow(&mut self) {
        let (mut quiet, consumers) = (false, ["delivery", "status"]);
        while !quiet {
            quiet = true;
            for consumer in consumers {
                let (lease, mut cursor) = self.h.lease(consumer).await;
                let (events, reached) = self
                    .h
                    .store
                    .read_log(0, cursor, 1_000, EventKind::ALL)
                    .await
                    .expect("read");
                for event in events {
                    self.apply(&lease, cursor, &event).await;
                    cursor = event.position;
                    quiet = false;
                }
                assert_eq!(cursor, reached.max(cursor));
            }
        }
    }

    async fn apply(&mut self, lease: &Lease, from: i64, event: &LoggedEvent) {
        let Some(id) = event.event.order_id else {
            return self
                .write(lease, from, event, None::<Change<OrderEffect>>)
                .await;
        };
        let order = self.h.order(id).await;
        if lease.consumer == "delivery" {
            let change = match delivery::parse(&event.event).expect("readable") {
                Some(news) => self.h.on_order_news(&order, event.event.seq, news).await,
                None => None,
            };
            self.write(lease, from, event, change).await;
        } else {
            let change = self.h.on_delivery_event(event).await;
            self.write(lease, from, event, change).await;
        }
    }

    async fn write<E: Effect>(
        &self,
        lease: &Lease,
        from: i64,
        event: &LoggedEvent,
        change: Option<Change<E>>,
    ) where
        dyn Store: EffectStore<E>,
    {
        let batch = ConsumerBatch {
            lease: lease.clone(),
            from,
            to: event.position,
            changes: change.into_iter().collect(),
            park: vec![],
        };
        self.h.store.apply_batch(batch).await.expect("applied");
    }
}

pub(super) async fn everything_adds_up_after_hundreds_of_steps(h: Harness) {
    for sku in SKUS {
        h.put(sku, 60).await;
    }
    let mut story = Story::new(h);
    story.tell(400).await;
    let report = story.h.driver.verify().await.expect("runs");
    assert!(report.findings.is_empty(), "{:#?}", report.findings);
    assert_eq!(report.counts.orders, story.orders.len());
    assert!(
        report.counts.orders > 50 && report.counts.shipments > 20 && story.overtaken > 3,
        "{:?}",
        report.counts
    );
    story.h.assert_listener_got_the_log().await;
    let ended = story.h.store.stats().await.expect("read");
    let kinds = ended
        .orders_by_status
        .iter()
        .filter(|(_, n)| *n > 0)
        .count();
    assert!(
        kinds >= 4,
        "a story of too few turns: {:?}",
        ended.orders_by_status
    );
}
