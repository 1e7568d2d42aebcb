//! Locks of the order's side: orders, holds, reservations and the stock rows behind them.

use super::super::lock::{self, StockKey};
use super::super::pipeline::{Answers, Handle, Pipeline, Rows};
use super::super::rows::Columns;
use super::locked::{by_id, distinct, expect_version, rows_of};
use super::reservations::{Reservations, StockRows};
use crate::error::{Error, Result};
use std::collections::{BTreeSet, HashMap, HashSet};
use uuid::Uuid;
use waybill_domain::change::{Change, HoldChange, OrderEffect};

/// Rows of orders that changes are about to write.
pub struct WantedOrders {
    orders: Vec<Uuid>,
    holds: Vec<Uuid>,
    reservations: Vec<Uuid>,
    stock: Vec<StockKey>,
    /// Whether units are newly reserved, which is decided by what the stock rows hold.
    reserves: bool,
}

impl WantedOrders {
    pub fn of(changes: &[&Change<OrderEffect>]) -> Self {
        let each = || changes.iter();
        let releases = |c: &&&Change<OrderEffect>| {
            let mut holds = c.effect.holds.iter();
            holds.any(|h| matches!(h, HoldChange::Release { .. }))
        };
        let stock: BTreeSet<_> = each()
            .flat_map(|c| c.effect.reservations.iter().map(move |r| (&c.tenant, r)))
            .map(|(tenant, moved)| {
                let units = moved.units();
                StockKey::new(tenant.as_str(), units.sku.as_str(), units.vendor.as_str())
            })
            .collect();
        let reserved = each().filter(|c| !c.effect.reservations.is_empty());
        let mut moves = each().flat_map(|c| &c.effect.reservations);
        Self {
            reserves: moves.any(|step| step.effect().reserved > 0),
            orders: distinct(each().map(|c| c.effect.order.after.id.0)),
            holds: distinct(each().filter(releases).map(|c| c.order_id.0)),
            reservations: distinct(reserved.map(|c| c.order_id.0)),
            stock: stock.into_iter().collect(),
        }
    }

    /// Adds the locks, class by class.
    pub fn lock<'p>(&'p self, pipeline: &mut Pipeline<'p>) -> OrderLocks {
        // Fields are evaluated in the order in which they are written: that of the classes.
        OrderLocks {
            orders: by_id(pipeline, &lock::ORDERS, &self.orders),
            holds: by_id(pipeline, &lock::HOLDS, &self.holds),
            reservations: by_id(pipeline, &lock::RESERVATIONS, &self.reservations),
            stock: self.lock_stock(pipeline),
            stock_is_locked: self.reserves,
        }
    }

    fn lock_stock<'p>(&'p self, pipeline: &mut Pipeline<'p>) -> Option<Handle<Rows>> {
        if self.stock.is_empty() {
            return None;
        }
        let sql = if self.reserves {
            &lock::STOCK
        } else {
            &lock::STOCK_UNLOCKED
        };
        Some(lock::add_stock_keys(pipeline, sql, self.stock.iter()))
    }
}

/// The locks that were asked for, class by class.
pub struct OrderLocks {
    orders: Option<Handle<Rows>>,
    holds: Option<Handle<Rows>>,
    reservations: Option<Handle<Rows>>,
    stock: Option<Handle<Rows>>,
    stock_is_locked: bool,
}

/// The state of the locked rows of orders.
#[derive(Default)]
pub struct LockedOrders {
    orders: HashMap<Uuid, i64>,
    open_holds: HashSet<Uuid>,
    pub reservations: Reservations,
    pub stock_rows: StockRows,
}

impl LockedOrders {
    /// Reads the state of the locked rows.
    pub fn read(locks: OrderLocks, answers: &mut Answers) -> Result<Self> {
        let mut locked = Self::default();
        for row in rows_of(answers, locks.orders) {
            let mut c = Columns::of(&row);
            locked.orders.insert(c.uuid()?, c.get()?);
        }
        for row in rows_of(answers, locks.holds) {
            locked.open_holds.insert(Columns::of(&row).uuid()?);
        }
        locked.reservations = Reservations::read(&rows_of(answers, locks.reservations))?;
        locked.stock_rows = StockRows::read(&rows_of(answers, locks.stock), locks.stock_is_locked)?;
        Ok(locked)
    }

    /// Takes a change in if it was decided on the rows' present versions.
    pub fn take(&mut self, change: &Change<OrderEffect>) -> Result<()> {
        self.check(change)?;
        let moved = self.reservations.after(change)?;
        self.stock_rows.take(change)?;
        self.reservations.take(moved);
        let after = &change.effect.order.after;
        self.orders.insert(after.id.0, after.version);
        for hold in &change.effect.holds {
            match hold {
                HoldChange::Place(hold) => self.open_holds.insert(hold.id.0),
                HoldChange::Release { id, .. } => self.open_holds.remove(&id.0),
            };
        }
        Ok(())
    }

    fn check(&self, change: &Change<OrderEffect>) -> Result<()> {
        let OrderEffect {
            order,
            holds,
            reservations: _,
            cancel_reason: _,
        } = &change.effect;
        let id = order.after.id.0;
        expect_version(&self.orders, id, order.expected_version, "the order")?;
        let mut released = holds.iter().filter_map(|hold| match hold {
            HoldChange::Release { id, .. } => Some(id.0),
            HoldChange::Place(_) => None,
        });
        if released.any(|id| !self.open_holds.contains(&id)) {
            return Err(Error::Conflict { what: "the hold" });
        }
        Ok(())
    }
}
