//! Bodies that are no orders, and the answer to each.

use serde_json::{Value, json};

use super::Bad;

const MEGABYTE: usize = 1 << 20;

fn sales_item(quantity: &str, price: &str) -> String {
    format!(
        r#"{{"customerId":"c","items":[{{"productId":"p","quantity":{quantity},"price":{price}}}]}}"#
    )
}

fn many(item: &str, count: usize) -> String {
    vec![item; count].join(",")
}

/// JSON that is as deep as it is long.
fn deep() -> Vec<u8> {
    b"[".repeat(100_000)
}

#[expect(clippy::too_many_lines, reason = "a table of cases")]
pub fn sales() -> Vec<Bad> {
    const INVALID: (u16, &str) = (400, "VALIDATION_ERROR");
    let invalid = |name, body: String| Bad::sales(name, body, INVALID.0, INVALID.1);
    let item = r#"{"productId":"p","quantity":1,"price":1}"#;
    let good = sales_item("1", "1");
    let mut bad = vec![
        Bad::sales(
            "bad utf-8",
            &b"{\"customerId\":\"\xff\xfe\",\"items\":[]}"[..],
            400,
            "VALIDATION_ERROR",
        ),
        Bad::sales("deep", deep(), 400, "VALIDATION_ERROR"),
        Bad::sales("10 MB", vec![b' '; 10 * MEGABYTE], 413, "PAYLOAD_TOO_LARGE"),
        Bad::sales(
            "sold out",
            good.replace("\"p\"", "\"sold-out\""),
            422,
            "INSUFFICIENT_INVENTORY",
        ),
        Bad::sales("long key", good.clone(), 400, "VALIDATION_ERROR")
            .with("idempotency-key", "k".repeat(256)),
        Bad::sales("empty key", good.clone(), 400, "VALIDATION_ERROR").with("idempotency-key", ""),
        invalid("no body", String::new()),
        invalid("half", good[..good.len() / 2].to_owned()),
        invalid("trailing", format!("{good}x")),
        invalid("array", "[]".into()),
        invalid("null", "null".into()),
        invalid("text", "\"order\"".into()),
        invalid("empty", "{}".into()),
        invalid("an order as an array", r#"["c",[["p",1,1]]]"#.into()),
        invalid("twice", good.replacen('{', "{\"customerId\":\"x\",", 1)),
        invalid("a blank before a customer", good.replace("\"c\"", "\" c\"")),
        invalid(
            "a line break in a product",
            good.replace("\"p\"", r#""p\np""#),
        ),
        invalid("items a text", r#"{"customerId":"c","items":"p"}"#.into()),
        invalid("item a number", r#"{"customerId":"c","items":[1]}"#.into()),
        invalid("customer a number", good.replace("\"c\"", "7")),
        invalid("NUL in customer", good.replace("\"c\"", r#""a\u0000b""#)),
        invalid("NUL in product", good.replace("\"p\"", r#""a\u0000b""#)),
        invalid("lone surrogate", good.replace("\"p\"", r#""\ud800""#)),
        invalid(
            "long product",
            good.replace("\"p\"", &format!("{:?}", "p".repeat(10_000))),
        ),
        invalid(
            "10,000 lines",
            format!(r#"{{"customerId":"c","items":[{}]}}"#, many(item, 10_000)),
        ),
    ];
    for quantity in [
        "0",
        "-1",
        "1.5",
        "1000001",
        "99999999999999999999",
        "1e30",
        "\"2\"",
        "null",
        "true",
        "[]",
    ] {
        bad.push(invalid("quantity", sales_item(quantity, "1")));
    }
    for price in [
        "-0.01",
        "29.999",
        "1e400",
        "99999999999999999999",
        "\"5\"",
        "null",
        "{}",
        "1e-3",
    ] {
        bad.push(invalid("price", sales_item("1", price)));
    }
    // Each line is fine; their sum is not.
    let large = r#"{"productId":"p","quantity":1000000,"price":90071992547.41}"#;
    bad.push(invalid(
        "sum",
        format!(r#"{{"customerId":"c","items":[{}]}}"#, many(large, 3)),
    ));
    bad
}

/// A valid order with one thing changed.
fn v1_with(pointer: &str, value: Value) -> String {
    let mut order = json!({"currency":"USD","customer":{"id":"c"},"metadata":{},"total":"1.00",
        "lines":[{"sku":"p","quantity":1,"unitPrice":"1.00"}]});
    let (parent, field) = pointer.rsplit_once('/').expect("a pointer");
    order.pointer_mut(parent).expect("it is there")[field] = value;
    order.to_string()
}

#[expect(clippy::too_many_lines, reason = "a table of cases")]
pub fn v1() -> Vec<Bad> {
    let good = v1_with("/currency", json!("USD"));
    let changed = |name, pointer, value, code| Bad::v1(name, v1_with(pointer, value), 400, code);
    let line = json!({"sku":"p","quantity":1,"unitPrice":"1.00"});
    let large = json!({"sku":"p","quantity":1_000_000,"unitPrice":"90071992547.41"});
    let mut bad = vec![
        Bad::v1("no body", "", 400, "malformed_json"),
        Bad::v1(
            "half",
            good[..good.len() / 2].to_owned(),
            400,
            "malformed_json",
        ),
        Bad::v1("trailing", format!("{good}x"), 400, "malformed_json"),
        Bad::v1("deep", deep(), 400, "wrong_type"),
        Bad::v1(
            "a deep field",
            [b"{\"metadata\":".to_vec(), deep()].concat(),
            400,
            "malformed_json",
        ),
        Bad::v1(
            "bad utf-8",
            &b"{\"currency\":\"\xff\xfe\"}"[..],
            400,
            "malformed_json",
        ),
        Bad::v1(
            "lone surrogate",
            good.replace("\"p\"", r#""\ud800""#),
            400,
            "malformed_json",
        ),
        Bad::v1("array", "[]", 400, "wrong_type"),
        Bad::v1("null", "null", 400, "wrong_type"),
        Bad::v1("empty", "{}", 400, "required"),
        Bad::v1(
            "twice",
            good.replacen('{', "{\"currency\":\"EUR\",", 1),
            400,
            "duplicate_field",
        ),
        Bad::v1("10 MB", vec![b' '; 10 * MEGABYTE], 413, "body_too_large"),
        Bad::v1("no key", good.clone(), 400, "idempotency_key_required").without("idempotency-key"),
        Bad::v1("long key", good.clone(), 400, "idempotency_key_invalid")
            .with("idempotency-key", "k".repeat(256)),
        Bad::v1(
            "sold out",
            v1_with("/lines/0/sku", json!("sold-out")),
            422,
            "insufficient_stock",
        ),
        Bad::v1(
            "wrong total",
            v1_with("/total", json!("1.01")),
            422,
            "total_mismatch",
        ),
        changed("typo", "/curency", json!("USD"), "unknown_field"),
        changed("typo in a line", "/lines/0/qty", json!(1), "unknown_field"),
        changed("currency", "/currency", json!("QQQ"), "unknown_currency"),
        changed("customer a text", "/customer", json!("c"), "wrong_type"),
        changed("lines an object", "/lines", json!({}), "wrong_type"),
        changed("no lines", "/lines", json!([]), "required"),
        changed(
            "10,000 lines",
            "/lines",
            json!(vec![line; 10_000]),
            "too_many_lines",
        ),
        changed(
            "sum",
            "/lines",
            json!([large, large, large]),
            "amount_out_of_range",
        ),
        changed(
            "quantity a text",
            "/lines/0/quantity",
            json!("1"),
            "wrong_type",
        ),
        changed(
            "digits of a total",
            "/total",
            json!("1.001"),
            "too_many_digits",
        ),
        changed(
            "digits of a price",
            "/lines/0/unitPrice",
            json!("1.0000001"),
            "too_many_digits",
        ),
        changed(
            "no amount",
            "/lines/0/unitPrice",
            json!("a lot"),
            "invalid_amount",
        ),
        changed(
            "large amount",
            "/lines/0/unitPrice",
            json!("99999999999999999999"),
            "amount_out_of_range",
        ),
        changed(
            "NUL in a sku",
            "/lines/0/sku",
            json!("a\u{0}b"),
            "invalid_text",
        ),
        changed(
            "NUL in a customer",
            "/customer/id",
            json!("a\u{0}b"),
            "invalid_text",
        ),
        changed(
            "long sku",
            "/lines/0/sku",
            json!("p".repeat(10_000)),
            "text_too_long",
        ),
        changed(
            "escape in a customer",
            "/customer/id",
            json!("a\u{1b}[2J"),
            "invalid_text",
        ),
        changed("blank sku", "/lines/0/sku", json!("p "), "invalid_text"),
        changed("bell in a note", "/notes", json!("\u{7}"), "invalid_text"),
        changed(
            "country",
            "/shippingAddress",
            json!({"countryCode": "Germany"}),
            "invalid_value",
        ),
        changed(
            "discount",
            "/lines/0/discount",
            json!("1.01"),
            "invalid_amount",
        ),
        changed("a float for a text", "/channel", json!(5.5), "wrong_type"),
        changed(
            "a text for a switch",
            "/taxIncluded",
            json!("yes"),
            "wrong_type",
        ),
        changed("a hold of no kind", "/holds", json!([[1]]), "wrong_type"),
        changed(
            "a policy",
            "/allocationPolicy",
            json!("some"),
            "invalid_value",
        ),
        Bad::v1(
            "half an emoji",
            good.replace("\"metadata\":{}", r#""metadata":{"a":"\ud83d"}"#),
            400,
            "invalid_metadata",
        ),
        Bad::v1(
            "a number beyond all",
            good.replace("\"metadata\":{}", r#""metadata":{"a":1e400}"#),
            400,
            "invalid_metadata",
        ),
        Bad::v1(
            "a name twice",
            good.replace("\"metadata\":{}", r#""metadata":{"a":1,"a":1}"#),
            400,
            "invalid_metadata",
        ),
        Bad::v1("a bare word", "{currency:1}", 400, "malformed_json"),
        changed("time", "/placedAt", json!("yesterday"), "invalid_time"),
        changed(
            "much metadata",
            "/metadata",
            json!({"k": "v".repeat(9_000)}),
            "invalid_metadata",
        ),
    ];
    for quantity in [
        json!(0),
        json!(-1),
        json!(1_000_001),
        json!(u64::MAX),
        json!(1.5),
        json!(1e30),
    ] {
        bad.push(changed(
            "quantity",
            "/lines/0/quantity",
            quantity,
            "invalid_quantity",
        ));
    }
    bad
}
