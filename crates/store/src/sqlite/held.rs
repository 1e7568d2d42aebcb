//! Messages of other stores that wait: events ahead of their watermark, and messages that cannot be read.

use super::errors::IntoStore;
use super::rows::Columns;
use super::tx::Tx;
use crate::error::Result;
use crate::model::{Held, HeldId, HeldPlace, NewHeld, Page};
use rusqlite::{Connection, Row, params};
use waybill_domain::event::{Aggregate, AggregateKind};
use waybill_domain::inbox::{HeldReason, Watermark};
use waybill_domain::parked::ParkedState;
use waybill_domain::parked_place::ParkedPlace;
use waybill_domain::text::Tenant;

/// Lets a message wait; one that waits already stays unchanged.
pub fn hold(tx: &Tx<'_>, consumer: &str, partition: u16, new: &NewHeld) -> Result<()> {
    let place = new.place.as_ref();
    tx.execute(
        "INSERT INTO inbox_held (consumer, key, message, part, tenant, reason, state, source, stream, aggregate_id, generation, seq, content, error, \
         attempts, first_at, last_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, 0, ?15, ?15) ON CONFLICT DO NOTHING",
        params![
            consumer,
            new.id.key.bytes(),
            new.id.message.as_bytes(),
            partition,
            new.tenant.as_str(),
            new.reason.as_str(),
            ParkedState::Waiting.as_str(),
            place.map(|p| p.source),
            place.map(|p| p.aggregate.kind.as_str()),
            place.map(|p| *p.aggregate.id.as_bytes()),
            place.map(|p| p.at.generation),
            place.map(|p| p.at.seq),
            new.content,
            new.error,
            tx.now.0,
        ],
    )?;
    Ok(())
}

/// Removes a message that waits, if it still does.
pub fn release(tx: &Tx<'_>, consumer: &str, id: HeldId) -> Result<()> {
    tx.execute(
        "DELETE FROM inbox_held WHERE consumer = ?1 AND key = ?2 AND message = ?3",
        params![consumer, id.key.bytes(), id.message.as_bytes()],
    )?;
    Ok(())
}

const COLUMNS: &str = "h.consumer, h.key, h.message, h.part, h.tenant, h.reason, h.state, h.source, h.stream, h.aggregate_id, h.generation, h.seq, \
                       h.content, h.error, h.attempts, h.first_at, h.last_at";

fn held(row: &Row<'_>) -> Result<Held> {
    let mut c = Columns::of(row);
    let consumer = c.get()?;
    let id = HeldId {
        key: c.order_id()?,
        message: c.uuid("a message's id")?,
    };
    let partition = c.get()?;
    let tenant = c.text("tenant", |text| Tenant::parse(text).ok())?;
    let reason = c.text("a reason", HeldReason::parse)?;
    let state = c.text("a parked state", ParkedState::parse)?;
    let place = place(&mut c)?;
    Ok(Held {
        consumer,
        partition,
        message: NewHeld {
            id,
            tenant,
            reason,
            place,
            content: c.get()?,
            error: c.get()?,
        },
        state,
        attempts: c.get()?,
        first_at: c.time()?,
        last_at: c.time()?,
    })
}

/// The next five columns.
fn place(c: &mut Columns<'_, '_>) -> Result<Option<HeldPlace>> {
    let source: Option<i32> = c.get()?;
    let kind = c.optional_text("event stream", AggregateKind::parse)?;
    let aggregate = c.optional_uuid("aggregate id")?;
    let (generation, seq): (Option<i64>, Option<i64>) = (c.get()?, c.get()?);
    let aggregate = kind.zip(aggregate).map(|(kind, id)| Aggregate { kind, id });
    let at = generation
        .zip(seq)
        .map(|(generation, seq)| Watermark { generation, seq });
    let place = source.zip(aggregate).zip(at);
    Ok(place.map(|((source, aggregate), at)| HeldPlace {
        source,
        aggregate,
        at,
    }))
}

fn select(connection: &Connection, rest: &str, params: impl rusqlite::Params) -> Result<Vec<Held>> {
    let sql = format!("SELECT {COLUMNS} FROM inbox_held h {rest}");
    let mut statement = connection.prepare_cached(&sql).store()?;
    let mut rows = statement.query(params).store()?;
    let mut found = vec![];
    while let Some(row) = rows.next().store()? {
        found.push(held(row)?);
    }
    Ok(found)
}

/// The events of aggregates of a source that wait for others.
pub fn waiting(
    connection: &Connection,
    source: i32,
    aggregates: &[Aggregate],
) -> Result<Vec<Held>> {
    let mut found = vec![];
    for aggregate in aggregates {
        let rest =
            "WHERE h.aggregate_id = ?1 AND h.source = ?2 AND h.stream = ?3 AND h.reason = 'gap'";
        let of = params![aggregate.id.as_bytes(), source, aggregate.kind.as_str()];
        found.extend(select(connection, rest, of)?);
    }
    Ok(found)
}

/// How many messages wait for a reason, up to a limit.
pub fn count(
    connection: &Connection,
    consumer: &str,
    reason: HeldReason,
    up_to: usize,
) -> Result<usize> {
    connection
        .prepare_cached("SELECT COUNT(*) FROM (SELECT 1 FROM inbox_held WHERE consumer = ?1 AND reason = ?2 LIMIT ?3)")
        .store()?
        .query_row(params![consumer, reason.as_str(), up_to], |row| row.get(0))
        .store()
}

/// Messages that are flagged, and events that are no longer ahead of their watermark.
pub fn due(
    connection: &Connection,
    consumer: &str,
    partition: u16,
    limit: usize,
) -> Result<Vec<Held>> {
    let rest = "LEFT JOIN inbox_watermarks w ON w.aggregate_id = h.aggregate_id AND w.source = h.source AND w.stream = h.stream \
                WHERE h.consumer = ?1 AND h.part = ?2 AND (h.state IN ('redrive', 'discard') \
                OR h.reason = 'gap' AND (w.seq + 1 >= h.seq OR w.generation > h.generation)) ORDER BY h.key, h.seq, h.first_at LIMIT ?3";
    select(connection, rest, params![consumer, partition, limit])
}

/// A page of a tenant's messages that wait, one per consumer and key.
pub fn list(
    connection: &Connection,
    tenant: &Tenant,
    after: Option<&ParkedPlace>,
    limit: usize,
) -> Result<Page<Held, ParkedPlace>> {
    let (consumer, key) = ParkedPlace::sort_key(after);
    let rest = "WHERE h.tenant = ?1 AND (h.consumer, h.key) > (?2, ?3) AND h.message = (SELECT q.message FROM inbox_held q \
                WHERE q.tenant = h.tenant AND q.consumer = h.consumer AND q.key = h.key ORDER BY q.reason DESC, q.first_at, q.seq, q.message LIMIT 1) \
                ORDER BY h.consumer, h.key LIMIT ?4";
    let of = params![tenant.as_str(), consumer, key.bytes(), limit];
    Ok(Page::up_to(
        limit,
        select(connection, rest, of)?,
        Held::place,
    ))
}

/// Flags a message for the process that looks after it; `false` when there is none.
pub fn flag(
    tx: &Tx<'_>,
    tenant: &Tenant,
    consumer: &str,
    id: HeldId,
    state: ParkedState,
) -> Result<bool> {
    let changed = tx.execute(
        "UPDATE inbox_held SET state = ?5 WHERE tenant = ?1 AND consumer = ?2 AND key = ?3 AND message = ?4",
        params![
            tenant.as_str(),
            consumer,
            id.key.bytes(),
            id.message.as_bytes(),
            state.as_str()
        ],
    )?;
    Ok(changed == 1)
}

/// Records a try in vain, unless the message was flagged meanwhile.
pub fn failed(tx: &Tx<'_>, tried: &Held, error: &str) -> Result<()> {
    let id = tried.message.id;
    tx.execute(
        "UPDATE inbox_held SET state = ?5, error = ?6, attempts = attempts + 1, last_at = ?7 \
         WHERE consumer = ?1 AND key = ?2 AND message = ?3 AND state = ?4",
        params![
            tried.consumer,
            id.key.bytes(),
            id.message.as_bytes(),
            tried.state.as_str(),
            ParkedState::Waiting.as_str(),
            error,
            tx.now.0,
        ],
    )?;
    Ok(())
}
