//! The simulated carrier: takes each shipment's next step when its timer is due. Timers are durable: a restart
//! neither forgets nor repeats a step.
//!
//! Timers of a part are set by whoever has the part for `delivery`, in this process or another: the first rings, the
//! others are found by looking now and then.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;
use waybill_domain::change::{Change, Timer, TimerChange};
use waybill_domain::context::{Context, EventMeta};
use waybill_domain::shipment::{self, Shipment, ShipmentStatus, Update};
use waybill_domain::text::Tenant;
use waybill_domain::time::Time;
use waybill_store::outage::Outage;
use waybill_store::{Error as StoreError, Lease};

use super::keeper::Duty;
use crate::app::App;

/// The lease under which timers are fired.
pub const CONSUMER: &str = "delivery-timers";

/// After an error, until the next try.
const PAUSE: Duration = Duration::from_millis(200);

/// Draws how long the simulated carrier takes.
pub struct SimulatedCarrier<'a> {
    pub app: &'a App,
}

impl waybill_domain::delivery::Carrier for SimulatedCarrier<'_> {
    fn ships_at(&mut self, now: Time) -> Time {
        now.plus_ms(self.draw(self.app.settings.delivery.ship_delay_ms))
    }
}

impl SimulatedCarrier<'_> {
    fn delivers_at(&self, now: Time) -> Time {
        now.plus_ms(self.draw(self.app.settings.delivery.deliver_delay_ms))
    }

    fn draw(&self, range: crate::config::MillisRange) -> i64 {
        i64::try_from(range.pick(&self.app.entropy).0).unwrap_or(i64::MAX)
    }
}

/// Fires the timers of whatever parts its keeper gives it.
pub struct Firing {
    app: Arc<App>,
    outage: Outage,
}

impl Firing {
    pub fn new(app: &Arc<App>) -> Self {
        Self {
            app: app.clone(),
            outage: Outage::new(CONSUMER, "timers cannot be fired"),
        }
    }
}

#[async_trait]
impl Duty for Firing {
    fn consumer(&self) -> &'static str {
        CONSUMER
    }

    fn parts(&self) -> u16 {
        self.app.store.identity().parts
    }

    async fn act(
        &self,
        lease: Lease,
        _cursor: i64,
        stop: CancellationToken,
    ) -> Result<(), StoreError> {
        let app = &self.app;
        let limit = app.settings.delivery.batch_limit as usize;
        let changed = app.timers_changed(lease.part);
        while !stop.is_cancelled() {
            let fired = {
                let _turn = app.background.turn().await;
                fire(app, &lease, limit, &self.outage).await
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

/// Fires what is due; says how long nothing else will be.
async fn fire(
    app: &App,
    lease: &Lease,
    limit: usize,
    outage: &Outage,
) -> Result<Duration, StoreError> {
    let now = app.now();
    let (due, next) = app.store.due_timers(lease.part, now, limit).await?;
    if due.is_empty() {
        let longest = app.settings.consumers.poll_interval_ms.duration();
        let wait = next.map_or(longest, |at| {
            Duration::from_micros((at.0 - now.0).max(0).unsigned_abs())
        });
        let shortest = shortest_wait(app).min(longest);
        return Ok(wait.clamp(shortest, longest));
    }
    let changes = due
        .into_iter()
        .map(|(timer, shipment)| step(app, timer, shipment))
        .collect();
    let mut wait = Duration::ZERO;
    for result in app.store.advance(changes, Some(lease.clone())).await? {
        match result {
            // Somebody moved the shipment by hand meanwhile; its timer went with that.
            Ok(()) | Err(StoreError::Conflict { .. }) => {}
            // It stays due, and would be tried again at once for ever.
            Err(error) => {
                outage.failed(&error);
                wait = PAUSE;
            }
        }
    }
    Ok(wait)
}

/// Timers that are due at about the same time are fired together where a transaction costs more than a moment.
fn shortest_wait(app: &App) -> Duration {
    if app.store.identity().one_writer {
        Duration::from_millis(1)
    } else {
        app.settings
            .consumers
            .gather_ms
            .duration()
            .max(Duration::from_millis(1))
    }
}

/// What a due timer does: the shipment's next step, or nothing but going away when it is out of date.
fn step(app: &App, timer: Timer, shipment: Option<Shipment>) -> Change {
    let current = shipment.filter(|s| s.due_at == Some(timer.due_at));
    let next = current.as_ref().and_then(|s| next_status(s.status));
    if let (Some(shipment), Some(status)) = (&current, next) {
        let now = app.now();
        let carrier = SimulatedCarrier { app };
        let due_at = next_status(status).map(|_| carrier.delivers_at(now));
        let update = Update {
            status: Some(status),
            tracking_number: (status == ShipmentStatus::Shipped).then(|| tracking_number(shipment)),
            carrier: (status == ShipmentStatus::Shipped).then(|| "SimulatedCarrier".to_owned()),
            due_at,
        };
        let meta = EventMeta {
            actor: "system:carrier".into(),
            ..EventMeta::default()
        };
        let mut ids = || app.entropy.uuid_v7(now.0);
        let mut context = Context {
            now,
            meta: &meta,
            ids: &mut ids,
        };
        if let Ok(Some(change)) = shipment::update(shipment, &update, &mut context) {
            return change;
        }
    }
    let tenant = current.map_or_else(Tenant::default, |s| s.tenant);
    let mut change = Change::new(tenant, timer.order_id, 0);
    change.timers.push(TimerChange::Clear(timer));
    change
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
