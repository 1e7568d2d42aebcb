//! The simulated carrier: takes each shipment's next step when its timer is due. Timers are durable: a restart
//! neither forgets nor repeats a step.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use waybill_domain::change::{Change, Timer, TimerChange};
use waybill_domain::context::{Context, EventMeta};
use waybill_domain::shipment::{self, Shipment, ShipmentStatus, Update};
use waybill_domain::text::Tenant;
use waybill_domain::time::Time;
use waybill_store::{Error as StoreError, Lease};

use crate::app::App;

/// The lease under which timers are fired.
pub const CONSUMER: &str = "delivery-timers";

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

/// Runs until it is stopped or its lease is taken. `Ok` means stopped.
///
/// # Errors
/// [`StoreError::Fenced`] when another owner has taken over.
pub async fn run(app: Arc<App>, stop: CancellationToken) -> Result<(), StoreError> {
    let now = app.now();
    let taken = app
        .store
        .take_lease(CONSUMER, 0, &app.owner, now, now.plus_ms(10_000))
        .await?;
    let (lease, _) = taken.ok_or_else(|| StoreError::Fenced {
        consumer: CONSUMER.to_owned(),
    })?;
    let limit = app.settings.delivery.batch_limit as usize;
    while !stop.is_cancelled() {
        let wait = match fire(&app, &lease, limit).await {
            Ok(wait) => wait,
            Err(StoreError::Fenced { consumer }) => return Err(StoreError::Fenced { consumer }),
            Err(error) => {
                tracing::warn!(%error, "timers cannot be fired now; trying again");
                Duration::from_millis(200)
            }
        };
        if wait.is_zero() {
            continue;
        }
        tokio::select! {
            () = app.timers_changed.notified() => {}
            () = tokio::time::sleep(wait) => {}
            () = stop.cancelled() => {}
        }
    }
    Ok(())
}

/// Fires what is due; says how long nothing else will be.
async fn fire(app: &App, lease: &Lease, limit: usize) -> Result<Duration, StoreError> {
    let now = app.now();
    let (due, next) = app.store.due_timers(lease.part, now, limit).await?;
    if due.is_empty() {
        let longest = app.settings.consumers.poll_interval_ms.duration();
        let wait = next.map_or(longest, |at| {
            Duration::from_micros((at.0 - now.0).max(0).unsigned_abs())
        });
        return Ok(wait.clamp(Duration::from_millis(1), longest));
    }
    let changes = due
        .into_iter()
        .map(|(timer, shipment)| step(app, timer, shipment))
        .collect();
    for result in app.store.advance(changes, Some(lease.clone())).await? {
        match result {
            // Somebody moved the shipment by hand meanwhile; its timer went with that.
            Ok(()) | Err(StoreError::Conflict { .. }) => {}
            Err(error) => tracing::error!(%error, "a timer could not be fired"),
        }
    }
    Ok(Duration::ZERO)
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
