//! What is wrong is said with a stable code and the field, and leaves nothing behind.

use bytes::Bytes;
use http::Method;
use serde_json::{Value, json};

use crate::shop::{NEVER, Shop, small};

/// A body with one thing changed.
fn with(change: impl FnOnce(&mut Value)) -> String {
    let mut order = small("MUG-1", 1);
    change(&mut order);
    order.to_string()
}

#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn cases() -> Vec<(String, u16, &'static str, &'static str)> {
    let line = |name: &'static str, value: Value| with(|o| o["lines"][0][name] = value);
    let top = |name: &'static str, value: Value| with(|o| o[name] = value);
    let many = json!(vec![
        json!({"sku": "a", "quantity": 1, "unitPrice": "1"});
        501
    ]);
    vec![
        ("{\"currency\":".into(), 400, "malformed_json", ""),
        ("".into(), 400, "malformed_json", ""),
        ("[]".into(), 400, "wrong_type", ""),
        (top("quantiy", json!(1)), 400, "unknown_field", "quantiy"),
        (
            line("unit_price", json!(1)),
            400,
            "unknown_field",
            "lines[0].unit_price",
        ),
        (
            top("currency", json!("EURO")),
            400,
            "unknown_currency",
            "currency",
        ),
        (top("currency", json!(7)), 400, "wrong_type", "currency"),
        (top("lines", json!([])), 400, "required", "lines"),
        (top("lines", many), 400, "too_many_lines", "lines"),
        (
            line("sku", json!("a\0b")),
            400,
            "invalid_text",
            "lines[0].sku",
        ),
        (
            line("sku", json!("x".repeat(101))),
            400,
            "text_too_long",
            "lines[0].sku",
        ),
        (
            line("quantity", json!(0)),
            400,
            "invalid_quantity",
            "lines[0].quantity",
        ),
        (
            line("quantity", json!(-1)),
            400,
            "invalid_quantity",
            "lines[0].quantity",
        ),
        (
            line("quantity", json!(1.5)),
            400,
            "invalid_quantity",
            "lines[0].quantity",
        ),
        (
            line("quantity", json!(1_000_001)),
            400,
            "invalid_quantity",
            "lines[0].quantity",
        ),
        (
            line("quantity", json!("1")),
            400,
            "wrong_type",
            "lines[0].quantity",
        ),
        (
            line("unitPrice", json!("-1")),
            400,
            "invalid_amount",
            "lines[0].unitPrice",
        ),
        (
            line("unitPrice", json!("1.1234567")),
            400,
            "too_many_digits",
            "lines[0].unitPrice",
        ),
        (
            line("discount", json!("1.999")),
            400,
            "too_many_digits",
            "lines[0].discount",
        ),
        (
            line("discount", json!("100")),
            400,
            "invalid_amount",
            "lines[0].discount",
        ),
        (
            with(|o| {
                o["lines"][0]["unitPrice"] = json!("900000000000");
                o["lines"][0]["quantity"] = json!(1_000_000);
            }),
            400,
            "amount_out_of_range",
            "total",
        ),
        (top("total", json!("30.70")), 422, "total_mismatch", "total"),
        (top("total", json!("-1")), 400, "invalid_amount", "total"),
        (
            top("orderNumber", json!("WB-000001")),
            422,
            "reserved_prefix",
            "orderNumber",
        ),
        (
            top("allocationPolicy", json!("maybe")),
            400,
            "invalid_value",
            "allocationPolicy",
        ),
        (
            top("placedAt", json!("yesterday")),
            400,
            "invalid_time",
            "placedAt",
        ),
        (
            top("holds", json!(["because"])),
            400,
            "invalid_value",
            "holds[0]",
        ),
        (top("metadata", json!([])), 400, "wrong_type", "metadata"),
        (
            top("metadata", json!({"a": "x".repeat(9_000)})),
            400,
            "invalid_metadata",
            "metadata",
        ),
        (
            line("metadata", json!({"a": "\0"})),
            400,
            "invalid_metadata",
            "lines[0].metadata",
        ),
        (
            top("customer", json!({"id": ""})),
            400,
            "required",
            "customer.id",
        ),
        (
            top("shippingAddress", json!({"street": "x"})),
            400,
            "unknown_field",
            "shippingAddress.street",
        ),
        (
            top("replacesOrderId", json!("7")),
            400,
            "invalid_id",
            "replacesOrderId",
        ),
        (
            line("quantity", json!(11)),
            422,
            "insufficient_stock",
            "lines",
        ),
    ]
}

#[tokio::test]
async fn every_fault_of_a_body_has_its_code_and_field_and_stores_nothing() {
    let shop = Shop::open(NEVER).await;
    shop.stocked("MUG-1", 10).await;
    let mut client = shop.client("default", "admin");
    for (n, (body, status, code, field)) in cases().into_iter().enumerate() {
        let key = format!("k-{n}");
        let headers = [("idempotency-key", key.as_str())];
        let answer = client
            .send(
                Method::POST,
                "/v1/orders",
                &headers,
                Bytes::from(body.clone()),
            )
            .await;
        let answer = answer.expect("an answer");
        let problem: Value = answer.json();
        let shown: String = body.chars().take(300).collect();
        assert_eq!(
            (
                answer.status.as_u16(),
                problem["code"].as_str(),
                problem["field"].as_str().unwrap_or("")
            ),
            (status, Some(code), field),
            "{shown}: {problem}"
        );
        assert_eq!(
            answer.header("content-type"),
            Some("application/problem+json")
        );
        assert_eq!(
            problem["correlationId"].as_str(),
            answer.header("x-correlation-id")
        );
        // The key of an order that was refused is free again.
        assert_eq!(
            problem["type"],
            json!(format!("/problems/{}", code.replace('_', "-")))
        );
    }
    let orders: Value = shop.get("/v1/orders").await.json();
    assert_eq!(orders["items"], json!([]));
    let stock: Value = shop.get("/v1/stock?sku=MUG-1").await.json();
    assert_eq!(stock["items"][0]["reserved"], 0);
}

#[tokio::test]
async fn bytes_that_are_no_text_and_bodies_that_are_too_large_are_refused() {
    let shop = Shop::open(NEVER).await;
    let mut client = shop.client("default", "admin");
    let key = [("idempotency-key", "k")];
    let mut bad = small("a", 1).to_string().into_bytes();
    let at = bad.iter().position(|b| *b == b'a').expect("a letter");
    bad[at] = 0xff;
    let answer = client
        .send(Method::POST, "/v1/orders", &key, Bytes::from(bad))
        .await
        .expect("an answer");
    assert_eq!(answer.status, 400, "{}", answer.text());
    let large = Bytes::from(vec![b' '; (1 << 20) + 1]);
    let answer = client
        .send(Method::POST, "/v1/orders", &key, large)
        .await
        .expect("an answer");
    let problem: Value = answer.json();
    assert_eq!(
        (answer.status.as_u16(), &problem["code"]),
        (413, &json!("body_too_large"))
    );
}

#[tokio::test]
async fn a_shortage_names_the_sku_what_was_asked_and_what_there_is() {
    let shop = Shop::open(NEVER).await;
    shop.stocked("MUG-1", 3).await;
    let answer = shop.place("k", &small("MUG-1", 5)).await;
    let problem: Value = answer.json();
    assert_eq!(
        problem["shortages"],
        json!([{"sku": "MUG-1", "requested": 5, "available": 3}])
    );
    assert_eq!(
        shop.place("k", &small("MUG-1", 3)).await.status,
        201,
        "the key is free again"
    );
}

#[tokio::test]
async fn an_order_that_could_be_doubled_by_a_retry_is_refused() {
    let shop = Shop::open(NEVER).await;
    let answer = shop.post("/v1/orders", &small("a", 1)).await;
    let problem: Value = answer.json();
    assert_eq!(
        (answer.status.as_u16(), &problem["code"]),
        (400, &json!("idempotency_key_required"))
    );
    let long = "k".repeat(256);
    let problem: Value = shop.place(&long, &small("a", 1)).await.json();
    assert_eq!(problem["code"], "idempotency_key_invalid");
}

#[tokio::test]
async fn without_an_inventory_a_sku_that_is_not_tracked_is_refused() {
    let start = waybill_testkit::server::Start::demo(env!("CARGO_BIN_EXE_waybill"))
        .as_in(env!("CARGO_CRATE_NAME"));
    let shop = Shop::start(start.env("WAYBILL_INVENTORY__MODE", "none")).await;
    let problem: Value = shop.place("k", &small("nobody-knows", 1)).await.json();
    assert_eq!(
        (&problem["code"], &problem["skus"]),
        (&json!("unknown_sku"), &json!(["nobody-knows"]))
    );
}
