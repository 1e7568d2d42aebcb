//! Finished orders that were moved out of the way: all rows of an order, its events included, become one compressed
//! document in `archived_orders`, and can be put back from it.
//!
//! Owns which rows leave, what the document looks like and when an order may leave; the drivers read, write and delete
//! the rows. **Invariant:** an order is in the tables or in the archive, never in both and never in neither, because it
//! changes sides in one transaction. Its claims stay where they are, so that its key, reference and number remain its own.
//!
//! The units that left stock with archived orders are summed up in `archived_stock`, so that stock still equals its
//! movements less what was consumed.

mod document;
mod events;
mod leaving;
mod tables;

pub use document::{Consumed, Document};
pub use leaving::{CANDIDATES, MAY_LEAVE};
pub use tables::{Key, ORDER_TABLES, names};

use serde::Serialize;
use waybill_domain::ids::OrderId;
use waybill_domain::text::Tenant;
use waybill_domain::time::Time;

/// The first schema with an archive.
pub const SINCE: i64 = 17;

/// Which orders to move into the archive: a bounded look at the orders after a number.
#[derive(Clone, Copy, Debug)]
pub struct Archiving {
    /// The number that an earlier look has reached; 0 at the beginning.
    pub after: i64,
    /// Only orders that nothing has happened to since this time.
    pub before: Time,
    /// Orders moved at most.
    pub limit: usize,
}

/// What one look came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Archival {
    pub archived: usize,
    /// The number that the next look goes on after; `None` when this one has reached an order that is too young, or the
    /// last one.
    pub reached: Option<i64>,
}

/// An order in the archive.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ArchivedOrder {
    pub id: OrderId,
    /// The value of its readable number.
    pub number: i64,
    pub tenant: Tenant,
    pub archived_at: Time,
    pub document: Document,
}
