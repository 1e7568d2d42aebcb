//! How values are read: times, whole numbers, codes, texts, and the sum of an order.

use http::Method;
use serde_json::{Value, json};
use waybill_testkit::http::Answer;
use waybill_testkit::server::Start;

use crate::shop::{NEVER, Shop, small};

fn with(change: impl FnOnce(&mut Value)) -> Value {
    let mut order = small("MUG-1", 1);
    change(&mut order);
    order
}

/// Places orders that must be refused, each with its code and field.
async fn are_refused(shop: &Shop, cases: Vec<(Value, &str, &str)>) -> Vec<Value> {
    let mut problems = vec![];
    for (order, code, field) in cases {
        let answer = shop.place("refused", &order).await;
        let problem: Value = answer.json();
        assert_eq!(
            (problem["code"].as_str(), problem["field"].as_str()),
            (Some(code), Some(field)),
            "{order}: {problem}"
        );
        problems.push(problem);
    }
    problems
}

#[tokio::test]
async fn a_time_may_have_any_number_of_digits_and_is_kept_to_the_microsecond() {
    let shop = Shop::open(NEVER).await;
    for (sent, kept) in [
        (
            "2026-05-04T10:00:00.123456789Z",
            "2026-05-04T10:00:00.123456Z",
        ),
        (
            "2026-05-04T12:00:00.1234567+02:00",
            "2026-05-04T10:00:00.123456Z",
        ),
        ("2026-05-04T10:00:00.12Z", "2026-05-04T10:00:00.12Z"),
    ] {
        let order = with(|o| o["placedAt"] = json!(sent));
        let made = shop.placed(sent, &order).await;
        assert_eq!(made["placedAt"], kept, "{sent}");
    }
    let order = with(|o| o["promisedBy"] = json!("12026-05-04T10:00:00Z"));
    are_refused(&shop, vec![(order, "invalid_time", "promisedBy")]).await;
    let order = with(|o| o["placedAt"] = json!("1850-05-04T10:00:00Z"));
    let told = are_refused(&shop, vec![(order, "invalid_time", "placedAt")]).await;
    let detail = told[0]["detail"].as_str().expect("a detail");
    assert!(detail.contains("1970 to 9998"), "{detail}");
    let list = shop.get("/v1/orders?placedFrom=1850-05-04T10:00:00Z").await;
    assert!(list.text().contains("1970 to 9998"), "{}", list.text());
    let list = shop
        .get("/v1/orders?placedFrom=2026-05-04T10:00:00.123456789Z")
        .await;
    assert_eq!(list.status, 200, "{}", list.text());
}

#[tokio::test]
async fn a_line_is_worth_at_least_its_discount() {
    let shop = Shop::open(NEVER).await;
    let order = json!({"currency": "EUR", "lines": [
        {"sku": "a", "quantity": 1, "unitPrice": "20.00"},
        {"sku": "b", "quantity": 2, "unitPrice": "5.00", "discount": "10.01"}]});
    let told = are_refused(&shop, vec![(order, "invalid_amount", "lines[1].discount")]).await;
    assert_eq!(told[0]["detail"], "at most the line, 10.00; found 10.01");
    let free = with(|o| o["lines"][0]["discount"] = json!("12.90"));
    assert_eq!(shop.placed("free", &free).await["total"], "0.00");
}

fn three_at_1_115(total: Option<&str>) -> Value {
    json!({"currency": "EUR", "total": total,
        "lines": [{"sku": "a", "quantity": 3, "unitPrice": "1.115"}]})
}

#[tokio::test]
async fn a_total_that_was_rounded_otherwise_is_told_how_it_was_rounded() {
    let shop = Shop::open(NEVER).await;
    let order = three_at_1_115(Some("3.35"));
    let told = are_refused(&shop, vec![(order, "total_mismatch", "total")]).await;
    let detail = told[0]["detail"].as_str().expect("a detail");
    assert!(detail.contains("rounded half to even"), "{detail}");
    let order = three_at_1_115(Some("3.34"));
    assert_eq!(shop.placed("even", &order).await["total"], "3.34");
}

#[tokio::test]
async fn a_shop_that_rounds_half_up_says_so_once_and_its_earlier_orders_stay() {
    let start = || Start::demo(env!("CARGO_BIN_EXE_waybill")).as_in(env!("CARGO_CRATE_NAME"));
    let mut shop = Shop::start(start().delivering_within_ms(NEVER)).await;
    let before = shop.placed("before", &three_at_1_115(None)).await;
    assert_eq!(before["total"], "3.34");
    assert!(shop.0.stop().await.expect("stops").success());
    let setting = "[orders]\nrounding = \"half_up\"\n";
    std::fs::write(shop.0.home().join("waybill.toml"), setting).expect("written");
    shop.0.start().await.expect("starts");
    assert_eq!(
        shop.placed("up", &three_at_1_115(Some("3.35"))).await["total"],
        "3.35"
    );
    assert_eq!(
        shop.placed("sum", &three_at_1_115(None)).await["total"],
        "3.35"
    );
    let again = shop.place("before", &three_at_1_115(None)).await;
    assert_eq!(
        again.header("idempotent-replayed"),
        Some("true"),
        "{}",
        again.text()
    );
    assert_eq!(again.json::<Value>()["total"], "3.34");
}

#[tokio::test]
async fn every_character_of_an_identifier_can_be_seen_and_none_at_its_ends_is_blank() {
    let shop = Shop::open(NEVER).await;
    let mut cases = vec![];
    for bad in [
        "\u{1b}[2J",
        "a\u{7}b",
        "a\nb",
        "a\u{9b}b",
        "a\u{202e}b",
        " a",
        "a ",
        "\u{a0}a",
        "a\u{200b}b",
        "\u{feff}a",
        "a\u{ad}b",
        "a\u{2066}b",
        "a\u{e0041}",
        "a\u{fffe}",
        "a\u{fdd0}b",
    ] {
        for (pointer, field) in [
            ("/customer/id", "customer.id"),
            ("/orderNumber", "orderNumber"),
            ("/clientReference", "clientReference"),
            ("/channel", "channel"),
            ("/paymentReference", "paymentReference"),
            ("/lines/0/sku", "lines[0].sku"),
            ("/deliveryMethod/code", "deliveryMethod.code"),
            ("/fees/0/code", "fees[0].code"),
        ] {
            let order = with(|o| {
                o["customer"] = json!({});
                o["deliveryMethod"] = json!({"code": "dhl"});
                o["fees"] = json!([{"code": "gift", "price": "1"}]);
                let (parent, name) = pointer.rsplit_once('/').expect("a pointer");
                o.pointer_mut(parent).expect("it is there")[name] = json!(bad);
            });
            cases.push((order, "invalid_text", field));
        }
    }
    are_refused(&shop, cases).await;
    for sku in ["%20K-1", "K-1%20", "K%1B-1"] {
        let put = put_stock(&shop, sku, &json!({"onHand": 1})).await;
        assert_eq!(put.json::<Value>()["code"], "invalid_text", "{sku}");
    }
    let put = put_stock(&shop, "K-1", &json!({"onHand": 1, "reference": "GR\n7"})).await;
    assert_eq!(put.json::<Value>()["field"], "reference");
    let hidden = shop.client("a\u{200b}b", "admin").get("/v1/stock").await;
    assert_eq!(hidden.expect("an answer").status, 401, "a tenant, too");
}

#[tokio::test]
async fn a_sku_can_be_told_from_others_and_survives_a_path() {
    let shop = Shop::open(NEVER).await;
    for (sku, path, told) in [
        (".", ".", "must not be . or .."),
        ("..", "%2E%2E", "must not be . or .."),
        (
            "K\u{200b}1",
            "K%E2%80%8B1",
            "invisible characters; found U+200B",
        ),
        (
            "K1\u{feff}",
            "K1%EF%BB%BF",
            "invisible characters; found U+FEFF",
        ),
        (
            "K\u{202e}1",
            "K%E2%80%AE1",
            "control characters; found U+202E",
        ),
        ("K\u{ffff}1", "K%EF%BF%BF1", "noncharacters; found U+FFFF"),
        (
            "K\u{1fffe}",
            "K%F0%9F%BF%BE",
            "noncharacters; found U+1FFFE",
        ),
    ] {
        let cases = vec![(small(sku, 1), "invalid_text", "lines[0].sku")];
        let order = are_refused(&shop, cases).await.remove(0);
        let put = put_stock(&shop, path, &json!({"onHand": 1})).await;
        for problem in [order, put.json()] {
            assert_eq!(problem["code"], "invalid_text", "{problem}");
            let detail = problem["detail"].as_str().expect("a detail");
            assert!(detail.contains(told), "{detail}");
        }
        let items = [json!({"productId": sku, "quantity": 1, "price": 1})];
        let body = json!({"customerId": "c", "items": items});
        let sales = shop.post("/api/orders", &body).await;
        assert_eq!(sales.status, 400, "{}", sales.text());
        assert!(sales.text().contains(told), "{}", sales.text());
    }
    for (key, good) in ["...", "a.b", "茶 №1", "👕"].iter().enumerate() {
        shop.placed(&key.to_string(), &small(good, 1)).await;
    }
}

#[tokio::test]
async fn an_order_number_is_not_read_as_the_name_of_another_order() {
    let shop = Shop::open(NEVER).await;
    let first = with(|o| o["clientReference"] = json!("web-1"));
    let first = shop.placed("first", &first).await;
    let id = first["id"].as_str().expect("an id");
    let mut cases = vec![];
    for number in [
        id,
        &id.replace('-', ""),
        &id.to_uppercase(),
        &format!("urn:uuid:{id}"),
        "ref:web-1",
        "number:2026-17",
    ] {
        let order = with(|o| o["orderNumber"] = json!(number));
        cases.push((order, "invalid_value", "orderNumber"));
    }
    let told = are_refused(&shop, cases).await;
    let detail = told[0]["detail"].as_str().expect("a detail");
    assert!(detail.contains("read it as the id"), "{detail}");
    // References are asked for by `ref:` alone, so a UUID is one like any other.
    let order = with(|o| (o["orderNumber"], o["clientReference"]) = (json!("2026-17"), json!(id)));
    let second = shop.placed("second", &order).await;
    for (name, found) in [
        (id.to_owned(), &first),
        (format!("ref:{id}"), &second),
        ("number:2026-17".into(), &second),
    ] {
        let answer = shop.get(&format!("/v1/orders/{name}")).await;
        assert_eq!(answer.json::<Value>()["id"], found["id"], "{name}");
    }
}

#[tokio::test]
async fn free_text_keeps_its_line_breaks_and_has_no_other_control_characters() {
    let shop = Shop::open(NEVER).await;
    let order = with(|o| {
        o["notes"] = json!("Ring twice.\r\n\tThen wait.");
        o["lines"][0]["name"] = json!("Mug,\nblue ");
    });
    let made = shop.placed("k", &order).await;
    assert_eq!(made["notes"], order["notes"]);
    assert_eq!(made["lines"][0]["name"], order["lines"][0]["name"]);
    let bell = with(|o| o["notes"] = json!("ring\u{7}"));
    let escape = with(|o| o["shippingAddress"] = json!({"name": "A\u{1b}[1m"}));
    let cases = vec![
        (bell, "invalid_text", "notes"),
        (escape, "invalid_text", "shippingAddress.name"),
    ];
    let told = are_refused(&shop, cases).await;
    let detail = told[0]["detail"].as_str().expect("a detail");
    assert!(detail.contains("U+0007"), "{detail}");
}

#[tokio::test]
async fn a_country_is_an_iso_code() {
    let shop = Shop::open(NEVER).await;
    let address = |code: &str| with(|o| o["shippingAddress"] = json!({"countryCode": code}));
    for bad in ["Germany", "de", "DEU", "UK", ""] {
        let cases = vec![(address(bad), "invalid_value", "shippingAddress.countryCode")];
        are_refused(&shop, cases).await;
    }
    for good in ["DE", "GB", "US"] {
        shop.placed(good, &address(good)).await;
    }
}

async fn put_stock(shop: &Shop, sku: &str, body: &Value) -> Answer {
    let path = format!("/v1/stock/{sku}");
    shop.ask(Method::PUT, &path, body).await
}

#[tokio::test]
async fn a_whole_number_is_the_same_in_every_spelling() {
    let shop = Shop::open(NEVER).await;
    let order = |quantity: &str| {
        let text = small("a", 7)
            .to_string()
            .replace(":7", &format!(":{quantity}"));
        serde_json::from_str::<Value>(&text).expect("JSON")
    };
    for (n, quantity) in ["2", "2.0", "2e0", "20e-1"].iter().enumerate() {
        let made = shop.placed(&format!("k-{n}"), &order(quantity)).await;
        assert_eq!(made["lines"][0]["quantity"], 2, "{quantity}");
    }
    let row = put_stock(&shop, "b", &json!({"onHand": 5.0, "safety": 1.0})).await;
    assert_eq!(row.status, 200, "{}", row.text());
    let row = put_stock(&shop, "b", &json!({"delta": -2.0})).await;
    let row: Value = row.json();
    assert_eq!((&row["onHand"], &row["safety"]), (&json!(3), &json!(1)));
    for (body, field) in [
        (json!({"onHand": 5.5}), "onHand"),
        (json!({"onHand": "5"}), "onHand"),
        (json!({"delta": 1e30}), "delta"),
        (json!({"onHand": 5, "safety": true}), "safety"),
    ] {
        let answer = put_stock(&shop, "b", &body).await;
        let problem: Value = answer.json();
        assert_eq!(
            (problem["code"].as_str(), problem["field"].as_str()),
            (Some("wrong_type"), Some(field)),
            "{body}: {problem}"
        );
        let detail = problem["detail"].as_str().expect("a detail");
        assert!(
            detail.starts_with("expected a whole number; found "),
            "{detail}"
        );
    }
}
