//! Accepting a batch: claims, stock, the domain's decision, rows, events. Two round trips, three when a claim is lost.

use super::bisect::Bisection;
use super::changes;
use super::claims;
use super::lock;
use super::log;
use super::outcome::{Commits, Failed, Open};
use super::pipeline::{Pipeline, Sql, params};
use super::rows::{Columns, count, small};
use super::store::Shared;
use crate::encoding::write_birth;
use crate::error::{Error, Result};
use crate::model::Accepted;
use std::collections::{BTreeSet, HashMap};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use tokio_postgres::Row;
use tokio_postgres::types::Type;
use waybill_domain::intake::{self, AcceptedOrder, Birth, Decision, NewOrder, StockView};
use waybill_domain::stock::StockLevel;
use waybill_domain::text::{Sku, Tenant, Vendor};

/// Takes a batch of orders; an order at fault fails alone.
pub async fn accept(shared: &Shared, orders: &[Arc<NewOrder>]) -> Result<Vec<Result<Accepted>>> {
    let mut results: Vec<Option<Result<Accepted>>> = orders.iter().map(|_| None).collect();
    let mut waiting: Vec<usize> = (0..orders.len()).collect();
    while !waiting.is_empty() {
        let some: Vec<Arc<NewOrder>> = waiting.iter().map(|i| orders[*i].clone()).collect();
        let (now, later) = claims::split_collisions(&some);
        let batch: Vec<Arc<NewOrder>> = now.iter().map(|i| some[*i].clone()).collect();
        let mut bisection = Bisection::of(&batch);
        while let Some(piece) = bisection.next() {
            let done = accept_together(shared, piece).await;
            let done = done.map(|accepted| accepted.into_iter().map(Ok).collect());
            bisection.tried(piece, done)?;
        }
        for (index, result) in now.iter().zip(bisection.results()) {
            results[waiting[*index]] = Some(result);
        }
        waiting = later.iter().map(|i| waiting[*i]).collect();
    }
    // Every index was in exactly one round.
    Ok(results.into_iter().flatten().collect())
}

static RECOGNISE: Sql = Sql {
    text: "/* accept::recognise */ SELECT 1 FROM orders WHERE id = $1",
    types: &[Type::UUID],
};

async fn accept_together(shared: &Shared, orders: &[Arc<NewOrder>]) -> Result<Vec<Accepted>> {
    let part = shared.next_part();
    let mut attempts = shared.commits.attempts();
    loop {
        match attempt(shared, orders, part).await {
            Ok((accepted, has_grown)) => {
                if has_grown {
                    shared.grown(part);
                }
                return Ok(accepted);
            }
            Err(failed) => attempts.again(failed).await?,
        }
    }
}

static NUMBERS: Sql = Sql {
    text: "/* accept::numbers */ SELECT nextval('order_numbers') FROM generate_series(1, $1)",
    types: &[Type::INT8],
};

/// One try: the answers, and whether the log has grown.
async fn attempt(
    shared: &Shared,
    orders: &[Arc<NewOrder>],
    part: u16,
) -> std::result::Result<(Vec<Accepted>, bool), Failed> {
    let commits = &shared.commits;
    let now = (shared.now)();
    let keys = stock_keys(orders);
    let (open, mut rows) = commits
        .begin(|pipeline| {
            claims::take(pipeline, orders, now);
            pipeline.add(&NUMBERS, params![count(orders.len())]);
            lock_stock(pipeline, &keys);
        })
        .await?;
    let stock_rows = rows.pop().unwrap_or_default();
    let numbers = rows.pop().unwrap_or_default();
    let taken = rows.pop().unwrap_or_default();
    let (open, answered) = answer_lost(commits, open, orders, &taken).await?;
    let batch = match decide(orders, part, answered, &numbers, &stock_rows) {
        Ok(batch) => batch,
        Err(error) => {
            commits.roll_back(open).await;
            return Err(Failed::Error(error));
        }
    };
    let Some(first) = batch.written.first() else {
        // Nothing is written, and claims that were taken are free again.
        commits.roll_back(open).await;
        if commits.in_doubt() {
            // What is replayed may be on this side of the standby only.
            return Err(Failed::Error(Error::OutcomeUnknown));
        }
        return Ok((batch.results, false));
    };
    let mut pipeline = Pipeline::new();
    write(&mut pipeline, &batch);
    claims::give_back(&mut pipeline, &batch.refused);
    let events: Vec<_> = batch
        .written
        .iter()
        .flat_map(|w| &w.accepted.events)
        .collect();
    log::append(&mut pipeline, part, shared.sequence(part), now, &events);
    #[cfg(feature = "planted-defects")]
    super::defects::about_to_commit(&batch.results).await;
    commits
        .commit(open, pipeline, Some((&RECOGNISE, &first.new.id.0)))
        .await?;
    Ok((batch.results, true))
}

/// What was decided about a batch.
struct Batch<'o> {
    results: Vec<Accepted>,
    written: Vec<Written<'o>>,
    refused: Vec<&'o NewOrder>,
    stock: Stock,
}

/// An order that is accepted in this batch.
struct Written<'o> {
    new: &'o NewOrder,
    accepted: Box<AcceptedOrder>,
    birth: Birth,
}

/// Looks who holds the claims that were not taken.
async fn answer_lost(
    commits: &Commits,
    open: Open,
    orders: &[Arc<NewOrder>],
    taken: &[Row],
) -> std::result::Result<(Open, HashMap<usize, Accepted>), Failed> {
    let lost = claims::lost(orders, taken)?;
    if lost.is_empty() {
        return Ok((open, HashMap::new()));
    }
    let mut pipeline = Pipeline::new();
    claims::ask_holders(&mut pipeline, orders, &lost);
    let (open, rows) = commits.go_on(open, pipeline).await?;
    match claims::answers(orders, &lost, &rows[0]) {
        Ok(answers) => Ok((open, answers)),
        Err(error) => {
            commits.roll_back(open).await;
            Err(Failed::Error(error))
        }
    }
}

/// Decides the whole batch in memory, on rows that are locked.
fn decide<'o>(
    orders: &'o [Arc<NewOrder>],
    part: u16,
    mut answered: HashMap<usize, Accepted>,
    numbers: &[Row],
    stock_rows: &[Row],
) -> Result<Batch<'o>> {
    let mut batch = Batch {
        results: Vec::with_capacity(orders.len()),
        written: Vec::with_capacity(orders.len()),
        refused: vec![],
        stock: Stock::read(stock_rows)?,
    };
    let mut numbers = numbers.iter();
    for (index, new) in orders.iter().enumerate() {
        if let Some(answer) = answered.remove(&index) {
            // It may have won other claims before it lost one.
            batch.refused.push(new);
            batch.results.push(answer);
            continue;
        }
        let number = numbers.next().map(|row| Columns::of(row).get());
        let number = number.ok_or_else(|| Error::Unavailable("too few numbers came".into()))??;
        let view = batch.stock.view(&new.tenant);
        // A panic is a defect of one order; the others are decided without it.
        let decided = catch_unwind(AssertUnwindSafe(|| intake::decide(new, number, part, view)));
        let decided = decided.map_err(|_| Error::Refused("the decision panicked".into()))?;
        batch.results.push(match decided {
            Decision::Accept(accepted) => {
                let birth = Birth::of(&accepted.order);
                batch.written.push(Written {
                    new,
                    accepted,
                    birth: birth.clone(),
                });
                Accepted::Created { number, birth }
            }
            Decision::Short(shortages) => {
                batch.refused.push(new);
                Accepted::Short(shortages)
            }
            Decision::AskInventory(skus) => {
                batch.refused.push(new);
                Accepted::AskInventory(skus)
            }
        });
    }
    Ok(batch)
}

/// Tenant and sku of every line, each once.
fn stock_keys(orders: &[Arc<NewOrder>]) -> BTreeSet<(&str, &str)> {
    orders
        .iter()
        .flat_map(|new| {
            let lines = new.lines.iter();
            lines.map(move |line| (new.tenant.as_str(), line.sku.as_str()))
        })
        .collect()
}

fn lock_stock<'p>(pipeline: &mut Pipeline<'p>, keys: &BTreeSet<(&'p str, &'p str)>) {
    pipeline.add(
        &lock::STOCK,
        params![
            keys.iter().map(|(tenant, _)| *tenant).collect::<Vec<_>>(),
            keys.iter().map(|(_, sku)| *sku).collect::<Vec<_>>(),
            vec![Vendor::LOCAL; keys.len()],
        ],
    );
}

/// The stock rows a batch looks at: read once, changed in memory, written once per row.
#[derive(Default)]
struct Stock {
    by_tenant: HashMap<Tenant, StockView>,
    /// What was reserved before, by tenant and sku.
    before: HashMap<(Tenant, Sku), i64>,
}

impl Stock {
    fn read(rows: &[Row]) -> Result<Self> {
        let mut stock = Self::default();
        for row in rows {
            let mut c = Columns::of(row);
            let tenant = c.text("tenant", |t| Some(Tenant::stored(t)))?;
            let sku = c.text("sku", |t| Some(Sku::stored(t)))?;
            let _vendor: &str = c.get()?;
            let level = StockLevel {
                on_hand: c.get()?,
                reserved: c.get()?,
                safety: c.get()?,
                version: c.get()?,
            };
            stock
                .before
                .insert((tenant.clone(), sku.clone()), level.reserved);
            stock
                .by_tenant
                .entry(tenant)
                .or_default()
                .insert(sku, level);
        }
        Ok(stock)
    }

    fn view(&mut self, tenant: &Tenant) -> &mut StockView {
        self.by_tenant.entry(tenant.clone()).or_default()
    }

    /// Units newly reserved, by tenant and sku.
    fn taken(&self) -> Vec<(&Tenant, &Sku, i64)> {
        let before = |tenant: &Tenant, sku: &Sku| {
            let found = self.before.get(&(tenant.clone(), sku.clone()));
            found.copied().unwrap_or(0)
        };
        let rows = self.by_tenant.iter().flat_map(|(tenant, view)| {
            view.iter()
                .map(move |(sku, level)| (tenant, sku, level.reserved))
        });
        rows.map(|(tenant, sku, after)| (tenant, sku, after - before(tenant, sku)))
            .filter(|(_, _, taken)| *taken != 0)
            .collect()
    }
}

static ORDERS: Sql = Sql {
    text: "/* accept::orders */ INSERT INTO orders (n, id, tenant, part, status, version, sourcing, started, failed, policy, caller_number, \
           customer_id, created_at, updated_at, promised_by, placed_at) \
           SELECT o.n, o.id, o.tenant, $1, o.status, o.version, o.sourcing, o.started, o.failed, o.policy, o.caller_number, o.customer_id, \
           o.created_at, o.updated_at, o.promised_by, o.placed_at \
           FROM unnest($2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16) AS o (n, id, tenant, status, version, sourcing, \
           started, failed, policy, caller_number, customer_id, created_at, updated_at, promised_by, placed_at)",
    types: &[
        Type::INT2,
        Type::INT8_ARRAY,
        Type::UUID_ARRAY,
        Type::TEXT_ARRAY,
        Type::TEXT_ARRAY,
        Type::INT8_ARRAY,
        Type::BOOL_ARRAY,
        Type::BOOL_ARRAY,
        Type::BOOL_ARRAY,
        Type::TEXT_ARRAY,
        Type::TEXT_ARRAY,
        Type::TEXT_ARRAY,
        Type::INT8_ARRAY,
        Type::INT8_ARRAY,
        Type::INT8_ARRAY,
        Type::INT8_ARRAY,
    ],
};

static CONTENT: Sql = Sql {
    text: "/* accept::content */ INSERT INTO order_content (n, content, birth) SELECT * FROM unnest($1, $2, $3)",
    types: &[Type::INT8_ARRAY, Type::TEXT_ARRAY, Type::TEXT_ARRAY],
};

static PERSONAL: Sql = Sql {
    text: "/* accept::personal */ INSERT INTO order_personal (order_id, seq, kind, data) SELECT p.id, 0, 'order', p.data \
           FROM unnest($1, $2) AS p (id, data)",
    types: &[Type::UUID_ARRAY, Type::TEXT_ARRAY],
};

static LINES: Sql = Sql {
    text: "/* accept::lines */ INSERT INTO order_lines (order_id, line, sku, vendor, requires_shipping, ordered, backordered, reserved) \
           SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7, $8)",
    types: &[
        Type::UUID_ARRAY,
        Type::INT2_ARRAY,
        Type::TEXT_ARRAY,
        Type::TEXT_ARRAY,
        Type::BOOL_ARRAY,
        Type::INT8_ARRAY,
        Type::INT8_ARRAY,
        Type::INT8_ARRAY,
    ],
};

static RESERVATIONS: Sql = Sql {
    text: "/* accept::reservations */ INSERT INTO reservations (order_id, line, vendor, sku, tenant, state, quantity) \
           SELECT r.order_id, r.line, r.vendor, r.sku, r.tenant, 'committed', r.quantity \
           FROM unnest($1, $2, $3, $4, $5, $6) AS r (order_id, line, vendor, sku, tenant, quantity)",
    types: &[
        Type::UUID_ARRAY,
        Type::INT2_ARRAY,
        Type::TEXT_ARRAY,
        Type::TEXT_ARRAY,
        Type::TEXT_ARRAY,
        Type::INT8_ARRAY,
    ],
};

static STOCK: Sql = Sql {
    text: "/* accept::stock */ UPDATE stock s SET reserved = s.reserved + t.taken FROM unnest($1, $2, $3) AS t (tenant, sku, taken) \
           WHERE s.tenant = t.tenant AND s.sku = t.sku AND s.vendor = 'local'",
    types: &[Type::TEXT_ARRAY, Type::TEXT_ARRAY, Type::INT8_ARRAY],
};

fn write<'p>(pipeline: &mut Pipeline<'p>, batch: &'p Batch<'_>) {
    write_orders(pipeline, &batch.written);
    write_content(pipeline, &batch.written);
    write_lines(pipeline, &batch.written);
    let mut counts = changes::Counts::default();
    for w in &batch.written {
        let order = &w.accepted.order;
        counts.born(order.status);
        for hold in &order.holds {
            changes::place_hold(pipeline, order.id, order.version, hold);
        }
    }
    write_reservations(pipeline, &batch.written);
    let taken = batch.stock.taken();
    let each = taken.iter();
    if !taken.is_empty() {
        pipeline.add(
            &STOCK,
            params![
                each.clone().map(|(t, _, _)| t.as_str()).collect::<Vec<_>>(),
                each.clone().map(|(_, s, _)| s.as_str()).collect::<Vec<_>>(),
                each.map(|(_, _, taken)| *taken).collect::<Vec<_>>(),
            ],
        );
    }
    counts.write(pipeline);
}

fn write_orders<'p>(pipeline: &mut Pipeline<'p>, written: &'p [Written<'_>]) {
    let part = written.first().map_or(0, |w| w.accepted.order.part);
    let orders = || written.iter().map(|w| &w.accepted.order);
    let new = || written.iter().map(|w| w.new);
    pipeline.add(
        &ORDERS,
        params![
            small(part),
            written
                .iter()
                .map(|w| w.accepted.number)
                .collect::<Vec<_>>(),
            orders().map(|o| o.id.0).collect::<Vec<_>>(),
            orders().map(|o| o.tenant.as_str()).collect::<Vec<_>>(),
            orders().map(|o| o.status.as_str()).collect::<Vec<_>>(),
            orders().map(|o| o.version).collect::<Vec<_>>(),
            orders().map(|o| o.flags.sourcing).collect::<Vec<_>>(),
            orders().map(|o| o.flags.started).collect::<Vec<_>>(),
            orders().map(|o| o.flags.failed).collect::<Vec<_>>(),
            orders().map(|o| o.policy.as_str()).collect::<Vec<_>>(),
            new()
                .map(|n| n.caller_number.as_deref())
                .collect::<Vec<_>>(),
            new().map(|n| n.customer_id.as_deref()).collect::<Vec<_>>(),
            orders().map(|o| o.created_at.0).collect::<Vec<_>>(),
            orders().map(|o| o.updated_at.0).collect::<Vec<_>>(),
            orders()
                .map(|o| o.promised_by.map(|t| t.0))
                .collect::<Vec<_>>(),
            new().map(|n| n.placed_at.map(|t| t.0)).collect::<Vec<_>>(),
        ],
    );
}

fn write_content<'p>(pipeline: &mut Pipeline<'p>, written: &'p [Written<'_>]) {
    pipeline.add(
        &CONTENT,
        params![
            written
                .iter()
                .map(|w| w.accepted.number)
                .collect::<Vec<_>>(),
            written.iter().map(|w| &*w.new.content).collect::<Vec<_>>(),
            written
                .iter()
                .map(|w| write_birth(&w.birth))
                .collect::<Vec<_>>(),
        ],
    );
    let personal = || {
        let each = written.iter();
        each.filter_map(|w| Some((w.new.id.0, &**w.new.personal.as_ref()?)))
    };
    if personal().next().is_some() {
        pipeline.add(
            &PERSONAL,
            params![
                personal().map(|(id, _)| id).collect::<Vec<_>>(),
                personal().map(|(_, data)| data).collect::<Vec<_>>(),
            ],
        );
    }
}

fn write_lines<'p>(pipeline: &mut Pipeline<'p>, written: &'p [Written<'_>]) {
    let lines = || {
        let orders = written.iter().map(|w| &w.accepted.order);
        orders.flat_map(|order| order.lines.iter().map(move |line| (order.id.0, line)))
    };
    pipeline.add(
        &LINES,
        params![
            lines().map(|(id, _)| id).collect::<Vec<_>>(),
            lines().map(|(_, l)| small(l.id)).collect::<Vec<_>>(),
            lines().map(|(_, l)| l.sku.as_str()).collect::<Vec<_>>(),
            lines()
                .map(|(_, l)| l.vendor.as_ref().map(Vendor::as_str))
                .collect::<Vec<_>>(),
            lines()
                .map(|(_, l)| l.requires_shipping)
                .collect::<Vec<_>>(),
            lines()
                .map(|(_, l)| l.quantities.ordered)
                .collect::<Vec<_>>(),
            lines()
                .map(|(_, l)| l.quantities.backordered)
                .collect::<Vec<_>>(),
            lines()
                .map(|(_, l)| l.quantities.reserved)
                .collect::<Vec<_>>(),
        ],
    );
}

fn write_reservations<'p>(pipeline: &mut Pipeline<'p>, written: &'p [Written<'_>]) {
    let held = || {
        let each = written.iter();
        each.flat_map(|w| w.accepted.reserved.iter().map(move |r| (w.new, r)))
    };
    if held().next().is_none() {
        return;
    }
    pipeline.add(
        &RESERVATIONS,
        params![
            held().map(|(new, _)| new.id.0).collect::<Vec<_>>(),
            held().map(|(_, r)| small(r.line)).collect::<Vec<_>>(),
            held().map(|(_, r)| r.vendor.as_str()).collect::<Vec<_>>(),
            held().map(|(_, r)| r.sku.as_str()).collect::<Vec<_>>(),
            held()
                .map(|(new, _)| new.tenant.as_str())
                .collect::<Vec<_>>(),
            held().map(|(_, r)| -r.released).collect::<Vec<_>>(),
        ],
    );
}
