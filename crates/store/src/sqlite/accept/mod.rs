//! Accepts a batch of orders: claims, stock, the domain's decision, rows, events.

mod stock;

use self::stock::Stock;
use super::bisect::bisect;
use super::claims;
use super::errors::IntoStore;
use super::log::{self, PART};
use super::tx::Tx;
use crate::encoding::write_birth;
use crate::error::Result;
use crate::model::Accepted;
use rusqlite::params;
use std::sync::Arc;
use waybill_domain::intake::{self, AcceptedOrder, Birth, Decision, LookedAt, NewOrder};
use waybill_domain::text::{Tenant, Vendor};

/// How many order numbers are reserved on disk at a time; the unused rest of a block is skipped after a crash or
/// restart.
const NUMBER_BLOCK: i64 = 1_000;

/// Accepts a batch of orders; returns one result per order, in order. An order that breaks a constraint fails alone.
pub fn accept(tx: &mut Tx<'_>, orders: &[Arc<NewOrder>]) -> Result<Vec<Result<Accepted>>> {
    bisect(tx, orders, &mut accept_together)
}

/// Decides the whole batch in memory, then writes it table by table: each statement is prepared once, and each table's
/// pages are touched together.
fn accept_together(tx: &mut Tx<'_>, orders: &[Arc<NewOrder>]) -> Result<Vec<Accepted>> {
    let mut stock = Stock::default();
    let mut written = Vec::with_capacity(orders.len());
    let mut results = Vec::with_capacity(orders.len());
    {
        let mut claims = claims::Taker::prepare(tx)?;
        for new in orders {
            results.push(decide(tx, &mut claims, new, &mut stock, &mut written)?);
        }
    }
    stock.write(tx)?;
    write(tx, &written)?;
    Ok(results)
}

/// An order that is accepted in this batch.
struct Written<'a> {
    new: &'a NewOrder,
    accepted: Box<AcceptedOrder>,
    birth: Birth,
}

fn decide<'a>(
    tx: &mut Tx<'_>,
    claims: &mut claims::Taker<'_>,
    new: &'a NewOrder,
    stock: &mut Stock,
    written: &mut Vec<Written<'a>>,
) -> Result<Accepted> {
    if let Some(answer) = claims.take(tx, new)? {
        return Ok(answer);
    }
    let number = tx.counters.number + 1;
    let ours = LookedAt::OurStock;
    let mut decided = intake::decide(new, number, PART, stock.view(tx, new)?, ours);
    // Vendors are looked at only for an order that our own stock is short of.
    if !matches!(decided, Decision::Accept(_)) && (stock.has_vendors(tx, new)? || new.may_wait()) {
        let all = LookedAt::AllSources;
        decided = intake::decide(new, number, PART, stock.view(tx, new)?, all);
    }
    let refused = match decided {
        Decision::Accept(accepted) => {
            next_number(tx);
            let birth = Birth::of(new, &accepted.order);
            let number = accepted.number;
            written.push(Written {
                new,
                accepted,
                birth: birth.clone(),
            });
            return Ok(Accepted::Created { number, birth });
        }
        Decision::Short(shortages) => Accepted::Short(shortages),
        Decision::AskInventory(skus) => Accepted::AskInventory(skus),
    };
    claims::give_back(tx, new, new.claims.len())?;
    Ok(refused)
}

fn next_number(tx: &mut Tx<'_>) {
    tx.counters.number += 1;
    if tx.counters.number > tx.counters.number_block {
        tx.counters.number_block = tx.counters.number + NUMBER_BLOCK - 1;
    }
}

fn write(tx: &mut Tx<'_>, written: &[Written<'_>]) -> Result<()> {
    write_orders(tx, written)?;
    write_content(tx, written)?;
    write_lines(tx, written)?;
    write_reservations(tx, written)?;
    for w in written {
        for hold in &w.accepted.order.holds {
            super::changes::place_hold(tx, w.accepted.order.id, w.accepted.order.version, hold)?;
        }
        tx.counters.by_status[w.accepted.order.status as usize] += 1;
    }
    log::append(tx, PART, written.iter().flat_map(|w| &w.accepted.events))
}

fn write_orders(tx: &Tx<'_>, written: &[Written<'_>]) -> Result<()> {
    let mut insert = tx
        .connection
        .prepare_cached(
            "INSERT INTO orders (n, id, tenant, part, status, version, sourcing, started, failed, cancelling_from, policy, caller_number, \
             customer_id, created_at, updated_at, promised_by, placed_at) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, NULL, ?10, ?11, ?12, ?13, ?14, ?15, ?16)",
        )
        .store()?;
    for Written { new, accepted, .. } in written {
        let order = &accepted.order;
        insert
            .execute(params![
                accepted.number,
                order.id.bytes(),
                order.tenant.as_str(),
                order.partition,
                order.status.as_str(),
                order.version,
                order.flags.sourcing,
                order.flags.started,
                order.flags.failed,
                order.policy.as_str(),
                new.caller_number.as_deref(),
                new.customer_id.as_deref(),
                order.created_at.0,
                order.updated_at.0,
                order.promised_by.map(|t| t.0),
                new.placed_at.map(|t| t.0),
            ])
            .store()?;
    }
    Ok(())
}

fn write_content(tx: &Tx<'_>, written: &[Written<'_>]) -> Result<()> {
    let mut insert = tx
        .connection
        .prepare_cached("INSERT INTO order_content (n, content, birth) VALUES (?1, ?2, ?3)")
        .store()?;
    for w in written {
        insert
            .execute(params![
                w.accepted.number,
                &*w.new.content,
                write_birth(&w.birth)
            ])
            .store()?;
        if let Some(personal) = &w.new.personal {
            tx.execute(
                "INSERT INTO order_personal (order_id, seq, kind, data) VALUES (?1, 0, 'order', ?2)",
                params![w.new.id.bytes(), &**personal],
            )?;
        }
    }
    Ok(())
}

fn write_lines(tx: &Tx<'_>, written: &[Written<'_>]) -> Result<()> {
    let mut insert = tx
        .connection
        .prepare_cached(
            "INSERT INTO order_lines (order_id, line, sku, vendor, requires_shipping, ordered, backordered, reserved, sourced, waits_in) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        )
        .store()?;
    for order in written.iter().map(|w| &w.accepted.order) {
        for line in &order.lines {
            let q = &line.quantities;
            insert
                .execute(params![
                    order.id.bytes(),
                    line.id,
                    line.sku.as_str(),
                    line.vendor.as_ref().map(Vendor::as_str),
                    line.requires_shipping,
                    q.ordered,
                    q.backordered,
                    q.reserved,
                    line.vendor.is_none(),
                    order.waits_in().map(Tenant::as_str),
                ])
                .store()?;
        }
    }
    Ok(())
}

fn write_reservations(tx: &Tx<'_>, written: &[Written<'_>]) -> Result<()> {
    for Written { new, accepted, .. } in written {
        for reserved in &accepted.reserved {
            super::changes::reserve(tx, &new.tenant, new.id, reserved)?;
        }
        super::changes::add_work(tx, &new.tenant, &accepted.work)?;
    }
    Ok(())
}

/// Loads the last number of the reserved block; the block's unused numbers are skipped.
pub fn load_number(connection: &rusqlite::Connection) -> Result<i64> {
    let highest: i64 = connection
        .query_row("SELECT COALESCE(MAX(n), 0) FROM orders", [], |row| {
            row.get(0)
        })
        .store()?;
    let block: i64 = connection
        .query_row(
            "SELECT COALESCE((SELECT value FROM counters WHERE name = 'number'), 0)",
            [],
            |row| row.get(0),
        )
        .store()?;
    Ok(highest.max(block))
}
