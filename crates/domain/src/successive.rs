//! Successive changes of one order as one change. What is written in one transaction need not be written step by step:
//! only the rows after the last step can be seen, and every event of every step.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use crate::change::{Change, DeliveryEffect, OrderEffect};
use crate::ids::OrderId;
use crate::timer::TimerChange;

/// Rows of one owner that can be written over each other.
pub trait Successive {
    /// Takes on what `later`, which was decided on the rows as `self` leaves them, writes after it.
    fn follow(&mut self, later: Self);
}

/// Makes one change of the changes of each order, in the order of their first ones. The events of an order keep their
/// order. A change that carries a command's key stays by itself, because the key decides whether it is written.
#[must_use]
pub fn merged<E: Successive>(changes: Vec<Change<E>>) -> Vec<Change<E>> {
    let mut places: HashMap<OrderId, usize> = HashMap::new();
    let mut merged: Vec<Change<E>> = Vec::with_capacity(changes.len());
    for change in changes {
        match places.entry(change.order_id) {
            Entry::Occupied(place) if change.claim.is_none() => {
                let first = &mut merged[*place.get()];
                first.effect.follow(change.effect);
                first.work.extend(change.work);
                first.events.extend(change.events);
            }
            Entry::Occupied(mut place) => {
                place.insert(merged.len());
                merged.push(change);
            }
            Entry::Vacant(place) => {
                place.insert(merged.len());
                merged.push(change);
            }
        }
    }
    merged
}

impl Successive for OrderEffect {
    fn follow(&mut self, later: Self) {
        let (order, then) = (&mut self.order, later.order);
        order.after = then.after;
        order.shipments_changed |= then.shipments_changed;
        order.changed_lines.extend(then.changed_lines);
        order.changed_lines.sort_unstable();
        order.changed_lines.dedup();
        self.cancel_reason = later.cancel_reason.or(self.cancel_reason.take());
        self.holds.extend(later.holds);
        self.reservations.extend(later.reservations);
    }
}

impl Successive for DeliveryEffect {
    fn follow(&mut self, later: Self) {
        match (&mut self.delivery, later.delivery) {
            (Some(delivery), Some(then)) => delivery.after = then.after,
            (delivery @ None, then) => *delivery = then,
            (Some(_), None) => {}
        }
        for shipment in later.shipments {
            let id = shipment.after.id;
            match self.shipments.iter_mut().find(|known| known.after.id == id) {
                Some(known) => known.after = shipment.after,
                None => self.shipments.push(shipment),
            }
        }
        for timer in later.timers {
            self.add(timer);
        }
    }
}

impl DeliveryEffect {
    /// Adds a change of timers; a timer that is cleared right after it was set was never there.
    fn add(&mut self, change: TimerChange) {
        if let TimerChange::Clear(timer) = &change {
            let set = TimerChange::Set(timer.clone());
            if let Some(place) = self.timers.iter().rposition(|known| *known == set) {
                self.timers.remove(place);
                return;
            }
        }
        self.timers.push(change);
    }
}
