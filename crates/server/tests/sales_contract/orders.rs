//! Placing, placing again, and reading.

use bytes::Bytes;
use futures::future::join_all;
use http::Method;
use serde_json::{Value, json};

use super::{ORDERS, code, demo, example, one, placed, post, read};

#[tokio::test]
async fn the_contracts_example_gets_the_contracts_answer() {
    let app = demo().ready().await.expect("ready");
    let mut client = app.client();
    let answer = post(
        &mut client,
        ORDERS,
        &[("x-correlation-id", "abc-1")],
        &example(),
    )
    .await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.header("x-correlation-id"), Some("abc-1"));
    assert_eq!(answer.header("idempotent-replayed"), None);
    let body: Value = answer.json();
    let data = &body["data"];
    assert!(
        data["orderId"].as_str().is_some_and(|id| id.len() == 36),
        "{body}"
    );
    assert!(
        data["createdAt"]
            .as_str()
            .is_some_and(|at| at.ends_with('Z')),
        "{body}"
    );
    let expected = json!({
        "success": true,
        "data": {
            "orderId": data["orderId"], "status": "Pending Shipment", "customerId": "customer-123",
            "items": [{"productId":"product-456","quantity":2,"price":29.99}],
            "totalAmount": 59.98, "createdAt": data["createdAt"],
        },
        "correlationId": "abc-1",
    });
    assert_eq!(body, expected);
}

#[tokio::test]
async fn an_order_reads_as_it_was_answered() {
    let app = demo().ready().await.expect("ready");
    let mut client = app.client();
    let order = json!({"customerId":"ünï 😀","items":[
        {"productId":"a","quantity":3,"price":0.1},{"productId":"b","quantity":1,"price":0},
        {"productId":"a","quantity":1,"price":19.90}],"note":"unknown fields are ignored"});
    let answer = post(&mut client, ORDERS, &[], &order).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    let promised: Value = answer.json();
    assert_eq!(promised["data"]["totalAmount"], 20.2, "{promised}");
    let found = read(
        &mut client,
        promised["data"]["orderId"].as_str().expect("an id"),
    )
    .await;
    assert_eq!(found["success"], true);
    for field in [
        "orderId",
        "customerId",
        "items",
        "totalAmount",
        "createdAt",
        "status",
    ] {
        assert_eq!(found["data"][field], promised["data"][field], "{field}");
    }
}

#[tokio::test]
async fn amounts_are_read_as_decimals_and_not_as_floats() {
    let app = demo().ready().await.expect("ready");
    let mut client = app.client();
    for (price, quantity, total) in [
        ("29.99", 1, "29.99"),
        ("29.990", 3, "89.97"),
        ("1e1", 1, "10"),
        ("0.07", 3, "0.21"),
        ("90071992547.41", 1, "90071992547.41"),
    ] {
        let body = format!(
            r#"{{"customerId":"c","items":[{{"productId":"p","quantity":{quantity},"price":{price}}}]}}"#
        );
        let answer = client
            .send(Method::POST, ORDERS, &[], Bytes::from(body))
            .await
            .expect("an answer");
        assert_eq!(answer.status, 201, "{price}: {}", answer.text());
        let text = answer.text();
        assert!(
            text.contains(&format!("\"totalAmount\":{total},")),
            "{price}: {text}"
        );
    }
}

#[tokio::test]
async fn the_same_key_and_body_get_the_first_answer_again() {
    let app = demo().ready().await.expect("ready");
    let mut client = app.client();
    let key = [("idempotency-key", "k-1")];
    let first: Value = post(&mut client, ORDERS, &key, &example()).await.json();
    let id = first["data"]["orderId"].as_str().expect("an id").to_owned();
    let shipped = json!({"status":"shipped"});
    let moved = post(
        &mut client,
        &format!("{ORDERS}/{id}/simulate-delivery"),
        &[],
        &shipped,
    )
    .await;
    assert_eq!(moved.status, 200, "{}", moved.text());
    // Other white space and another order of fields are the same body.
    let same = Bytes::from_static(br#"{ "items":[{"price":29.99,"quantity":2,"productId":"product-456"}], "customerId":"customer-123"}"#);
    let again = client
        .send(Method::POST, ORDERS, &key, same)
        .await
        .expect("an answer");
    assert_eq!(again.status, 201);
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    let again: Value = again.json();
    assert_eq!(
        again["data"], first["data"],
        "the answer of then, not of now"
    );
    assert_ne!(again["correlationId"], first["correlationId"]);
}

#[tokio::test]
async fn the_same_key_with_another_body_is_refused() {
    let app = demo().ready().await.expect("ready");
    let mut client = app.client();
    let key = [("idempotency-key", "k-1")];
    assert_eq!(
        post(&mut client, ORDERS, &key, &example()).await.status,
        201
    );
    let other = post(&mut client, ORDERS, &key, &one("product-456")).await;
    assert_eq!(other.status, 422);
    assert_eq!(code(&other), "IDEMPOTENCY_KEY_REUSED");
}

#[tokio::test]
async fn a_key_belongs_to_its_client_and_tenant() {
    let app = demo().ready().await.expect("ready");
    let key = [("idempotency-key", "k-1")];
    let mut ids = vec![];
    for (tenant, client) in [("default", "a"), ("default", "b"), ("other", "a")] {
        let token = waybill_testkit::token::demo_for(tenant, client);
        let mut client = waybill_testkit::http::Client::new(app.address()).with_token(&token);
        let answer = post(&mut client, ORDERS, &key, &example()).await;
        assert_eq!(answer.header("idempotent-replayed"), None);
        ids.push(answer.json::<Value>()["data"]["orderId"].to_string());
    }
    ids.dedup();
    assert_eq!(ids.len(), 3);
}

#[tokio::test]
async fn the_same_key_many_times_at_once_makes_one_order() {
    let app = demo().ready().await.expect("ready");
    let attempts = (0..32).map(|_| {
        let mut client = app.client();
        async move {
            let answer = post(
                &mut client,
                ORDERS,
                &[("idempotency-key", "at-once")],
                &example(),
            )
            .await;
            assert_eq!(answer.status, 201, "{}", answer.text());
            let new = answer.header("idempotent-replayed").is_none();
            (answer.json::<Value>()["data"].clone(), new)
        }
    });
    let answers = join_all(attempts).await;
    assert_eq!(answers.iter().filter(|(_, new)| *new).count(), 1);
    assert!(answers.iter().all(|(data, _)| *data == answers[0].0));
}

#[tokio::test]
async fn without_a_key_every_order_is_a_new_one() {
    let app = demo().ready().await.expect("ready");
    let mut client = app.client();
    assert_ne!(
        placed(&mut client, &example()).await,
        placed(&mut client, &example()).await
    );
}

#[tokio::test]
async fn an_order_survives_a_kill() {
    let mut app = demo().ready().await.expect("ready");
    let id = placed(&mut app.client(), &example()).await;
    let before = read(&mut app.client(), &id).await;
    app.restart().await.expect("started again");
    let after = read(&mut app.client(), &id).await;
    for field in ["orderId", "customerId", "items", "totalAmount", "createdAt"] {
        assert_eq!(before["data"][field], after["data"][field]);
    }
}
