//! The role on a store that has delivery's rows, the log and nothing else: no order, no hold, no stock.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use parking_lot::Mutex;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;
use waybill_domain::change::{Change, DeliveryEffect};
use waybill_domain::context::EventMeta;
use waybill_domain::delivery::Delivery;
use waybill_domain::event::{
    Aggregate, AggregateKind, EventKind, LoggedEvent, NewEvent, SCHEMA_VERSION,
};
use waybill_domain::ids::{EventId, OrderId, ShipmentId};
use waybill_domain::parked_place::ParkedPlace;
use waybill_domain::retry::RetrySchedule;
use waybill_domain::shipment::{Shipment, ShipmentStatus};
use waybill_domain::text::Tenant;
use waybill_domain::time::Time;
use waybill_domain::timer::{Timer, TimerChange};
use waybill_store::{
    BatchDecision, Consumed, ConsumerBatch, DeliveryOf, DeliveryStore, DueTimers, EffectStore,
    Flag, Identity, InboxBatch, Known, Lease, LeaseView, LeasedWork, LogStore, Page, Parked,
    ParkedOutcome, Positions, Result, ShipmentFilter, Stats, StoreBase, WorkOutcome,
};

use super::handler::DeliveryHandler;
use super::timer_signals::TimerSignals;
use super::timers::TimerTask;
use crate::carrier::SimulatedCarrier;
use crate::clock::SystemClock;
use crate::config::MillisRange;
use crate::consumers::background::Background;
use crate::consumers::consuming::Consuming;
use crate::consumers::inbox::EventSource;
use crate::consumers::partition_task::PartitionTask;
use crate::consumers::resources::ConsumerResources;
use crate::context::ContextSource;
use crate::observe::metrics::Metrics;
use crate::random::Entropy;

#[derive(Default)]
struct Rows {
    log: Vec<LoggedEvent>,
    deliveries: Vec<Delivery>,
    shipments: Vec<Shipment>,
    timers: Vec<Timer>,
}

impl Rows {
    fn log(&mut self, event: NewEvent) {
        let position = self.log.len() as i64 + 1;
        self.log.push(LoggedEvent {
            partition: 0,
            position,
            recorded_at: event.occurred_at,
            event,
        });
    }

    fn write(&mut self, change: Change<DeliveryEffect>) {
        if let Some(delivery) = change.effect.delivery {
            self.deliveries.retain(|d| d.order_id != change.order_id);
            self.deliveries.push(delivery.after);
        }
        for written in change.effect.shipments {
            self.shipments.retain(|s| s.id != written.after.id);
            self.shipments.push(written.after);
        }
        for timer in change.effect.timers {
            match timer {
                TimerChange::Set(timer) => self.timers.push(timer),
                TimerChange::Clear(timer) => self.timers.retain(|t| *t != timer),
            }
        }
        change.events.into_iter().for_each(|event| self.log(event));
    }
}

/// Delivery's rows in memory.
struct OnlyDelivery {
    identity: Identity,
    rows: Mutex<Rows>,
    /// How each shipment stands, for a test that waits.
    statuses: watch::Sender<Vec<ShipmentStatus>>,
}

impl OnlyDelivery {
    fn holding(event: NewEvent) -> Arc<Self> {
        let mut rows = Rows::default();
        rows.log(event);
        Arc::new(Self {
            identity: Identity {
                store_id: "only-delivery".into(),
                generation: "1".into(),
                partitions: 1,
                driver: "memory",
                one_writer: true,
                former: waybill_store::generations::Former::default(),
            },
            rows: Mutex::new(rows),
            statuses: watch::Sender::default(),
        })
    }

    fn write(&self, changes: Vec<Change<DeliveryEffect>>) {
        let mut rows = self.rows.lock();
        changes.into_iter().for_each(|change| rows.write(change));
        let statuses = rows.shipments.iter().map(|s| s.status).collect();
        self.statuses.send_replace(statuses);
    }
}

#[async_trait]
impl StoreBase for OnlyDelivery {
    fn identity(&self) -> &Identity {
        &self.identity
    }

    async fn time(&self) -> Result<Option<Time>> {
        Ok(None)
    }

    async fn stats(&self) -> Result<Stats> {
        Ok(Stats::default())
    }

    async fn check_writable(&self) -> Result<()> {
        Ok(())
    }

    async fn close(&self) {}
}

#[async_trait]
impl EffectStore<DeliveryEffect> for OnlyDelivery {
    async fn load(&self, orders: Vec<OrderId>) -> Result<Vec<DeliveryOf>> {
        self.deliveries(orders).await
    }

    async fn write_changes(
        &self,
        changes: Vec<Change<DeliveryEffect>>,
        _lease: Option<Lease>,
    ) -> Result<Vec<Result<()>>> {
        let done = changes.iter().map(|_| Ok(())).collect();
        self.write(changes);
        Ok(done)
    }

    async fn consume(&self, batch: Arc<dyn BatchDecision<DeliveryEffect>>) -> Result<Consumed> {
        let known = Known {
            rows: self.load(batch.needs()).await?,
            parked: vec![],
        };
        let decided = batch.decide(&known);
        let consumed = Consumed::of(&decided);
        self.apply_batch(decided).await?;
        Ok(consumed)
    }

    async fn apply_batch(&self, batch: ConsumerBatch<DeliveryEffect>) -> Result<()> {
        assert!(batch.park.is_empty(), "{:?}", batch.park);
        self.write(batch.changes);
        Ok(())
    }

    async fn receive(&self, _batch: InboxBatch<DeliveryEffect>) -> Result<()> {
        unreachable!("no other store sends events here")
    }

    async fn settle_parked(
        &self,
        _lease: Lease,
        order: OrderId,
        _position: i64,
        _outcome: ParkedOutcome<DeliveryEffect>,
    ) -> Result<()> {
        panic!("nothing is parked, but {order} is settled")
    }

    async fn settle_work(
        &self,
        work: &LeasedWork,
        _outcome: WorkOutcome<DeliveryEffect>,
    ) -> Result<()> {
        panic!("there is no work {}", work.id)
    }
}

#[async_trait]
impl DeliveryStore for OnlyDelivery {
    async fn shipment(&self, _tenant: &Tenant, id: ShipmentId) -> Result<Option<Shipment>> {
        let rows = self.rows.lock();
        Ok(rows.shipments.iter().find(|s| s.id == id).cloned())
    }

    async fn deliveries(&self, orders: Vec<OrderId>) -> Result<Vec<DeliveryOf>> {
        let rows = self.rows.lock();
        let of = |id: OrderId| {
            let delivery = rows.deliveries.iter().find(|d| d.order_id == id).cloned();
            let shipments = rows.shipments.iter().filter(|s| s.order_id == id).cloned();
            (id, delivery, shipments.collect())
        };
        Ok(orders.into_iter().map(of).collect())
    }

    async fn list_shipments(
        &self,
        _tenant: &Tenant,
        _filter: ShipmentFilter,
    ) -> Result<Page<Shipment, ShipmentId>> {
        let items = self.rows.lock().shipments.clone();
        Ok(Page { items, next: None })
    }

    async fn due_timers(&self, _partition: u16, now: Time, _limit: usize) -> Result<DueTimers> {
        let rows = self.rows.lock();
        let (due, later): (Vec<&Timer>, Vec<&Timer>) =
            rows.timers.iter().partition(|t| t.due_at <= now);
        let shipment = |t: &Timer| {
            rows.shipments
                .iter()
                .find(|s| s.id == t.shipment_id)
                .cloned()
        };
        let due = due.into_iter().map(|t| (t.clone(), shipment(t))).collect();
        Ok((due, later.into_iter().map(|t| t.due_at).min()))
    }
}

#[async_trait]
impl LogStore for OnlyDelivery {
    async fn read_log(
        &self,
        _partition: u16,
        after: i64,
        limit: usize,
        kinds: &'static [EventKind],
    ) -> Result<(Vec<LoggedEvent>, i64)> {
        let rows = self.rows.lock();
        let news = rows.log.iter().filter(|e| e.position > after);
        let news: Vec<LoggedEvent> = news.take(limit).cloned().collect();
        let reached = news.last().map_or(after, |e| e.position);
        let wanted = news.into_iter().filter(|e| kinds.contains(&e.event.kind));
        Ok((wanted.collect(), reached))
    }

    async fn order_events(
        &self,
        _tenant: &Tenant,
        id: OrderId,
        _after: i64,
        _limit: usize,
    ) -> Result<Vec<LoggedEvent>> {
        let rows = self.rows.lock();
        let of_order = rows.log.iter().filter(|e| e.event.order_id == Some(id));
        Ok(of_order.cloned().collect())
    }

    async fn feed(
        &self,
        _tenant: &Tenant,
        after: Positions,
        _limit: usize,
    ) -> Result<(Vec<LoggedEvent>, Positions)> {
        Ok((vec![], after))
    }

    async fn keep_alive(
        &self,
        _consumer: &str,
        _owner: &str,
        _now: Time,
        _until: Time,
    ) -> Result<LeaseView> {
        Ok(LeaseView::default())
    }

    async fn take_lease(
        &self,
        _consumer: &str,
        _partition: u16,
        _owner: &str,
        _now: Time,
        _until: Time,
    ) -> Result<Option<(Lease, i64)>> {
        Ok(None)
    }

    async fn release_lease(&self, _lease: &Lease, _owner: &str) -> Result<()> {
        Ok(())
    }

    async fn leave(&self, _consumer: &str, _owner: &str) -> Result<()> {
        Ok(())
    }

    async fn parked_orders(&self, _consumer: &str, _of: Vec<OrderId>) -> Result<Vec<OrderId>> {
        Ok(vec![])
    }

    async fn due_parked(
        &self,
        _consumer: &str,
        _partition: u16,
        _now: Time,
        _limit: usize,
    ) -> Result<Vec<Parked>> {
        Ok(vec![])
    }

    async fn list_parked(
        &self,
        _tenant: &Tenant,
        _after: Option<ParkedPlace>,
        _limit: usize,
    ) -> Result<Page<Parked, ParkedPlace>> {
        Ok(Page {
            items: vec![],
            next: None,
        })
    }

    async fn flag_parked(&self, _tenant: &Tenant, _flag: Flag) -> Result<bool> {
        Ok(false)
    }
}

fn confirmed() -> NewEvent {
    let order_id = OrderId(Uuid::from_u128(7));
    let body =
        r#"{"status":"confirmed","lines":[{"id":"1","vendor":"local","ordered":2,"reserved":2}]}"#;
    NewEvent {
        id: EventId(Uuid::from_u128(1)),
        schema_version: SCHEMA_VERSION,
        kind: EventKind::OrderConfirmed,
        aggregate: Aggregate {
            kind: AggregateKind::Order,
            id: order_id.0,
        },
        seq: 2,
        order_id: Some(order_id),
        tenant: Tenant::default(),
        occurred_at: Time(1),
        body: body.into(),
        meta: EventMeta::default(),
    }
}

#[tokio::test]
async fn the_role_delivers_an_order_without_any_row_of_it() {
    let store = OnlyDelivery::holding(confirmed());
    let entropy = Arc::new(Entropy::from_os().expect("randomness"));
    let resources = ConsumerResources {
        log: store.clone(),
        log_cache: Arc::new(waybill_broker::log_cache::LogCache::new(8)),
        log_growth: Arc::default(),
        background: Arc::new(Background::new(4, 1.0, None)),
        metrics: Arc::new(Metrics::default()),
        contexts: ContextSource {
            clock: Arc::new(SystemClock),
            entropy: entropy.clone(),
        },
        schedule: RetrySchedule {
            retries: 1,
            base_ms: 1,
            max_ms: 1,
        },
        poll_interval: Duration::from_millis(5),
        gather: Duration::ZERO,
        event_source: EventSource::default(),
    };
    let at_once = MillisRange::parse("1-1").expect("a range");
    let carrier = SimulatedCarrier {
        ship_delay: at_once,
        deliver_delay: at_once,
        entropy,
    };
    let signals = Arc::new(TimerSignals::new(1));
    let handler = DeliveryHandler {
        contexts: resources.contexts.clone(),
        carrier: carrier.clone(),
        timers: signals.clone(),
        by_watermark: false,
    };
    let consuming = Consuming::new(&resources, handler, store.clone(), 16);
    let timers = TimerTask::new(&resources, store.clone(), carrier, signals, 16);
    let lease = |consumer: &str| Lease {
        consumer: consumer.into(),
        partition: 0,
        epoch: 1,
    };
    let stop = CancellationToken::new();
    let mut statuses = store.statuses.subscribe();
    let delivered = async {
        let all = |s: &Vec<ShipmentStatus>| s == &[ShipmentStatus::Delivered];
        let within = Duration::from_secs(60);
        let seen = tokio::time::timeout(within, statuses.wait_for(all)).await;
        let seen = seen.expect("in time").expect("the store is there");
        drop(seen);
        stop.cancel();
    };
    let (consumed, fired, ()) = tokio::join!(
        consuming.act(lease("delivery"), 0, stop.clone()),
        timers.act(lease("delivery-timers"), 0, stop.clone()),
        delivered,
    );
    consumed.expect("consumed");
    fired.expect("fired");
    let rows = store.rows.lock();
    let kinds: Vec<EventKind> = rows.log.iter().map(|e| e.event.kind).collect();
    assert_eq!(
        kinds,
        [
            EventKind::OrderConfirmed,
            EventKind::ShipmentCreated,
            EventKind::ShipmentShipped,
            EventKind::ShipmentDelivered,
        ]
    );
    assert_eq!(rows.shipments[0].lines[0].quantity, 2);
}
