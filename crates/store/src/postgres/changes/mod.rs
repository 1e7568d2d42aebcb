//! Writes what the domain decided: rows are locked and their versions compared in memory, then everything is written in
//! one flush.
//!
//! Changes of one batch may build on each other. Each is compared with the state that the one before it leaves, and
//! only the last state of a row is written.

mod counts;
mod delivery;
mod locked;
mod orders;
mod reservations;
mod timers;

pub use counts::Counts;
pub use locked::{Locked, Wanted};
pub use orders::place_hold;
pub use reservations::reserve;
pub use timers::add_work;

use super::pipeline::Pipeline;
use waybill_domain::change::Change;

/// Adds the writes of changes that `locked` has all taken in: orders, shipments, reservations, stock (summed), timers, work.
/// The log is the caller's last step.
pub fn write<'p>(pipeline: &mut Pipeline<'p>, changes: &[&'p Change], locked: &'p Locked) {
    orders::write_orders(pipeline, changes);
    orders::write_holds(pipeline, changes);
    delivery::write_deliveries(pipeline, changes);
    delivery::write_shipments(pipeline, changes);
    reservations::move_units(pipeline, changes, locked);
    timers::write_timers(pipeline, changes);
    for change in changes {
        add_work(pipeline, &change.tenant, &change.work);
    }
}
