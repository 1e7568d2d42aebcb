//! Shipments: read and moved by hand, and what the order then shows.

use serde_json::{Value, json};
use waybill_testkit::http::{Answer, Client};
use waybill_testkit::server::{Start, Waybill};
use waybill_testkit::token;

use super::{NOWHERE, demo, example, get, placed, post, reaches, refusal, shipment_of, shop};

async fn step(client: &mut Client, shipment: &Value, body: Value) -> Answer {
    let id = shipment["id"].as_str().expect("an id");
    let path = format!("/delivery/shipment/{id}/status");
    post(client, &path, &[], &body).await
}

async fn taken(client: &mut Client, shipment: &Value, body: Value) -> Value {
    let answer = step(client, shipment, body).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

/// The types of an order's shipment events so far.
async fn steps(app: &Waybill, order: &str) -> Vec<String> {
    let answer = get(&mut app.client(), &format!("/v1/orders/{order}/events")).await;
    let page: Value = answer.json();
    let items = page["items"].as_array().expect("a page of events");
    let types = items.iter().filter_map(|event| event["type"].as_str());
    types
        .filter(|name| name.starts_with("shipment."))
        .map(str::to_owned)
        .collect()
}

#[tokio::test]
async fn a_shipment_is_there_soon_and_moves_with_its_order() {
    let app = demo().ready().await.expect("ready");
    let mut client = shop(&app).await;
    let order = placed(&mut client, &example()).await;
    // Without a token, as the older delivery service took every call.
    let mut delivery = Client::new(app.address());
    let made = shipment_of(&mut delivery, &order).await;
    let expected = json!({
        "id": made["id"], "order_id": order, "tracking_number": null, "carrier": null, "status": "PROCESSING",
        "created_at": made["created_at"], "updated_at": made["updated_at"], "delivered_at": null,
    });
    assert_eq!(made, expected);
    let shipped = json!({"status": "SHIPPED", "tracking_number": "TRK-1", "carrier": "DHL"});
    let shipped = taken(&mut delivery, &made, shipped).await;
    assert_eq!(
        (
            &shipped["status"],
            &shipped["tracking_number"],
            &shipped["carrier"]
        ),
        (&json!("SHIPPED"), &json!("TRK-1"), &json!("DHL"))
    );
    reaches(&mut client, &order, "SHIPPED").await;
    let again = taken(
        &mut delivery,
        &made,
        json!({"status": "SHIPPED", "carrier": "UPS"}),
    )
    .await;
    assert_eq!(
        (
            &again["status"],
            &again["tracking_number"],
            &again["carrier"]
        ),
        (&json!("SHIPPED"), &json!("TRK-1"), &json!("UPS"))
    );
    let same = taken(&mut delivery, &made, json!({"status": "SHIPPED"})).await;
    assert_eq!(same, again, "nothing changes");
    let delivered = taken(&mut delivery, &made, json!({"status": "DELIVERED"})).await;
    assert_eq!(delivered["status"], "DELIVERED");
    assert!(delivered["delivered_at"].is_string(), "{delivered}");
    reaches(&mut client, &order, "DELIVERED").await;
    let back = step(&mut delivery, &made, json!({"status": "PROCESSING"})).await;
    assert_eq!(
        refusal(&back),
        (409, "INVALID_STATUS_TRANSITION".to_owned())
    );
    assert_eq!(shipment_of(&mut delivery, &order).await, delivered);
}

#[tokio::test]
async fn delivered_from_processing_takes_both_steps() {
    let app = demo().ready().await.expect("ready");
    let mut client = shop(&app).await;
    let order = placed(&mut client, &example()).await;
    let made = shipment_of(&mut client, &order).await;
    taken(&mut client, &made, json!({"status": "DELIVERED"})).await;
    reaches(&mut client, &order, "DELIVERED").await;
    assert_eq!(
        steps(&app, &order).await,
        ["shipment.created", "shipment.shipped", "shipment.delivered"]
    );
}

#[tokio::test]
async fn a_step_by_hand_ends_the_carriers_timers() {
    let start = demo().env("WAYBILL_DELIVERY__SHIP_DELAY_MS", "600000");
    let start = start.env("WAYBILL_DELIVERY__DELIVER_DELAY_MS", "1");
    let app = start.ready().await.expect("ready");
    let mut client = shop(&app).await;
    let by_hand = placed(&mut client, &example()).await;
    let made = shipment_of(&mut client, &by_hand).await;
    taken(&mut client, &made, json!({"status": "SHIPPED"})).await;
    reaches(&mut client, &by_hand, "SHIPPED").await;
    let left = get(&mut app.client(), "/v1/shipments")
        .await
        .json::<Value>();
    assert_eq!(left["items"][0]["status"], "shipped", "{left}");
}

#[tokio::test]
async fn a_wrong_step_is_a_validation_error() {
    let app = demo().ready().await.expect("ready");
    let mut client = Client::new(app.address());
    let nowhere = json!({"id": NOWHERE});
    for body in [
        json!({}),
        json!({"status": "shipped"}),
        json!({"status": "LOST"}),
        json!({"status": 1}),
        json!([]),
        json!({"status": "SHIPPED", "tracking_number": 7}),
        json!({"status": "SHIPPED", "carrier": "x".repeat(3_000)}),
    ] {
        let answer = step(&mut client, &nowhere, body.clone()).await;
        assert_eq!(
            refusal(&answer),
            (400, "VALIDATION_ERROR".to_owned()),
            "{body}"
        );
    }
}

#[tokio::test]
async fn in_demo_a_token_needs_no_scope_here_but_must_be_good() {
    let app = demo().ready().await.expect("ready");
    let mut client = shop(&app).await;
    let order = placed(&mut client, &example()).await;
    // The token has the scopes of orders only.
    let made = shipment_of(&mut client, &order).await;
    let mut bad = Client::new(app.address()).with_token("not.a.token");
    let answer = step(&mut bad, &made, json!({"status": "SHIPPED"})).await;
    assert_eq!(refusal(&answer), (401, "INVALID_TOKEN".to_owned()));
    let mut guest = Client::new(app.address());
    let path = format!("/delivery/shipment/{order}");
    let elsewhere = [("host", "shop.example")];
    let sent = guest.send(http::Method::GET, &path, &elsewhere, bytes::Bytes::new());
    assert_ne!(
        sent.await.expect("an answer").status,
        200,
        "from a page elsewhere"
    );
}

#[tokio::test]
async fn outside_demo_shipments_need_their_scopes() {
    let start = Start::standard(env!("CARGO_BIN_EXE_waybill"), "api,delivery,status");
    let mut app = start
        .as_in(env!("CARGO_CRATE_NAME"))
        .prepared()
        .expect("prepared");
    app.migrate().await.expect("migrated");
    app.start().await.expect("ready");
    let path = format!("/delivery/shipment/{NOWHERE}");
    let none = get(&mut Client::new(app.address()), &path).await;
    assert_eq!(refusal(&none), (401, "UNAUTHORIZED".to_owned()));
    let with = |scope| {
        let token = token::complete("default", scope, token::FAR_AWAY);
        Client::new(app.address()).with_token(&token)
    };
    let denied = get(&mut with("order:read"), &path).await;
    assert_eq!(refusal(&denied), (403, "FORBIDDEN".to_owned()));
    let allowed = get(&mut with("shipment:read"), &path).await;
    assert_eq!(refusal(&allowed), (404, "SHIPMENT_NOT_FOUND".to_owned()));
    let step = format!("{path}/status");
    let body = json!({"status": "SHIPPED"});
    let denied = post(&mut with("shipment:read"), &step, &[], &body).await;
    assert_eq!(refusal(&denied), (403, "FORBIDDEN".to_owned()));
    let allowed = post(&mut with("shipment:write"), &step, &[], &body).await;
    assert_eq!(refusal(&allowed), (404, "SHIPMENT_NOT_FOUND".to_owned()));
}
