//! A store under test with its clock, ids and listener, and the steps of which cases consist.

use super::driver::{Driver, ManualClock, Tap};
use super::factory::Factory;
use crate::error::Result;
use crate::model::{Accepted, ConsumerBatch, Lease, NewParked, OrderRecord, OrderRef};
use crate::packed;
use crate::traits::{Effect, EffectStore, Store};
use std::sync::Arc;
use std::time::Duration;
use waybill_domain::change::{Change, DeliveryEffect, OrderEffect};
use waybill_domain::command::{self, Command};
use waybill_domain::context::Context;
use waybill_domain::delivery::{self, Carrier, OrderNews, Subject};
use waybill_domain::delivery_news;
use waybill_domain::event::{EventKind, LoggedEvent};
use waybill_domain::fact::{self, Fact};
use waybill_domain::ids::OrderId;
use waybill_domain::intake::NewOrder;
use waybill_domain::order::Order;
use waybill_domain::shipment::{self, Shipment, ShipmentStatus};
use waybill_domain::stock::{Adjustment, StockLevel};
use waybill_domain::text::Tenant;
use waybill_domain::time::Time;

/// A store under test with its clock, ids and listener.
pub struct Harness {
    pub driver: Arc<dyn Driver>,
    pub clock: ManualClock,
    pub tap: Arc<Tap>,
    pub make: Factory,
    pub store: Arc<dyn Store>,
}

/// A timeout that only a hanging test reaches.
const HANGS: Duration = Duration::from_secs(60);

/// A carrier that takes a second.
struct OneSecond;

impl Carrier for OneSecond {
    fn ships_at(&mut self, now: Time) -> Time {
        now.plus_ms(1_000)
    }
}

impl Harness {
    /// Opens a driver's data.
    ///
    /// # Panics
    /// When the data cannot be opened. Every step here panics on an error, so that a test fails at the first one.
    pub async fn open(driver: Arc<dyn Driver>, seed: u64) -> Self {
        let (clock, tap) = (ManualClock::default(), Arc::new(Tap::default()));
        let make = Factory::new(clock.clone(), seed);
        let store = open(&*driver, &clock, &tap, &make).await;
        Self {
            driver,
            clock,
            tap,
            make,
            store,
        }
    }

    /// Closes the store and opens its data again.
    pub async fn reopen(&mut self) {
        self.store.close().await;
        self.store = open(&*self.driver, &self.clock, &self.tap, &self.make).await;
    }

    /// Makes the store write its log as a store of before schema 16 does, one event a row: those rows are damaged with
    /// plain SQL.
    pub async fn write_plain_log(&mut self) {
        let sql = format!(
            "UPDATE meta SET value = 'plain' WHERE key = '{}'",
            packed::KEY
        );
        self.driver.damage(&sql).await;
        self.reopen().await;
    }

    /// The findings of the checker, one line each.
    pub async fn findings(&self) -> Vec<String> {
        let report = self.driver.verify().await.expect("verify runs");
        let line =
            |f: crate::verify::Finding| format!("{} {}: {}", f.invariant, f.subject, f.detail);
        report.findings.into_iter().map(line).collect()
    }

    // --- intake ---------------------------------------------------------------------------------

    /// Hands in a batch.
    pub async fn accept(&self, orders: Vec<NewOrder>) -> Vec<Result<Accepted>> {
        let count = orders.len();
        let orders = orders.into_iter().map(Arc::new).collect();
        let results = self.store.accept(orders).await.expect("the batch is taken");
        assert_eq!(results.len(), count, "one result per order");
        results
    }

    /// Hands in one order.
    pub async fn accept_one(&self, order: NewOrder) -> Result<Accepted> {
        self.accept(vec![order]).await.remove(0)
    }

    /// Hands in one order that must be new.
    pub async fn created(&self, order: NewOrder) -> OrderId {
        let id = order.id;
        match self.accept_one(order).await {
            Ok(Accepted::Created { .. }) => id,
            other => panic!("not created: {other:?}"),
        }
    }

    /// Puts units of a sku into our own warehouse.
    pub async fn put(&self, sku: &str, count: i64) {
        let change = self.make.stock(sku, Adjustment::Count(count));
        let outcomes = self
            .store
            .adjust_stock(vec![change])
            .await
            .expect("stock is written");
        outcomes[0].as_ref().expect("the count is allowed");
    }

    /// Puts units of a sku into our own warehouse and sells some of them in one order.
    pub async fn sold(&self, sku: &str, on_hand: i64, quantity: i64) -> OrderId {
        self.put(sku, on_hand).await;
        self.created(self.make.order(&[(sku, quantity)])).await
    }

    // --- reading --------------------------------------------------------------------------------

    /// An order of the default tenant, whole.
    pub async fn record(&self, id: OrderId) -> OrderRecord {
        let found = self.store.order(&Tenant::default(), OrderRef::Id(id)).await;
        found
            .expect("the order is read")
            .expect("the order is there")
    }

    /// The changing part of an order.
    pub async fn order(&self, id: OrderId) -> Order {
        self.store
            .orders(vec![id])
            .await
            .expect("orders are read")
            .remove(0)
    }

    /// A stock row of the default tenant.
    pub async fn level(&self, sku: &str) -> StockLevel {
        let page = self
            .store
            .stock(&Tenant::default(), vec![sku.into()], None, 1)
            .await;
        page.expect("stock is read").items[0].level
    }

    /// The whole log.
    pub async fn log(&self) -> Vec<LoggedEvent> {
        let mut events: Vec<LoggedEvent> = vec![];
        for partition in 0..self.store.identity().partitions {
            let mut after = 0;
            loop {
                let read = self
                    .store
                    .read_log(partition, after, 500, EventKind::ALL)
                    .await;
                let (more, reached) = read.expect("the log is read");
                events.extend(more);
                if reached == after {
                    break;
                }
                after = reached;
            }
        }
        events
    }

    /// Checks that the listener got exactly the events of the log, in order; for a shared log, that it was called for
    /// every partition that has grown.
    pub async fn assert_listener_got_the_log(&self) {
        let log = self.log().await;
        if !self.store.identity().one_writer {
            let partitions = log.iter().map(|event| event.partition).collect();
            let told = tokio::time::timeout(HANGS, self.tap.told_of(&partitions)).await;
            return told.expect("the listener was not told");
        }
        let events = tokio::time::timeout(HANGS, self.tap.events(log.len())).await;
        assert_eq!(events.expect("the listener gets the events"), log);
    }

    // --- deciding and writing -------------------------------------------------------------------

    fn context<T>(&self, decide: impl FnOnce(&mut Context<'_>) -> T) -> T {
        let (meta, make) = (self.make.meta(), self.make.clone());
        let mut ids = move || make.id();
        decide(&mut Context {
            now: self.clock.now(),
            meta: &meta,
            ids: &mut ids,
        })
    }

    /// Decides a command that is allowed.
    pub fn command(&self, order: &Order, command: &Command) -> Change<OrderEffect> {
        self.context(|c| command::decide(order, command, c))
            .expect("the command is allowed")
            .expect("it changes something")
    }

    /// Decides a command that may be refused.
    pub fn try_command(&self, order: &Order, command: &Command) -> Option<Change<OrderEffect>> {
        self.context(|c| command::decide(order, command, c)).ok()?
    }

    /// Decides a fact.
    pub fn fact(&self, order: &Order, fact: &Fact) -> Option<Change<OrderEffect>> {
        self.context(|c| fact::apply(order, fact, c))
    }

    /// Decides an event as the role `status` does.
    pub async fn on_delivery_event(&self, logged: &LoggedEvent) -> Option<Change<OrderEffect>> {
        let news = delivery_news::parse(&logged.event).expect("the body is readable");
        let order = self.order(logged.event.order_id?).await;
        self.context(|c| delivery_news::on_delivery_news(&order, &news, c))
    }

    /// Runs the role `status` to the end of the log, one event at a time.
    pub async fn status_follows(&self) {
        let (lease, mut from) = self.lease("status").await;
        let read = self.store.read_log(0, from, 1_000, EventKind::ALL).await;
        for event in read.expect("the log is read").0 {
            let mut batch = Self::batch(&lease, from, event.position);
            batch.changes.extend(self.on_delivery_event(&event).await);
            self.store.apply_batch(batch).await.expect("applied");
            from = event.position;
        }
    }

    /// Decides the order's event with this `seq` as the role `delivery` does.
    pub async fn on_order_news(
        &self,
        order: &Order,
        seq: i64,
        news: OrderNews,
    ) -> Option<Change<DeliveryEffect>> {
        let known = self
            .store
            .deliveries(vec![order.id])
            .await
            .expect("deliveries are read");
        let (_, delivery, shipments) = &known[0];
        let subject = Subject {
            order_id: order.id,
            tenant: order.tenant.clone(),
            partition: order.partition,
            seq,
        };
        self.context(|c| {
            delivery::on_order_news(
                subject,
                delivery.as_ref(),
                shipments,
                news,
                &mut OneSecond,
                c,
            )
        })
    }

    /// A step of a shipment that is allowed.
    pub fn ship(
        &self,
        shipment: &Shipment,
        status: ShipmentStatus,
        due_at: Option<Time>,
    ) -> Change<DeliveryEffect> {
        let update = shipment::Update {
            status: Some(status),
            due_at,
            ..shipment::Update::default()
        };
        self.update(shipment, &update)
    }

    /// An update of a shipment that is allowed.
    pub fn update(&self, shipment: &Shipment, update: &shipment::Update) -> Change<DeliveryEffect> {
        let decided = self.context(|c| shipment::update(shipment, update, c));
        decided
            .expect("the step is allowed")
            .expect("it says something new")
    }

    /// Writes independent changes.
    pub async fn write_changes<E: Effect>(&self, changes: Vec<Change<E>>) -> Vec<Result<()>>
    where
        dyn Store: EffectStore<E>,
    {
        let count = changes.len();
        let results = self
            .store
            .write_changes(changes, None)
            .await
            .expect("the batch is taken");
        assert_eq!(results.len(), count, "one result per change");
        results
    }

    /// Decides and writes a command that must succeed.
    pub async fn done(&self, id: OrderId, command: &Command) {
        let change = self.command(&self.order(id).await, command);
        self.write_changes(vec![change])
            .await
            .remove(0)
            .expect("no other write came first");
    }

    /// Makes an order's shipment, as delivery does on `order.confirmed`.
    pub async fn shipped_off(&self, id: OrderId) -> Shipment {
        let log = self
            .store
            .order_events(&Tenant::default(), id, 0, 100)
            .await
            .expect("events are read");
        let confirmed = log
            .iter()
            .find(|e| e.event.kind == EventKind::OrderConfirmed)
            .expect("it is confirmed");
        let news = delivery::parse(&confirmed.event).expect("the body is readable");
        let order = self.order(id).await;
        let change = self
            .on_order_news(
                &order,
                confirmed.event.seq,
                news.expect("it concerns delivery"),
            )
            .await;
        let done = self
            .write_changes(vec![change.expect("a shipment is made")])
            .await
            .remove(0);
        done.expect("no other write came first");
        let known = self
            .store
            .deliveries(vec![id])
            .await
            .expect("deliveries are read");
        known[0].2[0].clone()
    }

    // --- consumers ------------------------------------------------------------------------------

    /// Takes a consumer's lease on the first partition.
    pub async fn lease(&self, consumer: &str) -> (Lease, i64) {
        let (now, until) = (self.clock.now(), self.make.in_ms(60_000));
        self.store
            .take_lease(consumer, 0, "me", now, until)
            .await
            .expect("the lease is written")
            .expect("the lease is free")
    }

    /// Moves a cursor without effects.
    pub fn batch(lease: &Lease, from: i64, to: i64) -> ConsumerBatch<OrderEffect> {
        ConsumerBatch {
            lease: lease.clone(),
            from,
            to,
            changes: vec![],
            park: vec![],
        }
    }

    /// An event to park: with an error as the first of its order, without one as a queued event.
    pub fn parking(&self, event: &LoggedEvent, error: Option<&str>, in_ms: i64) -> NewParked {
        NewParked {
            event: event.clone(),
            error: error.map(str::to_owned),
            next_attempt_at: self.make.in_ms(in_ms),
        }
    }

    /// The events of one order.
    pub async fn events_of(&self, id: OrderId) -> Vec<LoggedEvent> {
        let log = self.log().await;
        log.into_iter()
            .filter(|e| e.event.order_id == Some(id))
            .collect()
    }
}

async fn open(
    driver: &dyn Driver,
    clock: &ManualClock,
    tap: &Arc<Tap>,
    make: &Factory,
) -> Arc<dyn Store> {
    let ids = make.clone();
    let opened = driver
        .open(clock.as_now(), tap.clone(), &mut move || ids.id())
        .await;
    opened.expect("the store opens")
}
