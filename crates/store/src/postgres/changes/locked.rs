//! Locks the rows that changes will write, and compares their versions with those the changes were decided on.

use super::super::lock;
use super::super::once::{Claimed, Claims, Free};
use super::super::pipeline::{Answers, Handle, Pipeline, Rows, params};
use super::super::rows::Columns;
use super::reservations::{Reservations, check_stock_rows};
use crate::error::{Error, Result};
use std::collections::{BTreeSet, HashMap, HashSet};
use tokio_postgres::Row;
use uuid::Uuid;
use waybill_domain::change::{Change, HoldChange};
use waybill_domain::time::Time;

/// Which rows changes are about to write, in the order of the classes.
pub struct Wanted {
    claims: Claims,
    orders: Vec<Uuid>,
    deliveries: Vec<Uuid>,
    shipments: Vec<Uuid>,
    holds: Vec<Uuid>,
    reservations: Vec<Uuid>,
    stock: Vec<(String, String, String)>,
}

fn distinct(ids: impl Iterator<Item = Uuid>) -> Vec<Uuid> {
    ids.collect::<BTreeSet<_>>().into_iter().collect()
}

impl Wanted {
    pub fn of<'c>(changes: impl IntoIterator<Item = &'c Change>) -> Self {
        let changes: Vec<&Change> = changes.into_iter().collect();
        let each = || changes.iter().copied();
        let releases = |c: &&Change| {
            let mut holds = c.holds.iter();
            holds.any(|h| matches!(h, HoldChange::Release { .. }))
        };
        let stock: BTreeSet<_> = each()
            .flat_map(|c| c.reservations.iter().map(move |r| (&c.tenant, r)))
            .map(|(tenant, moved)| {
                let units = moved.units();
                let (sku, vendor) = (units.sku.to_string(), units.vendor.to_string());
                (tenant.to_string(), sku, vendor)
            })
            .collect();
        Self {
            claims: Claims::of(each().map(|c| (&c.tenant, c.claim.as_ref()))),
            orders: distinct(each().filter_map(|c| Some(c.order.as_ref()?.after.id.0))),
            deliveries: distinct(
                each().filter_map(|c| Some(c.delivery.as_ref()?.after.order_id.0)),
            ),
            shipments: distinct(each().flat_map(|c| c.shipments.iter().map(|s| s.after.id.0))),
            holds: distinct(each().filter(releases).map(|c| c.order_id.0)),
            reservations: distinct(
                each()
                    .filter(|c| !c.reservations.is_empty())
                    .map(|c| c.order_id.0),
            ),
            stock: stock.into_iter().collect(),
        }
    }

    /// Adds the locks, class by class; a class of which nothing is wanted is not asked for.
    pub fn lock<'p>(&'p self, pipeline: &mut Pipeline<'p>, now: Time) -> Locks {
        let claims = self.claims.claim(pipeline, now);
        let mut by_id = |sql, ids: &'p [Uuid]| {
            let parameters = params![ids];
            (!ids.is_empty()).then(|| pipeline.add(sql, parameters))
        };
        // Fields are evaluated in the order in which they are written: that of the classes.
        Locks {
            claims,
            orders: by_id(&lock::ORDERS, &self.orders),
            deliveries: by_id(&lock::DELIVERIES, &self.deliveries),
            shipments: by_id(&lock::SHIPMENTS, &self.shipments),
            holds: by_id(&lock::HOLDS, &self.holds),
            reservations: by_id(&lock::RESERVATIONS, &self.reservations),
            stock: self.lock_stock(pipeline),
        }
    }

    fn lock_stock<'p>(&'p self, pipeline: &mut Pipeline<'p>) -> Option<Handle<Rows>> {
        if self.stock.is_empty() {
            return None;
        }
        let each = self.stock.iter();
        let parameters = params![
            each.clone().map(|k| k.0.as_str()).collect::<Vec<_>>(),
            each.clone().map(|k| k.1.as_str()).collect::<Vec<_>>(),
            each.map(|k| k.2.as_str()).collect::<Vec<_>>(),
        ];
        Some(pipeline.add(&lock::STOCK, parameters))
    }
}

/// The locks that were asked for, class by class.
pub struct Locks {
    claims: Claimed,
    orders: Option<Handle<Rows>>,
    deliveries: Option<Handle<Rows>>,
    shipments: Option<Handle<Rows>>,
    holds: Option<Handle<Rows>>,
    reservations: Option<Handle<Rows>>,
    stock: Option<Handle<Rows>>,
}

/// The rows of a class, none if it was not asked for.
fn rows_of(answers: &mut Answers, class: Option<Handle<Rows>>) -> Vec<Row> {
    class.map_or_else(Vec::new, |class| answers.take(class))
}

/// What the locked rows say, kept up while changes are taken in.
#[derive(Default)]
pub struct Locked {
    pub free_keys: Free,
    orders: HashMap<Uuid, i64>,
    deliveries: HashMap<Uuid, i64>,
    shipments: HashMap<Uuid, i64>,
    open_holds: HashSet<Uuid>,
    pub reservations: Reservations,
    /// Where stock rows stand, by tenant, sku and vendor.
    stock_rows: HashMap<(String, String, String), String>,
}

impl Locked {
    /// Reads what the locked rows say.
    pub fn read(locks: Locks, answers: &mut Answers) -> Result<Self> {
        let mut locked = Self {
            free_keys: locks.claims.free(answers)?,
            ..Self::default()
        };
        for (versions, class) in [
            (&mut locked.orders, locks.orders),
            (&mut locked.deliveries, locks.deliveries),
            (&mut locked.shipments, locks.shipments),
        ] {
            for row in rows_of(answers, class) {
                let mut c = Columns::of(&row);
                versions.insert(c.uuid()?, c.get()?);
            }
        }
        for row in rows_of(answers, locks.holds) {
            locked.open_holds.insert(Columns::of(&row).uuid()?);
        }
        locked.reservations = Reservations::read(&rows_of(answers, locks.reservations))?;
        for row in rows_of(answers, locks.stock) {
            let mut c = Columns::of(&row);
            let key = (c.get()?, c.get()?, c.get()?);
            locked.stock_rows.insert(key, Columns::from(&row, 7).get()?);
        }
        Ok(locked)
    }

    /// Where a stock row stands; nowhere if it is not there.
    pub fn stock_row(&self, (tenant, sku, vendor): &(&str, &str, &str)) -> Option<String> {
        let key = ((*tenant).into(), (*sku).into(), (*vendor).into());
        self.stock_rows.get(&key).cloned()
    }

    /// Takes changes in, all or none.
    pub fn with<'c>(mut self, changes: impl IntoIterator<Item = &'c Change>) -> Result<Self> {
        for change in changes {
            self.take(change)?;
        }
        Ok(self)
    }

    /// Takes a change in, if it was decided on what the rows say now.
    pub fn take(&mut self, change: &Change) -> Result<()> {
        self.check(change)?;
        let moved = self.reservations.after(change)?;
        self.reservations.take(moved);
        self.free_keys.uses(&change.tenant, change.claim.as_ref());
        if let Some(order) = &change.order {
            self.orders.insert(order.after.id.0, order.after.version);
        }
        if let Some(delivery) = &change.delivery {
            let after = &delivery.after;
            self.deliveries.insert(after.order_id.0, after.revision);
        }
        for shipment in &change.shipments {
            let after = &shipment.after;
            self.shipments.insert(after.id.0, after.version);
        }
        for hold in &change.holds {
            match hold {
                HoldChange::Place(hold) => self.open_holds.insert(hold.id.0),
                HoldChange::Release { id, .. } => self.open_holds.remove(&id.0),
            };
        }
        Ok(())
    }

    fn check(&self, change: &Change) -> Result<()> {
        let is = |version: Option<&i64>, expected: i64, what| {
            if version.copied().unwrap_or(0) == expected {
                Ok(())
            } else {
                Err(Error::Conflict { what })
            }
        };
        if !self.free_keys.allows(&change.tenant, change.claim.as_ref()) {
            return Err(Error::KeyUsed);
        }
        if let Some(order) = &change.order {
            let version = self.orders.get(&order.after.id.0);
            is(version, order.expected_version, "the order")?;
        }
        if let Some(delivery) = &change.delivery {
            let revision = self.deliveries.get(&delivery.after.order_id.0);
            is(revision, delivery.expected_revision, "the delivery")?;
        }
        for shipment in &change.shipments {
            let version = self.shipments.get(&shipment.after.id.0);
            is(version, shipment.expected_version, "the shipment")?;
        }
        let holds = change.holds.iter();
        let mut released = holds.filter_map(|hold| match hold {
            HoldChange::Release { id, .. } => Some(id.0),
            HoldChange::Place(_) => None,
        });
        if released.any(|id| !self.open_holds.contains(&id)) {
            return Err(Error::Conflict { what: "the hold" });
        }
        check_stock_rows(change, self)
    }
}
