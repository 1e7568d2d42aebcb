//! The log: appended within a round, and read.

use super::errors::IntoStore;
use super::rows::Columns;
use super::tx::Tx;
use crate::error::Result;
use crate::readable::Readable;
use rusqlite::{Connection, Row, params};
use waybill_domain::context::EventMeta;
use waybill_domain::event::{Aggregate, AggregateKind, EventKind, LoggedEvent, NewEvent};
use waybill_domain::ids::{EventId, OrderId};
use waybill_domain::text::Tenant;

/// The log of the embedded store has one partition.
pub const PART: u16 = 0;

/// Appends events: each takes the next position. There is one writer, so positions rise in commit order.
pub fn append<'e>(
    tx: &mut Tx<'_>,
    partition: u16,
    events: impl IntoIterator<Item = &'e NewEvent>,
) -> Result<()> {
    let mut insert = tx
        .connection
        .prepare_cached(
            "INSERT INTO events (position, part, type, tenant, order_id, stream, aggregate_id, seq, event_id, schema_version, occurred_at, \
             recorded_at, actor, correlation_id, causation_id, traceparent, body) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)",
        )
        .store()?;
    for event in events {
        tx.counters.position += 1;
        let position = tx.counters.position;
        insert
            .execute(params![
                position,
                partition,
                event.kind.as_str(),
                event.tenant.as_str(),
                event.order_id.as_ref().map(OrderId::bytes),
                event.aggregate.kind.as_str(),
                event.aggregate.id.as_bytes(),
                event.seq,
                event.id.bytes(),
                event.schema_version,
                event.occurred_at.0,
                tx.now.0,
                &*event.meta.actor,
                event.meta.correlation_id.as_deref(),
                event.meta.causation_id.as_ref().map(EventId::bytes),
                event.meta.traceparent.as_deref(),
                &*event.body,
            ])
            .store()?;
        tx.events.push(LoggedEvent {
            partition,
            position,
            recorded_at: tx.now,
            event: event.clone(),
        });
    }
    Ok(())
}

const COLUMNS: &str = "position, part, type, tenant, order_id, stream, aggregate_id, seq, event_id, schema_version, occurred_at, recorded_at, \
                       actor, correlation_id, causation_id, traceparent, body";

fn event(row: &Row<'_>) -> Result<LoggedEvent> {
    let mut c = Columns::of(row);
    let position = c.get()?;
    let partition = c.get()?;
    let kind = c.text("event type", EventKind::parse)?;
    let tenant = c.text("tenant", |t| Some(Tenant::stored(t)))?;
    let order_id = c.optional_uuid("event order id")?.map(OrderId);
    let stream = c.text("event stream", AggregateKind::parse)?;
    let aggregate = Aggregate {
        kind: stream,
        id: c.uuid("aggregate id")?,
    };
    let seq = c.get()?;
    let id = EventId(c.uuid("event id")?);
    let schema_version = c.get()?;
    let occurred_at = c.time()?;
    let recorded_at = c.time()?;
    let meta = EventMeta {
        actor: c.text("actor", |t| Some(t.into()))?,
        correlation_id: c.optional_text("correlation id", |t| Some(t.into()))?,
        causation_id: c.optional_uuid("causation id")?.map(EventId),
        traceparent: c.optional_text("traceparent", |t| Some(t.into()))?,
    };
    let body = c.text("event body", |t| Some(t.into()))?;
    let event = NewEvent {
        id,
        schema_version,
        kind,
        aggregate,
        seq,
        order_id,
        tenant,
        occurred_at,
        body,
        meta,
    };
    Ok(LoggedEvent {
        partition,
        position,
        recorded_at,
        event,
    })
}

/// Events of a partition after a position, of every type, oldest first. They end before the first one that cannot be
/// read; when that is the first one, its error is returned.
pub fn read_all(
    connection: &Connection,
    partition: u16,
    after: i64,
    limit: usize,
) -> Result<Vec<LoggedEvent>> {
    let mut statement = connection
        .prepare_cached(&format!(
            "SELECT {COLUMNS} FROM events WHERE position > ?1 AND part = ?2 ORDER BY position LIMIT ?3"
        ))
        .store()?;
    let rows = statement.query_map(params![after, partition, limit], |row| Ok(event(row)));
    Ok(Readable::of(rows.store()?.map(|row| row.store().and_then(|event| event)))?.events)
}

/// Runs a SELECT of [`COLUMNS`].
fn select(
    connection: &Connection,
    condition: &str,
    params: impl rusqlite::Params,
) -> Result<Vec<LoggedEvent>> {
    let mut statement = connection
        .prepare_cached(&format!("SELECT {COLUMNS} FROM events WHERE {condition}"))
        .store()?;
    let mut rows = statement.query(params).store()?;
    let mut events = vec![];
    while let Some(row) = rows.next().store()? {
        events.push(event(row)?);
    }
    Ok(events)
}

/// The last of the `scan` positions after `after` that a call may read. The positions of this log have no gaps, except
/// the one that retention leaves at its beginning.
fn horizon(connection: &Connection, after: i64, scan: usize) -> Result<i64> {
    let (first, newest): (Option<i64>, Option<i64>) = connection
        .prepare_cached("SELECT (SELECT MIN(position) FROM events WHERE position > ?1), (SELECT MAX(position) FROM events)")
        .store()?
        .query_row([after], |row| Ok((row.get(0)?, row.get(1)?)))
        .store()?;
    // No error: a scan that would reach beyond the last position ends at the newest event.
    let scan = i64::try_from(scan).unwrap_or(i64::MAX);
    Ok(match (first, newest) {
        // No error: as above.
        (Some(first), Some(newest)) => newest.min((first - 1).saturating_add(scan)),
        _ => after,
    })
}

/// Events of `kinds` of a partition after a position, oldest first, and the position looked up to. Looks at `scan`
/// positions at most. They end before the first one of these kinds, or of an unknown one, that cannot be read; when that
/// is the first one, its error is returned.
pub fn read(
    connection: &Connection,
    partition: u16,
    after: i64,
    limit: usize,
    kinds: &[EventKind],
    scan: usize,
) -> Result<(Vec<LoggedEvent>, i64)> {
    let last = horizon(connection, after, scan)?;
    // The kinds are few and fixed per consumer, so each has a statement of its own.
    let mut statement = connection
        .prepare_cached(&format!(
            "SELECT {COLUMNS} FROM events WHERE position > ?1 AND position <= ?2 AND part = ?3 \
             AND (type IN ({}) OR type NOT IN ({})) ORDER BY position LIMIT ?4",
            quoted(kinds),
            quoted(EventKind::ALL)
        ))
        .store()?;
    let rows = statement.query_map(params![after, last, partition, limit], |row| Ok(event(row)));
    let readable = Readable::of(rows.store()?.map(|row| row.store().and_then(|event| event)))?;
    let reached = readable.reached(limit, last);
    Ok((readable.events, reached))
}

fn quoted(kinds: &[EventKind]) -> String {
    let quoted: Vec<String> = kinds.iter().map(|kind| format!("'{kind}'")).collect();
    quoted.join(", ")
}

/// Everything about one order after a position, oldest first.
pub fn read_order(
    connection: &Connection,
    tenant: &Tenant,
    id: OrderId,
    after: i64,
    limit: usize,
) -> Result<Vec<LoggedEvent>> {
    select(
        connection,
        "order_id = ?1 AND tenant = ?2 AND position > ?3 ORDER BY position LIMIT ?4",
        params![id.bytes(), tenant.as_str(), after, limit],
    )
}

/// A tenant's events after a position, and the position scanned up to.
///
/// A tenant with few events: all of them are looked up by the tenant's name, and the result reaches to the end of the
/// log. A tenant with more: the log is scanned from `after`, at most `scan` positions.
pub fn read_feed(
    connection: &Connection,
    tenant: &Tenant,
    after: i64,
    limit: usize,
    scan: usize,
) -> Result<(Vec<LoggedEvent>, i64)> {
    let last = horizon(connection, after, scan)?;
    let walk_is_short = last - after <= few(scan);
    if !walk_is_short && let Some(mut positions) = all_of(connection, tenant, few(scan))? {
        positions.retain(|position| *position > after);
        positions.sort_unstable();
        let newest = newest(connection)?;
        return read_at(connection, &positions, newest, limit);
    }
    let events = select(
        connection,
        "position > ?1 AND position <= ?2 AND +tenant = ?3 ORDER BY position LIMIT ?4",
        params![after, last, tenant.as_str(), limit],
    )?;
    let reached = if events.len() == limit {
        events.last().map_or(last, |e| e.position)
    } else {
        last
    };
    Ok((events, reached))
}

/// The most events that are looked up by the tenant's name: a quarter of the positions that a call may scan.
fn few(scan: usize) -> i64 {
    // No error: a bound beyond all rows is no bound.
    i64::try_from(scan / 4).unwrap_or(i64::MAX)
}

/// The newest position of the log.
pub fn newest(connection: &Connection) -> Result<i64> {
    connection
        .prepare_cached("SELECT COALESCE(MAX(position), 0) FROM events")
        .store()?
        .query_row([], |row| row.get(0))
        .store()
}

/// The positions of a tenant's events, unsorted; `None` when it has more than `most`.
fn all_of(connection: &Connection, tenant: &Tenant, most: i64) -> Result<Option<Vec<i64>>> {
    let mut statement = connection
        .prepare_cached("SELECT position FROM events WHERE tenant = ?1 LIMIT ?2")
        .store()?;
    let found = statement.query_map(params![tenant.as_str(), most + 1], |row| row.get(0));
    let positions: Vec<i64> = found.store()?.collect::<rusqlite::Result<_>>().store()?;
    Ok(Some(positions).filter(|found| found.len() as i64 <= most))
}

/// The first `limit` of the events at these positions, and the position of the last one; `newest` when none is left
/// out.
fn read_at(
    connection: &Connection,
    positions: &[i64],
    newest: i64,
    limit: usize,
) -> Result<(Vec<LoggedEvent>, i64)> {
    let mut events = vec![];
    for position in positions.iter().take(limit) {
        events.append(&mut select(connection, "position = ?1", [position])?);
    }
    let full = events.last().filter(|_| events.len() == limit);
    let reached = full.map_or(newest, |event| event.position);
    Ok((events, reached))
}

/// Visits all events of the log, oldest first, a page at a time.
pub fn scan(connection: &Connection, mut visit: impl FnMut(LoggedEvent)) -> Result<()> {
    let mut statement = connection
        .prepare(&format!("SELECT {COLUMNS} FROM events ORDER BY position"))
        .store()?;
    let mut rows = statement.query([]).store()?;
    while let Some(row) = rows.next().store()? {
        visit(event(row)?);
    }
    Ok(())
}
