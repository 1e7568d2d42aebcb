//! `POST /api/orders/{id}/cancel`: at once, after delivery's answer, or too late.

use std::time::Instant;

use bytes::Bytes;
use http::Method;
use serde_json::{Value, json};
use waybill_testkit::http::{Answer, Client};
use waybill_testkit::server::Start;

use super::{
    BINARY, LOOK, Market, NOWHERE, ORDERS, PATIENCE, demo, guest, id, migrated, order, placed,
    post, reaches, read, refusal,
};

async fn cancel(client: &mut Client, id: &str) -> Answer {
    let path = format!("{ORDERS}/{id}/cancel");
    post(client, &path, &[], &json!({"reason": "changed my mind"})).await
}

/// Cancels an order that can be; the order.
async fn cancelled(client: &mut Client, id: &str) -> Value {
    let answer = cancel(client, id).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let body: Value = answer.json();
    assert_eq!(body["success"], true);
    assert_eq!(body["data"]["order"]["status"], "cancelled", "{body}");
    body["data"]["order"].clone()
}

#[tokio::test]
async fn a_confirmed_order_is_cancelled_and_its_units_go_back_to_both_vendors() {
    let market = Market::open().await;
    let mut client = guest(&market.app);
    let taken = placed(&mut client, &order("LAPTOP-001", 12)).await;
    reaches(&mut client, id(&taken), "confirmed").await;
    let order = cancelled(&mut client, id(&taken)).await;
    assert_eq!(
        (&order["id"], &order["total"]),
        (&taken["id"], &taken["total"])
    );
    let again = cancelled(&mut client, id(&taken)).await;
    assert_eq!(
        again["updatedAt"], order["updatedAt"],
        "nothing changes the second time"
    );
    let begun = Instant::now();
    while market.at_vendors("LAPTOP-001").await != [10, 5] {
        assert!(begun.elapsed() < PATIENCE, "the units are not given back");
        tokio::time::sleep(LOOK).await;
    }
    let canonical = market
        .app
        .client()
        .get(&format!("/v1/orders/{}", id(&taken)))
        .await;
    assert_eq!(
        canonical.expect("an answer").json::<Value>()["cancelReason"],
        "changed my mind"
    );
}

#[tokio::test]
async fn an_order_that_waits_for_its_vendor_is_cancelled_at_once() {
    let market = Market::open().await;
    let mut client = guest(&market.app);
    for vendor in [&market.a, &market.b] {
        // Where they are down the order may have failed before it is cancelled.
        vendor.faults(&json!({"latencyMs": "60s"})).await;
    }
    let taken = placed(&mut client, &order("LAPTOP-001", 1)).await;
    assert_eq!(read(&mut client, id(&taken)).await["status"], "pending");
    cancelled(&mut client, id(&taken)).await;
}

/// Nobody delivers, so nobody answers.
#[tokio::test]
async fn an_order_whose_delivery_is_silent_is_answered_as_it_stands() {
    let app = migrated(Start::serve(BINARY, "api,status")).await;
    app.seed("MUG-1", 1).await.expect("counted");
    let mut client = guest(&app);
    let taken = placed(&mut client, &order("MUG-1", 1)).await;
    let answer = cancel(&mut client, id(&taken)).await;
    assert_eq!(answer.status, 202, "{}", answer.text());
    let shown = answer.json::<Value>()["data"]["order"].clone();
    assert_eq!(
        (&shown["id"], &shown["status"]),
        (&taken["id"], &json!("processing"))
    );
}

#[tokio::test]
async fn an_order_that_has_gone_is_not_cancelled() {
    let app = demo()
        .delivering_within_ms("0")
        .ready()
        .await
        .expect("ready");
    app.seed("MUG-1", 1).await.expect("counted");
    let mut client = guest(&app);
    let taken = placed(&mut client, &order("MUG-1", 1)).await;
    reaches(&mut client, id(&taken), "completed").await;
    let (status, error) = refusal(&cancel(&mut client, id(&taken)).await);
    assert!(status == 409 && !error.is_empty(), "{status} {error}");
    assert_eq!(read(&mut client, id(&taken)).await["status"], "completed");
}

#[tokio::test]
async fn an_order_that_is_not_there_cannot_be_cancelled() {
    let market = Market::open().await;
    for mut client in [guest(&market.app), market.app.client()] {
        for unknown in [NOWHERE, "nonsense"] {
            let (status, error) = refusal(&cancel(&mut client, unknown).await);
            assert!(status == 404 && error.contains(unknown), "{status} {error}");
        }
    }
}

#[tokio::test]
async fn a_reason_is_optional_and_a_text() {
    let app = demo()
        .delivering_within_ms("600000")
        .ready()
        .await
        .expect("ready");
    app.seed("MUG-1", 9).await.expect("counted");
    let mut client = guest(&app);
    for (body, status) in [
        ("", 200),
        ("{}", 200),
        (r#"{"reason":null,"by":"ignored"}"#, 200),
        (r#"{"reason":7}"#, 400),
        ("[]", 400),
        ("{", 400),
    ] {
        let taken = placed(&mut client, &order("MUG-1", 1)).await;
        let path = format!("{ORDERS}/{}/cancel", id(&taken));
        let sent = client
            .send(Method::POST, &path, &[], Bytes::from(body))
            .await;
        let answer = sent.expect("an answer");
        assert_eq!(answer.status, status, "{body}: {}", answer.text());
        if status == 400 {
            refusal(&answer);
            assert_eq!(
                read(&mut client, id(&taken)).await["status"],
                "confirmed",
                "{body}"
            );
        }
    }
}
