//! Writes what the domain decided: each row is guarded by the version that the decision was made on. This file has the
//! part that is the same for every owner; each owner's rows have a file.

mod delivery;
mod no_rows;
mod orders;
mod reservations;
mod work;

pub use orders::place_hold;
pub use reservations::{COLUMNS as RESERVATION_COLUMNS, read as read_reservation, reserve};
pub use work::add_work;

use super::log;
use super::once;
use super::tx::Tx;
use crate::error::{Error, Result};
use crate::traits::Effect;
use rusqlite::Connection;
use waybill_domain::change::Change;
use waybill_domain::ids::OrderId;

/// The rows of one owner in this database.
pub trait OwnedRows: Effect {
    /// The rows of orders that this owner decides on; those not found are left out.
    fn load(connection: &Connection, orders: &[OrderId]) -> Result<Vec<Self::Known>>;

    /// Writes the effects of changes, all of them or none.
    fn write(tx: &mut Tx<'_>, changes: &[Change<Self>]) -> Result<()>;
}

/// Writes changes, all of them or none: keys, the owner's rows, work, log.
pub fn write<E: OwnedRows>(tx: &mut Tx<'_>, changes: &[Change<E>]) -> Result<()> {
    for change in changes {
        if let Some(claim) = &change.claim
            && !once::claim(tx, &change.tenant, claim, &claim.outcome)?
        {
            return Err(Error::KeyUsed);
        }
    }
    E::write(tx, changes)?;
    for change in changes {
        add_work(tx, &change.tenant, &change.work)?;
    }
    // A transaction of one consumer touches one partition; the embedded store has only one.
    let partition = changes.first().map_or(0, |change| change.partition);
    log::append(
        tx,
        partition,
        changes.iter().flat_map(|change| &change.events),
    )
}
