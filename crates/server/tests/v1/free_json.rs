//! The caller's own JSON: what not every client could read again is refused, the same value in another spelling is the
//! same body, and what an earlier version took hides nothing.

use bytes::Bytes;
use http::Method;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use waybill_testkit::http::Answer;

use super::poisoned::{literal, tamper_while_closed};
use crate::shop::{NEVER, Shop, id, small};

/// A small order with this text as its metadata, or as that of its line.
fn with(metadata: &str, of_line: bool) -> String {
    let mut order = small("MUG-1", 1);
    let part = if of_line {
        &mut order["lines"][0]
    } else {
        &mut order
    };
    part["metadata"] = json!("METADATA");
    order.to_string().replace("\"METADATA\"", metadata)
}

async fn place(shop: &Shop, key: &str, body: &str) -> Answer {
    let headers = [("idempotency-key", key)];
    let body = Bytes::from(body.to_owned());
    let mut client = shop.client("default", "admin");
    let answer = client.send(Method::POST, "/v1/orders", &headers, body);
    answer.await.expect("an answer")
}

#[tokio::test]
async fn metadata_that_not_every_client_can_read_is_refused() {
    let shop = Shop::open(NEVER).await;
    for metadata in [
        r#"{"n":1e400}"#,
        r#"{"n":[-1E999]}"#,
        r#"{"a":"x\ud83d"}"#,
        r#"{"a":"\ude00\ud83d"}"#,
        r#"{"\ud83d":1}"#,
        r#"{"a":1,"a":1}"#,
        r#"{"a":{"b":1,"\u0062":2}}"#,
        r#"{"a":"\uffff"}"#,
    ] {
        for (of_line, field) in [(false, "metadata"), (true, "lines[0].metadata")] {
            let answer = place(&shop, "k", &with(metadata, of_line)).await;
            let problem: Value = answer.json();
            assert_eq!(
                (
                    answer.status.as_u16(),
                    problem["code"].as_str(),
                    problem["field"].as_str()
                ),
                (400, Some("invalid_metadata"), Some(field)),
                "{metadata}: {problem}"
            );
        }
    }
    let orders: Value = shop.get("/v1/orders").await.json();
    assert_eq!(orders["items"], json!([]));
}

#[tokio::test]
async fn the_same_body_in_another_spelling_is_the_same_order() {
    let shop = Shop::open(NEVER).await;
    let spellings = [
        r#"{"a":10,"b":{"c":"ü","d":[1.5]}}"#,
        r#"{"b":{"d":[15e-1],"c":"\u00fc"},"a":10.0}"#,
        r#"{ "b" : {"c":"\u00FC", "d":[1.50]}, "a": 1e1 }"#,
    ];
    for of_line in [false, true] {
        let key = format!("k-{of_line}");
        let first = place(&shop, &key, &with(spellings[0], of_line)).await;
        assert_eq!(first.status, 201, "{}", first.text());
        for spelling in &spellings[1..] {
            let again = place(&shop, &key, &with(spelling, of_line)).await;
            assert_eq!(again.status, 201, "{}", again.text());
            assert_eq!(again.header("idempotent-replayed"), Some("true"));
            assert!(
                again.text().contains(spellings[0]),
                "the text is kept as it was first sent: {}",
                again.text()
            );
        }
        let other = place(&shop, &key, &with(r#"{"a":11}"#, of_line)).await;
        assert_eq!(other.status, 422, "{}", other.text());
    }
}

#[tokio::test]
async fn an_order_that_an_earlier_version_took_can_be_read_and_hides_no_other() {
    let mut shop = Shop::with_plain_log(NEVER).await;
    shop.placed("before", &small("a", 1)).await;
    let made = place(&shop, "odd", &with(r#"{"a":"METADATA"}"#, false)).await;
    let odd = id(&made.json());
    let lines = place(&shop, "odd-line", &with(r#"{"a":"METADATA"}"#, true)).await;
    let odd_line = id(&lines.json());
    let torn = id(&shop.placed("torn", &small("b", 1)).await);
    shop.placed("after", &small("a", 1)).await;

    let unreadable = r#"{"a":"x\ud83d"}"#;
    let in_place = |table: &str, column: &str| {
        format!(
            "UPDATE {table} SET {column} = replace({column}, '{{\"a\":\"METADATA\"}}', '{unreadable}') WHERE {column} LIKE '%METADATA%'"
        )
    };
    let order = literal(&shop, &torn);
    let statements = [
        in_place("order_content", "content"),
        in_place("events", "body"),
        format!(
            "UPDATE order_content SET content = '{{\"currency\"' WHERE n = (SELECT n FROM orders WHERE id = {order})"
        ),
    ];
    tamper_while_closed(&mut shop.0, &statements).await;
    shop.0.start().await.expect("it starts");

    for path in ["/v1/orders", "/v1/orders/snapshot"] {
        let page: Value = shop.get(path).await.json();
        let items = page["items"].as_array().expect("items");
        assert_eq!(items.len(), 4, "{path}: {page:#}");
        assert_eq!(page["unreadable"][0]["id"], json!(torn), "{path}");
        assert_eq!(page["unreadable"].as_array().map(Vec::len), Some(1));
        let of = |id: &str| items.iter().find(|item| item["id"] == *id);
        let shown = of(&odd).expect("it is shown");
        assert_eq!(shown["metadata"], Value::Null);
        assert_eq!(shown["unreadable"]["metadata"], json!(unreadable));
        let shown = of(&odd_line).expect("it is shown");
        assert_eq!(shown["unreadable"]["lines[0].metadata"], json!(unreadable));
    }
    let read: Value = shop.get(&format!("/v1/orders/{odd}")).await.json();
    assert_eq!(read["unreadable"]["metadata"], json!(unreadable));

    let feed: Value = shop.get("/v1/events?limit=100").await.json();
    let items = feed["items"].as_array().expect("events");
    let created = items
        .iter()
        .find(|event| event["type"] == "order.created" && event["orderId"] == json!(odd));
    let created = created.expect("it is in the feed");
    assert_eq!(created["data"]["metadata"], Value::Null);
    assert_eq!(created["data"]["currency"], "EUR");
    assert!(created["unreadable"].is_string(), "{created:#}");

    let again = place(&shop, "odd", &with(r#"{"a":"METADATA"}"#, false)).await;
    assert_eq!(again.status, 201, "the key is still its: {}", again.text());
    let again: Value = again.json();
    assert_eq!(
        (&again["id"], &again["metadata"]),
        (&json!(odd), &Value::Null)
    );
}

/// The hash of a body as versions made it that took metadata as it was sent.
fn earlier_hash(content: &str) -> String {
    let mut sha = Sha256::new();
    for part in ["v1", content, "", ""] {
        sha.update(part.as_bytes());
        sha.update([0]);
    }
    sha.finalize()[..16]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

#[tokio::test]
async fn a_key_that_an_earlier_version_stored_is_still_its_orders() {
    let mut shop = Shop::open(NEVER).await;
    let metadata = r#"{"b":10.0, "a":"\u00fc"}"#;
    let body = with(metadata, false);
    let made = place(&shop, "k", &body).await;
    let order = id(&made.json());
    let content = format!(
        r#"{{"currency":"EUR","total":1290,"taxIncluded":false,"metadata":{metadata},"lines":[{{"sku":"MUG-1","quantity":1,"unitPrice":12900000}}]}}"#
    );
    let hash = earlier_hash(&content);
    let is_kept =
        format!("UPDATE order_content SET content = '{content}' WHERE content = '{content}'");
    let hash = match shop.0.database() {
        Some(_) => format!("'{hash}'"),
        None => format!("x'{hash}'"),
    };
    let claimed = format!(
        "UPDATE claims SET body_hash = {hash} WHERE order_id = {}",
        literal(&shop, &order)
    );
    tamper_while_closed(&mut shop.0, &[is_kept, claimed]).await;
    shop.0.start().await.expect("it starts");

    let again = place(&shop, "k", &body).await;
    assert_eq!(again.status, 201, "{}", again.text());
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    let other = place(&shop, "k", &with(r#"{"b":11}"#, false)).await;
    assert_eq!(other.status, 422, "{}", other.text());
}
