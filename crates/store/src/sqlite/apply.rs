//! Writes the effects of a consumer's batch together with its cursor.

use super::bisect::bisect;
use super::changes::{self, OwnedRows};
use super::leases::{fence, fenced};
use super::parked;
use super::tx::Tx;
use crate::consume::{BatchDecision, Consumed, Known};
use crate::error::{Error, Result};
use crate::model::{ConsumerBatch, Lease};
use rusqlite::params;
use waybill_domain::change::Change;
use waybill_domain::ids::OrderId;

/// Loads the rows that the batch needs, runs its decision, and writes the result.
pub fn consume<E: OwnedRows>(tx: &mut Tx<'_>, batch: &dyn BatchDecision<E>) -> Result<Consumed> {
    let known = known(tx, batch.consumer(), &batch.needs(), batch.order_ids())?;
    let decided = batch.decide(&known);
    apply(tx, &decided)?;
    Ok(Consumed::of(&decided))
}

/// Loads the rows of orders, and which of `keys` are parked for the consumer.
pub fn known<E: OwnedRows>(
    tx: &Tx<'_>,
    consumer: &str,
    needs: &[OrderId],
    keys: Vec<OrderId>,
) -> Result<Known<E>> {
    let parked = if tx.counters.parked > 0 {
        parked::among(tx.connection, consumer, keys)?
    } else {
        vec![]
    };
    let rows = E::load(tx.connection, needs)?;
    Ok(Known { rows, parked })
}

/// Writes a batch's effects and moves the cursor; on an error, neither.
pub fn apply<E: OwnedRows>(tx: &mut Tx<'_>, apply: &ConsumerBatch<E>) -> Result<()> {
    fence(tx, &apply.lease)?;
    let moved = tx.execute(
        "UPDATE cursors SET position = ?4 WHERE consumer = ?1 AND part = ?2 AND position = ?3 AND epoch = ?5",
        params![apply.lease.consumer, apply.lease.partition, apply.from, apply.to, apply.lease.epoch],
    )?;
    if moved != 1 {
        return Err(fenced(&apply.lease));
    }
    refuse_parked(tx, &apply.lease.consumer, &apply.changes)?;
    for event in &apply.park {
        parked::park(tx, &apply.lease.consumer, apply.lease.partition, event)?;
    }
    changes::write(tx, &apply.changes)
}

/// Refuses changes of orders that are parked for a consumer. It is read inside the transaction, where it cannot change.
pub fn refuse_parked<E>(tx: &Tx<'_>, consumer: &str, changes: &[Change<E>]) -> Result<()> {
    if tx.counters.parked == 0 {
        return Ok(());
    }
    for change in changes {
        if parked::is_parked(tx.connection, consumer, change.order_id)? {
            return Err(Error::Conflict {
                what: "a parked order",
            });
        }
    }
    Ok(())
}

/// Writes changes that no cursor belongs to, all of them or none.
pub fn write_under<E: OwnedRows>(tx: &mut Tx<'_>, lease: &Lease, all: &[Change<E>]) -> Result<()> {
    fence(tx, lease)?;
    changes::write(tx, all)
}

/// Writes independent changes; one that conflicts fails alone.
pub fn advance<E: OwnedRows>(
    tx: &mut Tx<'_>,
    all: &[Change<E>],
    lease: Option<&Lease>,
) -> Result<Vec<Result<()>>> {
    if let Some(lease) = lease {
        fence(tx, lease)?;
    }
    bisect(tx, all, &mut |tx, some| {
        changes::write(tx, some)?;
        Ok(vec![(); some.len()])
    })
}
