//! Orders that the simulated carrier delivers, and the carrier's reports made by hand.

use serde_json::{Value, json};

use super::{ORDERS, code, demo, events, example, placed, post, reaches, read};
use waybill_testkit::http::{Answer, Client};
use waybill_testkit::server::Start;

async fn simulate(client: &mut Client, id: &str, status: &str) -> Answer {
    post(
        client,
        &format!("{ORDERS}/{id}/simulate-delivery"),
        &[],
        &json!({"status":status}),
    )
    .await
}

#[tokio::test]
async fn an_order_ships_and_arrives_by_itself() {
    let app = Start::demo(env!("CARGO_BIN_EXE_waybill"))
        .as_in(env!("CARGO_CRATE_NAME"))
        .delivering_within_ms("0-50")
        .ready()
        .await
        .expect("ready");
    let mut client = app.client();
    let id = placed(&mut client, &example()).await;
    reaches(&mut client, &id, "Delivered").await;
    let steps: Vec<String> = events(&app, &id)
        .await
        .into_iter()
        .filter(|e| e.starts_with("order."))
        .collect();
    assert_eq!(
        steps,
        [
            "order.created",
            "order.confirmed",
            "order.processing",
            "order.shipped",
            "order.delivered"
        ]
    );
}

#[tokio::test]
async fn each_step_by_hand_is_answered_and_done() {
    let app = demo().ready().await.expect("ready");
    let mut client = app.client();
    let id = placed(&mut client, &example()).await;
    for (word, status) in [("shipped", "Shipped"), ("delivered", "Delivered")] {
        let answer = simulate(&mut client, &id, word).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let expected =
            json!({"success":true,"message":format!("Simulated {word} event for order {id}")});
        assert_eq!(answer.json::<Value>(), expected);
        reaches(&mut client, &id, status).await;
    }
}

#[tokio::test]
async fn delivered_straight_away_emits_both_steps() {
    let app = demo().ready().await.expect("ready");
    let mut client = app.client();
    let id = placed(&mut client, &example()).await;
    assert_eq!(simulate(&mut client, &id, "delivered").await.status, 200);
    reaches(&mut client, &id, "Delivered").await;
    let all = events(&app, &id).await;
    let of = |prefix: &str| {
        all.iter()
            .filter(|e| e.starts_with(prefix))
            .map(String::as_str)
            .collect::<Vec<_>>()
    };
    assert_eq!(
        of("shipment."),
        ["shipment.created", "shipment.shipped", "shipment.delivered"]
    );
    assert_eq!(
        of("order.")[2..],
        ["order.processing", "order.shipped", "order.delivered"]
    );
}

#[tokio::test]
async fn the_same_step_again_is_fine_and_changes_nothing() {
    let app = demo().ready().await.expect("ready");
    let mut client = app.client();
    let id = placed(&mut client, &example()).await;
    assert_eq!(simulate(&mut client, &id, "shipped").await.status, 200);
    reaches(&mut client, &id, "Shipped").await;
    let before = events(&app, &id).await;
    assert_eq!(simulate(&mut client, &id, "shipped").await.status, 200);
    assert_eq!(events(&app, &id).await, before);
}

#[tokio::test]
async fn a_step_backwards_is_refused() {
    let app = demo().ready().await.expect("ready");
    let mut client = app.client();
    let id = placed(&mut client, &example()).await;
    assert_eq!(simulate(&mut client, &id, "delivered").await.status, 200);
    let back = simulate(&mut client, &id, "shipped").await;
    assert_eq!(
        (back.status.as_u16(), code(&back)),
        (422, "INVALID_STATUS_TRANSITION".to_owned())
    );
    reaches(&mut client, &id, "Delivered").await;
}

#[tokio::test]
async fn another_word_is_no_step() {
    let app = demo().ready().await.expect("ready");
    let mut client = app.client();
    let id = placed(&mut client, &example()).await;
    for body in [
        json!({"status":"lost"}),
        json!({"status":"Shipped"}),
        json!({"status":1}),
        json!({}),
        json!([]),
    ] {
        let answer = post(
            &mut client,
            &format!("{ORDERS}/{id}/simulate-delivery"),
            &[],
            &body,
        )
        .await;
        assert_eq!(
            (answer.status.as_u16(), code(&answer)),
            (400, "VALIDATION_ERROR".to_owned()),
            "{body}"
        );
    }
    assert_eq!(
        read(&mut client, &id).await["data"]["status"],
        "Pending Shipment"
    );
}

#[tokio::test]
async fn no_order_no_step() {
    let app = demo().ready().await.expect("ready");
    for id in ["019a0000-0000-7000-8000-000000000000", "nonsense"] {
        let answer = simulate(&mut app.client(), id, "shipped").await;
        assert_eq!(
            (answer.status.as_u16(), code(&answer)),
            (404, "ORDER_NOT_FOUND".to_owned())
        );
    }
}

#[tokio::test]
async fn a_cancelled_order_cannot_ship() {
    let app = demo().ready().await.expect("ready");
    let mut client = app.client();
    let id = placed(&mut client, &example()).await;
    let cancel = post(
        &mut client,
        &format!("/v1/orders/{id}/cancel"),
        &[],
        &json!({"reason":"changed my mind"}),
    )
    .await;
    assert!(cancel.status.is_success(), "{}", cancel.text());
    reaches(&mut client, &id, "Cancelled").await;
    let answer = simulate(&mut client, &id, "shipped").await;
    assert_eq!(
        (answer.status.as_u16(), code(&answer)),
        (422, "INVALID_STATUS_TRANSITION".to_owned())
    );
}

#[tokio::test]
async fn an_order_on_hold_cannot_ship() {
    let app = demo().ready().await.expect("ready");
    let order = json!({"currency":"USD","lines":[{"sku":"p","quantity":1,"unitPrice":"5.00"}],
        "holds":[{"reason":"fraud_review"}]});
    let answer = app.place("held-1", &order).await.expect("an answer");
    assert_eq!(answer.status, 201, "{}", answer.text());
    let id = answer.json::<Value>()["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let answer = simulate(&mut app.client(), &id, "shipped").await;
    assert_eq!(
        (answer.status.as_u16(), code(&answer)),
        (422, "INVALID_STATUS_TRANSITION".to_owned())
    );
}
