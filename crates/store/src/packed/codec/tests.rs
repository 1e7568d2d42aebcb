//! Rows come back as they were, and what no writer wrote is refused.

use super::super::{WantedKinds, groups, kinds_of};
use super::*;
use proptest::prelude::*;
use waybill_domain::context::EventMeta;
use waybill_domain::event::EventKind;

fn id() -> impl Strategy<Value = Uuid> {
    prop_oneof![
        // As one process makes them one after the other.
        any::<u16>().prop_map(|n| Uuid::from_u128(
            0x0192_4b3c_7777_7000_8000_0000_0000_0000 + u128::from(n)
        )),
        any::<u128>().prop_map(Uuid::from_u128),
    ]
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned()),
        Just("00-0AF7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned()),
        Just("client:cli".to_owned()),
        id().prop_map(|id| id.to_string()),
        any::<String>(),
    ]
}

fn meta() -> impl Strategy<Value = EventMeta> {
    let optional = || proptest::option::of(text().prop_map(Into::into));
    (text(), optional(), proptest::option::of(id()), optional()).prop_map(
        |(actor, correlation_id, cause, traceparent)| EventMeta {
            actor: actor.into(),
            correlation_id,
            causation_id: cause.map(EventId),
            traceparent,
        },
    )
}

prop_compose! {
    fn event()(
        id in id(), kind in 0..EventKind::ALL.len(), stream in 0..AggregateKind::ALL.len(), of in id(), seq in any::<i64>(),
        at in any::<i64>(), version in any::<i16>(), body in text(), meta in meta(),
    ) -> NewEvent {
        NewEvent {
            id: EventId(id),
            schema_version: version,
            kind: EventKind::ALL[kind],
            aggregate: Aggregate { kind: AggregateKind::ALL[stream], id: of },
            seq,
            order_id: None,
            tenant: Tenant::stored("t"),
            occurred_at: Time(at),
            body: body.into(),
            meta,
        }
    }
}

/// Events of one order, some of which are caused by, or share fields with, the one before.
fn of_one_order() -> impl Strategy<Value = Vec<NewEvent>> {
    let linked = proptest::collection::vec((event(), any::<[bool; 4]>()), 1..9);
    (proptest::option::of(id()), linked).prop_map(|(order, linked)| {
        let mut events: Vec<NewEvent> = vec![];
        for (mut event, [caused, same_request, same_thing, orders_own]) in linked {
            event.order_id = order.map(OrderId);
            if let Some(before) = events.last() {
                if same_request {
                    event.meta = before.meta.clone();
                }
                if caused {
                    event.meta.causation_id = Some(before.id);
                }
                if same_thing {
                    event.aggregate = before.aggregate;
                }
            }
            if orders_own && let Some(order) = order {
                event.aggregate = of_order(order);
            }
            events.push(event);
        }
        events
    })
}

fn place(events: &[&NewEvent]) -> Place {
    Place {
        partition: 3,
        last: 1_000,
        count: u16::try_from(events.len()).expect("few events"),
        kinds: kinds_of(events),
        tenant: events[0].tenant.clone(),
        order: events[0].order_id,
        first_id: events[0].id,
        recorded_at: Time(77),
    }
}

fn logged(events: &[&NewEvent]) -> Vec<LoggedEvent> {
    let first = place(events).first();
    let at = (first..).zip(events.iter().copied().cloned());
    at.map(|(position, event)| LoggedEvent {
        partition: 3,
        position,
        recorded_at: Time(77),
        event,
    })
    .collect()
}

proptest! {
    #[test]
    fn events_come_back(events in of_one_order()) {
        let events: Vec<&NewEvent> = events.iter().collect();
        let bytes = pack(&events, Time(77));
        let row = unpack(&place(&events), &bytes, WantedKinds::ALL);
        prop_assert!(row.unreadable.is_none());
        prop_assert_eq!(row.last, 1_000);
        prop_assert_eq!(row.events, logged(&events));
    }

    #[test]
    fn those_that_are_not_wanted_are_left_out(events in of_one_order(), wanted in 0..EventKind::ALL.len()) {
        let events: Vec<&NewEvent> = events.iter().collect();
        let kinds = [EventKind::ALL[wanted], events[0].kind];
        let row = unpack(&place(&events), &pack(&events, Time(77)), WantedKinds::of(&kinds));
        let mut all = logged(&events);
        all.retain(|event| kinds.contains(&event.event.kind));
        prop_assert_eq!(row.events, all);
    }

    #[test]
    fn cut_bytes_give_the_events_before_the_cut_and_an_error(events in of_one_order(), cut in any::<prop::sample::Index>()) {
        let events: Vec<&NewEvent> = events.iter().collect();
        let bytes = pack(&events, Time(77));
        let row = unpack(&place(&events), &bytes[..cut.index(bytes.len())], WantedKinds::ALL);
        let all = logged(&events);
        prop_assert!(row.unreadable.is_some());
        prop_assert_eq!(&row.events[..], &all[..row.events.len()]);
        prop_assert!(row.events.len() < all.len());
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..80), events in of_one_order()) {
        let events: Vec<&NewEvent> = events.iter().collect();
        let _ = unpack(&place(&events), &[&[FORM], &bytes[..]].concat(), WantedKinds::ALL);
    }

    #[test]
    fn groups_keep_the_order_and_mix_no_orders(owners in proptest::collection::vec(0u128..3, 0..200), one in event()) {
        let events: Vec<NewEvent> = owners.iter().map(|owner| {
            let order_id = (*owner > 0).then(|| OrderId(Uuid::from_u128(*owner)));
            NewEvent { order_id, ..one.clone() }
        }).collect();
        let events: Vec<&NewEvent> = events.iter().collect();
        let all: Vec<&[&NewEvent]> = groups(&events).collect();
        prop_assert_eq!(all.concat(), events.clone());
        for group in all {
            prop_assert!((1..=64).contains(&group.len()));
            prop_assert!(group.iter().all(|event| event.order_id == group[0].order_id));
        }
    }
}

/// The bytes of a row that an earlier build has written.
#[test]
fn the_form_stays_what_it_is() {
    let order = Uuid::from_u128(0x0192_4b3c_7777_7000_8000_0000_0000_0001);
    let event = |kind, id: u128, seq, body: &str| NewEvent {
        id: EventId(Uuid::from_u128(order.as_u128() + id)),
        schema_version: 1,
        kind,
        aggregate: of_order(order),
        seq,
        order_id: Some(OrderId(order)),
        tenant: Tenant::stored("t"),
        occurred_at: Time(76),
        body: body.into(),
        meta: EventMeta {
            actor: "client:cli".into(),
            correlation_id: Some("a".into()),
            causation_id: None,
            traceparent: None,
        },
    };
    let two = [
        event(EventKind::OrderCreated, 1, 1, r#"{"status":"pending"}"#),
        event(EventKind::OrderConfirmed, 2, 2, r#"{"status":"confirmed"}"#),
    ];
    let bytes = pack(&two.iter().collect::<Vec<_>>(), Time(77));
    let written: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(
        written,
        "01020020020101d501016100048cc8227d01270f030400048cc9227d"
    );
}

#[test]
fn what_the_columns_say_otherwise_is_refused() {
    let runner = &mut proptest::test_runner::TestRunner::deterministic();
    let tree = of_one_order().new_tree(runner).expect("events");
    let events = proptest::strategy::ValueTree::current(&tree);
    let events: Vec<&NewEvent> = events.iter().collect();
    let bytes = pack(&events, Time(77));
    let mut place = place(&events);
    place.count += 1;
    let row = unpack(&place, &bytes, WantedKinds::ALL);
    let error = row.unreadable.expect("refused").to_string();
    assert!(
        row.events.is_empty() && error.contains("another number of events"),
        "{error}"
    );
    place.count -= 1;
    place.kinds = 0;
    let row = unpack(&place, &bytes, WantedKinds::ALL);
    let error = row.unreadable.expect("refused").to_string();
    assert!(error.contains("other types of events"), "{error}");
}

#[test]
fn an_event_of_an_unknown_type_ends_the_row() {
    let runner = &mut proptest::test_runner::TestRunner::deterministic();
    let tree = of_one_order().new_tree(runner).expect("events");
    let events = proptest::strategy::ValueTree::current(&tree);
    let events: Vec<&NewEvent> = events.iter().collect();
    let mut bytes = pack(&events, Time(77));
    bytes[2] = 31;
    let row = unpack(&place(&events), &bytes, WantedKinds::of(&[]));
    let error = row.unreadable.expect("it cannot be read").to_string();
    assert!(error.contains("an event of an unknown type"), "{error}");
    bytes[0] = 2;
    let row = unpack(&place(&events), &bytes, WantedKinds::ALL);
    let error = row.unreadable.expect("it cannot be read").to_string();
    assert!(error.contains("the form of a newer version"), "{error}");
}
