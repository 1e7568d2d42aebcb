//! Parked events: an event that could not be applied, and all later events of its order.

use super::changes::{self, OwnedRows};
use super::errors::IntoStore;
use super::held;
use super::log;
use super::once;
use super::rows::Columns;
use super::tx::{Tx, expect_one};
use crate::encoding::{queue, read_envelope, write_envelope};
use crate::error::{Error, Result};
use crate::model::{Flag, FlaggedRow, HeldId, Lease, NewParked, Page, Parked, ParkedOutcome};
use rusqlite::{Connection, Row, params};
use waybill_domain::event::EventKind;
use waybill_domain::ids::OrderId;
use waybill_domain::parked::{NextTry, ParkedState, Tries};
use waybill_domain::parked_place::ParkedPlace;
use waybill_domain::text::Tenant;
use waybill_domain::time::Time;

/// Whether an event of an order is parked for a consumer.
pub fn is_parked(connection: &Connection, consumer: &str, order: OrderId) -> Result<bool> {
    connection
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM parked WHERE consumer = ?1 AND order_id = ?2)",
        )
        .store()?
        .query_row(params![consumer, order.bytes()], |row| row.get(0))
        .store()
}

/// Those of `orders` that are parked for a consumer.
pub fn among(
    connection: &Connection,
    consumer: &str,
    orders: Vec<OrderId>,
) -> Result<Vec<OrderId>> {
    let mut found = vec![];
    for order in orders {
        if is_parked(connection, consumer, order)? {
            found.push(order);
        }
    }
    Ok(found)
}

/// Parks an event; an event that is parked already stays unchanged.
pub fn park(tx: &mut Tx<'_>, consumer: &str, partition: u16, new: &NewParked) -> Result<()> {
    let order = queue(&new.event.event);
    let tries = Tries::begin(new.error.is_some(), tx.now, new.next_attempt_at);
    let added = tx.execute(
        "INSERT INTO parked (consumer, order_id, position, part, tenant, envelope, state, error, attempts, first_at, last_at, next_attempt_at) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?10, ?11) ON CONFLICT DO NOTHING",
        params![
            consumer,
            order.bytes(),
            new.event.position,
            partition,
            new.event.event.tenant.as_str(),
            write_envelope(&new.event),
            tries.state.as_str(),
            new.error,
            tries.attempts,
            tries.last_at.0,
            tries.next_attempt_at.0,
        ],
    )?;
    tx.counters.parked += i64::from(added > 0);
    Ok(())
}

const COLUMNS: &str = "p.consumer, p.order_id, p.position, p.envelope, p.state, p.error, p.attempts, p.first_at, p.last_at, p.next_attempt_at";
/// Selects the first parked event of each order: only that one is tried, and the later ones wait for it.
const FIRST: &str = "p.position = (SELECT MIN(q.position) FROM parked q WHERE q.consumer = p.consumer AND q.order_id = p.order_id)";

fn parked(row: &Row<'_>) -> Result<Parked> {
    let mut c = Columns::of(row);
    Ok(Parked {
        consumer: c.get()?,
        key: c.order_id()?,
        position: c.get()?,
        event: read_envelope(&c.get::<String>()?),
        state: c.text("a parked state", ParkedState::parse)?,
        error: c.get()?,
        attempts: c.get()?,
        first_at: c.time()?,
        last_at: c.time()?,
        next_attempt_at: c.time()?,
    })
}

fn select(
    connection: &Connection,
    from: &str,
    params: impl rusqlite::Params,
) -> Result<Vec<Parked>> {
    let mut statement = connection
        .prepare_cached(&format!("SELECT {COLUMNS} FROM {from}"))
        .store()?;
    let mut rows = statement.query(params).store()?;
    let mut found = vec![];
    while let Some(row) = rows.next().store()? {
        found.push(parked(row)?);
    }
    Ok(found)
}

/// The first parked event of each order that is due or flagged.
pub fn due(
    connection: &Connection,
    consumer: &str,
    partition: u16,
    now: Time,
    limit: usize,
) -> Result<Vec<Parked>> {
    let from = format!(
        "parked p WHERE p.consumer = ?1 AND p.part = ?2 AND {FIRST} AND (p.state IN ('redrive', 'discard') OR p.state = 'waiting' AND p.next_attempt_at <= ?3) \
         ORDER BY p.next_attempt_at LIMIT ?4"
    );
    select(
        connection,
        &from,
        params![consumer, partition, now.0, limit],
    )
}

/// A page of a tenant's dead letters.
pub fn list(
    connection: &Connection,
    tenant: &Tenant,
    after: Option<&ParkedPlace>,
    limit: usize,
) -> Result<Page<Parked, ParkedPlace>> {
    let (consumer, order) = ParkedPlace::sort_key(after);
    // INDEXED BY, because the planner may prefer the primary key, and scan the dead letters of all tenants.
    let from = format!(
        "parked p INDEXED BY parked_of_tenant WHERE p.tenant = ?1 AND {FIRST} AND (p.consumer, p.order_id) > (?2, ?3) ORDER BY p.consumer, p.order_id LIMIT ?4"
    );
    let items = select(
        connection,
        &from,
        params![tenant.as_str(), consumer, order.bytes(), limit],
    )?;
    Ok(Page::up_to(limit, items, Parked::place))
}

/// How many keys have parked events of a consumer, by partition.
pub fn keys(connection: &Connection, consumer: &str) -> Result<Vec<(u16, u64)>> {
    let mut select = connection
        .prepare_cached(
            "SELECT part, COUNT(DISTINCT order_id) FROM parked WHERE consumer = ?1 GROUP BY part ORDER BY part",
        )
        .store()?;
    let rows = select.query_map([consumer], |row| Ok((row.get(0)?, row.get(1)?)));
    rows.store()?.collect::<rusqlite::Result<_>>().store()
}

/// Flags a parked event, or a message that waits, for its owner.
pub fn flag(tx: &Tx<'_>, tenant: &Tenant, flag: &Flag) -> Result<bool> {
    let flagged = match flag.row {
        FlaggedRow::Parked(position) => flag_parked(tx, tenant, flag, position)?,
        FlaggedRow::Held(message) => {
            let id = HeldId {
                key: flag.order,
                message,
            };
            held::flag(tx, tenant, &flag.consumer, id, flag.state)?
        }
    };
    if let Some(claim) = &flag.claim
        && flagged
        && !once::claim(tx, tenant, claim, &claim.outcome)?
    {
        return Err(Error::KeyUsed);
    }
    Ok(flagged)
}

fn flag_parked(tx: &Tx<'_>, tenant: &Tenant, flag: &Flag, position: i64) -> Result<bool> {
    let changed = tx.execute(
        "UPDATE parked SET state = ?5 WHERE tenant = ?1 AND consumer = ?2 AND order_id = ?3 AND position = ?4",
        params![
            tenant.as_str(),
            flag.consumer,
            flag.order.bytes(),
            position,
            flag.state.as_str()
        ],
    )?;
    Ok(changed == 1)
}

/// Records the result of a try of a parked event, together with its effect.
pub fn settle<E: OwnedRows>(
    tx: &mut Tx<'_>,
    lease: &Lease,
    order: OrderId,
    position: i64,
    outcome: &ParkedOutcome<E>,
) -> Result<()> {
    super::leases::fence(tx, lease)?;
    match outcome {
        ParkedOutcome::Applied(change) => {
            remove(tx, lease, order, position)?;
            if let Some(change) = change {
                changes::write(tx, std::slice::from_ref(change))?;
            }
            Ok(())
        }
        ParkedOutcome::Discarded => {
            record_discard(tx, lease, order, position)?;
            remove(tx, lease, order, position)
        }
        ParkedOutcome::Failed { error, next } => {
            record_failure(tx, lease, (order, position), error, *next)
        }
    }
}

/// The tries of a parked event, as they stand in this transaction.
fn tries(tx: &Tx<'_>, consumer: &str, (order, position): (OrderId, i64)) -> Result<Option<Tries>> {
    let mut select = tx
        .connection
        .prepare_cached("SELECT state, attempts, last_at, next_attempt_at FROM parked WHERE consumer = ?1 AND order_id = ?2 AND position = ?3")
        .store()?;
    let mut rows = select
        .query(params![consumer, order.bytes(), position])
        .store()?;
    let Some(row) = rows.next().store()? else {
        return Ok(None);
    };
    let mut c = Columns::of(row);
    Ok(Some(Tries {
        state: c.text("a parked state", ParkedState::parse)?,
        attempts: c.get()?,
        last_at: c.time()?,
        next_attempt_at: c.time()?,
    }))
}

/// Writes what the domain makes of the row after a failed try. The writer is alone, so the row cannot change between
/// the two statements.
fn record_failure(
    tx: &Tx<'_>,
    lease: &Lease,
    event: (OrderId, i64),
    error: &str,
    next: NextTry,
) -> Result<()> {
    let before = tries(tx, &lease.consumer, event)?.ok_or(Error::Conflict {
        what: "a parked event",
    })?;
    let after = before.failed(next, tx.now);
    let (order, position) = event;
    let changed = tx.execute(
        "UPDATE parked SET state = ?4, error = ?5, attempts = ?6, last_at = ?7, next_attempt_at = ?8 \
         WHERE consumer = ?1 AND order_id = ?2 AND position = ?3",
        params![
            lease.consumer,
            order.bytes(),
            position,
            after.state.as_str(),
            error,
            after.attempts,
            after.last_at.0,
            after.next_attempt_at.0,
        ],
    )?;
    expect_one(changed, "a parked event")
}

/// Records a discard, in the transaction that removes the event from the queue. An event of another store is not in
/// this log.
fn record_discard(tx: &Tx<'_>, lease: &Lease, order: OrderId, position: i64) -> Result<()> {
    let kind = log::kind_at(tx.connection, position)?;
    tx.execute(
        "INSERT INTO discards (consumer, order_id, position, part, tenant, type, at) \
         SELECT p.consumer, p.order_id, p.position, p.part, p.tenant, \
         COALESCE(?5, NULLIF(e.type, 'packed'), CASE WHEN json_valid(p.envelope) THEN json_extract(p.envelope, '$.kind') END, 'damaged'), ?4 FROM parked p \
         LEFT JOIN events e ON e.part = p.part AND e.position = p.position \
         WHERE p.consumer = ?1 AND p.order_id = ?2 AND p.position = ?3 ON CONFLICT DO NOTHING",
        params![
            lease.consumer,
            order.bytes(),
            position,
            tx.now.0,
            kind.map(EventKind::as_str)
        ],
    )?;
    Ok(())
}

fn remove(tx: &mut Tx<'_>, lease: &Lease, order: OrderId, position: i64) -> Result<()> {
    let removed = tx.execute(
        "DELETE FROM parked WHERE consumer = ?1 AND order_id = ?2 AND position = ?3 \
         AND NOT EXISTS (SELECT 1 FROM parked WHERE consumer = ?1 AND order_id = ?2 AND position < ?3)",
        params![lease.consumer, order.bytes(), position],
    )?;
    expect_one(removed, "a parked event")?;
    tx.counters.parked -= 1;
    Ok(())
}
