//! What an answer repeats of a request is cut: a large mistake does not make a large answer.

use bytes::Bytes;
use http::Method;
use serde_json::json;

use super::{code, ready};

/// An answer with one value repeated is far shorter.
const SHORT_BYTES: usize = 2_000;
/// Four of them are less than the largest body.
const LONG: usize = 200_000;
/// Less than the largest head.
const LONG_IN_HEAD: usize = 12_000;

fn order(change: impl FnOnce(&mut serde_json::Value)) -> String {
    let mut order = json!({"currency":"EUR","lines":[{"sku":"a","quantity":1,"unitPrice":"1"}]});
    change(&mut order);
    order.to_string()
}

#[tokio::test]
async fn a_long_mistake_gets_a_short_answer() {
    let app = ready().await;
    let long = "x".repeat(LONG);
    let digits = format!("-{}1", "0.".to_owned() + &"0".repeat(LONG));
    let v1 = [
        order(|o| o[&long] = json!(1)),
        order(|o| o["lines"][0][&long] = json!(1)),
        order(|o| o["taxIncluded"] = json!(long)),
        order(|o| o["lines"] = json!(long)),
        order(|o| o["currency"] = json!(long)),
        order(|o| o["lines"][0]["unitPrice"] = json!(long)),
        order(|o| o["lines"][0]["quantity"] = json!(long)),
        order(|o| o["placedAt"] = json!(long)),
        order(|o| o["allocationPolicy"] = json!(long)),
        order(|o| o["replacesOrderId"] = json!(long)),
        order(|o| o["holds"] = json!([long])),
        order(|_| {}).replace("\"1\"", &digits),
    ];
    let sales = [
        format!(r#"{{"customerId":"c","items":[{{"productId":"p","quantity":1,"price":{digits}}}]}}"#),
        format!(r#"{{"customerId":"c","items":[{{"productId":"p","quantity":{digits},"price":1}}]}}"#),
        json!({"customerId": long, "items": [{"productId": long, "quantity": long, "price": long}]})
            .to_string(),
    ];
    let mut client = app.client();
    let bodies = v1.iter().map(|body| ("/v1/orders", body));
    for (path, body) in bodies.chain(sales.iter().map(|body| ("/api/orders", body))) {
        let headers = [("idempotency-key", "k")];
        let answer = client
            .send(Method::POST, path, &headers, Bytes::from(body.clone()))
            .await
            .expect("an answer");
        let begins: String = body.chars().take(120).collect();
        assert_eq!(answer.status, 400, "{begins}");
        assert!(
            answer.body.len() < SHORT_BYTES,
            "{begins}: answered with {} bytes",
            answer.body.len()
        );
        code(&answer);
    }
    let long = "x".repeat(LONG_IN_HEAD);
    for path in [
        format!("/v1/orders?{long}=1"),
        format!("/v1/orders?limit={long}"),
        format!("/v1/orders?status={long}"),
        format!("/v1/orders?after={long}"),
        format!("/v1/orders/{long}"),
        format!("/v1/orders/number:{long}"),
        format!("/api/orders/{long}"),
        format!("/v1/shipments/{long}"),
        format!("/v1/dead-letters/{long}"),
        format!("/{long}"),
    ] {
        let answer = client.get(&path).await.expect("an answer");
        assert!(answer.status.is_client_error(), "{}", answer.text());
        assert!(
            answer.body.len() < SHORT_BYTES,
            "{}: answered with {} bytes",
            &path[..30],
            answer.body.len()
        );
    }
}
