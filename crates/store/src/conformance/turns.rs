//! A turn of delivery, its timers and status: everything of it is written, or nothing, and status' cursor passes just
//! what the turn has taken.

use super::{Factory, Harness};
use crate::error::{Error, Result};
use crate::model::{ConsumerBatch, Lease};
use crate::turn::{OwnerRows, Turn, TurnNeeds, TurnRows};
use parking_lot::Mutex;
use std::sync::Arc;
use waybill_domain::change::{Change, DeliveryEffect, OrderEffect};
use waybill_domain::context::Context;
use waybill_domain::delivery;
use waybill_domain::delivery_news;
use waybill_domain::event::{EventKind, LoggedEvent};
use waybill_domain::ids::OrderId;
use waybill_domain::order::Order;
use waybill_domain::shipment::ShipmentStatus;
use waybill_domain::status::OrderStatus;
use waybill_domain::successive::merged;

/// What status wants.
const WANTED: &[EventKind] = &[
    EventKind::ShipmentCreated,
    EventKind::ShipmentShipped,
    EventKind::ShipmentDelivered,
];

/// The turn of one order from confirmed to delivered, for a carrier that takes no time.
pub struct WholeLife {
    pub order: OrderId,
    pub delivery: Lease,
    pub timers: Lease,
    pub status: Lease,
    /// Where the cursors of delivery and status stand.
    pub from: (i64, i64),
    /// The end of the log, as the turn has seen it.
    pub log_end: i64,
    pub changes: Vec<Change<DeliveryEffect>>,
    make: Factory,
    /// Where the turn has put status' cursor.
    put: Arc<Mutex<i64>>,
}

impl WholeLife {
    /// Prepares the turn of a new order.
    pub async fn of_new_order(h: &Harness) -> Self {
        let order = h.sold("A", 10, 2).await;
        let (delivery, delivered) = h.lease("delivery").await;
        let (timers, _) = h.lease("delivery-timers").await;
        let (status, followed) = h.lease("status").await;
        let log = h.log().await;
        let confirmed = log
            .iter()
            .filter(|event| event.event.order_id == Some(order))
            .find(|event| event.event.kind == EventKind::OrderConfirmed)
            .expect("it is confirmed");
        let news = delivery::parse(&confirmed.event).expect("readable");
        let news = news.expect("it concerns delivery");
        let known = h.order(order).await;
        let made = h.on_order_news(&known, confirmed.event.seq, news).await;
        let made = made.expect("a shipment is made");
        let shipment = &made.effect.shipments[0].after;
        let shipped = h.ship(shipment, ShipmentStatus::Shipped, None);
        let shipment = &shipped.effect.shipments[0].after;
        let delivered_too = h.ship(shipment, ShipmentStatus::Delivered, None);
        Self {
            order,
            delivery,
            timers,
            status,
            from: (delivered, followed),
            log_end: log.last().expect("it has events").position,
            changes: merged(vec![made, shipped, delivered_too]),
            make: h.make.clone(),
            put: Arc::default(),
        }
    }

    /// Takes the turn; returns where status' cursor stands after it.
    pub async fn take(self, h: &Harness) -> Result<i64> {
        let put = self.put.clone();
        let turns = h.store.clone().turns().expect("a store of both sides");
        let moved = turns.take_turn(Box::new(self)).await?;
        let put = *put.lock();
        Ok(put + moved)
    }

    fn follow(&self, order: &mut Order, event: &LoggedEvent) -> Option<Change<OrderEffect>> {
        let news = delivery_news::parse(&event.event).expect("readable");
        let (meta, make) = (self.make.meta(), self.make.clone());
        let mut ids = move || make.id();
        let mut context = Context {
            now: event.recorded_at,
            meta: &meta,
            ids: &mut ids,
        };
        let change = delivery_news::on_delivery_news(order, &news, &mut context)?;
        *order = change.effect.order.after.clone();
        Some(change)
    }
}

impl Turn for WholeLife {
    fn needs(&self) -> TurnNeeds {
        TurnNeeds {
            partition: 0,
            deliveries: vec![self.order],
            orders: vec![self.order],
            timers: 10,
            log_end: Some(self.log_end),
            wanted_by_status: WANTED,
        }
    }

    fn take(&mut self, rows: &mut dyn TurnRows) -> Result<()> {
        rows.fire(&self.timers, vec![])?;
        let deliveries: &mut dyn OwnerRows<DeliveryEffect> = rows;
        let known = deliveries.known("delivery", &[self.order], vec![self.order])?;
        assert!(known.rows[0].1.is_none(), "{known:?}");
        deliveries.write(ConsumerBatch {
            lease: self.delivery.clone(),
            from: self.from.0,
            to: self.log_end,
            changes: self.changes.clone(),
            park: vec![],
        })?;
        let appended = rows.appended().to_vec();
        let kinds: Vec<EventKind> = appended.iter().map(|e| e.event.kind).collect();
        assert_eq!(kinds, WANTED, "the turn sees what it appends");
        let orders: &mut dyn OwnerRows<OrderEffect> = rows;
        let known = orders.known("status", &[self.order], vec![self.order])?;
        let mut order = known.rows[0].clone();
        let changes = appended
            .iter()
            .filter_map(|event| self.follow(&mut order, event));
        let to = appended.last().expect("three events").position;
        *self.put.lock() = to;
        let changes = merged(changes.collect());
        orders.write(ConsumerBatch {
            lease: self.status.clone(),
            from: self.from.1,
            to,
            changes,
            park: vec![],
        })
    }
}

pub(super) async fn an_order_goes_from_confirmed_to_delivered_in_one_turn(h: Harness) {
    let turn = WholeLife::of_new_order(&h).await;
    let (order, status) = (turn.order, turn.status.clone());
    let cursor = turn.take(&h).await.expect("it is taken");
    let now = h.order(order).await;
    assert_eq!(now.status, OrderStatus::Delivered);
    assert_eq!(now.lines[0].quantities.delivered, 2);
    assert_eq!(h.level("A").await.on_hand, 8);
    let known = h.store.deliveries(vec![order]).await.expect("read");
    assert_eq!(known[0].2[0].status, ShipmentStatus::Delivered);
    assert_eq!(h.store.stats().await.expect("read").timers, 0);
    let kinds: Vec<EventKind> = h
        .events_of(order)
        .await
        .iter()
        .map(|e| e.event.kind)
        .collect();
    let mut expected = vec![EventKind::OrderCreated, EventKind::OrderConfirmed];
    expected.extend(WANTED);
    expected.extend([
        EventKind::OrderProcessing,
        EventKind::OrderShipped,
        EventKind::OrderDelivered,
    ]);
    assert_eq!(kinds, expected);
    // The cursor stands where the caller thinks it does, and nothing that status wants is behind it.
    let batch = Harness::batch(&status, cursor, cursor);
    h.store.apply_batch(batch).await.expect("it stands there");
    let left = h.store.read_log(0, cursor, 100, WANTED).await;
    assert_eq!(left.expect("read").0, []);
    h.assert_listener_got_the_log().await;
    assert_eq!(h.findings().await, [""; 0]);
}

pub(super) async fn a_turn_under_a_lease_that_is_lost_leaves_nothing(h: Harness) {
    for consumer in ["delivery", "delivery-timers", "status"] {
        let turn = WholeLife::of_new_order(&h).await;
        let order = turn.order;
        h.lease(consumer).await;
        let refused = turn.take(&h).await;
        let fenced = matches!(&refused, Err(Error::Fenced { consumer: of }) if of == consumer);
        assert!(fenced, "{refused:?}");
        assert_eq!(h.order(order).await.status, OrderStatus::Confirmed);
        assert_eq!(h.events_of(order).await.len(), 2);
        let known = h.store.deliveries(vec![order]).await.expect("read");
        assert!(known[0].1.is_none());
    }
}

pub(super) async fn a_turn_decided_on_an_older_row_leaves_nothing(h: Harness) {
    let mut turn = WholeLife::of_new_order(&h).await;
    let order = turn.order;
    turn.changes[0].effect.shipments[0].expected_version = 1;
    let refused = turn.take(&h).await;
    assert!(
        matches!(refused, Err(Error::Conflict { .. })),
        "{refused:?}"
    );
    assert_eq!(h.order(order).await.status, OrderStatus::Confirmed);
    assert_eq!(h.events_of(order).await.len(), 2);
    assert_eq!(h.findings().await, [""; 0]);
}

pub(super) async fn status_goes_on_behind_what_others_appended_meanwhile(h: Harness) {
    let turn = WholeLife::of_new_order(&h).await;
    let (order, status) = (turn.order, turn.status.clone());
    let other = h.created(h.make.order(&[("A", 1)])).await;
    let cursor = turn.take(&h).await.expect("it is taken");
    assert_eq!(h.order(order).await.status, OrderStatus::Delivered);
    let batch = Harness::batch(&status, cursor, cursor);
    h.store.apply_batch(batch).await.expect("it stands there");
    // What comes next is read, and only that.
    let shipment = h.shipped_off(other).await;
    let next = h.store.read_log(0, cursor, 100, WANTED).await;
    let next = next.expect("read").0;
    let of: Vec<_> = next.iter().map(|e| e.event.aggregate.id).collect();
    assert_eq!(of, [shipment.id.0]);
}

/// A turn in which an event of an order has no effect for status.
struct WithoutEffect {
    order: OrderId,
    status: Lease,
    from: i64,
    to: i64,
    /// Whether the turn was told that the order is parked.
    is_parked: Arc<Mutex<bool>>,
}

impl Turn for WithoutEffect {
    fn needs(&self) -> TurnNeeds {
        TurnNeeds {
            orders: vec![self.order],
            log_end: Some(self.to),
            wanted_by_status: WANTED,
            ..TurnNeeds::default()
        }
    }

    fn take(&mut self, rows: &mut dyn TurnRows) -> Result<()> {
        let orders: &mut dyn OwnerRows<OrderEffect> = rows;
        let known = orders.known("status", &[self.order], vec![self.order])?;
        *self.is_parked.lock() = known.parked.contains(&self.order);
        orders.write(Harness::batch(&self.status, self.from, self.to))
    }
}

pub(super) async fn a_turn_does_not_pass_an_event_of_a_parked_order_unseen(h: Harness) {
    let order = h.sold("A", 10, 2).await;
    let events = h.events_of(order).await;
    let (first, end) = (&events[0], events[1].position);
    let (status, from) = h.lease("status").await;
    let mut parks = Harness::batch(&status, from, first.position);
    parks.park = vec![h.parking(first, Some("it cannot be read"), 60_000)];
    h.store.apply_batch(parks).await.expect("it is parked");
    let turn = WithoutEffect {
        order,
        status,
        from: first.position,
        to: end,
        is_parked: Arc::default(),
    };
    let is_parked = turn.is_parked.clone();
    let turns = h.store.clone().turns().expect("a store of both sides");
    let taken = turns.take_turn(Box::new(turn)).await;
    let is_refused = matches!(taken, Err(Error::Conflict { .. }));
    assert!(is_refused || *is_parked.lock(), "{taken:?}");
}

pub(super) async fn an_order_that_is_asked_for_twice_is_found_twice(h: Harness) {
    let first = h.sold("A", 10, 2).await;
    h.shipped_off(first).await;
    let second = h.created(h.make.order(&[("A", 1)])).await;
    let found = h.store.deliveries(vec![first, second, first]).await;
    let found = found.expect("read");
    assert_eq!(found[0], found[2]);
    assert!(found[0].1.is_some() && found[1].1.is_none());
}
