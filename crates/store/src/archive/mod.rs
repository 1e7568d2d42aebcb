//! Finished orders that were moved out of the way: all rows of an order, its events included, become one compressed
//! document in `archived_orders`, and can be put back from it.
//!
//! Owns which rows leave, what the document looks like and when an order may leave; the drivers read, write and delete
//! the rows. **Invariant:** an order is in the tables or in the archive, never in both and never in neither, because it
//! changes sides in one transaction. Its claims stay where they are, so that its key, reference and number remain its own.
//!
//! A document has the columns of the schema that it was made under. A later schema with a column that may not be null has
//! to say in `document` what the documents of before have there.
//!
//! The units that left stock with archived orders are summed up in `archived_stock`, so that stock still equals its
//! movements less what was consumed.

mod document;
mod events;
mod leaving;
mod tables;
mod walk;

pub use document::{Consumed, Document};
pub use leaving::{CANDIDATES, MAY_ALL_LEAVE, MAY_LEAVE};
pub use tables::{Key, ORDER_TABLES, names};
pub use walk::{Look, Passed};

use crate::error::{Error, Result};
use crate::sources::with_sources;
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
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Archival {
    pub archived: usize,
    /// Orders that may leave but could not be moved, each with the reason.
    pub failed: Vec<(OrderId, String)>,
    /// The number that the next look goes on after; `None` when this one has reached an order that is too young, or the
    /// last one.
    pub reached: Option<i64>,
}

impl Archival {
    /// Of the orders that were to be moved, with what became of each: whether it left.
    pub(crate) fn of(ids: &[OrderId], moved: Vec<Result<bool>>, reached: Option<i64>) -> Self {
        let mut archival = Self {
            reached,
            ..Self::default()
        };
        for (id, moved) in ids.iter().zip(moved) {
            match moved {
                Ok(left) => archival.archived += usize::from(left),
                Err(error) => archival.failed.push((*id, with_sources(&error))),
            }
        }
        archival
    }
}

/// An order in the archive.
#[derive(Clone, Debug)]
pub struct ArchivedOrder {
    pub id: OrderId,
    /// The value of its readable number.
    pub number: i64,
    pub tenant: Tenant,
    /// Its status, as it is on the wire.
    pub status: String,
    pub version: i64,
    pub archived_at: Time,
    pub document: Document,
}

impl ArchivedOrder {
    /// The number that the caller gave the order; `None` for one with our readable number.
    #[must_use]
    pub fn caller_number(&self) -> Option<String> {
        // No error: a document leaves out what is null.
        self.document.of_order("caller_number").ok()
    }

    /// Reads a row of the archive, whose document is in `bytes`.
    ///
    /// # Errors
    /// [`Error::DamagedRow`], which names the order.
    pub fn read(self, bytes: &[u8]) -> Result<Self> {
        let id = self.id;
        let document = Document::decode(bytes).map_err(|error| {
            Error::damaged_row("an archived order", format!("{id}: {error}")).because(error)
        })?;
        Ok(Self { document, ..self })
    }
}
