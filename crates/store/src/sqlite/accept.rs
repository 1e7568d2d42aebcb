//! Accepting a batch: claims, stock, the domain's decision, rows, events.

use super::bisect::bisect;
use super::claims;
use super::errors::IntoStore;
use super::log;
use super::rows::write_birth;
use super::writer::Tx;
use crate::error::{Error, Result};
use crate::model::Accepted;
use rusqlite::params;
use std::collections::HashMap;
use std::sync::Arc;
use waybill_domain::intake::{self, AcceptedOrder, Birth, Decision, NewOrder, StockView};
use waybill_domain::order::Order;
use waybill_domain::stock::StockLevel;
use waybill_domain::text::{Sku, Tenant, Vendor};

/// Numbers reserved on disk at a time; what is left of a block when the process ends is a gap.
const NUMBER_BLOCK: i64 = 1_000;

/// There is one part in the embedded store.
pub const PART: u16 = 0;

/// Takes a batch of orders; an order at fault fails alone.
pub fn accept(tx: &mut Tx<'_>, orders: &[Arc<NewOrder>]) -> Result<Vec<Result<Accepted>>> {
    bisect(tx, orders, &mut accept_together)
}

fn accept_together(tx: &mut Tx<'_>, orders: &[Arc<NewOrder>]) -> Result<Vec<Accepted>> {
    let mut stock = Stock::default();
    let results = orders
        .iter()
        .map(|new| accept_one(tx, new, &mut stock))
        .collect::<Result<_>>()?;
    stock.write(tx)?;
    Ok(results)
}

fn accept_one(tx: &mut Tx<'_>, new: &NewOrder, stock: &mut Stock) -> Result<Accepted> {
    if let Some(answer) = claims::take(tx, new)? {
        return Ok(answer);
    }
    let view = stock.view(tx, new)?;
    let refused = match intake::decide(new, tx.counters.number + 1, PART, view) {
        Decision::Accept(accepted) => {
            next_number(tx);
            return write(tx, new, &accepted);
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

fn write(tx: &mut Tx<'_>, new: &NewOrder, accepted: &AcceptedOrder) -> Result<Accepted> {
    let order = &accepted.order;
    write_order(tx, new, accepted)?;
    let birth = Birth {
        status: order.status,
        version: order.version,
        lines: order
            .lines
            .iter()
            .map(|l| (l.vendor.clone(), l.quantities))
            .collect(),
    };
    tx.execute(
        "INSERT INTO order_content (n, content, birth) VALUES (?1, ?2, ?3)",
        params![accepted.number, &*new.content, write_birth(&birth)],
    )?;
    if let Some(personal) = &new.personal {
        tx.execute(
            "INSERT INTO order_personal (order_id, seq, kind, data) VALUES (?1, 0, 'order', ?2)",
            params![order.id.bytes(), &**personal],
        )?;
    }
    write_lines(tx, order)?;
    for hold in &order.holds {
        super::changes::place_hold(tx, order.id, order.version, hold)?;
    }
    for reserved in &accepted.reserved {
        tx.execute(
            "INSERT INTO reservations (order_id, line, vendor, sku, tenant, state, quantity) VALUES (?1, ?2, ?3, ?4, ?5, 'committed', ?6)",
            params![order.id.bytes(), reserved.line, reserved.vendor.as_str(), reserved.sku.as_str(), order.tenant.as_str(), -reserved.released],
        )?;
    }
    tx.counters.by_status[order.status as usize] += 1;
    log::append(tx, order.part, &accepted.events)?;
    Ok(Accepted::Created {
        number: accepted.number,
        birth,
    })
}

fn write_order(tx: &Tx<'_>, new: &NewOrder, accepted: &AcceptedOrder) -> Result<()> {
    let order = &accepted.order;
    tx.execute(
        "INSERT INTO orders (n, id, tenant, part, status, version, sourcing, started, failed, cancelling_from, policy, caller_number, \
         customer_id, created_at, updated_at, promised_by, placed_at) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, NULL, ?10, ?11, ?12, ?13, ?14, ?15, ?16)",
        params![
            accepted.number,
            order.id.bytes(),
            order.tenant.as_str(),
            order.part,
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
        ],
    )?;
    Ok(())
}

fn write_lines(tx: &Tx<'_>, order: &Order) -> Result<()> {
    for line in &order.lines {
        let q = &line.quantities;
        tx.execute(
            "INSERT INTO order_lines (order_id, line, sku, vendor, requires_shipping, ordered, backordered, reserved) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            params![
                order.id.bytes(),
                line.id,
                line.sku.as_str(),
                line.vendor.as_ref().map(Vendor::as_str),
                line.requires_shipping,
                q.ordered,
                q.backordered,
                q.reserved,
            ],
        )?;
    }
    Ok(())
}

/// The stock rows a batch looks at: read once, changed in memory, written once per row.
#[derive(Default)]
struct Stock {
    by_tenant: HashMap<Tenant, TenantStock>,
}

#[derive(Default)]
struct TenantStock {
    view: StockView,
    /// What was read, `None` for skus that are not tracked.
    read: HashMap<Sku, Option<StockLevel>>,
}

impl Stock {
    fn view(&mut self, tx: &Tx<'_>, new: &NewOrder) -> Result<&mut StockView> {
        // The key is only copied for the first order of a tenant.
        if !self.by_tenant.contains_key(&new.tenant) {
            self.by_tenant
                .insert(new.tenant.clone(), TenantStock::default());
        }
        let Some(stock) = self.by_tenant.get_mut(&new.tenant) else {
            return Err(Error::Unavailable("unreachable: just inserted".into()));
        };
        for line in &new.lines {
            if !stock.read.contains_key(&line.sku) {
                let level = super::stock::level(
                    tx.connection,
                    &new.tenant,
                    line.sku.as_str(),
                    Vendor::LOCAL,
                )?;
                if let Some(level) = level {
                    stock.view.insert(line.sku.clone(), level);
                }
                stock.read.insert(line.sku.clone(), level);
            }
        }
        Ok(&mut stock.view)
    }

    fn write(&self, tx: &Tx<'_>) -> Result<()> {
        for (tenant, stock) in &self.by_tenant {
            for (sku, after) in &stock.view {
                let before = stock.read.get(sku).copied().flatten().unwrap_or_default();
                if before.reserved != after.reserved {
                    tx.execute(
                        "UPDATE stock SET reserved = ?4 WHERE tenant = ?1 AND sku = ?2 AND vendor = ?3",
                        params![tenant.as_str(), sku.as_str(), Vendor::LOCAL, after.reserved],
                    )?;
                }
            }
        }
        Ok(())
    }
}

/// Loads the numbering from disk: numbers of an unfinished block are skipped.
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
