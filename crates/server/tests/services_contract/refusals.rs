//! Refused callers and requests: statuses, codes, and nothing but an error and a message.

use http::Method;
use serde_json::{Value, json};
use waybill_testkit::http::Client;
use waybill_testkit::token::{self, DEMO_SECRET, sign};

use super::{NOWHERE, ORDERS, demo, example, get, post, refusal, shop};

#[tokio::test]
async fn a_token_is_needed_and_each_bad_one_has_its_code() {
    let app = demo().ready().await.expect("ready");
    let old = sign(
        &json!({"alg": "HS256", "typ": "JWT"}),
        &json!({"clientId": "c", "scope": "admin", "exp": 1}),
        DEMO_SECRET.as_bytes(),
    );
    let none = Client::new(app.address());
    let bad = Client::new(app.address()).with_token("not.a.token");
    let old = Client::new(app.address()).with_token(&old);
    for (mut client, code) in [
        (none, "UNAUTHORIZED"),
        (bad, "INVALID_TOKEN"),
        (old, "TOKEN_EXPIRED"),
    ] {
        for (method, path) in [
            (Method::POST, ORDERS.to_owned()),
            (Method::GET, format!("{ORDERS}/{NOWHERE}")),
        ] {
            let body = example().to_string().into();
            let answer = client.send(method, &path, &[], body).await;
            let answer = answer.expect("an answer");
            assert_eq!(refusal(&answer), (401, code.to_owned()), "{path}");
        }
    }
    let mut reader = Client::new(app.address()).with_token(&token::demo("order:read"));
    let answer = post(&mut reader, ORDERS, &[], &example()).await;
    assert_eq!(refusal(&answer), (403, "FORBIDDEN".to_owned()));
}

#[tokio::test]
async fn every_fault_of_an_order_is_a_validation_error_with_its_place() {
    let app = demo().ready().await.expect("ready");
    let mut client = shop(&app).await;
    let item = |quantity: Value, price: Value| json!({"customer_id":"c","items":[{"product_id":"p","quantity":quantity,"unit_price":price}]});
    for (body, place) in [
        (
            json!({"customer_id":"","items":[{"product_id":"p","quantity":1,"unit_price":1}]}),
            "customer_id: ",
        ),
        (
            json!({"items":[{"product_id":"p","quantity":1,"unit_price":1}]}),
            "customer_id: ",
        ),
        (
            json!({"customer_id":true,"items":[{"product_id":"p","quantity":1,"unit_price":1}]}),
            "customer_id: ",
        ),
        (json!({"customer_id":"c","items":[]}), "items: "),
        (json!({"customer_id":"c"}), "items: "),
        (json!({"customer_id":"c","items":[1]}), "items[0]: "),
        (item(json!(0), json!(1)), "items[0].quantity: "),
        (item(json!(1.5), json!(1)), "items[0].quantity: "),
        (item(json!("1"), json!(1)), "items[0].quantity: "),
        (item(json!(1), json!(0)), "items[0].unit_price: "),
        (item(json!(1), json!(0.00)), "items[0].unit_price: "),
        (item(json!(1), json!(-1)), "items[0].unit_price: "),
        (item(json!(1), json!(1.999)), "items[0].unit_price: "),
        (item(json!(1), json!("1")), "items[0].unit_price: "),
        (
            json!({"customer_id":"c","items":[{"quantity":1,"unit_price":1}]}),
            "items[0].product_id: ",
        ),
        (json!([]), "body: "),
        (json!({}), "customer_id: "),
    ] {
        let answer = post(&mut client, ORDERS, &[], &body).await;
        assert_eq!(
            refusal(&answer),
            (400, "VALIDATION_ERROR".to_owned()),
            "{body}"
        );
        let message = answer.json::<Value>()["message"].to_string();
        assert!(
            message.starts_with(&format!("\"{place}")),
            "{body}: {message}"
        );
    }
    for text in ["", "{", "nonsense"] {
        let sent = client.send(Method::POST, ORDERS, &[], text.into()).await;
        let answer = sent.expect("an answer");
        assert_eq!(
            refusal(&answer),
            (400, "VALIDATION_ERROR".to_owned()),
            "{text}"
        );
    }
}

#[tokio::test]
async fn what_is_not_there_is_not_found() {
    let app = demo().ready().await.expect("ready");
    let mut client = shop(&app).await;
    for id in [NOWHERE, "nonsense", "1", "%00"] {
        let answer = get(&mut client, &format!("{ORDERS}/{id}")).await;
        assert_eq!(
            refusal(&answer),
            (404, "ORDER_NOT_FOUND".to_owned()),
            "{id}"
        );
        let answer = get(&mut client, &format!("/delivery/shipment/{id}")).await;
        assert_eq!(
            refusal(&answer),
            (404, "SHIPMENT_NOT_FOUND".to_owned()),
            "{id}"
        );
        let path = format!("/delivery/shipment/{id}/status");
        let answer = post(&mut client, &path, &[], &json!({"status": "SHIPPED"})).await;
        assert_eq!(
            refusal(&answer),
            (404, "SHIPMENT_NOT_FOUND".to_owned()),
            "{id}"
        );
    }
    for path in [
        "/orders/a/b",
        "/delivery",
        "/delivery/x",
        "/auth",
        "/auth/x",
    ] {
        let answer = get(&mut client, path).await;
        assert_eq!(refusal(&answer), (404, "Not Found".to_owned()), "{path}");
        assert_eq!(answer.json::<Value>()["message"], "Endpoint not found");
    }
}

#[tokio::test]
async fn a_client_that_asks_too_often_is_told_so() {
    let app = demo().env("RATE_LIMIT_PER_MINUTE", "2").ready();
    let app = app.await.expect("ready");
    let mut client = Client::new(app.address()).with_token(&token::demo("order:read"));
    let mut answers = vec![];
    for _ in 0..3 {
        answers.push(get(&mut client, &format!("{ORDERS}/{NOWHERE}")).await);
    }
    let last = answers.pop().expect("three");
    assert_eq!(refusal(&last), (429, "TOO_MANY_REQUESTS".to_owned()));
    assert!(last.header("retry-after").is_some());
}
