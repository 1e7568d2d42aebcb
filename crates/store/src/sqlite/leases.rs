//! Which process works as a consumer on which partition, and with which epoch.
//!
//! Only one process opens this store, so no lease is taken over by another one; writes are fenced by the same rules as
//! on the shared store.

use super::errors::IntoStore;
use super::rows::Columns;
use super::tx::Tx;
use crate::error::{Error, Result};
use crate::model::{HeldLease, Lease, LeaseView};
use rusqlite::{Connection, OptionalExtension, params};
use waybill_domain::time::Time;

/// Deletes all members: the processes that had this store open before have ended.
pub fn forget_former_owners(connection: &Connection) -> Result<()> {
    connection
        .execute_batch("DELETE FROM members; UPDATE leases SET until = 0;")
        .store()
}

/// Records that an owner is alive, renews its leases, and returns the other owners.
pub fn keep_alive(
    tx: &Tx<'_>,
    consumer: &str,
    owner: &str,
    now: Time,
    until: Time,
) -> Result<LeaseView> {
    tx.execute(
        "INSERT INTO members (consumer, owner, until) VALUES (?1, ?2, ?3) ON CONFLICT (consumer, owner) DO UPDATE SET until = excluded.until",
        params![consumer, owner, until.0],
    )?;
    tx.execute(
        "DELETE FROM members WHERE consumer = ?1 AND until <= ?2",
        params![consumer, now.0],
    )?;
    tx.execute(
        "UPDATE leases SET until = ?3 WHERE consumer = ?1 AND owner = ?2 AND until > ?4",
        params![consumer, owner, until.0, now.0],
    )?;
    lease_view(tx.connection, consumer, now)
}

fn lease_view(connection: &Connection, consumer: &str, now: Time) -> Result<LeaseView> {
    let mut view = LeaseView::default();
    let mut members = connection
        .prepare_cached("SELECT owner FROM members WHERE consumer = ?1 ORDER BY owner")
        .store()?;
    let mut rows = members.query([consumer]).store()?;
    while let Some(row) = rows.next().store()? {
        view.members.push(Columns::of(row).get()?);
    }
    let mut leases = connection
        .prepare_cached("SELECT part, owner, epoch, until FROM leases WHERE consumer = ?1 AND until > ?2 ORDER BY part")
        .store()?;
    let mut rows = leases.query(params![consumer, now.0]).store()?;
    while let Some(row) = rows.next().store()? {
        let mut c = Columns::of(row);
        view.held.push(HeldLease {
            partition: c.get()?,
            owner: c.get()?,
            epoch: c.get()?,
            until: c.time()?,
        });
    }
    Ok(view)
}

/// Takes the lease with a new epoch, which fences the former owner, and returns the cursor's position.
pub fn take(
    tx: &Tx<'_>,
    consumer: &str,
    partition: u16,
    owner: &str,
    now: Time,
    until: Time,
) -> Result<Option<(Lease, i64)>> {
    let taken = tx.execute(
        "INSERT INTO leases (consumer, part, owner, epoch, until) VALUES (?1, ?2, ?3, 1, ?4) \
         ON CONFLICT (consumer, part) DO UPDATE SET owner = excluded.owner, epoch = leases.epoch + 1, until = excluded.until \
         WHERE leases.until <= ?5 OR leases.owner = excluded.owner",
        params![consumer, partition, owner, until.0, now.0],
    )?;
    if taken == 0 {
        return Ok(None);
    }
    let epoch = epoch(tx.connection, consumer, partition)?;
    let epoch = epoch.ok_or_else(|| Error::unavailable("the lease that was written is gone"))?;
    tx.execute(
        "INSERT INTO cursors (consumer, part, position, epoch) VALUES (?1, ?2, 0, ?3) \
         ON CONFLICT (consumer, part) DO UPDATE SET epoch = excluded.epoch",
        params![consumer, partition, epoch],
    )?;
    let position = tx
        .connection
        .query_row(
            "SELECT position FROM cursors WHERE consumer = ?1 AND part = ?2",
            params![consumer, partition],
            |row| row.get(0),
        )
        .store()?;
    let lease = Lease {
        consumer: consumer.to_owned(),
        partition,
        epoch,
    };
    Ok(Some((lease, position)))
}

/// Ends a lease early. A lease that another owner has taken over stays as it is.
pub fn release(tx: &Tx<'_>, lease: &Lease, owner: &str) -> Result<()> {
    tx.execute(
        "UPDATE leases SET until = 0 WHERE consumer = ?1 AND part = ?2 AND epoch = ?3 AND owner = ?4",
        params![lease.consumer, lease.partition, lease.epoch, owner],
    )?;
    Ok(())
}

/// Removes an owner from the members and ends all its leases.
pub fn leave(tx: &Tx<'_>, consumer: &str, owner: &str) -> Result<()> {
    tx.execute(
        "DELETE FROM members WHERE consumer = ?1 AND owner = ?2",
        params![consumer, owner],
    )?;
    tx.execute(
        "UPDATE leases SET until = 0 WHERE consumer = ?1 AND owner = ?2",
        params![consumer, owner],
    )?;
    Ok(())
}

fn epoch(connection: &Connection, consumer: &str, partition: u16) -> Result<Option<i64>> {
    connection
        .prepare_cached("SELECT epoch FROM leases WHERE consumer = ?1 AND part = ?2")
        .store()?
        .query_row(params![consumer, partition], |row| row.get(0))
        .optional()
        .store()
}

/// Fails with [`Error::Fenced`] unless the lease is still held.
pub fn fence(tx: &Tx<'_>, lease: &Lease) -> Result<()> {
    if epoch(tx.connection, &lease.consumer, lease.partition)? == Some(lease.epoch) {
        Ok(())
    } else {
        Err(fenced(lease))
    }
}

pub fn fenced(lease: &Lease) -> Error {
    Error::Fenced {
        consumer: lease.consumer.clone(),
    }
}
