//! Writes what the domain decided: rows are locked and their versions compared in memory, then everything is written in
//! one flush. This file and `locked.rs` have the part that is the same for every owner; each owner's rows have their
//! own files.
//!
//! Changes of one batch may build on each other. Each change is compared with the state that the change before it
//! leaves, and only the last state of a row is written.

mod counts;
mod delivery;
mod locked;
mod locked_delivery;
mod locked_orders;
mod no_rows;
mod orders;
mod reservations;
mod timers;
mod work;

pub use counts::Counts;
pub use locked::{Locked, Wanted};
pub use orders::place_hold;
pub use reservations::reserve;
pub use work::add_work;

use super::pipeline::{Answers, Pipeline};
use super::transaction::Commits;
use crate::error::Result;
use crate::traits::Effect;
use waybill_domain::change::Change;
use waybill_domain::ids::OrderId;

/// The rows of one owner in this database.
pub trait OwnedRows: Effect {
    /// Which rows changes are about to write.
    type Wanted: Send + Sync;
    /// The locks that were asked for.
    type Locks: Send;
    /// The state of the locked rows.
    type Locked: Send + Sync;

    /// The rows of orders that this owner decides on; those not found are left out.
    fn load(
        commits: &Commits,
        orders: &[OrderId],
    ) -> impl Future<Output = Result<Vec<Self::Known>>> + Send;

    /// The rows that changes write.
    fn wanted(changes: &[&Change<Self>]) -> Self::Wanted;

    /// Adds the locks of rows, in the order of `lock.rs`.
    fn lock<'p>(wanted: &'p Self::Wanted, pipeline: &mut Pipeline<'p>) -> Self::Locks;

    /// Reads the state of the locked rows.
    fn read(locks: Self::Locks, answers: &mut Answers) -> Result<Self::Locked>;

    /// Takes a change in if it was decided on the rows' present versions.
    fn take(locked: &mut Self::Locked, change: &Change<Self>) -> Result<()>;

    /// Adds the writes of changes that `locked` has all taken in.
    fn write<'p>(
        pipeline: &mut Pipeline<'p>,
        changes: &[&'p Change<Self>],
        locked: &'p Self::Locked,
    );
}

/// Adds the writes of changes that `locked` has all taken in: the owner's rows, then work. The caller appends the
/// events afterwards, because the log's partition is locked last.
pub fn write<'p, E: OwnedRows>(
    pipeline: &mut Pipeline<'p>,
    changes: &[&'p Change<E>],
    locked: &'p Locked<E>,
) {
    E::write(pipeline, changes, &locked.rows);
    for change in changes {
        add_work(pipeline, &change.tenant, &change.work);
    }
}
