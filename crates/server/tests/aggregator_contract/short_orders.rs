//! `POST /order`: one product, and an id in the answer.

use bytes::Bytes;
use http::Method;
use serde_json::{Value, json};

use super::{Market, guest, post, reaches, read, refusal};

const SHORT: &str = "/order";

#[tokio::test]
async fn an_order_of_one_product_is_answered_with_its_id() {
    let market = Market::open().await;
    let mut client = guest(&market.app);
    let sent = json!({"productId": "LAPTOP-001", "quantity": 1, "customerId": "test", "price": "ignored", "unitPrice": 1});
    let answer = post(&mut client, SHORT, &[], &sent).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let taken: Value = answer.json();
    let id = taken["orderId"].as_str().expect("an id");
    assert_eq!(taken, json!({"success": true, "orderId": id}));
    let order = reaches(&mut client, id, "confirmed").await;
    assert_eq!(
        order["items"],
        json!([{"sku": "LAPTOP-001", "quantity": 1, "unitPrice": 1299.99, "vendor": "VendorA"}])
    );
    assert_eq!(order["customerId"], "test");

    let key = [("Idempotency-Key", "k-1")];
    let first = post(&mut client, SHORT, &key, &sent).await;
    let again = post(&mut client, SHORT, &key, &sent).await;
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    assert_eq!(again.json::<Value>(), first.json::<Value>());
    assert_ne!(first.json::<Value>()["orderId"], taken["orderId"]);
}

#[tokio::test]
async fn with_a_token_it_is_an_order_of_the_tokens_tenant() {
    let market = Market::open().await;
    let sent = json!({"productId": "MOUSE-001", "quantity": 1, "customerId": "test"});
    let mut client = market.app.client();
    let answer = post(&mut client, SHORT, &[], &sent).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let id = answer.json::<Value>()["orderId"].clone();
    assert_eq!(
        read(&mut client, id.as_str().expect("an id")).await["id"],
        id
    );
}

#[tokio::test]
async fn what_is_missing_or_wrong_is_refused_with_one_text() {
    let market = Market::open().await;
    let mut client = guest(&market.app);
    let whole = json!({"productId": "LAPTOP-001", "quantity": 1, "customerId": "test"});
    let mut bodies = vec![
        "{}".to_owned(),
        "[]".into(),
        "{".into(),
        String::new(),
        "null".into(),
    ];
    for (member, wrong) in [
        ("productId", json!("")),
        ("productId", json!(7)),
        ("productId", Value::Null),
        ("quantity", json!(0)),
        ("quantity", json!(-1)),
        ("quantity", json!(1.5)),
        ("quantity", json!("1")),
        ("quantity", json!(1_000_001)),
        ("customerId", json!("")),
        ("customerId", Value::Null),
    ] {
        let mut body = whole.clone();
        body[member] = wrong;
        bodies.push(body.to_string());
        let mut body = whole.clone();
        body.as_object_mut().expect("an object").remove(member);
        bodies.push(body.to_string());
    }
    for body in bodies {
        let sent = client
            .send(Method::POST, SHORT, &[], Bytes::from(body.clone()))
            .await;
        let answer = sent.expect("an answer");
        let expected = (
            400,
            "productId, quantity, and customerId required".to_owned(),
        );
        assert_eq!(refusal(&answer), expected, "{body}");
    }
    for (sku, quantity) in [
        ("LAPTOP-001", 16),
        ("laptop-001", 1),
        ("NOWHERE", 1),
        ("product-456", 1),
    ] {
        let sent = json!({"productId": sku, "quantity": quantity, "customerId": "test"});
        let answer = post(&mut client, SHORT, &[], &sent).await;
        assert_eq!(
            refusal(&answer),
            (400, format!("Insufficient stock for {sku}"))
        );
    }
    assert_eq!(market.at_vendors("LAPTOP-001").await, [10, 5]);
}
