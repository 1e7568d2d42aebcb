//! The log: appended within a round, and read.

use super::errors::IntoStore;
use super::rows::Columns;
use super::tx::Tx;
use crate::error::Result;
use crate::packed::{self, LogForm, Place, WantedKinds};
use crate::readable::{LogPage, LogRow};
use rusqlite::{CachedStatement, Connection, MappedRows, OptionalExtension, Row, params};
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
    let first = tx.counters.position + 1;
    let from = tx.events.len();
    for event in events {
        tx.counters.position += 1;
        tx.events.push(LoggedEvent {
            partition,
            position: tx.counters.position,
            recorded_at: tx.now,
            event: event.clone(),
        });
    }
    let appended: Vec<&NewEvent> = tx.events[from..].iter().map(|e| &e.event).collect();
    match tx.log_form {
        LogForm::Plain => insert_plain(tx, partition, first, &appended),
        LogForm::Packed => insert_packed(tx, partition, first, &appended),
    }
}

fn insert_packed(tx: &Tx<'_>, partition: u16, first: i64, events: &[&NewEvent]) -> Result<()> {
    let mut insert = tx
        .connection
        .prepare_cached(
            "INSERT INTO events (position, part, type, tenant, order_id, event_id, recorded_at, event_count, kinds, packed) \
             VALUES (?1, ?2, ?10, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        )
        .store()?;
    let mut last = first - 1;
    for group in packed::groups(events) {
        last += group.len() as i64;
        insert
            .execute(params![
                last,
                partition,
                group[0].tenant.as_str(),
                group[0].order_id.as_ref().map(OrderId::bytes),
                group[0].id.bytes(),
                tx.now.0,
                group.len(),
                packed::kinds_of(group),
                packed::pack(group, tx.now),
                packed::TYPE,
            ])
            .store()?;
    }
    Ok(())
}

fn insert_plain(tx: &Tx<'_>, partition: u16, first: i64, events: &[&NewEvent]) -> Result<()> {
    let mut insert = tx
        .connection
        .prepare_cached(
            "INSERT INTO events (position, part, type, tenant, order_id, stream, aggregate_id, seq, event_id, schema_version, occurred_at, \
             recorded_at, actor, correlation_id, causation_id, traceparent, body) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)",
        )
        .store()?;
    for (position, event) in (first..).zip(events) {
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
    }
    Ok(())
}

/// The columns of a row: those of both forms, then those of an event that is not packed.
const COLUMNS: &str = "position, part, tenant, order_id, event_id, recorded_at, event_count, kinds, packed, type, stream, aggregate_id, seq, \
                       schema_version, occurred_at, actor, correlation_id, causation_id, traceparent, body";

/// Reads a row with the events that are wanted; those that are not are left out of a packed row.
fn log_row(row: &Row<'_>, wanted: WantedKinds) -> Result<LogRow> {
    let last = row.get(0).store()?;
    Ok(read_row(row, wanted).unwrap_or_else(|unreadable| LogRow::plain(last, Err(unreadable))))
}

fn read_row(row: &Row<'_>, wanted: WantedKinds) -> Result<LogRow> {
    let mut c = Columns::of(row);
    let place = Place {
        last: c.get()?,
        partition: c.get()?,
        tenant: c.text("tenant", |t| Some(Tenant::stored(t)))?,
        order: c.optional_uuid("event order id")?.map(OrderId),
        first_id: EventId(c.uuid("event id")?),
        recorded_at: c.time()?,
        count: c.get()?,
        kinds: c.get::<Option<_>>()?.unwrap_or(0),
    };
    if let Some(bytes) = c.optional_bytes("packed events")? {
        return Ok(packed::unpack(&place, bytes, wanted));
    }
    Ok(LogRow::plain(place.last, plain_event(&place, c)))
}

/// Reads the columns of an event that is not packed.
fn plain_event(place: &Place, mut c: Columns<'_, '_>) -> Result<LoggedEvent> {
    let kind = c.text("event type", EventKind::parse)?;
    let stream = c.text("event stream", AggregateKind::parse)?;
    let aggregate = Aggregate {
        kind: stream,
        id: c.uuid("aggregate id")?,
    };
    let seq = c.get()?;
    let schema_version = c.get()?;
    let occurred_at = c.time()?;
    let meta = EventMeta {
        actor: c.text("actor", |t| Some(t.into()))?,
        correlation_id: c.optional_text("correlation id", |t| Some(t.into()))?,
        causation_id: c.optional_uuid("causation id")?.map(EventId),
        traceparent: c.optional_text("traceparent", |t| Some(t.into()))?,
    };
    let body = c.text("event body", |t| Some(t.into()))?;
    Ok(place.plain(NewEvent {
        id: place.first_id,
        schema_version,
        kind,
        aggregate,
        seq,
        order_id: place.order,
        tenant: place.tenant.clone(),
        occurred_at,
        body,
        meta,
    }))
}

/// Events of a partition after a position, of every type, oldest first. They end before the first one that cannot be
/// read; when that is the first one, its error is returned.
pub fn read_all(
    connection: &Connection,
    partition: u16,
    after: i64,
    limit: usize,
) -> Result<Vec<LoggedEvent>> {
    let condition = "position > ?1 AND part = ?2 ORDER BY position LIMIT ?3";
    let mut statement = select(connection, condition)?;
    let rows = statement.query_map(params![after, partition, limit], every_event);
    Ok(page(rows, after, limit, after)?.events)
}

/// As [`LogPage::of`], of what a statement returns.
fn page<'s>(
    rows: rusqlite::Result<
        MappedRows<'s, impl FnMut(&Row<'_>) -> rusqlite::Result<Result<LogRow>>>,
    >,
    after: i64,
    limit: usize,
    scanned: i64,
) -> Result<LogPage> {
    let rows = rows.store()?.map(|row| row.store().flatten());
    LogPage::of(rows, after, limit, scanned)
}

/// A SELECT of [`COLUMNS`].
fn select<'c>(connection: &'c Connection, condition: &str) -> Result<CachedStatement<'c>> {
    let sql = format!("SELECT {COLUMNS} FROM events WHERE {condition}");
    connection.prepare_cached(&sql).store()
}

fn every_event(row: &Row<'_>) -> rusqlite::Result<Result<LogRow>> {
    Ok(log_row(row, WantedKinds::ALL))
}

/// As [`every_event`], of a row whose events must all be readable.
fn whole_row(row: &Row<'_>) -> rusqlite::Result<Result<LogRow>> {
    Ok(log_row(row, WantedKinds::ALL).and_then(LogRow::readable))
}

/// The last position that a call may read to: the end of the row with the last of `scan` positions after `after`, since a
/// scan that ended inside of a packed row would leave out the row. The gaps that archived orders leave
/// only make a call read fewer rows.
fn horizon(connection: &Connection, after: i64, scan: usize) -> Result<i64> {
    // No error: a scan that would reach beyond the last position ends at the newest event.
    let scan = i64::try_from(scan).unwrap_or(i64::MAX);
    let last: Option<i64> = connection
        .prepare_cached(
            "SELECT COALESCE((SELECT position FROM events WHERE position >= (SELECT MIN(position) FROM events WHERE position > ?1) - 1 + ?2 \
             ORDER BY position LIMIT 1), (SELECT MAX(position) FROM events))",
        )
        .store()?
        .query_row([after, scan], |row| row.get(0))
        .store()?;
    Ok(last.unwrap_or(after).max(after))
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
    let wanted = WantedKinds::of(kinds);
    // The kinds are few and fixed per consumer, so each has a statement of its own.
    let condition = format!(
        "position > ?1 AND position <= ?2 AND part = ?3 AND CASE WHEN packed IS NULL THEN type IN ({}) OR type NOT IN ({}) \
         ELSE COALESCE(kinds, -1) & {} <> 0 END ORDER BY position LIMIT ?4",
        quoted(kinds),
        quoted(EventKind::ALL),
        wanted.or_unknown()
    );
    let mut statement = select(connection, &condition)?;
    let params = params![after, last, partition, limit];
    let rows = statement.query_map(params, |row| Ok(log_row(row, wanted)));
    let page = page(rows, after, limit, last)?;
    Ok((page.events, page.reached))
}

fn quoted(kinds: &[EventKind]) -> String {
    let quoted: Vec<String> = kinds.iter().map(|kind| format!("'{kind}'")).collect();
    quoted.join(", ")
}

/// The type of the event at a position; `None` when it is not in the log or cannot be read.
pub fn kind_at(connection: &Connection, position: i64) -> Result<Option<EventKind>> {
    let mut statement = select(connection, "position >= ?1 ORDER BY position LIMIT 1")?;
    let row = statement.query_row([position], every_event).optional();
    let row = row.store()?.transpose()?;
    Ok(row.and_then(|row| row.kind_at(position)))
}

/// Everything about one order after a position, oldest first.
pub fn read_order(
    connection: &Connection,
    tenant: &Tenant,
    id: OrderId,
    after: i64,
    limit: usize,
) -> Result<Vec<LoggedEvent>> {
    let condition = "order_id = ?1 AND tenant = ?2 AND position > ?3 ORDER BY position LIMIT ?4";
    let mut statement = select(connection, condition)?;
    let params = params![id.bytes(), tenant.as_str(), after, limit];
    let rows = statement.query_map(params, whole_row);
    Ok(page(rows, after, limit, after)?.events)
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
        return read_at(connection, &positions, after, newest, limit);
    }
    let condition = "position > ?1 AND position <= ?2 AND +tenant = ?3 ORDER BY position LIMIT ?4";
    let mut statement = select(connection, condition)?;
    let params = params![after, last, tenant.as_str(), limit];
    let rows = statement.query_map(params, whole_row);
    let page = page(rows, after, limit, last)?;
    Ok((page.events, page.reached))
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

/// The first `limit` events after a position in the rows at these positions, and the position of the last one; `newest`
/// when none is left out.
fn read_at(
    connection: &Connection,
    positions: &[i64],
    after: i64,
    newest: i64,
    limit: usize,
) -> Result<(Vec<LoggedEvent>, i64)> {
    let mut statement = select(connection, "position = ?1")?;
    let rows = positions.iter().take(limit);
    let rows = rows.map(|position| statement.query_row([position], whole_row).store().flatten());
    let page = LogPage::of(rows, after, limit, newest)?;
    Ok((page.events, page.reached))
}

/// Visits all events of a log of `schema`, oldest first.
pub fn scan(
    connection: &Connection,
    schema: i64,
    mut visit: impl FnMut(LoggedEvent),
) -> Result<()> {
    let columns = packed::columns_of(schema, COLUMNS);
    let mut statement = connection
        .prepare(&format!("SELECT {columns} FROM events ORDER BY position"))
        .store()?;
    let mut rows = statement.query([]).store()?;
    while let Some(row) = rows.next().store()? {
        for event in log_row(row, WantedKinds::ALL)?.readable()?.events {
            visit(event);
        }
    }
    Ok(())
}
