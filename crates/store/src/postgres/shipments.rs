//! Reads shipments, deliveries and timers.

use super::due::Looks;
use super::pipeline::{Pipeline, Sql, params};
use super::rows::{Columns, count, small};
use super::transaction::Commits;
use crate::error::Result;
use crate::model::{DeliveryOf, DueTimers, Page, ShipmentFilter};
use std::collections::HashMap;
use tokio::time::Instant;
use tokio_postgres::Row;
use tokio_postgres::types::Type;
use uuid::Uuid;
use waybill_domain::context::RequestIds;
use waybill_domain::delivery::{Delivery, DeliveryState};
use waybill_domain::ids::{OrderId, ShipmentId};
use waybill_domain::shipment::{Shipment, ShipmentStatus};
use waybill_domain::text::{Tenant, Vendor};
use waybill_domain::time::Time;
use waybill_domain::timer::Timer;

macro_rules! columns {
    () => {
        "id, order_id, tenant, part, vendor, attempt, status, version, lines, tracking_number, carrier, created_at, updated_at, \
         shipped_at, delivered_at, due_at, correlation_id, traceparent"
    };
}

fn shipment(row: &Row) -> Result<Shipment> {
    let mut c = Columns::of(row);
    Ok(Shipment {
        id: ShipmentId(c.uuid()?),
        order_id: c.order_id()?,
        tenant: c.text("tenant", |t| Some(Tenant::stored(t)))?,
        partition: c.small("part")?,
        vendor: c.text("vendor", |t| Some(Vendor::stored(t)))?,
        attempt: c.integer("attempt")?,
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

static BY_ID: Sql = Sql {
    text: concat!(
        "/* shipments::by_id */ SELECT ",
        columns!(),
        " FROM shipments WHERE id = $1 AND tenant = $2"
    ),
    types: &[Type::UUID, Type::TEXT],
};

/// One shipment of a tenant.
pub async fn find(commits: &Commits, tenant: &Tenant, id: ShipmentId) -> Result<Option<Shipment>> {
    let rows = commits.read(&BY_ID, params![id.0, tenant.as_str()]).await?;
    rows.first().map(shipment).transpose()
}

static OF_ORDER: Sql = Sql {
    text: concat!(
        "/* shipments::of_order */ SELECT ",
        columns!(),
        " FROM shipments WHERE order_id = $1 AND tenant = $2 AND ($3 IS NULL OR status = $3) AND id < $4 ORDER BY id DESC LIMIT $5"
    ),
    types: &[Type::UUID, Type::TEXT, Type::TEXT, Type::UUID, Type::INT8],
};

/// The matching shipments among the tenant's next `scan` shipments, newest first; shipments that the filter excludes
/// count towards `scan`. Written as a range of the tenant's index, because with `tenant = $3` the planner may scan the
/// shipments of all tenants by id.
static LIST: Sql = Sql {
    text: concat!(
        "/* shipments::list */ SELECT ",
        columns!(),
        " FROM (SELECT * FROM shipments WHERE (tenant, id) < ($3, $1) AND tenant >= $3 ORDER BY tenant DESC, id DESC LIMIT $2) AS seen \
         WHERE ($4 IS NULL OR status = $4) ORDER BY tenant DESC, id DESC LIMIT $5"
    ),
    types: &[Type::UUID, Type::INT8, Type::TEXT, Type::TEXT, Type::INT8],
};

/// The last of the tenant's next `scan` shipments, after which the next page begins.
static LAST: Sql = Sql {
    text: "/* shipments::last */ SELECT id FROM shipments WHERE (tenant, id) < ($3, $1) AND tenant >= $3 ORDER BY tenant DESC, id DESC OFFSET $2 LIMIT 1",
    types: &[Type::UUID, Type::INT8, Type::TEXT],
};

/// A page of a tenant's shipments, newest first. Reads at most `scan` of its shipments.
pub async fn list(
    commits: &Commits,
    tenant: &Tenant,
    filter: &ShipmentFilter,
    scan: usize,
) -> Result<Page<Shipment, ShipmentId>> {
    let before = filter.before.map_or(Uuid::max(), |id| id.0);
    let status = filter.status.map(ShipmentStatus::as_str);
    let limit = count(filter.limit);
    let of = |rows: &[Row]| rows.iter().map(shipment).collect::<Result<Vec<_>>>();
    if let Some(order) = filter.order_id {
        let parameters = params![order.0, tenant.as_str(), status, before, limit];
        let items = of(&commits.read(&OF_ORDER, parameters).await?)?;
        return Ok(Page::up_to(filter.limit, items, |s| s.id));
    }
    let mut pipeline = Pipeline::new();
    let listed = pipeline.add(
        &LIST,
        params![before, count(scan), tenant.as_str(), status, limit],
    );
    let (reader, mut answers) = commits.begin_reading(pipeline).await?;
    let items = of(&answers.take(listed))?;
    let full = items.len() == filter.limit;
    let mut pipeline = Pipeline::new();
    let parameters = params![before, count(scan) - 1, tenant.as_str()];
    let last = (!full).then(|| pipeline.add(&LAST, parameters));
    let mut answers = reader.finish(pipeline).await?;
    let next = match last {
        None => items.last().map(|s| s.id),
        Some(last) => {
            let last = answers
                .take(last)
                .first()
                .map(|row| Columns::of(row).uuid());
            last.transpose()?.map(ShipmentId)
        }
    };
    Ok(Page { items, next })
}

static DELIVERIES: Sql = Sql {
    text: "/* shipments::deliveries */ SELECT order_id, tenant, part, state, revision, version, heard, open_holds, released, updated_at \
           FROM deliveries WHERE order_id = ANY($1)",
    types: &[Type::UUID_ARRAY],
};

static OF_ORDERS: Sql = Sql {
    text: concat!(
        "/* shipments::of_orders */ SELECT ",
        columns!(),
        " FROM shipments WHERE order_id = ANY($1) ORDER BY created_at, id"
    ),
    types: &[Type::UUID_ARRAY],
};

fn delivery(row: &Row) -> Result<Delivery> {
    let mut c = Columns::of(row);
    Ok(Delivery {
        order_id: c.order_id()?,
        tenant: c.text("tenant", |t| Some(Tenant::stored(t)))?,
        partition: c.small("part")?,
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

/// The deliveries and shipments of several orders, in the order of `orders`.
pub async fn deliveries(commits: &Commits, orders: &[OrderId]) -> Result<Vec<DeliveryOf>> {
    let ids: Vec<Uuid> = orders.iter().map(|id| id.0).collect();
    let mut pipeline = Pipeline::new();
    let deliveries = pipeline.add(&DELIVERIES, params![&*ids]);
    let shipments_of = pipeline.add(&OF_ORDERS, params![&*ids]);
    let mut answers = commits.read_same_moment(pipeline).await?;
    let mut known: HashMap<OrderId, Delivery> = HashMap::with_capacity(ids.len());
    for row in &answers.take(deliveries) {
        let delivery = delivery(row)?;
        known.insert(delivery.order_id, delivery);
    }
    let mut shipments: HashMap<OrderId, Vec<Shipment>> = HashMap::new();
    for row in &answers.take(shipments_of) {
        let shipment = shipment(row)?;
        shipments
            .entry(shipment.order_id)
            .or_default()
            .push(shipment);
    }
    let of = |id: &OrderId| {
        let shipments = shipments.get(id).cloned().unwrap_or_default();
        (*id, known.get(id).cloned(), shipments)
    };
    Ok(orders.iter().map(of).collect())
}

static TIMERS: Sql = Sql {
    text: "/* shipments::timers */ SELECT due_at, shipment_id, order_id FROM timers WHERE part = $1 AND due_at >= $2 \
           ORDER BY due_at, shipment_id LIMIT $3",
    types: &[Type::INT2, Type::INT8, Type::INT8],
};

static BY_IDS: Sql = Sql {
    text: concat!(
        "/* shipments::by_ids */ SELECT ",
        columns!(),
        " FROM shipments WHERE id = ANY($1)"
    ),
    types: &[Type::UUID_ARRAY],
};

/// Due timers of a partition with their shipments, oldest first, and the time of the next one after them.
pub async fn due_timers(
    commits: &Commits,
    looks: &Looks,
    partition: u16,
    now: Time,
    limit: usize,
) -> Result<DueTimers> {
    let look = looks.begin(partition, Instant::now());
    let parameters = params![small(partition), look.from, count(limit) + 1];
    let rows = commits.read(&TIMERS, parameters).await?;
    let first = rows.first().map(|row| Columns::of(row).time());
    looks.end(partition, &look, Instant::now(), first.transpose()?, now);
    let mut due: Vec<Timer> = vec![];
    let mut next = None;
    for row in &rows {
        let mut c = Columns::of(row);
        let timer = Timer {
            partition,
            due_at: c.time()?,
            shipment_id: ShipmentId(c.uuid()?),
            order_id: c.order_id()?,
        };
        if timer.due_at > now || due.len() == limit {
            next = Some(timer.due_at);
            break;
        }
        due.push(timer);
    }
    if due.is_empty() {
        return Ok((vec![], next));
    }
    let ids: Vec<Uuid> = due.iter().map(|t| t.shipment_id.0).collect();
    let mut shipments = HashMap::with_capacity(ids.len());
    for row in &commits.read(&BY_IDS, params![ids]).await? {
        let shipment = shipment(row)?;
        shipments.insert(shipment.id, shipment);
    }
    let with = |timer: Timer| {
        let shipment = shipments.get(&timer.shipment_id).cloned();
        (timer, shipment)
    };
    Ok((due.into_iter().map(with).collect(), next))
}
