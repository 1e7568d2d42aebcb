//! Orders whose units wait for stock, and those that have to give units back.

use super::errors::IntoStore;
use super::rows::Columns;
use crate::error::Result;
use rusqlite::{Connection, params};
use waybill_domain::ids::OrderId;
use waybill_domain::text::{Sku, Tenant, Vendor};

/// Orders with units of a sku that wait, in the order in which they came.
pub fn orders(
    connection: &Connection,
    tenant: &Tenant,
    sku: &Sku,
    after: Option<OrderId>,
    limit: usize,
) -> Result<Vec<OrderId>> {
    let mut select = connection
        .prepare_cached(
            "SELECT DISTINCT order_id FROM order_lines INDEXED BY order_lines_waiting WHERE waits_in = ?1 AND sku = ?2 \
             AND waits_in IS NOT NULL AND backordered > 0 AND order_id > ?3 ORDER BY order_id LIMIT ?4",
        )
        .store()?;
    // No error: without a place it begins with the first order.
    let after = after.map_or_else(Vec::new, |order| order.bytes().to_vec());
    let mut rows = select
        .query(params![tenant.as_str(), sku.as_str(), after, limit])
        .store()?;
    let mut found = vec![];
    while let Some(row) = rows.next().store()? {
        found.push(Columns::of(row).order_id()?);
    }
    Ok(found)
}

/// Skus of which units wait. It goes from one sku to the next along the index, however many orders wait for each.
pub fn skus(
    connection: &Connection,
    after: Option<&(Tenant, Sku)>,
    limit: usize,
) -> Result<Vec<(Tenant, Sku)>> {
    let mut select = connection
        .prepare_cached(
            "SELECT waits_in, sku FROM order_lines INDEXED BY order_lines_waiting WHERE (waits_in, sku) > (?1, ?2) \
             AND waits_in IS NOT NULL AND backordered > 0 ORDER BY waits_in, sku LIMIT 1",
        )
        .store()?;
    let mut found: Vec<(Tenant, Sku)> = vec![];
    while found.len() < limit {
        let (tenant, sku) = match found.last().or(after) {
            Some((tenant, sku)) => (tenant.as_str(), sku.as_str()),
            None => ("", ""),
        };
        let mut rows = select.query(params![tenant, sku]).store()?;
        let Some(row) = rows.next().store()? else {
            break;
        };
        let mut c = Columns::of(row);
        let next = (
            c.text("tenant", |t| Some(Tenant::stored(t)))?,
            c.text("sku", |t| Some(Sku::stored(t)))?,
        );
        drop(rows);
        found.push(next);
    }
    Ok(found)
}

/// Orders that are not confirmed and have reserved our own units of a sku, newest first.
pub fn unconfirmed(
    connection: &Connection,
    tenant: &Tenant,
    sku: &Sku,
    limit: usize,
) -> Result<Vec<OrderId>> {
    let mut select = connection
        .prepare_cached(
            "SELECT c.order_id FROM (SELECT order_id FROM order_lines INDEXED BY order_lines_waiting \
             WHERE waits_in = ?1 AND waits_in IS NOT NULL AND backordered > 0 \
             UNION SELECT order_id FROM reservations INDEXED BY reservations_expiring WHERE state = 'held') AS c \
             WHERE EXISTS (SELECT 1 FROM orders o WHERE o.id = c.order_id AND (o.status = 'pending' OR o.status = 'backordered')) \
             AND EXISTS (SELECT 1 FROM reservations r WHERE r.order_id = c.order_id AND r.tenant IS ?1 AND r.sku = ?2 AND r.vendor = ?3 \
             AND r.state = 'committed' AND r.consumed + r.released < r.quantity) ORDER BY c.order_id DESC LIMIT ?4",
        )
        .store()?;
    let mut rows = select
        .query(params![tenant.as_str(), sku.as_str(), Vendor::LOCAL, limit])
        .store()?;
    let mut found = vec![];
    while let Some(row) = rows.next().store()? {
        found.push(Columns::of(row).order_id()?);
    }
    Ok(found)
}
