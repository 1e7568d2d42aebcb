//! The simulated carrier: takes the next step of each shipment when its timer is due. Timers are durable: a restart
//! neither loses nor repeats a step.
//!
//! The consumer `delivery` of a partition sets its timers, in this process or another. It signals new timers within its
//! process; timers that another process set are found by polling.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;
use waybill_domain::change::{Change, DeliveryEffect};
use waybill_domain::ids::ShipmentId;
use waybill_domain::shipment::{self, Shipment, ShipmentStatus, Update};
use waybill_domain::text::Tenant;
use waybill_domain::time::Time;
use waybill_domain::timer::{Timer, TimerChange};
use waybill_store::outage::Outage;
use waybill_store::{DeliveryStore, Error as StoreError, Lease};

use super::timer_signals::TimerSignals;
use crate::carrier::SimulatedCarrier;
use crate::consumers::combined::Timers;
use crate::consumers::partition_task::PartitionTask;
use crate::consumers::resources::ConsumerResources;

/// The lease under which timers are fired.
pub const CONSUMER: &str = "delivery-timers";

/// After an error, until the next try.
const PAUSE: Duration = Duration::from_millis(200);

/// Fires the timers of the partitions that its lease manager gives it.
pub struct TimerTask {
    pub resources: ConsumerResources,
    pub store: Arc<dyn DeliveryStore>,
    pub carrier: SimulatedCarrier,
    pub signals: Arc<TimerSignals>,
    pub batch_limit: usize,
    pub outage: Outage,
}

impl TimerTask {
    /// Fires at most so many timers in one transaction.
    pub fn new(
        resources: &ConsumerResources,
        store: Arc<dyn DeliveryStore>,
        carrier: SimulatedCarrier,
        signals: Arc<TimerSignals>,
        batch_limit: u32,
    ) -> Self {
        Self {
            resources: resources.clone(),
            store,
            carrier,
            signals,
            batch_limit: batch_limit as usize,
            outage: Outage::new(CONSUMER, "timers cannot be fired"),
        }
    }
}

#[async_trait]
impl PartitionTask for TimerTask {
    fn consumer(&self) -> &'static str {
        CONSUMER
    }

    fn partitions(&self) -> u16 {
        self.store.identity().partitions
    }

    async fn act(
        &self,
        lease: Lease,
        _cursor: i64,
        stop: CancellationToken,
    ) -> Result<(), StoreError> {
        let changed = self.signals.changed(lease.partition);
        while !stop.is_cancelled() {
            let fired = {
                let _turn = self.resources.background.turn().await;
                self.fire_due(&lease).await
            };
            let wait = match fired {
                Ok(wait) => {
                    self.outage.worked();
                    wait
                }
                Err(StoreError::Fenced { consumer }) => {
                    return Err(StoreError::Fenced { consumer });
                }
                Err(error) => {
                    self.outage.failed(&error);
                    PAUSE
                }
            };
            if wait.is_zero() {
                continue;
            }
            tokio::select! {
                () = changed.notified() => {}
                () = tokio::time::sleep(wait) => {}
                () = stop.cancelled() => {}
            }
        }
        Ok(())
    }
}

impl TimerTask {
    /// Fires the timers that are due; returns the time until the next one.
    async fn fire_due(&self, lease: &Lease) -> Result<Duration, StoreError> {
        let store = &self.store;
        let now = self.resources.contexts.now();
        let (due, next) = store
            .due_timers(lease.partition, now, self.batch_limit)
            .await?;
        if due.is_empty() {
            let longest = self.resources.poll_interval;
            let wait = next.map_or(longest, |at| {
                Duration::from_micros((at.0 - now.0).max(0).unsigned_abs())
            });
            let shortest = self.shortest_wait().min(longest);
            return Ok(wait.clamp(shortest, longest));
        }
        let changes = due
            .into_iter()
            .map(|(timer, shipment)| self.step(timer, shipment))
            .collect();
        let mut wait = Duration::ZERO;
        for result in store.write_changes(changes, Some(lease.clone())).await? {
            match result {
                // The shipment was moved by hand meanwhile, which also cleared its timer.
                Ok(()) | Err(StoreError::Conflict { .. }) => {}
                // The timer stays due, so without a pause it would be fired again at once, in a busy loop.
                Err(error) => {
                    self.outage.failed(&error);
                    wait = PAUSE;
                }
            }
        }
        Ok(wait)
    }

    /// Timers that are due at about the same time are fired together where a transaction costs more than a moment.
    fn shortest_wait(&self) -> Duration {
        let millisecond = Duration::from_millis(1);
        if self.store.identity().one_writer {
            millisecond
        } else {
            self.resources.gather.max(millisecond)
        }
    }

    /// The effect of a due timer: the shipment's next step, or only the removal of a timer that is out of date.
    fn step(&self, timer: Timer, shipment: Option<Shipment>) -> Change<DeliveryEffect> {
        let current = shipment.filter(|s| s.due_at == Some(timer.due_at));
        let next = current.as_ref().and_then(|s| next_status(s.status));
        if let (Some(shipment), Some(status)) = (&current, next) {
            let now = self.resources.contexts.now();
            let due_at = next_status(status).map(|_| self.carrier.delivers_at(now));
            let update = Update {
                status: Some(status),
                tracking_number: (status == ShipmentStatus::Shipped)
                    .then(|| tracking_number(shipment)),
                carrier: (status == ShipmentStatus::Shipped).then(|| "SimulatedCarrier".to_owned()),
                due_at,
            };
            let meta = shipment.request.later_by("system:carrier");
            let updated = self.resources.contexts.decide(&meta, |context| {
                shipment::update(shipment, &update, context)
            });
            if let Ok(Some(change)) = updated {
                return change;
            }
        }
        let tenant = current.map_or_else(Tenant::default, |s| s.tenant);
        let (order_id, partition) = (timer.order_id, timer.partition);
        let effect = DeliveryEffect {
            timers: vec![TimerChange::Clear(timer)],
            ..DeliveryEffect::default()
        };
        Change::new(tenant, order_id, partition, effect)
    }
}

#[async_trait]
impl Timers for TimerTask {
    fn add_steps(
        &self,
        due: Vec<(Timer, Option<Shipment>)>,
        changes: &mut Vec<Change<DeliveryEffect>>,
    ) -> Option<Time> {
        let mut shipments: HashMap<ShipmentId, Shipment> = HashMap::new();
        let mut steps: VecDeque<Timer> = VecDeque::new();
        for (timer, shipment) in due {
            shipments.extend(shipment.map(|shipment| (shipment.id, shipment)));
            steps.push_back(timer);
        }
        for change in &*changes {
            note_shipments(&mut shipments, change);
            steps.extend(timers_set(change));
        }
        let mut next: Option<Time> = None;
        while let Some(timer) = steps.pop_front() {
            if timer.due_at > self.resources.contexts.now() {
                next = Some(next.map_or(timer.due_at, |at| at.min(timer.due_at)));
                continue;
            }
            let shipment = shipments.get(&timer.shipment_id).cloned();
            let change = self.step(timer, shipment);
            note_shipments(&mut shipments, &change);
            steps.extend(timers_set(&change));
            changes.push(change);
        }
        next
    }

    async fn fire(&self, lease: &Lease) -> Result<Duration, StoreError> {
        self.fire_due(lease).await
    }
}

/// Remembers the shipments as a change leaves them.
fn note_shipments(shipments: &mut HashMap<ShipmentId, Shipment>, change: &Change<DeliveryEffect>) {
    for written in &change.effect.shipments {
        shipments.insert(written.after.id, written.after.clone());
    }
}

fn timers_set(change: &Change<DeliveryEffect>) -> impl Iterator<Item = Timer> + '_ {
    let timers = change.effect.timers.iter();
    timers.filter_map(|change| match change {
        TimerChange::Set(timer) => Some(timer.clone()),
        TimerChange::Clear(_) => None,
    })
}

fn next_status(status: ShipmentStatus) -> Option<ShipmentStatus> {
    match status {
        ShipmentStatus::Processing => Some(ShipmentStatus::Shipped),
        ShipmentStatus::Shipped => Some(ShipmentStatus::Delivered),
        ShipmentStatus::DeliveryFailed
        | ShipmentStatus::Delivered
        | ShipmentStatus::Returned
        | ShipmentStatus::Lost
        | ShipmentStatus::Cancelled
        | ShipmentStatus::Failed => None,
    }
}

/// A made-up number, the same for the same shipment.
fn tracking_number(shipment: &Shipment) -> String {
    let id = shipment.id.0.simple().to_string();
    format!("SIM{}", id[20..].to_uppercase())
}
