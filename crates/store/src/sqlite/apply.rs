//! Consumers: leases, cursors, and effects written together with the cursor.

use super::bisect::bisect;
use super::changes;
use super::errors::IntoStore;
use super::parked;
use super::tx::Tx;
use crate::error::{Error, Result};
use crate::model::{Apply, Lease};
use rusqlite::{Connection, OptionalExtension, params};
use waybill_domain::change::Change;
use waybill_domain::time::Time;

/// Takes the lease with a new epoch; whoever had it is fenced from now on. Says where the cursor stands.
pub fn take_lease(
    tx: &Tx<'_>,
    consumer: &str,
    part: u16,
    owner: &str,
    until: Time,
) -> Result<(Lease, i64)> {
    tx.execute(
        "INSERT INTO leases (consumer, part, owner, epoch, until) VALUES (?1, ?2, ?3, 1, ?4) \
         ON CONFLICT (consumer, part) DO UPDATE SET owner = excluded.owner, epoch = leases.epoch + 1, until = excluded.until",
        params![consumer, part, owner, until.0],
    )?;
    let epoch = epoch(tx.connection, consumer, part)?.unwrap_or(0);
    tx.execute(
        "INSERT INTO cursors (consumer, part, position, epoch) VALUES (?1, ?2, 0, ?3) \
         ON CONFLICT (consumer, part) DO UPDATE SET epoch = excluded.epoch",
        params![consumer, part, epoch],
    )?;
    let position = tx
        .connection
        .query_row(
            "SELECT position FROM cursors WHERE consumer = ?1 AND part = ?2",
            params![consumer, part],
            |row| row.get(0),
        )
        .store()?;
    Ok((
        Lease {
            consumer: consumer.to_owned(),
            part,
            epoch,
        },
        position,
    ))
}

fn epoch(connection: &Connection, consumer: &str, part: u16) -> Result<Option<i64>> {
    connection
        .prepare_cached("SELECT epoch FROM leases WHERE consumer = ?1 AND part = ?2")
        .store()?
        .query_row(params![consumer, part], |row| row.get(0))
        .optional()
        .store()
}

/// Ends the transaction unless the lease is still held.
pub fn fence(tx: &Tx<'_>, lease: &Lease) -> Result<()> {
    if epoch(tx.connection, &lease.consumer, lease.part)? == Some(lease.epoch) {
        Ok(())
    } else {
        Err(fenced(lease))
    }
}

fn fenced(lease: &Lease) -> Error {
    Error::Fenced {
        consumer: lease.consumer.clone(),
    }
}

/// Writes a batch's effects and moves the cursor, all or nothing.
pub fn apply(tx: &mut Tx<'_>, apply: &Apply) -> Result<()> {
    fence(tx, &apply.lease)?;
    let moved = tx.execute(
        "UPDATE cursors SET position = ?4 WHERE consumer = ?1 AND part = ?2 AND position = ?3 AND epoch = ?5",
        params![apply.lease.consumer, apply.lease.part, apply.from, apply.to, apply.lease.epoch],
    )?;
    if moved != 1 {
        return Err(fenced(&apply.lease));
    }
    // Whether an order is parked is read here, where nobody can change it meanwhile.
    if tx.counters.parked > 0 {
        for change in &apply.changes {
            if parked::is_parked(tx.connection, &apply.lease.consumer, change.order_id)? {
                return Err(Error::Conflict {
                    what: "a parked order",
                });
            }
        }
    }
    for event in &apply.park {
        parked::park(tx, &apply.lease, event)?;
    }
    changes::write(tx, &apply.changes)
}

/// Writes changes that stand for themselves; one that conflicts fails alone.
pub fn advance(tx: &mut Tx<'_>, all: &[Change], lease: Option<&Lease>) -> Result<Vec<Result<()>>> {
    if let Some(lease) = lease {
        fence(tx, lease)?;
    }
    bisect(tx, all, &mut |tx, some| {
        changes::write(tx, some)?;
        Ok(vec![(); some.len()])
    })
}
