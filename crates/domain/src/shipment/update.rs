//! Decides a shipment's next step, which a person requests or a carrier reports.

use super::record::Shipment;
use super::status::ShipmentStatus::{
    self, Cancelled, Delivered, DeliveryFailed, Failed, Lost, Processing, Returned, Shipped,
};
use crate::change::{Change, DeliveryEffect, ShipmentChange};
use crate::context::Context;
use crate::event::{EventKind, NewEvent};
use crate::refusal::Refusal;
use crate::time::Time;
use crate::timer::{Timer, TimerChange};

/// A requested or reported step of a shipment, with the details that came with it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Update {
    pub status: Option<ShipmentStatus>,
    pub tracking_number: Option<String>,
    pub carrier: Option<String>,
    /// When the simulated carrier takes the next step; `None` ends its timers.
    pub due_at: Option<Time>,
}

/// The statuses on the shortest path to the target, the target included; `None` when there is no path. A shipment is
/// cancelled only in one step, so that no `shipped` is recorded that did not happen.
fn path(from: ShipmentStatus, to: ShipmentStatus) -> Option<Vec<ShipmentStatus>> {
    if from == to {
        return Some(vec![]);
    }
    let mut ways: Vec<Vec<ShipmentStatus>> =
        from.allowed().into_iter().map(|next| vec![next]).collect();
    // A path without a repeated status is not longer than this.
    for _ in 0..ShipmentStatus::ALL.len() {
        if let Some(found) = ways.iter().find(|way| way.ends_with(&[to])) {
            return Some(found.clone());
        }
        let longer = |way: &Vec<ShipmentStatus>| {
            let here = way.last().map_or(from, |last| *last);
            let next = here.allowed().into_iter();
            next.map(|step| [way.as_slice(), &[step]].concat())
                .collect::<Vec<_>>()
        };
        ways = ways.iter().flat_map(longer).collect();
    }
    None
}

/// Decides an update that a person requests; `Ok(None)` when it changes nothing. `delivered` may be requested before
/// `shipped` and then takes both steps; every other step must be in the table.
///
/// # Errors
/// [`Refusal::InvalidShipmentTransition`] for a step that the table does not have. Repeating the present status is no
/// error.
pub fn update(
    shipment: &Shipment,
    update: &Update,
    context: &mut Context<'_>,
) -> Result<Option<Change<DeliveryEffect>>, Refusal> {
    let from = shipment.status;
    let to = update.status.unwrap_or(from);
    let steps = path(from, to).filter(|way| way.len() <= 1 || to == Delivered);
    let steps = steps.ok_or_else(|| Refusal::InvalidShipmentTransition {
        from,
        to,
        allowed: from.allowed(),
    })?;
    Ok(take(shipment, update, &steps, None, context))
}

/// Decides a carrier's report; `None` when it changes nothing. A report that skips steps takes these steps too; a
/// report that arrives too late is recorded and changes nothing else.
#[must_use]
pub fn report(
    shipment: &Shipment,
    update: &Update,
    context: &mut Context<'_>,
) -> Option<Change<DeliveryEffect>> {
    let to = update.status.unwrap_or(shipment.status);
    match path(shipment.status, to) {
        Some(steps) => take(shipment, update, &steps, None, context),
        None => take(shipment, update, &[], Some(to), context),
    }
}

fn take(
    shipment: &Shipment,
    update: &Update,
    steps: &[ShipmentStatus],
    late: Option<ShipmentStatus>,
    context: &mut Context<'_>,
) -> Option<Change<DeliveryEffect>> {
    let mut after = shipment.clone();
    after.tracking_number = update.tracking_number.clone().or(after.tracking_number);
    after.carrier = update.carrier.clone().or(after.carrier);
    if steps.is_empty() && late.is_none() && after == *shipment {
        return None;
    }
    after.updated_at = context.now;
    let mut events = vec![];
    for status in steps {
        let previous = std::mem::replace(&mut after.status, *status);
        after.version += 1;
        match status {
            Shipped => after.shipped_at = after.shipped_at.or(Some(context.now)),
            Delivered => after.delivered_at = Some(context.now),
            Processing | DeliveryFailed | Returned | Lost | Cancelled | Failed => {}
        }
        events.push(after.event(status.event(), Some(previous), context));
    }
    if steps.is_empty() {
        after.version += 1;
        events.push(after.tell(EventKind::ShipmentUpdated, None, late, context));
    } else {
        after.due_at = update.due_at;
    }
    Some(change(shipment.version, shipment.timer(), after, events))
}

/// The change that writes `after` over version `expected_version` and replaces its timer.
fn change(
    expected_version: i64,
    timer_before: Option<Timer>,
    after: Shipment,
    events: Vec<NewEvent>,
) -> Change<DeliveryEffect> {
    let mut timers = vec![];
    if timer_before != after.timer() {
        timers.extend(timer_before.map(TimerChange::Clear));
        timers.extend(after.timer().map(TimerChange::Set));
    }
    let (tenant, order_id, partition) = (after.tenant.clone(), after.order_id, after.partition);
    let effect = DeliveryEffect {
        delivery: None,
        shipments: vec![ShipmentChange {
            expected_version,
            after,
        }],
        timers,
    };
    let mut change = Change::new(tenant, order_id, partition, effect);
    change.events = events;
    change
}
