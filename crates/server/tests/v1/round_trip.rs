//! What is sent comes back: every field, every amount, now and again.

use bytes::Bytes;
use http::Method;
use serde_json::{Value, json};

use crate::shop::{NEVER, Shop, id, small};

/// Three lines, both addresses, taxes, metadata; about two kilobytes.
fn full() -> Value {
    let address = |street: &str| {
        json!({"name": "Annegret Mustermann", "company": "Mustermann & Töchter GmbH", "address1": street, "address2": null,
            "city": "Ulm an der Donau", "region": "Baden-Württemberg", "postalCode": "89073", "countryCode": "DE"})
    };
    let line = |sku: &str, quantity: u64, price: &str, discount: Value, tax: &str| {
        json!({"sku": sku, "name": format!("Becher mit Henkel, {sku}"), "quantity": quantity, "unitPrice": price, "discount": discount,
            "tax": tax, "requiresShipping": true, "metadata": {"engraving": "Für Karla", "shelf": ["A", 17]}})
    };
    json!({
        "orderNumber": "SHOP-2026-0017", "clientReference": "web-8812", "channel": "web", "currency": "EUR",
        "replacesOrderId": null, "placedAt": "2026-05-04T10:00:00.123456Z", "promisedBy": "2026-05-09T00:00:00Z",
        "customer": {"id": "c-17", "email": "a@example.org", "phone": "+49 731 5550", "locale": "de-DE"},
        "shippingAddress": address("Lange Straße 1"), "billingAddress": address("Postfach 7"),
        "deliveryMethod": {"code": "dhl", "name": "DHL Paket", "serviceLevel": "standard"},
        "lines": [line("MUG-1", 2, "12.90", json!("1.00"), "3.96"), line("POT-3", 3, "0.333333", Value::Null, "0.16"), line("MUG-1", 1, "0.00", Value::Null, "0.00")],
        "shippingLines": [{"code": "std", "price": "4.90", "tax": "0.78"}], "fees": [{"code": "gift", "price": "2.50", "tax": null}],
        "taxIncluded": true, "total": "33.20", "paymentStatus": "paid", "paymentReference": "pi_1",
        "holds": ["fraud_review"], "allocationPolicy": "reject",
        "metadata": "METADATA", "notes": "Bitte bei der Nachbarin abgeben."
    })
}

/// Metadata in an order and a spelling that no JSON library would choose.
const METADATA: &str = r#"{"zeta": 1.50, "campaign":"spring-2026",  "a":[1e2, {"b":null}], "campaign2":"Frühling \u00fc"}"#;

/// Every member that was sent stands in the answer with the same value.
fn assert_holds(sent: &Value, shown: &Value, path: &str) {
    match sent {
        Value::Object(members) => {
            for (name, value) in members {
                assert_holds(value, &shown[name], &format!("{path}.{name}"));
            }
        }
        Value::Array(items) => {
            assert_eq!(items.len(), shown.as_array().map_or(0, Vec::len), "{path}");
            for (index, item) in items.iter().enumerate() {
                assert_holds(item, &shown[index], &format!("{path}[{index}]"));
            }
        }
        other => assert_eq!(other, shown, "{path}"),
    }
}

#[tokio::test]
async fn a_full_order_comes_back_with_every_amount_and_field_exact() {
    let shop = Shop::open(NEVER).await;
    shop.stocked("MUG-1", 10).await;
    let text = full().to_string().replace("\"METADATA\"", METADATA);
    assert!(text.len() > 1_700, "{} bytes", text.len());
    let headers = [("idempotency-key", "k-1")];
    let mut client = shop.client("default", "admin");
    let body = Bytes::from(text.clone());
    let answer = client
        .send(Method::POST, "/v1/orders", &headers, body)
        .await;
    let answer = answer.expect("an answer");
    assert_eq!(answer.status, 201, "{}", answer.text());
    let mut sent: Value = serde_json::from_str(&text).expect("JSON");
    let made: Value = answer.json();
    assert_eq!(
        answer.header("location"),
        Some(format!("/v1/orders/{}", id(&made)).as_str())
    );
    assert_eq!(answer.header("etag"), Some("\"2\""));
    assert_eq!(
        (&made["status"], &made["version"]),
        (&json!("confirmed"), &json!(2))
    );
    assert_eq!(made["holds"][0]["reason"], "fraud_review");
    sent.as_object_mut().expect("an object").remove("holds");
    assert_holds(&sent, &made, "order");
    let kept = format!("\"metadata\":{METADATA}");
    assert!(answer.text().contains(&kept), "metadata as it was written");
    let lines = made["lines"].as_array().expect("lines");
    let told: Vec<_> = lines
        .iter()
        .map(|l| (&l["id"], &l["ordered"], &l["reserved"], &l["vendor"]))
        .collect();
    assert_eq!(
        told[0],
        (&json!("1"), &json!(2), &json!(2), &json!("local"))
    );
    assert_eq!(told[1].3, "inventory");

    for name in [
        id(&made),
        "number:SHOP-2026-0017".into(),
        "ref:web-8812".into(),
    ] {
        let read = shop.get(&format!("/v1/orders/{name}")).await;
        assert_eq!(read.status, 200, "{name}: {}", read.text());
        assert_holds(&sent, &read.json(), &name);
    }
}

#[tokio::test]
async fn only_what_is_required_is_enough_and_the_rest_is_null() {
    let shop = Shop::open(NEVER).await;
    let made = shop
        .placed(
            "k",
            &json!({"currency": "JPY", "lines": [{"sku": "a", "quantity": 3, "unitPrice": 12.5}]}),
        )
        .await;
    // 37.5 yen are rounded half to even, once.
    assert_eq!(
        (&made["total"], &made["lines"][0]["unitPrice"]),
        (&json!("38"), &json!("12.5"))
    );
    for name in [
        "clientReference",
        "customer",
        "shippingAddress",
        "metadata",
        "notes",
        "placedAt",
        "cancelReason",
    ] {
        assert_eq!(made.get(name), Some(&Value::Null), "{name}");
    }
    assert_eq!(
        (&made["shippingLines"], &made["fees"], &made["shipments"]),
        (&json!([]), &json!([]), &json!([]))
    );
    assert_eq!(made["lines"][0]["requiresShipping"], true);
}

#[tokio::test]
async fn the_same_key_gives_the_first_answer_again_also_after_later_changes() {
    let shop = Shop::open(NEVER).await;
    let first = shop.place("k", &small("a", 2)).await;
    let made: Value = first.json();
    let cancelled = shop
        .post(
            &format!("/v1/orders/{}/cancel", id(&made)),
            &json!({"reason": "slip"}),
        )
        .await;
    assert!(cancelled.status.is_success(), "{}", cancelled.text());
    let again = shop.place("k", &small("a", 2)).await;
    assert_eq!(
        (again.status.as_u16(), again.header("idempotent-replayed")),
        (201, Some("true"))
    );
    assert_eq!(
        (again.text(), again.header("etag")),
        (first.text(), first.header("etag"))
    );
    assert_eq!(first.header("idempotent-replayed"), None);

    let other = shop.place("k", &small("a", 3)).await;
    let problem: Value = other.json();
    assert_eq!(
        (other.status.as_u16(), &problem["code"]),
        (422, &json!("idempotency_key_reused"))
    );
}

#[tokio::test]
async fn a_reference_or_number_stands_for_one_order_and_needs_no_key() {
    let shop = Shop::open(NEVER).await;
    let with = |name: &str, quantity: u64| {
        let mut order = small("a", quantity);
        order[name] = json!("mine-1");
        order
    };
    for (name, code) in [
        ("clientReference", "reference_taken"),
        ("orderNumber", "number_taken"),
    ] {
        let first: Value = shop
            .ask(Method::POST, "/v1/orders", &with(name, 1))
            .await
            .json();
        let again = shop.ask(Method::POST, "/v1/orders", &with(name, 1)).await;
        assert_eq!(
            (again.status.as_u16(), again.header("idempotent-replayed")),
            (201, Some("true")),
            "{name}"
        );
        let other = shop.ask(Method::POST, "/v1/orders", &with(name, 2)).await;
        let problem: Value = other.json();
        assert_eq!(
            (other.status.as_u16(), &problem["code"], &problem["orderId"]),
            (409, &json!(code), &first["id"])
        );
    }
}
