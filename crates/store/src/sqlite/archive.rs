//! The archive of finished orders.

use super::errors::IntoStore;
use super::rows::Columns;
use super::tx::{Tx, expect_one};
use super::{claims, moving};
use crate::archive::{
    Archival, ArchivedOrder, Archiving, CANDIDATES, Consumed, Document, Key, ORDER_TABLES, names,
};
use crate::error::{Error, Result};
use crate::migrations;
use crate::model::OrderRef;
use crate::moving::{Table, Value};
use rusqlite::{Connection, Row, ToSql, params, params_from_iter};
use uuid::Uuid;
use waybill_domain::ids::OrderId;
use waybill_domain::status::OrderStatus;
use waybill_domain::text::Tenant;
use waybill_domain::time::Time;

/// Moves orders into the archive; looks at the next `scan` ones.
pub fn archive(tx: &mut Tx<'_>, which: &Archiving, scan: usize) -> Result<Archival> {
    let (ids, reached) = candidates(tx.connection, which, scan)?;
    for id in &ids {
        move_out(tx, *id)?;
    }
    Ok(Archival {
        archived: ids.len(),
        reached,
    })
}

/// The orders that leave, and the number that the next look goes on after.
fn candidates(
    connection: &Connection,
    which: &Archiving,
    scan: usize,
) -> Result<(Vec<OrderId>, Option<i64>)> {
    let mut select = connection.prepare_cached(&CANDIDATES).store()?;
    let asked = params![which.before.0, which.after, scan];
    let mut rows = select.query(asked).store()?;
    let (mut ids, mut reached, mut looked_at) = (vec![], which.after, 0);
    while ids.len() < which.limit {
        let Some(row) = rows.next().store()? else {
            let ends = looked_at < scan;
            return Ok((ids, Some(reached).filter(|_| !ends)));
        };
        let mut c = Columns::of(row);
        let (number, id, too_young): (i64, OrderId, bool) = (c.get()?, c.order_id()?, c.get()?);
        if too_young {
            return Ok((ids, None));
        }
        if c.get()? {
            ids.push(id);
        }
        reached = number;
        looked_at += 1;
    }
    Ok((ids, Some(reached)))
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

fn move_out(tx: &mut Tx<'_>, id: OrderId) -> Result<()> {
    let mut document = Document {
        schema: migrations::known(),
        ..Document::default()
    };
    for (table, key) in &ORDER_TABLES {
        for row in rows_of(tx.connection, table, *key, id)? {
            document.add(table, &row);
        }
    }
    let status = status_of(&document)?;
    let number = "INSERT INTO archived_orders (n, order_id, tenant, status, version, archived_at, document) \
                  SELECT n, id, tenant, status, version, ?2, ?3 FROM orders WHERE id = ?1";
    let written = tx.execute(number, params![id.bytes(), tx.now.0, document.encode()?])?;
    expect_one(written, "order")?;
    for (table, key) in &ORDER_TABLES {
        let sql = format!("DELETE FROM {} WHERE {}", table.name, condition(*key));
        tx.execute(&sql, [id.bytes()])?;
    }
    add_consumed(tx, &document.consumed()?, 1)?;
    tx.counters.by_status[status as usize] -= 1;
    Ok(())
}

fn status_of(document: &Document) -> Result<OrderStatus> {
    let status = document.of_order("status")?;
    let known = OrderStatus::parse(&status);
    known.ok_or_else(|| Error::damaged_row("an order", format!("its status is {status}")))
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
        found.push(moving::read_row(table, row)?);
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

const ARCHIVED: &str = "SELECT n, order_id, tenant, archived_at, document FROM archived_orders";

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
            one(connection, &sql, params![tenant.as_str(), number])
        }
        OrderRef::Claim { kind, hash } => {
            match claims::holder(connection, tenant, *kind, hash, now)? {
                Some(holder) => by_id(holder.order_id),
                None => Ok(None),
            }
        }
    }
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
    Ok(ArchivedOrder {
        number: c.get()?,
        id: c.order_id()?,
        tenant: Tenant::stored(&c.get::<String>()?),
        archived_at: c.time()?,
        document: Document::decode(&c.get::<Vec<u8>>()?)?,
    })
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
    tx.counters.by_status[status_of(&document)? as usize] += 1;
    Ok(true)
}

fn put_back(tx: &Tx<'_>, table: &Table, row: &[Value]) -> Result<()> {
    let places: Vec<String> = (1..=row.len()).map(|at| format!("?{at}")).collect();
    let (columns, places) = (names(table), places.join(", "));
    let sql = format!("INSERT INTO {} ({columns}) VALUES ({places})", table.name);
    let cells = row.iter().map(as_sql);
    tx.execute(&sql, params_from_iter(cells)).map(drop)
}

fn as_sql(value: &Value) -> Box<dyn ToSql + '_> {
    match value {
        Value::Small(v) => Box::new(v),
        Value::Int(v) => Box::new(v),
        Value::Big(v) => Box::new(v),
        Value::Bool(v) => Box::new(v),
        Value::Text(v) => Box::new(v),
        Value::Uuid(v) => Box::new(v.map(Uuid::into_bytes)),
        Value::Bytes(v) => Box::new(v),
    }
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
