//! The ids of a request, followed through the events of both stores.

use std::sync::Arc;

use bytes::Bytes;
use http::Method;
use serde_json::{Value, json};

use crate::{Services, log};

const TRACE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

/// Each type of event in a store, with its trace and correlation id.
fn logged(services: &Services, store: &str) -> Vec<(String, String, String)> {
    let file = services.app.data().join(store).join("waybill.db");
    let events = log::events(&file).into_iter().map(|logged| logged.event);
    let of_orders = events.filter(|event| event.order_id.is_some());
    let text = |id: Option<Arc<str>>| id.map_or(String::new(), |id| id.to_string());
    let ids = of_orders.map(|event| {
        let (kind, meta) = (event.kind.to_string(), event.meta);
        (kind, text(meta.traceparent), text(meta.correlation_id))
    });
    ids.collect()
}

#[tokio::test]
async fn a_trace_follows_its_order_through_both_stores_and_the_carrier() {
    let mut services = Services::start(None).await;
    let order =
        json!({"currency": "EUR", "lines": [{"sku": "MUG", "quantity": 2, "unitPrice": "1.00"}]});
    let headers = [
        ("idempotency-key", "traced"),
        ("traceparent", TRACE),
        ("x-correlation-id", "web-7"),
    ];
    let body = Bytes::from(order.to_string());
    let mut client = services.app.client();
    let placed = client.send(Method::POST, "/v1/orders", &headers, body);
    let placed = placed.await.expect("an answer");
    assert_eq!(placed.status, 201, "{}", placed.text());
    let id = placed.json::<Value>()["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    services.delivered(std::slice::from_ref(&id)).await;

    let path = format!("/v1/orders/{id}/events");
    let page: Value = services
        .app
        .client()
        .get(&path)
        .await
        .expect("an answer")
        .json();
    let events = page["items"].as_array().expect("a list");
    let last = events.last().expect("events");
    assert_eq!(last["type"], "order.delivered", "{page}");
    for event in events {
        let ids = (&event["traceparent"], &event["correlationId"]);
        assert_eq!(ids, (&json!(TRACE), &json!("web-7")), "{event}");
    }
    assert!(services.app.stop().await.expect("they stop").success());
    let shipped = logged(&services, "delivery-service");
    let kinds: Vec<&str> = shipped.iter().map(|(kind, ..)| &**kind).collect();
    let all = ["shipment.created", "shipment.shipped", "shipment.delivered"];
    assert_eq!(kinds, all);
    for (kind, trace, correlation) in shipped {
        assert_eq!((&*trace, &*correlation), (TRACE, "web-7"), "{kind}");
    }
}
