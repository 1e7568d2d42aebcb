//! The archive of finished orders.

use super::bisect::bisect;
use super::errors::IntoStore;
use super::rows::Columns;
use super::tx::{Tx, expect_one};
use super::{claims, values};
use crate::archive::{
    ArchivedOrder, Archiving, CANDIDATES, Consumed, Document, Key, Look, MAY_LEAVE, ORDER_TABLES,
    Passed, names,
};
use crate::error::Result;
use crate::migrations::{self, MIN_COMPATIBLE};
use crate::model::OrderRef;
use crate::moving::{Table, Value};
use rusqlite::{Connection, OptionalExtension, Row, params, params_from_iter};
use waybill_domain::ids::OrderId;
use waybill_domain::text::Tenant;
use waybill_domain::time::Time;

/// Looks at the next orders: those that may leave, and the number that the next look goes on after.
pub fn look(connection: &Connection, which: Archiving) -> Result<(Vec<OrderId>, Option<i64>)> {
    let mut look = Look::new(which);
    let mut select = connection.prepare_cached(&CANDIDATES).store()?;
    let asked = params![which.before.0, which.after, look.scan()];
    let mut rows = select.query(asked).store()?;
    while let Some(row) = rows.next().store()? {
        let mut c = Columns::of(row);
        let passed = Passed {
            number: c.get()?,
            id: c.order_id()?,
            too_young: c.get()?,
            leaves: c.get()?,
        };
        if !look.pass(passed) {
            break;
        }
    }
    Ok(look.end())
}

/// Moves those of these orders into the archive that may still leave; one result each, whether it left.
pub fn archive(tx: &mut Tx<'_>, ids: &[OrderId], before: Time) -> Result<Vec<Result<bool>>> {
    note_archive(tx)?;
    bisect(tx, ids, &mut |tx, ids| {
        let left = ids.iter().map(|id| move_out(tx, *id, before));
        left.collect()
    })
}

/// Notes that binaries without an archive do not understand this store any more.
fn note_archive(tx: &Tx<'_>) -> Result<()> {
    let sql = "SELECT value FROM meta WHERE key = ?1";
    let mut select = tx.connection.prepare_cached(sql).store()?;
    let noted = select.query_row([MIN_COMPATIBLE], |row| row.get::<_, String>(0));
    let noted = noted.optional().store()?;
    if let Some(note) = migrations::archive_note(noted.as_deref()) {
        let sql = "INSERT INTO meta (key, value) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = excluded.value";
        tx.execute(sql, [MIN_COMPATIBLE, &note])?;
    }
    Ok(())
}

/// Which rows of a table are of the order `?1`.
fn condition(key: Key) -> &'static str {
    match key {
        Key::Id => "id = ?1",
        Key::Number => "n = (SELECT o.n FROM orders o WHERE o.id = ?1)",
        Key::OrderId => "order_id = ?1",
        Key::OrderOfTenant => {
            "order_id = ?1 AND tenant = (SELECT o.tenant FROM orders o WHERE o.id = ?1)"
        }
    }
}

fn move_out(tx: &mut Tx<'_>, id: OrderId, before: Time) -> Result<bool> {
    let mut select = tx.connection.prepare_cached(&MAY_LEAVE).store()?;
    if !select.exists(params![before.0, id.bytes()]).store()? {
        return Ok(false);
    }
    drop(select);
    let mut document = Document {
        schema: migrations::known(),
        ..Document::default()
    };
    for (table, key) in &ORDER_TABLES {
        for row in rows_of(tx.connection, table, *key, id)? {
            document.add(table, &row);
        }
    }
    let status = document.status()?;
    let sql = "INSERT INTO archived_orders (n, order_id, tenant, status, version, archived_at, part, last_position, document) \
               SELECT n, id, tenant, status, version, ?2, part, ?3, ?4 FROM orders WHERE id = ?1";
    let last = document.last_position()?;
    let written = params![id.bytes(), tx.now.0, last, document.encode()?];
    expect_one(tx.execute(sql, written)?, "order")?;
    for (table, key) in &ORDER_TABLES {
        let sql = format!("DELETE FROM {} WHERE {}", table.name, condition(*key));
        tx.execute(&sql, [id.bytes()])?;
    }
    add_consumed(tx, &document.consumed()?, 1)?;
    tx.counters.by_status[status as usize] -= 1;
    Ok(true)
}

fn rows_of(
    connection: &Connection,
    table: &Table,
    key: Key,
    id: OrderId,
) -> Result<Vec<Vec<Value>>> {
    let (columns, name) = (names(table), table.name);
    let sql = format!("SELECT {columns} FROM {name} WHERE {}", condition(key));
    let mut select = connection.prepare_cached(&sql).store()?;
    let mut rows = select.query([id.bytes()]).store()?;
    let mut found = vec![];
    while let Some(row) = rows.next().store()? {
        found.push(values::row(table, row)?);
    }
    Ok(found)
}

/// Adds units to the sums of what has left with archived orders, or takes them off (`sign` -1).
fn add_consumed(tx: &Tx<'_>, consumed: &Consumed, sign: i64) -> Result<()> {
    for ((tenant, sku, vendor), units) in consumed {
        tx.execute(
            "INSERT INTO archived_stock (tenant, sku, vendor, units) VALUES (?1, ?2, ?3, ?4) \
             ON CONFLICT (tenant, sku, vendor) DO UPDATE SET units = units + excluded.units",
            params![tenant, sku, vendor, sign * units],
        )?;
    }
    Ok(())
}

const ARCHIVED: &str =
    "SELECT n, order_id, tenant, status, version, archived_at, document FROM archived_orders";

/// An order of the archive.
pub fn find(
    connection: &Connection,
    tenant: &Tenant,
    by: &OrderRef,
    now: Time,
) -> Result<Option<ArchivedOrder>> {
    let by_id = |id: OrderId| {
        let sql = format!("{ARCHIVED} WHERE tenant = ?1 AND order_id = ?2");
        one(connection, &sql, params![tenant.as_str(), id.bytes()])
    };
    match by {
        OrderRef::Id(id) => by_id(*id),
        OrderRef::Number(number) => {
            let sql = format!("{ARCHIVED} WHERE tenant = ?1 AND n = ?2");
            let found = one(connection, &sql, params![tenant.as_str(), number])?;
            // It is this order's number only where the caller gave it none.
            Ok(found.filter(|order| order.caller_number().is_none()))
        }
        OrderRef::Claim { kind, hash } => {
            match claims::holder(connection, tenant, *kind, hash, now)? {
                Some(holder) => by_id(holder.order_id),
                None => Ok(None),
            }
        }
    }
}

/// Whether the archive has an order.
pub fn has(connection: &Connection, tenant: &Tenant, id: OrderId) -> Result<bool> {
    let sql = "SELECT 1 FROM archived_orders WHERE tenant = ?1 AND order_id = ?2";
    let mut select = connection.prepare_cached(sql).store()?;
    select.exists(params![tenant.as_str(), id.bytes()]).store()
}

fn one(
    connection: &Connection,
    sql: &str,
    asked: impl rusqlite::Params,
) -> Result<Option<ArchivedOrder>> {
    let mut select = connection.prepare_cached(sql).store()?;
    let mut rows = select.query(asked).store()?;
    rows.next().store()?.map(archived).transpose()
}

fn archived(row: &Row<'_>) -> Result<ArchivedOrder> {
    let mut c = Columns::of(row);
    let order = ArchivedOrder {
        number: c.get()?,
        id: c.order_id()?,
        tenant: c.text("tenant", |t| Some(Tenant::stored(t)))?,
        status: c.get()?,
        version: c.get()?,
        archived_at: c.time()?,
        document: Document::default(),
    };
    let bytes = c.optional_bytes("document")?;
    order.read(bytes.unwrap_or_default())
}

/// Puts an order back, changed just now; `false` when the archive does not have it.
pub fn unarchive(tx: &mut Tx<'_>, tenant: &Tenant, id: OrderId) -> Result<bool> {
    let Some(order) = find(tx.connection, tenant, &OrderRef::Id(id), tx.now)? else {
        return Ok(false);
    };
    let document = order.document;
    document.refuse_unknown()?;
    for (table, _) in &ORDER_TABLES {
        for row in document.values(table)? {
            put_back(tx, table, &row)?;
        }
    }
    let touched = "UPDATE orders SET updated_at = ?2 WHERE id = ?1";
    expect_one(tx.execute(touched, params![id.bytes(), tx.now.0])?, "order")?;
    let sql = "DELETE FROM archived_orders WHERE order_id = ?1";
    expect_one(tx.execute(sql, [id.bytes()])?, "archived order")?;
    add_consumed(tx, &document.consumed()?, -1)?;
    tx.counters.by_status[document.status()? as usize] += 1;
    Ok(true)
}

fn put_back(tx: &Tx<'_>, table: &Table, row: &[Value]) -> Result<()> {
    let places: Vec<String> = (1..=row.len()).map(|at| format!("?{at}")).collect();
    let (columns, places) = (names(table), places.join(", "));
    let sql = format!("INSERT INTO {} ({columns}) VALUES ({places})", table.name);
    let cells = row.iter().map(values::as_sql);
    tx.execute(&sql, params_from_iter(cells)).map(drop)
}

/// Every order of the archive, by number.
pub fn scan(
    connection: &Connection,
    visit: &mut (dyn FnMut(Result<ArchivedOrder>) + Send),
) -> Result<()> {
    let sql = format!("{ARCHIVED} ORDER BY n");
    let mut select = connection.prepare(&sql).store()?;
    let mut rows = select.query([]).store()?;
    while let Some(row) = rows.next().store()? {
        visit(archived(row));
    }
    Ok(())
}
