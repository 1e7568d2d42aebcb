//! The copy that an order keeps of a shipment equals the shipment, and which version of the order shows it.

mod world;

use proptest::prelude::*;
use proptest::test_runner::Config;
use uuid::Uuid;
use waybill_domain::change::{Change, OrderEffect};
use waybill_domain::context::RequestIds;
use waybill_domain::delivery_news::{self, on_delivery_news};
use waybill_domain::event::{EventKind, NewEvent};
use waybill_domain::fact::{self, Fact};
use waybill_domain::ids::{OrderId, ShipmentId};
use waybill_domain::order::Order;
use waybill_domain::shipment::{self, Shipment, ShipmentCopy, ShipmentStatus, Update};
use waybill_domain::status::AllocationPolicy;
use waybill_domain::text::{Tenant, Vendor};
use waybill_domain::time::Time;
use world::{World, pending, units};

/// An order of two units that may ship.
fn confirmed(world: &mut World) -> Order {
    let order = pending(&[2], AllocationPolicy::Reject, &["local"]);
    let reserved = Fact::UnitsReserved(units(&[(1, 2)]));
    after(fact::apply(&order, &reserved, &mut world.context()), &order)
}

fn after(change: Option<Change<OrderEffect>>, before: &Order) -> Order {
    let written = change.map(|change| change.effect.order);
    written.map_or_else(|| before.clone(), |order| order.after)
}

fn made(at: Time) -> Shipment {
    Shipment {
        id: ShipmentId(Uuid::from_u128(7)),
        order_id: OrderId(Uuid::from_u128(8)),
        tenant: Tenant::default(),
        partition: 0,
        vendor: Vendor::local(),
        attempt: 1,
        status: ShipmentStatus::Processing,
        version: 1,
        lines: units(&[(1, 2)]),
        tracking_number: None,
        carrier: None,
        created_at: at,
        updated_at: at,
        request: RequestIds::default(),
        shipped_at: None,
        delivered_at: None,
        due_at: None,
    }
}

/// The copy of a shipment that its order shows.
fn copy(of: &Shipment, shown_in: i64) -> ShipmentCopy {
    ShipmentCopy {
        id: of.id,
        vendor: of.vendor.clone(),
        attempt: of.attempt,
        status: of.status,
        version: of.version,
        shown_in,
        lines: of.lines.clone(),
        tracking_number: of.tracking_number.clone(),
        carrier: of.carrier.clone(),
        created_at: of.created_at,
        updated_at: of.updated_at,
        shipped_at: of.shipped_at,
        delivered_at: of.delivered_at,
    }
}

/// A shipment and its events so far.
struct ShipmentHistory {
    shipment: Shipment,
    events: Vec<NewEvent>,
}

impl ShipmentHistory {
    fn new(world: &mut World) -> Self {
        let mut context = world.context();
        let shipment = made(context.now);
        let created = shipment.event(EventKind::ShipmentCreated, None, &mut context);
        Self {
            shipment,
            events: vec![created],
        }
    }

    fn reported(&mut self, update: &Update, world: &mut World) {
        let Some(change) = shipment::report(&self.shipment, update, &mut world.context()) else {
            return;
        };
        self.shipment = change.effect.shipments[0].after.clone();
        self.events.extend(change.events);
    }
}

fn applied(order: &Order, event: &NewEvent, world: &mut World) -> Option<Change<OrderEffect>> {
    let news = delivery_news::parse(event).expect("our own event");
    on_delivery_news(order, &news, &mut world.context())
}

fn any_update() -> impl Strategy<Value = Update> {
    let status = prop::option::weighted(0.9, prop::sample::select(ShipmentStatus::ALL));
    let text = || prop::option::of(prop::sample::select(vec!["T-1", "T-2"]));
    (status, text(), text()).prop_map(|(status, number, carrier)| Update {
        status,
        tracking_number: number.map(str::to_owned),
        carrier: carrier.map(str::to_owned),
        due_at: None,
    })
}

proptest! {
    #![proptest_config(Config { cases: 2_000, failure_persistence: None, ..Config::default() })]

    #[test]
    fn after_all_events_the_copy_equals_the_shipment_also_with_repetitions(
        updates in prop::collection::vec(any_update(), 0..12),
        repeated in prop::collection::vec(any::<prop::sample::Index>(), 12),
    ) {
        let mut world = World::default();
        let mut told = ShipmentHistory::new(&mut world);
        for update in &updates {
            told.reported(update, &mut world);
        }
        let mut order = confirmed(&mut world);
        for (place, event) in told.events.iter().enumerate() {
            order = after(applied(&order, event, &mut world), &order);
            if let Some(index) = repeated.get(place) {
                let known = order.shipments.clone();
                let again = &told.events[index.index(place + 1)];
                order = after(applied(&order, again, &mut world), &order);
                prop_assert_eq!(&order.shipments, &known, "an event of the past changed the copy");
            }
        }
        let [kept] = order.shipments.as_slice() else {
            panic!("one copy of one shipment: {:?}", order.shipments)
        };
        prop_assert_eq!(kept, &copy(&told.shipment, kept.shown_in));
    }
}

#[test]
fn a_step_is_shown_in_the_version_that_it_makes_and_news_alone_in_the_next_one() {
    let mut world = World::default();
    let mut told = ShipmentHistory::new(&mut world);
    let order = confirmed(&mut world);

    let created = applied(&order, &told.events[0], &mut world).expect("it changes");
    assert_eq!(created.events.len(), 1, "order.processing");
    let order = after(Some(created), &order);
    assert_eq!(order.shipments[0].shown_in, order.version);

    let tracked = Update {
        tracking_number: Some("T-1".into()),
        ..Update::default()
    };
    told.reported(&tracked, &mut world);
    let change = applied(&order, &told.events[1], &mut world).expect("the copy changes");
    assert_eq!(change.events, []);
    let written = change.effect.order;
    assert!(written.shipments_changed && written.changed_lines.is_empty());
    let (version, updated_at) = (order.version, order.updated_at);
    assert_eq!(
        (
            written.expected_version,
            written.after.version,
            written.after.updated_at
        ),
        (version, version, updated_at)
    );
    assert_eq!(written.after.shipments[0].shown_in, version + 1);
}

#[test]
fn a_copy_that_is_ahead_of_the_events_holds_no_fact_up() {
    let mut world = World::default();
    let mut told = ShipmentHistory::new(&mut world);
    let delivered = Update {
        status: Some(ShipmentStatus::Delivered),
        ..Update::default()
    };
    told.reported(&delivered, &mut world);
    let mut order = confirmed(&mut world);
    order.shipments = vec![copy(&told.shipment, order.version)];
    for event in &told.events {
        let change = applied(&order, event, &mut world).expect("its units move");
        let written = &change.effect.order;
        assert!(!written.shipments_changed, "{:?}", event.kind);
        order = after(Some(change), &order);
    }
    assert_eq!(order.totals().delivered, 2);
}
