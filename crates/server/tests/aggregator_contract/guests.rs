//! Calls without a token: in `demo` only, under a loopback name only, and for orders of this dialect only.

use bytes::Bytes;
use http::{Method, Request};
use http_body_util::Full;
use serde_json::{Value, json};
use waybill_testkit::http::{Answer, Client};
use waybill_testkit::server::{Start, Waybill};
use waybill_testkit::token;

use super::{
    BINARY, Market, NOWHERE, ORDERS, guest, id, migrated, order, placed, post, read, refusal,
};

/// Each route of the dialect, with a body that it takes.
fn routes(id: &str) -> [(Method, String, Value); 5] {
    let short = json!({"productId": "MOUSE-001", "quantity": 1, "customerId": "test"});
    [
        (Method::POST, "/order".into(), short),
        (Method::POST, ORDERS.into(), order("MOUSE-001", 1)),
        (Method::GET, ORDERS.into(), Value::Null),
        (Method::GET, format!("{ORDERS}/{id}"), Value::Null),
        (
            Method::POST,
            format!("{ORDERS}/{id}/cancel"),
            json!({"reason": "test"}),
        ),
    ]
}

async fn send(client: &mut Client, method: Method, path: &str, body: &Value) -> Answer {
    let body = match body {
        Value::Null => Bytes::new(),
        body => Bytes::from(body.to_string()),
    };
    let answer = client.send(method, path, &[], body).await;
    answer.expect("an answer")
}

#[tokio::test]
async fn demo_takes_every_call_of_this_dialect_without_a_token() {
    let market = Market::open().await;
    let mut client = guest(&market.app);
    let first = placed(&mut client, &order("MOUSE-001", 1)).await;
    for (method, path, body) in routes(id(&first)) {
        let answer = send(&mut client, method, &path, &body).await;
        assert!(answer.status.is_success(), "{path}: {}", answer.text());
    }
}

/// What has no product is of this dialect, so that a person who tries it is told what is missing.
#[tokio::test]
async fn without_a_token_a_body_without_a_product_id_is_of_this_dialect() {
    let market = Market::open().await;
    let mut client = guest(&market.app);
    for body in ["{}", "", "{", "[]", r#"{"items":[]}"#, r#"{"items":[{}]}"#] {
        let sent = client
            .send(Method::POST, ORDERS, &[], Bytes::from(body))
            .await;
        let answer = sent.expect("an answer");
        assert_eq!(
            refusal(&answer),
            (400, "Invalid order data".into()),
            "{body}"
        );
    }
    let sales =
        json!({"customerId": "c", "items": [{"productId": "p", "quantity": 1, "price": 1}]});
    let answer = post(&mut client, ORDERS, &[], &sales).await;
    assert_eq!(
        (answer.status.as_u16(), &answer.json::<Value>()["error"]),
        (401, &json!("Unauthorized"))
    );
    assert!(answer.header("www-authenticate").is_some());
}

#[tokio::test]
async fn a_guest_sees_orders_of_this_dialect_and_no_others() {
    let market = Market::open().await;
    let mut client = market.app.client();
    let sales =
        json!({"customerId": "c", "items": [{"productId": "p", "quantity": 1, "price": 1}]});
    let sales: Value = post(&mut client, ORDERS, &[], &sales).await.json();
    let sales = sales["data"]["orderId"].as_str().expect("an id");
    let with_token = placed(&mut client, &order("MOUSE-001", 1)).await;
    let mut guest = guest(&market.app);
    let without = placed(&mut guest, &order("MOUSE-001", 1)).await;
    let listed = |answer: Answer| -> Vec<String> {
        assert_eq!(answer.status, 200, "{}", answer.text());
        let list: Value = answer.json();
        let orders = list["data"]["orders"].as_array().expect("a list").iter();
        orders.map(|order| id(order).to_owned()).collect()
    };
    let seen = listed(guest.get(ORDERS).await.expect("an answer"));
    assert_eq!(seen, [id(&without), id(&with_token)]);
    let seen = listed(client.get(ORDERS).await.expect("an answer"));
    assert_eq!(seen, [id(&without), id(&with_token), sales]);
    for order in [&without, &with_token] {
        read(&mut guest, id(order)).await;
    }
    for hidden in [sales, NOWHERE, "nonsense"] {
        let answer = guest
            .get(&format!("{ORDERS}/{hidden}"))
            .await
            .expect("an answer");
        assert_eq!(
            (answer.status.as_u16(), &answer.json::<Value>()["error"]),
            (401, &json!("Unauthorized"))
        );
        let cancel = format!("{ORDERS}/{hidden}/cancel");
        let answer = post(&mut guest, &cancel, &[], &json!({"reason": "test"})).await;
        assert_eq!(refusal(&answer).0, 404);
    }
    let still = read(&mut client, sales).await;
    assert_eq!(still["status"], "confirmed");
}

#[tokio::test]
async fn a_token_that_is_sent_counts() {
    let market = Market::open().await;
    let order = placed(&mut guest(&market.app), &order("MOUSE-001", 1)).await;
    let elsewhere = token::demo_for("elsewhere", "testkit");
    for (method, path, body) in routes(id(&order)) {
        let mut forged = Client::new(market.app.address()).with_token("not.a.token");
        let answer = send(&mut forged, method.clone(), &path, &body).await;
        assert_eq!(answer.status, 403, "{path}: {}", answer.text());
        let mut powerless =
            Client::new(market.app.address()).with_token(&token::demo("stock:read"));
        let answer = send(&mut powerless, method.clone(), &path, &body).await;
        assert_eq!(answer.status, 403, "{path}: {}", answer.text());
        assert_eq!(answer.json::<Value>()["error"], "Forbidden", "{path}");
        if path.contains(id(&order)) {
            let mut other = Client::new(market.app.address()).with_token(&elsewhere);
            let answer = send(&mut other, method, &path, &body).await;
            assert_eq!(answer.status, 404, "{path}: {}", answer.text());
        }
    }
}

#[tokio::test]
async fn a_page_elsewhere_cannot_call_without_a_token() {
    let market = Market::open().await;
    let order = placed(&mut guest(&market.app), &order("MOUSE-001", 1)).await;
    for (method, path, body) in routes(id(&order)) {
        let request = Request::builder()
            .method(method)
            .uri(&path)
            .header("host", "evil.example")
            .header("content-type", "application/json")
            .body(Full::new(Bytes::from(body.to_string())))
            .expect("a request");
        let answer = guest(&market.app).exchange(request).await;
        assert_eq!(answer.expect("an answer").status, 421, "{path}");
    }
    assert_eq!(
        read(&mut guest(&market.app), id(&order)).await["id"],
        order["id"]
    );
}

/// A server as it runs in earnest.
async fn standard() -> Waybill {
    migrated(Start::standard(BINARY, "all")).await
}

#[tokio::test]
async fn outside_of_demo_every_call_needs_a_token() {
    let app = standard().await;
    for (method, path, body) in routes(NOWHERE) {
        let answer = send(&mut guest(&app), method.clone(), &path, &body).await;
        assert_eq!(answer.status, 401, "{path}: {}", answer.text());
        assert_eq!(answer.json::<Value>()["error"], "Unauthorized", "{path}");
        let all = "order:create order:read order:cancel";
        let token = token::complete("default", all, token::FAR_AWAY);
        let mut client = Client::new(app.address()).with_token(&token);
        let answer = send(&mut client, method, &path, &body).await;
        assert_ne!(answer.status, 401, "{path}");
    }
    let answer = post(&mut guest(&app), ORDERS, &[], &json!({})).await;
    assert_eq!(answer.status, 401, "{}", answer.text());
}
