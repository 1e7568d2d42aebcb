//! Delivery, when the order's store was restored from an older backup: its events are numbered anew, and may release
//! again what has left.

use std::sync::Arc;
use uuid::Uuid;
use waybill_domain::context::{Context, EventMeta};
use waybill_domain::delivery::{Carrier, OrderDelivery};
use waybill_domain::event::{
    Aggregate, AggregateKind, EventKind, LoggedEvent, NewEvent, SCHEMA_VERSION,
};
use waybill_domain::ids::{EventId, OrderId};
use waybill_domain::text::Tenant;
use waybill_domain::time::Time;

const HOLD: &str = r#""00000000-0000-0000-0000-000000000009""#;

struct AtOnce;

impl Carrier for AtOnce {
    fn ships_at(&mut self, now: Time) -> Time {
        now
    }
}

/// An order's delivery that learns of events as an inbox hands them over.
#[derive(Default)]
struct Delivery {
    of: OrderDelivery,
    ids: u128,
}

impl Delivery {
    fn news(&mut self, seq: i64, kind: EventKind, body: &str) {
        let id = Uuid::from_u128(7);
        let event = NewEvent {
            id: EventId(Uuid::from_u128(1)),
            schema_version: SCHEMA_VERSION,
            kind,
            aggregate: Aggregate {
                kind: AggregateKind::Order,
                id,
            },
            seq,
            order_id: Some(OrderId(id)),
            tenant: Tenant::default(),
            occurred_at: Time(1),
            body: Arc::from(body),
            meta: EventMeta::default(),
        };
        self.of.rewind(&event);
        let logged = LoggedEvent {
            partition: 0,
            position: 1,
            recorded_at: Time(1),
            event,
        };
        let (meta, ids) = (EventMeta::default(), &mut self.ids);
        let mut next = || {
            *ids += 1;
            Uuid::from_u128(*ids)
        };
        let mut context = Context {
            now: Time(1),
            meta: &meta,
            ids: &mut next,
        };
        let decided = self.of.on_event(&logged, &mut AtOnce, &mut context);
        decided.expect("it can be read");
    }

    fn confirmed(&mut self, seq: i64, ordered: i64) {
        let body = format!(
            r#"{{"status":"confirmed","lines":[{{"id":"1","vendor":"local","ordered":{ordered},"reserved":{ordered}}}]}}"#
        );
        self.news(seq, EventKind::OrderConfirmed, &body);
    }

    fn shipped(&self) -> Vec<i64> {
        let lines = self.of.shipments.iter().flat_map(|s| &s.lines);
        lines.map(|line| line.quantity).collect()
    }
}

#[test]
fn what_has_left_is_not_sent_again_under_another_number() {
    for again in [2, 3, 4] {
        let mut delivery = Delivery::default();
        delivery.confirmed(3, 2);
        delivery.confirmed(again, 2);
        assert_eq!(delivery.shipped(), [2], "confirmed again as event {again}");
    }
}

#[test]
fn units_that_are_there_beyond_those_that_left_are_sent() {
    let mut delivery = Delivery::default();
    delivery.confirmed(3, 2);
    delivery.confirmed(2, 5);
    assert_eq!(delivery.shipped(), [2, 3]);
}

#[test]
fn an_order_whose_lost_events_had_higher_numbers_is_sent() {
    let mut delivery = Delivery::default();
    let held = format!(r#"{{"status":"pending","holdId":{HOLD},"lines":[]}}"#);
    delivery.news(2, EventKind::OrderHoldPlaced, &held);
    delivery.news(3, EventKind::OrderHoldReleased, &held);
    delivery.news(4, EventKind::OrderHoldPlaced, &held);
    delivery.confirmed(2, 2);
    assert_eq!(delivery.shipped(), [2], "the hold was lost with its event");
}

#[test]
fn a_hold_that_the_event_names_keeps_the_order_back() {
    let mut delivery = Delivery::default();
    let held = format!(r#"{{"status":"pending","holdId":{HOLD},"lines":[]}}"#);
    delivery.news(2, EventKind::OrderHoldPlaced, &held);
    let body = format!(
        r#"{{"status":"confirmed","openHolds":[{HOLD}],"lines":[{{"id":"1","vendor":"local","ordered":2,"reserved":2}}]}}"#
    );
    delivery.news(3, EventKind::OrderConfirmed, &body);
    assert_eq!(delivery.shipped(), [0; 0]);
    // Repeated under another number, it waits once.
    delivery.news(3, EventKind::OrderConfirmed, &body);
    delivery.news(4, EventKind::OrderHoldReleased, &held);
    assert_eq!(delivery.shipped(), [2]);
}
