//! The tasks of the role `allocation` beside calls to vendors: finding sources for an order, giving units that have
//! become available to the orders that wait for them, and taking units back that a count did not find.
//!
//! One worker does them one after another, so that orders are served in the order in which they came.

use std::collections::BTreeSet;

use tokio_util::sync::CancellationToken;
use waybill_domain::backorder::{self, Occasion, Supply};
use waybill_domain::change::{Change, OrderEffect};
use waybill_domain::context::RequestIds;
use waybill_domain::fact::{self, Fact};
use waybill_domain::ids::OrderId;
use waybill_domain::order::{Line, Order};
use waybill_domain::sourcing::Offer;
use waybill_domain::sourcing_task::{SourcingTask, TARGET};
use waybill_domain::status::OrderStatus;
use waybill_domain::text::{Sku, Tenant, Vendor};
use waybill_store::{EffectStore, Error as StoreError, LeasedWork, WorkOutcome};

use super::asking::Asking;
use crate::inventory::{self, InventoryError};

/// How long a task is leased.
const LEASE_MS: i64 = 60_000;
/// After this time a task that hands out units ends, and goes on as a new one.
const LONGEST_MS: i64 = 20_000;
/// Waiting orders that are read at once.
const AT_ONCE: usize = 50;
/// The pause after an order kept changing.
const BUSY_MS: i64 = 100;
/// Decisions of one task about an order; other writers of it may be ahead of each.
const DECISIONS: usize = 20;

/// What became of a try.
enum Tried {
    Done,
    /// It comes again: this is why, and after so many milliseconds.
    Again(String, i64),
}

impl Asking {
    /// Does the tasks that are due, one after another.
    ///
    /// # Errors
    /// The store is away. A task that was leased comes again when its lease has run out.
    pub async fn do_tasks(&self, stop: &CancellationToken) -> Result<(), StoreError> {
        while !stop.is_cancelled() {
            let now = self.contexts.now();
            let leased = self.store.lease_work(TARGET, now, now.plus_ms(LEASE_MS), 1);
            let Some(work) = leased.await?.pop() else {
                return Ok(());
            };
            let tried = match serde_json::from_str(&work.body) {
                Ok(task) => self.do_task(&work, &task, stop).await,
                Err(error) => {
                    tracing::error!(id = %work.id, %error, "a task of sourcing cannot be read and is left out");
                    Ok(Tried::Again(error.to_string(), self.delay_ms(&work)))
                }
            };
            match tried {
                // Fenced: another worker has it by now.
                Ok(Tried::Done) | Err(StoreError::Fenced { .. }) => {}
                Ok(Tried::Again(error, in_ms)) => {
                    let due_at = self.contexts.now().plus_ms(in_ms);
                    let again = WorkOutcome::Again {
                        error,
                        due_at,
                        unanswered: false,
                    };
                    match self.settle(&work, again).await {
                        Ok(()) | Err(StoreError::Fenced { .. }) => {}
                        Err(error) => return Err(error),
                    }
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    async fn do_task(
        &self,
        work: &LeasedWork,
        task: &SourcingTask,
        stop: &CancellationToken,
    ) -> Result<Tried, StoreError> {
        match task {
            SourcingTask::Source => self.source(work, Occasion::Sourcing).await,
            SourcingTask::SourceAnew => self.source(work, Occasion::Anew).await,
            SourcingTask::EndWait => self.end_wait(work).await,
            SourcingTask::Fill { sku, vendor } => self.fill(work, sku, vendor.as_ref(), stop).await,
            SourcingTask::TakeBack { sku } => self.take_back(work, sku).await,
        }
    }

    /// Finds sources for what an order misses.
    async fn source(&self, work: &LeasedWork, occasion: Occasion) -> Result<Tried, StoreError> {
        for _ in 0..DECISIONS {
            let Some(order) = self.order_of(work).await? else {
                return self.ended(work, None).await;
            };
            let asked = backorder::asked_of_inventory(&order);
            let inventory = match self.ask_inventory(&order, &asked).await {
                Ok(inventory) => inventory,
                Err(error) => return Ok(Tried::Again(error.to_string(), self.delay_ms(work))),
            };
            let skus = backorder::missing_skus(&order);
            let supply = Supply {
                occasion,
                offers: self.offers_of(&order.tenant, &skus).await?,
                inventory,
                expires_at: self.contexts.now().plus_ms(self.order_timeout_ms),
            };
            let now = self.contexts.now();
            let change = self.decide(&RequestIds::default(), now, |context| {
                backorder::source(&order, &supply, context)
            });
            match self.ended(work, change).await {
                Err(StoreError::Conflict { .. }) => {}
                other => return other,
            }
        }
        Ok(Tried::Again("an order keeps changing".to_owned(), BUSY_MS))
    }

    /// Ends the wait of an order whose promised date has passed.
    async fn end_wait(&self, work: &LeasedWork) -> Result<Tried, StoreError> {
        for _ in 0..DECISIONS {
            let order = self.order_of(work).await?;
            let is = |order: &Order| order.status == OrderStatus::Cancelling;
            if order.as_ref().is_some_and(is) {
                let why = "delivery has not answered its cancellation";
                return Ok(Tried::Again(why.to_owned(), LEASE_MS));
            }
            let change = order.and_then(|order| {
                self.decide(&RequestIds::default(), self.contexts.now(), |context| {
                    fact::apply(&order, &Fact::PromisePassed, context)
                })
            });
            match self.ended(work, change).await {
                Err(StoreError::Conflict { .. }) => {}
                other => return other,
            }
        }
        Ok(Tried::Again("an order keeps changing".to_owned(), BUSY_MS))
    }

    /// Gives units to the orders that wait for them, in the order in which they came. `vendor` is where there are more of
    /// them; without one, every source is looked at.
    async fn fill(
        &self,
        work: &LeasedWork,
        sku: &Sku,
        vendor: Option<&Vendor>,
        stop: &CancellationToken,
    ) -> Result<Tried, StoreError> {
        let began = self.contexts.now();
        let mut supply = Supply {
            occasion: match vendor {
                Some(_) => Occasion::MoreThere,
                None => Occasion::Regular,
            },
            offers: self.offers_of(&work.tenant, &[sku.clone()].into()).await?,
            inventory: vec![],
            expires_at: began.plus_ms(self.order_timeout_ms),
        };
        let is_meant = |offer: &Offer| vendor.is_none_or(|vendor| *vendor == offer.vendor);
        supply.offers.retain(is_meant);
        let mut after = None;
        while supply.offers.iter().any(|offer| offer.has(sku)) {
            if stop.is_cancelled() || self.contexts.now() > began.plus_ms(LONGEST_MS) {
                return Ok(Tried::Again("more orders wait".to_owned(), 0));
            }
            let page = self
                .store
                .waiting_orders(&work.tenant, sku, after, AT_ONCE)
                .await?;
            let Some(last) = page.last() else {
                break;
            };
            after = Some(*last);
            if !self.fill_page(page, &mut supply).await? {
                // Somebody else changed an order or took the units: it is looked at anew.
                return Ok(Tried::Again("orders or stock have changed".to_owned(), 0));
            }
        }
        self.ended(work, None).await
    }

    /// Sources these orders one after another, and stops at the first that somebody else changed, so that none overtakes
    /// it; whether all were sourced.
    async fn fill_page(&self, page: Vec<OrderId>, supply: &mut Supply) -> Result<bool, StoreError> {
        let mut orders = self.store.orders(page).await?;
        orders.sort_by_key(|order| order.id);
        for order in &orders {
            let now = self.contexts.now();
            let change = self.decide(&RequestIds::default(), now, |context| {
                backorder::source(order, supply, context)
            });
            if let Some(change) = change {
                supply.take(&change);
                if !self.write(change).await? {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    /// Writes a change; `false` where another writer of the order, or of its stock, was ahead.
    async fn write(&self, change: Change<OrderEffect>) -> Result<bool, StoreError> {
        let write = EffectStore::<OrderEffect>::write_changes(&*self.store, vec![change], None);
        match write.await?.pop() {
            Some(Ok(())) => Ok(true),
            Some(Err(StoreError::Conflict { .. })) => Ok(false),
            Some(Err(error)) => Err(error),
            None => Err(StoreError::unavailable("the store gave no answer")),
        }
    }

    /// Takes back what a count did not find, the newest orders first and one order a transaction.
    async fn take_back(&self, work: &LeasedWork, sku: &Sku) -> Result<Tried, StoreError> {
        let holding = self.store.unconfirmed_orders(&work.tenant, sku, AT_ONCE);
        let holding = holding.await?;
        let is_all = holding.len() < AT_ONCE;
        let mut orders = self.store.orders(holding).await?;
        orders.sort_by_key(|order| std::cmp::Reverse(order.id));
        let mut any = false;
        for order in orders {
            let short = self.short_of(&work.tenant, sku).await?;
            if short == 0 {
                return self.ended(work, None).await;
            }
            let now = self.contexts.now();
            let change = self.decide(&RequestIds::default(), now, |context| {
                backorder::take_back(&order, sku, short, context)
            });
            let Some(change) = change else {
                continue;
            };
            if !self.write(change).await? {
                return Ok(Tried::Again("an order has changed".to_owned(), BUSY_MS));
            }
            any = true;
        }
        let short = self.short_of(&work.tenant, sku).await?;
        if short > 0 && any && !is_all {
            return Ok(Tried::Again("more orders have its units".to_owned(), 0));
        }
        if short > 0 {
            tracing::warn!(
                tenant = %work.tenant, %sku, units = short,
                "units of confirmed orders are not there; cancel orders, or count again"
            );
        }
        self.ended(work, None).await
    }

    /// Units of our own stock that orders have reserved and that are not there.
    async fn short_of(&self, tenant: &Tenant, sku: &Sku) -> Result<i64, StoreError> {
        let rows = self
            .store
            .stock(tenant, vec![sku.to_string()], None, MOST_ROWS);
        let rows = rows.await?;
        let ours = rows.items.iter().find(|row| row.vendor.is_local());
        Ok(ours.map_or(0, |row| row.level.short()))
    }

    async fn order_of(&self, work: &LeasedWork) -> Result<Option<Order>, StoreError> {
        let ids = work.order_id.into_iter().collect();
        Ok(self.store.orders(ids).await?.pop())
    }

    async fn ended(
        &self,
        work: &LeasedWork,
        change: Option<Change<OrderEffect>>,
    ) -> Result<Tried, StoreError> {
        self.settle(work, WorkOutcome::Done(change)).await?;
        Ok(Tried::Done)
    }

    async fn ask_inventory(
        &self,
        order: &Order,
        skus: &BTreeSet<Sku>,
    ) -> Result<Vec<waybill_domain::intake::InventoryAnswer>, InventoryError> {
        let Some(service) = self.inventory.as_deref().filter(|_| !skus.is_empty()) else {
            return Ok(vec![]);
        };
        let wanted = |sku: &Sku| {
            let lines = order.lines.iter().filter(|line| line.sku == *sku);
            lines.map(Line::missing).sum()
        };
        let demands = skus.iter().map(|sku| (sku.clone(), wanted(sku)));
        inventory::answers(service, demands.collect()).await
    }

    /// What every source could give of these skus.
    pub async fn offers_of(
        &self,
        tenant: &Tenant,
        skus: &BTreeSet<Sku>,
    ) -> Result<Vec<Offer>, StoreError> {
        if skus.is_empty() {
            return Ok(vec![]);
        }
        let skus: Vec<String> = skus.iter().map(Sku::to_string).collect();
        let mut rows = vec![];
        let mut after = None;
        loop {
            let page = self.store.stock(tenant, skus.clone(), after, MOST_ROWS);
            let page = page.await?;
            rows.extend(page.items);
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        let vendors = self.store.list_vendors(tenant, None, MOST_ROWS).await?;
        Ok(waybill_domain::allocation::offers(&rows, &vendors.items))
    }

    /// Looks whether something is there of skus that orders wait for, `at_once` skus after `after`: a vendor may have been
    /// entered or be back, and an older version may have released units without saying so. Returns the last sku, `None`
    /// after all of them.
    ///
    /// # Errors
    /// The store is away.
    pub async fn look_for_waiting(
        &self,
        after: Option<(Tenant, Sku)>,
        at_once: usize,
    ) -> Result<Option<(Tenant, Sku)>, StoreError> {
        let waiting = self.store.waiting_skus(after, at_once).await?;
        for (tenant, sku) in &waiting {
            let offers = self.offers_of(tenant, &[sku.clone()].into()).await?;
            if offers.iter().any(|offer| offer.has(sku)) {
                let now = self.contexts.now();
                let id = self.contexts.entropy.uuid_v7(now.0);
                let piece = SourcingTask::fill(id, sku, None, now);
                self.store.add_work(tenant, vec![piece]).await?;
            }
        }
        let is_full = waiting.len() == at_once;
        Ok(waiting.into_iter().next_back().filter(|_| is_full))
    }
}

/// Stock rows, or vendors, that are read at once.
const MOST_ROWS: usize = 1_000;
