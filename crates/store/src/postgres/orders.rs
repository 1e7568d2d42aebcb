//! Reads orders. An order, its lines, its holds and its personal data are read in one round trip, for any number of
//! orders.

use super::claims;
use super::log;
use super::pipeline::{Answers, Handle, Parameter, Pipeline, Rows, Sql, params};
use super::rows::{Columns, count};
use super::transaction::Commits;
use crate::encoding::{Note, read_birth, read_copies};
use crate::error::{Error, Result};
use crate::model::{OrderFilter, OrderRecord, OrderRef, Page, Positions, Snapshot};
use std::collections::HashMap;
use tokio_postgres::Row;
use tokio_postgres::types::Type;
use uuid::Uuid;
use waybill_domain::ids::{HoldId, OrderId};
use waybill_domain::order::{Hold, HoldReason, Line, Order, Source};
use waybill_domain::reservation::{Reservation, ReservationState};
use waybill_domain::status::{AllocationPolicy, Flags, OrderStatus};
use waybill_domain::text::{Sku, Tenant, Vendor};
use waybill_domain::time::Time;

macro_rules! columns {
    () => {
        "o.id, o.tenant, o.part, o.version, o.status, o.sourcing, o.started, o.failed, o.cancelling_from, o.policy, o.created_at, \
         o.updated_at, o.completed_at, o.cancelled_at, o.cancel_reason, o.promised_by, o.shipments"
    };
}

macro_rules! record {
    () => {
        concat!(
            "SELECT o.n, o.caller_number, c.content, c.birth, ",
            columns!(),
            " FROM orders o JOIN order_content c ON c.n = o.n "
        )
    };
}

fn order(c: &mut Columns<'_>) -> Result<Order> {
    Ok(Order {
        id: c.order_id()?,
        tenant: c.text("tenant", |t| Some(Tenant::stored(t)))?,
        partition: c.small("part")?,
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

static STATES: Sql = Sql {
    text: concat!(
        "/* orders::states */ SELECT ",
        columns!(),
        " FROM orders o WHERE o.id = ANY($1)"
    ),
    types: &[Type::UUID_ARRAY],
};

static LINES: Sql = Sql {
    text: "/* orders::lines */ SELECT l.order_id, l.line, l.sku, l.vendor, l.requires_shipping, l.ordered, l.cancelled, l.backordered, \
           l.reserved, l.in_shipment, l.shipped, l.delivered, l.returned, l.lost, l.given_up, CASE WHEN l.sourced THEN (SELECT json_agg(json_build_array( \
           r.vendor, r.attempt, r.reason, r.state, r.quantity, r.consumed, r.released, r.expires_at, r.ending, r.agreed_at, r.uncertain) \
           ORDER BY r.vendor COLLATE \"C\", r.attempt)::text FROM reservations r WHERE r.order_id = l.order_id AND r.line = l.line) END \
           FROM order_lines l WHERE l.order_id = ANY($1) ORDER BY l.order_id, l.line",
    types: &[Type::UUID_ARRAY],
};

static HOLDS: Sql = Sql {
    text: "/* orders::holds */ SELECT order_id, id, reason, placed_at, placed_by, released_at FROM order_holds WHERE order_id = ANY($1) \
           ORDER BY order_id, placed_at, id",
    types: &[Type::UUID_ARRAY],
};

static PERSONAL: Sql = Sql {
    text: "/* orders::personal */ SELECT order_id, kind, data FROM order_personal WHERE order_id = ANY($1) ORDER BY order_id, seq",
    types: &[Type::UUID_ARRAY],
};

fn fill_lines(orders: &mut HashMap<Uuid, &mut Order>, rows: &[Row]) -> Result<()> {
    for row in rows {
        let mut c = Columns::of(row);
        let Some(order) = orders.get_mut(&c.uuid()?) else {
            continue;
        };
        let mut line = Line {
            id: c.small("line")?,
            sku: c.text("sku", |t| Some(Sku::stored(t)))?,
            vendor: c.optional_text("vendor", |t| Some(Vendor::stored(t)))?,
            sources: vec![],
            requires_shipping: c.get()?,
            quantities: c.quantities()?,
            given_up: c.get()?,
        };
        let sources = c.optional_text("a line's reservations", read_sources)?;
        line.sources = sources.unwrap_or_default();
        order.lines.push(line);
    }
    Ok(())
}

/// A reservation as the statement `orders::lines` lists it.
type ListedSource = (
    String,
    u16,
    Option<String>,
    String,
    i64,
    i64,
    i64,
    Option<i64>,
    bool,
    Option<i64>,
    bool,
);

fn read_sources(text: &str) -> Option<Vec<Source>> {
    // No error: a text that is no such list is told as a damaged column.
    let listed: Vec<ListedSource> = serde_json::from_str(text).ok()?;
    let source = |of: ListedSource| {
        let (vendor, attempt, reason, state, quantity, consumed, released, ..) = &of;
        Some(Source {
            vendor: Vendor::stored(vendor),
            attempt: *attempt,
            reason: reason.as_deref().map(Into::into),
            reservation: Reservation {
                state: ReservationState::parse(state)?,
                quantity: *quantity,
                consumed: *consumed,
                released: *released,
                expires_at: of.7.map(Time),
                ending: of.8,
                agreed_at: of.9.map(Time),
                uncertain: of.10,
            },
        })
    };
    listed.into_iter().map(source).collect()
}

fn fill_holds(orders: &mut HashMap<Uuid, &mut Order>, rows: &[Row]) -> Result<()> {
    for row in rows {
        let mut c = Columns::of(row);
        let Some(order) = orders.get_mut(&c.uuid()?) else {
            continue;
        };
        order.holds.push(Hold {
            id: HoldId(c.uuid()?),
            reason: c.text("hold reason", HoldReason::parse)?,
            placed_at: c.time()?,
            placed_by: c.get()?,
            note: None,
            released_at: c.optional_time()?,
        });
    }
    Ok(())
}

/// Indexes a list of orders by their ids.
fn by_id<'o>(orders: impl Iterator<Item = &'o mut Order>) -> HashMap<Uuid, &'o mut Order> {
    orders.map(|order| (order.id.0, order)).collect()
}

/// The changing part of several orders, in the order of `ids`; orders that do not exist are left out.
pub async fn states(commits: &Commits, ids: &[OrderId]) -> Result<Vec<Order>> {
    let ids: Vec<Uuid> = ids.iter().map(|id| id.0).collect();
    let mut pipeline = Pipeline::new();
    let [states, lines, holds] =
        [&STATES, &LINES, &HOLDS].map(|sql| pipeline.add(sql, params![&*ids]));
    let mut answers = commits.read_same_moment(pipeline).await?;
    let mut found = HashMap::with_capacity(ids.len());
    for row in &answers.take(states) {
        let order = order(&mut Columns::of(row))?;
        found.insert(order.id.0, order);
    }
    let mut orders: Vec<Order> = ids.iter().filter_map(|id| found.remove(id)).collect();
    let mut index = by_id(orders.iter_mut());
    fill_lines(&mut index, &answers.take(lines))?;
    fill_holds(&mut index, &answers.take(holds))?;
    Ok(orders)
}

fn record(row: &Row) -> Result<OrderRecord> {
    let mut c = Columns::of(row);
    let number = c.get()?;
    let caller_number = c.get()?;
    let content = c.get()?;
    let birth = c.text("birth", read_birth)?;
    Ok(OrderRecord {
        order: order(&mut c)?,
        number,
        caller_number,
        content,
        personal: None,
        birth,
    })
}

/// Puts personal data into the records: the order's own, and the notes of its holds and its cancellation.
fn fill_personal(records: &mut [OrderRecord], rows: &[Row]) -> Result<()> {
    let each = records.iter_mut();
    let mut by_id: HashMap<Uuid, &mut OrderRecord> = each.map(|r| (r.order.id.0, r)).collect();
    for row in rows {
        let mut c = Columns::of(row);
        let Some(record) = by_id.get_mut(&c.uuid()?) else {
            continue;
        };
        let (kind, data): (&str, String) = (c.get()?, c.get()?);
        if kind == "order" {
            record.personal = Some(data);
            continue;
        }
        let note: Note = serde_json::from_str(&data)
            .map_err(|e| Error::damaged_row("a note", e.to_string()).because(e))?;
        note.put_on(&mut record.order);
    }
    Ok(())
}

static BY_ID: Sql = Sql {
    text: concat!(
        "/* orders::by_id */ ",
        record!(),
        "WHERE o.tenant = $1 AND o.id = $2"
    ),
    types: &[Type::TEXT, Type::UUID],
};

static BY_NUMBER: Sql = Sql {
    text: "/* orders::by_number */ SELECT id FROM orders WHERE tenant = $1 AND n = $2 AND caller_number IS NULL",
    types: &[Type::TEXT, Type::INT8],
};

/// The pending statements whose rows complete the records: lines, holds and personal data.
struct Rest {
    lines: Handle<Rows>,
    holds: Handle<Rows>,
    personal: Handle<Rows>,
}

fn complete(rows: &[Row], rest: Rest, answers: &mut Answers) -> Result<Vec<OrderRecord>> {
    let mut records = rows.iter().map(record).collect::<Result<Vec<_>>>()?;
    let mut index = by_id(records.iter_mut().map(|r| &mut r.order));
    fill_lines(&mut index, &answers.take(rest.lines))?;
    fill_holds(&mut index, &answers.take(rest.holds))?;
    fill_personal(&mut records, &answers.take(rest.personal))?;
    Ok(records)
}

fn ask_rest<'p>(pipeline: &mut Pipeline<'p>, ids: &'p [Uuid]) -> Rest {
    let mut ask = |sql| pipeline.add(sql, params![ids]);
    Rest {
        lines: ask(&LINES),
        holds: ask(&HOLDS),
        personal: ask(&PERSONAL),
    }
}

/// One order of a tenant, whole.
pub async fn find(
    commits: &Commits,
    tenant: &Tenant,
    by: &OrderRef,
    now: Time,
) -> Result<Option<OrderRecord>> {
    let id = match by {
        OrderRef::Id(id) => Some(*id),
        OrderRef::Number(n) => {
            let rows = commits
                .read(&BY_NUMBER, params![tenant.as_str(), *n])
                .await?;
            rows.first()
                .map(|row| Columns::of(row).order_id())
                .transpose()?
        }
        OrderRef::Claim { kind, hash } => {
            claims::holder(commits, tenant, *kind, *hash, now).await?
        }
    };
    let Some(id) = id else { return Ok(None) };
    let ids = [id.0];
    let mut pipeline = Pipeline::new();
    let record = pipeline.add(&BY_ID, params![tenant.as_str(), id.0]);
    let rest = ask_rest(&mut pipeline, &ids);
    let mut answers = commits.read_same_moment(pipeline).await?;
    let record = answers.take(record);
    Ok(complete(&record, rest, &mut answers)?.pop())
}

/// The tenant's next `$3` orders, newest first, and which of them a filter shows; orders that it excludes count towards
/// `$3`. Written as a range of the tenant's index, because with `tenant = $2` the planner may scan the orders of all
/// tenants by number.
macro_rules! walked {
    ($join:literal) => {
        concat!(
            " FROM (SELECT * FROM orders WHERE (tenant, n) < ($2, $1) AND tenant >= $2 ORDER BY tenant DESC, n DESC LIMIT $3) AS o ",
            $join,
            "WHERE ($4 = '{}' OR o.status = ANY($4)) AND ($5 IS NULL OR o.customer_id = $5) \
             AND ($6 IS NULL OR EXISTS (SELECT 1 FROM order_lines l WHERE l.order_id = o.id AND l.sku = $6)) \
             AND ($7 IS NULL OR o.updated_at >= $7) AND ($8 IS NULL OR COALESCE(o.placed_at, o.created_at) >= $8) \
             AND ($9 IS NULL OR COALESCE(o.placed_at, o.created_at) < $9) \
             AND ($11 IS NULL OR EXISTS (SELECT 1 FROM order_content b WHERE b.n = o.n AND b.birth::json ->> 'd' = $11)) \
             ORDER BY o.tenant DESC, o.n DESC LIMIT $10"
        )
    };
}

const FILTER: &[Type] = &[
    Type::INT8,
    Type::TEXT,
    Type::INT8,
    Type::TEXT_ARRAY,
    Type::TEXT,
    Type::TEXT,
    Type::INT8,
    Type::INT8,
    Type::INT8,
    Type::INT8,
    Type::TEXT,
];

static LIST: Sql = Sql {
    text: concat!(
        "/* orders::list */ SELECT o.n, o.caller_number, c.content, c.birth, ",
        columns!(),
        walked!("JOIN order_content c ON c.n = o.n ")
    ),
    types: FILTER,
};

static NUMBERS: Sql = Sql {
    text: concat!("/* orders::numbers */ SELECT o.n", walked!("")),
    types: FILTER,
};

/// The parameters of a statement with `walked!`.
fn filtered<'p>(tenant: &'p Tenant, filter: &'p OrderFilter, scan: usize) -> Vec<Parameter<'p>> {
    let statuses: Vec<&str> = filter.statuses.iter().map(|s| s.as_str()).collect();
    params![
        before(filter),
        tenant.as_str(),
        count(scan),
        statuses,
        filter.customer_id.as_deref(),
        filter.sku.as_deref(),
        filter.updated_since.map(|t| t.0),
        filter.placed_from.map(|t| t.0),
        filter.placed_to.map(|t| t.0),
        count(filter.limit),
        filter.dialect,
    ]
}

fn before(filter: &OrderFilter) -> i64 {
    // No error: a page without a bound begins with the newest order.
    filter.before.unwrap_or(i64::MAX)
}

/// The last of the tenant's next `scan` orders, after which the next page begins.
static LAST: Sql = Sql {
    text: "/* orders::last */ SELECT n FROM orders WHERE (tenant, n) < ($2, $1) AND tenant >= $2 ORDER BY tenant DESC, n DESC OFFSET $3 LIMIT 1",
    types: &[Type::INT8, Type::TEXT, Type::INT8],
};

/// A page, newest first. Reads at most `scan` orders of the tenant; `next` continues after the last one read.
pub async fn list(
    commits: &Commits,
    tenant: &Tenant,
    filter: &OrderFilter,
    scan: usize,
) -> Result<Page<OrderRecord, i64>> {
    let (page, _) = page(commits, tenant, filter, scan, Pipeline::new()).await?;
    Ok(page)
}

/// The page, and the answers to the statements that `beside` adds, on the same snapshot.
async fn page(
    commits: &Commits,
    tenant: &Tenant,
    filter: &OrderFilter,
    scan: usize,
    mut beside: Pipeline<'_>,
) -> Result<(Page<OrderRecord, i64>, Answers)> {
    let asked = beside.add(&LIST, filtered(tenant, filter, scan));
    let (reader, mut answers) = commits.begin_reading(beside).await?;
    let rows = answers.take(asked);
    let ids = rows.iter().map(|row| Columns::from(row, RECORD_ID).uuid());
    let ids = ids.collect::<Result<Vec<_>>>()?;
    let full = ids.len() == filter.limit;
    let mut pipeline = Pipeline::new();
    let rest = ask_rest(&mut pipeline, &ids);
    let parameters = params![before(filter), tenant.as_str(), count(scan) - 1];
    let last = (!full).then(|| pipeline.add(&LAST, parameters));
    let mut completing = reader.finish(pipeline).await?;
    let items = complete(&rows, rest, &mut completing)?;
    let next = match last {
        None => items.last().map(|r| r.number),
        Some(last) => {
            let last = completing.take(last);
            let last = last.first().map(|row| Columns::of(row).get());
            last.transpose()?
        }
    };
    Ok((Page { items, next }, answers))
}

/// The numbers of the orders that [`list`] shows.
pub async fn numbers(
    commits: &Commits,
    tenant: &Tenant,
    filter: &OrderFilter,
    scan: usize,
) -> Result<Page<i64, i64>> {
    let rows = commits
        .read(&NUMBERS, filtered(tenant, filter, scan))
        .await?;
    let items: Vec<i64> = rows
        .iter()
        .map(|row| Columns::of(row).get())
        .collect::<Result<_>>()?;
    if items.len() == filter.limit {
        let next = items.last().copied();
        return Ok(Page { items, next });
    }
    let parameters = params![before(filter), tenant.as_str(), count(scan) - 1];
    let last = commits.read(&LAST, parameters).await?;
    let last = last.first().map(|row| Columns::of(row).get());
    Ok(Page {
        items,
        next: last.transpose()?,
    })
}

static PAST: Sql = Sql {
    text: "/* orders::past_their_time */ SELECT DISTINCT order_id FROM (SELECT order_id FROM reservations \
           WHERE state = 'held' AND expires_at <= $1 AND NOT ending ORDER BY expires_at LIMIT $2) AS r",
    types: &[Type::INT8, Type::INT8],
};

/// Orders that wait for vendors and whose time to do so has passed.
pub async fn past_their_time(commits: &Commits, now: Time, limit: usize) -> Result<Vec<OrderId>> {
    let rows = commits.read(&PAST, params![now.0, count(limit)]).await?;
    rows.iter().map(|row| Columns::of(row).order_id()).collect()
}

/// The column of a record that has the order's id.
const RECORD_ID: usize = 4;

/// A page of a tenant's orders and the newest position of each partition, on one snapshot.
pub async fn snapshot(
    commits: &Commits,
    tenant: &Tenant,
    before: Option<i64>,
    limit: usize,
    scan: usize,
    partitions: u16,
) -> Result<Snapshot> {
    let filter = OrderFilter {
        before,
        limit,
        ..OrderFilter::default()
    };
    let mut beside = Pipeline::new();
    let asked = beside.add(&log::POSITIONS, params![super::rows::small(partitions)]);
    let (page, mut answers) = page(commits, tenant, &filter, scan, beside).await?;
    let positions = answers.take(asked);
    let positions = positions.iter().map(|row| Columns::from(row, 1).get());
    Ok(Snapshot {
        page,
        positions: Positions(positions.collect::<Result<_>>()?),
    })
}
