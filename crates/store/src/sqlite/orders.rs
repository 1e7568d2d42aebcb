//! Reading orders.

use super::changes::{RESERVATION_COLUMNS, read_reservation};
use super::claims;
use super::errors::IntoStore;
use super::rows::Columns;
use crate::encoding::{Note, read_birth, read_copies};
use crate::error::{Error, Result};
use crate::model::{OrderFilter, OrderRecord, OrderRef, Page, Positions, Snapshot};
use rusqlite::{Connection, Row, params};
use std::sync::atomic::{AtomicI64, Ordering};
use waybill_domain::ids::{HoldId, OrderId};
use waybill_domain::order::{Hold, HoldReason, Line, Order, Source};
use waybill_domain::status::{AllocationPolicy, Flags, OrderStatus};
use waybill_domain::stuck::is_candidate;
use waybill_domain::text::{Sku, Tenant, Vendor};
use waybill_domain::time::Time;

const COLUMNS: &str = "o.id, o.tenant, o.part, o.version, o.status, o.sourcing, o.started, o.failed, o.cancelling_from, o.policy, \
                       o.created_at, o.updated_at, o.completed_at, o.cancelled_at, o.cancel_reason, o.promised_by, o.shipments";

fn order(c: &mut Columns<'_, '_>) -> Result<Order> {
    Ok(Order {
        id: c.order_id()?,
        tenant: c.text("tenant", |t| Some(Tenant::stored(t)))?,
        partition: c.get()?,
        version: c.get()?,
        status: c.text("order status", OrderStatus::parse)?,
        flags: Flags {
            sourcing: c.get()?,
            started: c.get()?,
            failed: c.get()?,
            cancelling_from: c.optional_text("cancelling_from", OrderStatus::parse)?,
        },
        policy: c.text("allocation policy", AllocationPolicy::parse)?,
        lines: vec![],
        holds: vec![],
        created_at: c.time()?,
        updated_at: c.time()?,
        completed_at: c.optional_time()?,
        cancelled_at: c.optional_time()?,
        cancel_reason: c.get()?,
        promised_by: c.optional_time()?,
        shipments: c
            .optional_text("an order's shipments", read_copies)?
            .unwrap_or_default(),
    })
}

fn fill_lines(connection: &Connection, order: &mut Order) -> Result<()> {
    let mut statement = connection
        .prepare_cached(
            "SELECT order_id, line, sku, vendor, requires_shipping, ordered, cancelled, backordered, reserved, in_shipment, shipped, delivered, returned, lost, given_up, sourced \
             FROM order_lines WHERE order_id = ?1 ORDER BY line",
        )
        .store()?;
    let mut rows = statement.query([order.id.bytes()]).store()?;
    let mut has_sources = false;
    while let Some(row) = rows.next().store()? {
        let mut c = Columns::of(row);
        // The id is selected only so that a message about a damaged row names it.
        let _order = c.order_id()?;
        order.lines.push(Line {
            id: c.get()?,
            sku: c.text("sku", |t| Some(Sku::stored(t)))?,
            vendor: c.optional_text("vendor", |t| Some(Vendor::stored(t)))?,
            sources: vec![],
            requires_shipping: c.get()?,
            quantities: c.quantities()?,
            given_up: c.get()?,
        });
        has_sources |= c.get::<bool>()?;
    }
    if has_sources {
        fill_sources(connection, order)?;
    }
    Ok(())
}

/// Reads the reservations of the lines that vendors were asked for.
fn fill_sources(connection: &Connection, order: &mut Order) -> Result<()> {
    let mut statement = connection
        .prepare_cached(&format!(
            "SELECT line, vendor, attempt, reason, {RESERVATION_COLUMNS} FROM reservations WHERE order_id = ?1 ORDER BY line, vendor, attempt"
        ))
        .store()?;
    let mut rows = statement.query([order.id.bytes()]).store()?;
    while let Some(row) = rows.next().store()? {
        let mut c = Columns::of(row);
        let id: u16 = c.get()?;
        let source = Source {
            vendor: c.text("vendor", |t| Some(Vendor::stored(t)))?,
            attempt: c.get()?,
            reason: c.get::<Option<String>>()?.map(Into::into),
            reservation: read_reservation(&mut c)?,
        };
        let mut lines = order.lines.iter_mut();
        // A line with a vendor has one reservation, which no decision needs to know.
        if let Some(line) = lines.find(|line| line.id == id && line.vendor.is_none()) {
            line.sources.push(source);
        }
    }
    Ok(())
}

fn fill_holds(connection: &Connection, order: &mut Order) -> Result<()> {
    let mut statement = connection.prepare_cached("SELECT id, reason, placed_at, placed_by, released_at FROM order_holds WHERE order_id = ?1 ORDER BY placed_at, id").store()?;
    let mut rows = statement.query([order.id.bytes()]).store()?;
    while let Some(row) = rows.next().store()? {
        let mut c = Columns::of(row);
        order.holds.push(Hold {
            id: HoldId(c.uuid("hold id")?),
            reason: c.text("hold reason", HoldReason::parse)?,
            placed_at: c.time()?,
            placed_by: c.get()?,
            note: None,
            released_at: c.optional_time()?,
        });
    }
    Ok(())
}

/// The changing part of several orders; those not found are left out.
pub fn states(connection: &Connection, ids: &[OrderId]) -> Result<Vec<Order>> {
    let mut statement = connection
        .prepare_cached(&format!("SELECT {COLUMNS} FROM orders o WHERE o.id = ?1"))
        .store()?;
    let mut found = Vec::with_capacity(ids.len());
    for id in ids {
        let mut rows = statement.query([id.bytes()]).store()?;
        if let Some(row) = rows.next().store()? {
            let mut order = order(&mut Columns::of(row))?;
            drop(rows);
            fill_lines(connection, &mut order)?;
            fill_holds(connection, &mut order)?;
            found.push(order);
        }
    }
    Ok(found)
}

const RECORD: &str = "o.n, o.caller_number, c.content, c.birth";

fn record(connection: &Connection, row: &Row<'_>) -> Result<OrderRecord> {
    let mut c = Columns::of(row);
    let number = c.get()?;
    let caller_number = c.get()?;
    let content = c.get()?;
    let birth = c.text("birth", read_birth)?;
    let mut order = order(&mut c)?;
    fill_lines(connection, &mut order)?;
    fill_holds(connection, &mut order)?;
    let personal = fill_personal(connection, &mut order)?;
    Ok(OrderRecord {
        order,
        number,
        caller_number,
        content,
        personal,
        birth,
    })
}

/// Reads the order's personal data: puts notes on its holds and its cancellation, and returns the rest.
fn fill_personal(connection: &Connection, order: &mut Order) -> Result<Option<String>> {
    let mut statement = connection
        .prepare_cached("SELECT kind, data FROM order_personal WHERE order_id = ?1 ORDER BY seq")
        .store()?;
    let mut rows = statement.query([order.id.bytes()]).store()?;
    let mut personal = None;
    while let Some(row) = rows.next().store()? {
        let (kind, data): (String, String) = (row.get(0).store()?, row.get(1).store()?);
        if kind == "order" {
            personal = Some(data);
            continue;
        }
        let note: Note = serde_json::from_str(&data)
            .map_err(|e| Error::damaged_row("a note", e.to_string()).because(e))?;
        note.put_on(order);
    }
    Ok(personal)
}

/// One order of a tenant, whole.
pub fn find(
    connection: &Connection,
    tenant: &Tenant,
    by: &OrderRef,
    now: Time,
) -> Result<Option<OrderRecord>> {
    let from = format!(
        "SELECT {RECORD}, {COLUMNS} FROM orders o JOIN order_content c ON c.n = o.n WHERE o.tenant = ?1 AND"
    );
    match by {
        OrderRef::Id(id) => find_where(
            connection,
            &format!("{from} o.id = ?2"),
            params![tenant.as_str(), id.bytes()],
        ),
        OrderRef::Number(n) => find_where(
            connection,
            &format!("{from} o.n = ?2 AND o.caller_number IS NULL"),
            params![tenant.as_str(), n],
        ),
        OrderRef::Claim { kind, hash } => {
            match claims::holder(connection, tenant, *kind, hash, now)? {
                Some(holder) => find_where(
                    connection,
                    &format!("{from} o.id = ?2"),
                    params![tenant.as_str(), holder.order_id.bytes()],
                ),
                None => Ok(None),
            }
        }
    }
}

fn find_where(
    connection: &Connection,
    sql: &str,
    params: impl rusqlite::Params,
) -> Result<Option<OrderRecord>> {
    let mut statement = connection.prepare_cached(sql).store()?;
    let mut rows = statement.query(params).store()?;
    rows.next()
        .store()?
        .map(|row| record(connection, row))
        .transpose()
}

/// Whether a filter shows the order `o`. INDEXED BY in the statements that use it, because with the index by number the
/// planner would scan the orders of all tenants.
const SHOWN: &str = "(?3 = '[]' OR o.status IN (SELECT value FROM json_each(?3))) \
     AND (?4 IS NULL OR o.customer_id = ?4) \
     AND (?5 IS NULL OR EXISTS (SELECT 1 FROM order_lines l WHERE l.order_id = o.id AND l.sku = ?5)) \
     AND (?6 IS NULL OR o.updated_at >= ?6) \
     AND (?7 IS NULL OR COALESCE(o.placed_at, o.created_at) >= ?7) \
     AND (?8 IS NULL OR COALESCE(o.placed_at, o.created_at) < ?8) \
     AND (?10 IS NULL OR EXISTS (SELECT 1 FROM order_content b WHERE b.n = o.n AND json_extract(b.birth, '$.d') = ?10)) AS shown";

/// A page, newest first. Reads at most `scan` orders of the tenant; `next` continues after the last one read.
pub fn list(
    connection: &Connection,
    tenant: &Tenant,
    filter: &OrderFilter,
    scan: usize,
) -> Result<Page<OrderRecord, i64>> {
    let sql = format!(
        "SELECT {RECORD}, {COLUMNS}, {SHOWN} \
         FROM orders o INDEXED BY orders_of_tenant CROSS JOIN order_content c ON c.n = o.n \
         WHERE o.tenant = ?2 AND o.n < ?1 ORDER BY o.n DESC LIMIT ?9"
    );
    walk(connection, &sql, tenant, filter, scan, |row| {
        record(connection, row)
    })
}

/// The numbers of the orders that [`list`] shows.
pub fn numbers(
    connection: &Connection,
    tenant: &Tenant,
    filter: &OrderFilter,
    scan: usize,
) -> Result<Page<i64, i64>> {
    let sql = format!(
        "SELECT o.n, {SHOWN} FROM orders o INDEXED BY orders_of_tenant \
         WHERE o.tenant = ?2 AND o.n < ?1 ORDER BY o.n DESC LIMIT ?9"
    );
    walk(connection, &sql, tenant, filter, scan, |row| {
        row.get(0).store()
    })
}

/// Walks the tenant's orders, whose number is the first column, and reads those that are `shown`.
fn walk<T>(
    connection: &Connection,
    sql: &str,
    tenant: &Tenant,
    filter: &OrderFilter,
    scan: usize,
    read: impl Fn(&Row<'_>) -> Result<T>,
) -> Result<Page<T, i64>> {
    let statuses: Vec<&str> = filter.statuses.iter().map(|s| s.as_str()).collect();
    let statuses = serde_json::to_string(&statuses)
        .map_err(|e| Error::damaged_row("a filter", e.to_string()).because(e))?;
    let mut statement = connection.prepare_cached(sql).store()?;
    let mut rows = statement
        .query(params![
            // No error: a page without a bound begins with the newest order.
            filter.before.unwrap_or(i64::MAX),
            tenant.as_str(),
            statuses,
            filter.customer_id,
            filter.sku,
            filter.updated_since.map(|t| t.0),
            filter.placed_from.map(|t| t.0),
            filter.placed_to.map(|t| t.0),
            scan,
            filter.dialect,
        ])
        .store()?;
    let mut items = vec![];
    let (mut looked_at, mut last) = (0, None);
    // Rows are read one by one, so that a page that is full early reads no further.
    while items.len() < filter.limit
        && let Some(row) = rows.next().store()?
    {
        looked_at += 1;
        last = Some(row.get(0).store()?);
        if row.get::<_, Option<bool>>("shown").store()? == Some(true) {
            items.push(read(row)?);
        }
    }
    let next = last.filter(|_| items.len() == filter.limit || looked_at == scan);
    Ok(Page { items, next })
}

/// A page of a tenant's orders and the newest position of the log, on one snapshot, because each reader's job has one.
pub fn snapshot(
    connection: &Connection,
    tenant: &Tenant,
    before: Option<i64>,
    limit: usize,
    scan: usize,
) -> Result<Snapshot> {
    let position = connection
        .prepare_cached("SELECT COALESCE((SELECT value FROM counters WHERE name = ?1), 0)")
        .store()?
        .query_row(["position"], |row| row.get(0))
        .store()?;
    let filter = OrderFilter {
        before,
        limit,
        ..OrderFilter::default()
    };
    Ok(Snapshot {
        page: list(connection, tenant, &filter, scan)?,
        positions: Positions(vec![position]),
    })
}

/// Orders that wait for vendors and whose time to do so has passed.
pub fn past_their_time(connection: &Connection, now: Time, limit: usize) -> Result<Vec<OrderId>> {
    let mut select = connection
        .prepare_cached(
            "SELECT DISTINCT order_id FROM reservations INDEXED BY reservations_expiring \
             WHERE state = 'held' AND expires_at <= ?1 AND NOT ending LIMIT ?2",
        )
        .store()?;
    let mut rows = select.query(params![now.0, limit]).store()?;
    let mut found = vec![];
    while let Some(row) = rows.next().store()? {
        found.push(Columns::of(row).order_id()?);
    }
    Ok(found)
}

/// Orders that may be stuck, among the next `scan` ones after `walk`. `walk` moves on with each call, because a stuck
/// order may be far behind the newest ones.
pub fn stuck(
    connection: &Connection,
    walk: &AtomicI64,
    before: Time,
    limit: usize,
    scan: usize,
) -> Result<Vec<(OrderId, Time)>> {
    let mut statement = connection
        .prepare_cached(
            "SELECT id, updated_at, n, status FROM orders WHERE n > ?1 ORDER BY n LIMIT ?2",
        )
        .store()?;
    let mut rows = statement
        .query(params![walk.load(Ordering::Relaxed), scan])
        .store()?;
    let mut found = vec![];
    let mut looked_at = 0;
    while found.len() < limit
        && let Some(row) = rows.next().store()?
    {
        looked_at += 1;
        let mut c = Columns::of(row);
        let (id, updated_at) = (c.order_id()?, c.time()?);
        walk.store(c.get()?, Ordering::Relaxed);
        let status = c.text("order status", OrderStatus::parse)?;
        if is_candidate(status, updated_at, before) {
            found.push((id, updated_at));
        }
    }
    if looked_at < scan && found.len() < limit {
        walk.store(0, Ordering::Relaxed);
    }
    Ok(found)
}
