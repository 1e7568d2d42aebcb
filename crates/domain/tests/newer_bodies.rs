//! A body that a newer version wrote is not read as one of today: its fields may mean something else.

use uuid::Uuid;
use waybill_domain::context::EventMeta;
use waybill_domain::delivery;
use waybill_domain::delivery_news;
use waybill_domain::event::{
    Aggregate, AggregateKind, BodyError, EventKind, NewEvent, SCHEMA_VERSION,
    SOURCES_SCHEMA_VERSION,
};
use waybill_domain::ids::{EventId, OrderId};
use waybill_domain::text::Tenant;
use waybill_domain::time::Time;

fn event(aggregate: AggregateKind, kind: EventKind, schema_version: i16, body: &str) -> NewEvent {
    let id = Uuid::from_u128(7);
    NewEvent {
        id: EventId(id),
        schema_version,
        kind,
        aggregate: Aggregate {
            kind: aggregate,
            id,
        },
        seq: 2,
        order_id: Some(OrderId(id)),
        tenant: Tenant::default(),
        occurred_at: Time(1),
        body: body.into(),
        meta: EventMeta::default(),
    }
}

#[test]
fn readers_of_orders_and_of_deliveries_refuse_a_newer_body() {
    let order =
        r#"{"status":"confirmed","lines":[{"id":"1","vendor":"local","ordered":2,"reserved":2}]}"#;
    let confirmed = |version| {
        let kind = EventKind::OrderConfirmed;
        let event = event(AggregateKind::Order, kind, version, order);
        delivery::parse(&event).map(|news| news.is_some())
    };
    let answered = |version| {
        let kind = EventKind::DeliveryCancelAgreed;
        let event = event(AggregateKind::Delivery, kind, version, "{}");
        delivery_news::parse(&event).map(|news| news.fact.is_some())
    };
    assert!(matches!(confirmed(SCHEMA_VERSION), Ok(true)));
    assert!(matches!(answered(SCHEMA_VERSION), Ok(true)));
    let newer = SOURCES_SCHEMA_VERSION + 1;
    for refused in [confirmed(newer), answered(newer)] {
        let refused = refused.expect_err("it is newer");
        assert!(matches!(refused, BodyError::Newer { found } if found == newer));
        let said = refused.to_string();
        assert!(said.contains(&format!("version {newer}")), "{said}");
    }
}
