//! Reads shipments, deliveries and timers.

use super::errors::IntoStore;
use super::rows::Columns;
use crate::error::Result;
use crate::model::{DeliveryOf, DueTimers, Page, ShipmentFilter};
use rusqlite::{Connection, Row, params};
use waybill_domain::context::RequestIds;
use waybill_domain::delivery::{Delivery, DeliveryState};
use waybill_domain::ids::{OrderId, ShipmentId};
use waybill_domain::shipment::{Shipment, ShipmentStatus};
use waybill_domain::text::{Tenant, Vendor};
use waybill_domain::time::Time;
use waybill_domain::timer::Timer;

const COLUMNS: &str = "id, order_id, tenant, part, vendor, attempt, status, version, lines, tracking_number, carrier, created_at, updated_at, \
                       shipped_at, delivered_at, due_at, correlation_id, traceparent";

fn shipment(row: &Row<'_>) -> Result<Shipment> {
    let mut c = Columns::of(row);
    Ok(Shipment {
        id: ShipmentId(c.uuid("shipment id")?),
        order_id: c.order_id()?,
        tenant: c.text("tenant", |t| Some(Tenant::stored(t)))?,
        partition: c.get()?,
        vendor: c.text("vendor", |t| Some(Vendor::stored(t)))?,
        attempt: c.get()?,
        status: c.text("shipment status", ShipmentStatus::parse)?,
        version: c.get()?,
        lines: c.text("shipment lines", |t| serde_json::from_str(t).ok())?,
        tracking_number: c.get()?,
        carrier: c.get()?,
        created_at: c.time()?,
        updated_at: c.time()?,
        shipped_at: c.optional_time()?,
        delivered_at: c.optional_time()?,
        due_at: c.optional_time()?,
        request: RequestIds {
            correlation_id: c.optional_text("correlation id", |t| Some(t.into()))?,
            traceparent: c.optional_text("traceparent", |t| Some(t.into()))?,
        },
    })
}

fn select(
    connection: &Connection,
    condition: &str,
    params: impl rusqlite::Params,
) -> Result<Vec<Shipment>> {
    let mut statement = connection
        .prepare_cached(&format!(
            "SELECT {COLUMNS} FROM shipments WHERE {condition}"
        ))
        .store()?;
    let mut rows = statement.query(params).store()?;
    let mut found = vec![];
    while let Some(row) = rows.next().store()? {
        found.push(shipment(row)?);
    }
    Ok(found)
}

/// One shipment of a tenant.
pub fn find(connection: &Connection, tenant: &Tenant, id: ShipmentId) -> Result<Option<Shipment>> {
    Ok(select(
        connection,
        "id = ?1 AND tenant = ?2",
        params![id.bytes(), tenant.as_str()],
    )?
    .pop())
}

/// All shipments of an order, first one first.
pub fn of_order(connection: &Connection, order: OrderId) -> Result<Vec<Shipment>> {
    select(
        connection,
        "order_id = ?1 ORDER BY created_at, id",
        params![order.bytes()],
    )
}

/// A page of a tenant's shipments, newest first. Reads at most `scan` shipments of the tenant.
pub fn list(
    connection: &Connection,
    tenant: &Tenant,
    filter: &ShipmentFilter,
    scan: usize,
) -> Result<Page<Shipment, ShipmentId>> {
    let before = filter.before.map_or([0xff; 16], |id| *id.bytes());
    let status = filter.status.map(ShipmentStatus::as_str);
    if let Some(order) = filter.order_id {
        let items = select(
            connection,
            "order_id = ?1 AND tenant = ?2 AND (?3 IS NULL OR status = ?3) AND id < ?4 ORDER BY id DESC LIMIT ?5",
            params![
                order.bytes(),
                tenant.as_str(),
                status,
                &before[..],
                filter.limit
            ],
        )?;
        return Ok(Page::up_to(filter.limit, items, |s| s.id));
    }
    let mut statement = connection
        .prepare_cached(&format!(
            "SELECT {COLUMNS} FROM shipments INDEXED BY shipments_of_tenant WHERE tenant = ?1 AND id < ?2 ORDER BY id DESC LIMIT ?3"
        ))
        .store()?;
    let mut rows = statement
        .query(params![tenant.as_str(), &before[..], scan])
        .store()?;
    let mut items = vec![];
    let (mut looked_at, mut last) = (0, None);
    // Rows are read one by one, so that a page that is full early reads no further.
    while items.len() < filter.limit
        && let Some(row) = rows.next().store()?
    {
        let found = shipment(row)?;
        looked_at += 1;
        last = Some(found.id);
        if filter.status.is_none_or(|s| s == found.status) {
            items.push(found);
        }
    }
    let next = last.filter(|_| items.len() == filter.limit || looked_at == scan);
    Ok(Page { items, next })
}

fn delivery(row: &Row<'_>) -> Result<Delivery> {
    let mut c = Columns::of(row);
    Ok(Delivery {
        order_id: c.order_id()?,
        tenant: c.text("tenant", |t| Some(Tenant::stored(t)))?,
        partition: c.get()?,
        state: c.text("delivery state", DeliveryState::parse)?,
        revision: c.get()?,
        version: c.get()?,
        last_order_seq: c.get()?,
        open_holds: c
            .optional_text("open holds", |t| serde_json::from_str(t).ok())?
            .unwrap_or_default(),
        released: c
            .optional_text("released units", |t| serde_json::from_str(t).ok())?
            .unwrap_or_default(),
        updated_at: c.time()?,
    })
}

/// The deliveries and shipments of several orders.
pub fn deliveries(connection: &Connection, orders: &[OrderId]) -> Result<Vec<DeliveryOf>> {
    let mut statement = connection
        .prepare_cached("SELECT order_id, tenant, part, state, revision, version, heard, open_holds, released, updated_at FROM deliveries WHERE order_id = ?1")
        .store()?;
    let mut found = Vec::with_capacity(orders.len());
    for order in orders {
        let mut rows = statement.query([order.bytes()]).store()?;
        let known = rows.next().store()?.map(delivery).transpose()?;
        drop(rows);
        // Shipments are only written together with the delivery's row, so without it there are none.
        let shipments = if known.is_some() {
            of_order(connection, *order)?
        } else {
            vec![]
        };
        found.push((*order, known, shipments));
    }
    Ok(found)
}

/// Due timers with their shipments, oldest first, and the time of the next one after them.
pub fn due_timers(connection: &Connection, now: Time, limit: usize) -> Result<DueTimers> {
    let mut statement = connection.prepare_cached("SELECT due_at, shipment_id, order_id FROM timers ORDER BY due_at, shipment_id LIMIT ?1").store()?;
    let mut rows = statement.query([limit + 1]).store()?;
    let mut due = vec![];
    let mut next = None;
    while let Some(row) = rows.next().store()? {
        let mut c = Columns::of(row);
        let timer = Timer {
            // The embedded store has one partition.
            partition: 0,
            due_at: c.time()?,
            shipment_id: ShipmentId(c.uuid("shipment id")?),
            order_id: c.order_id()?,
        };
        if timer.due_at > now || due.len() == limit {
            next = Some(timer.due_at);
            break;
        }
        due.push(timer);
    }
    drop(rows);
    let with_shipment = |timer: Timer| {
        let shipment = select(connection, "id = ?1", [timer.shipment_id.bytes()])?.pop();
        Ok((timer, shipment))
    };
    let due = due.into_iter().map(with_shipment).collect::<Result<_>>()?;
    Ok((due, next))
}
