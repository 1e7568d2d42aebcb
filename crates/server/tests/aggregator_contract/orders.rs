//! Placing orders and reading them, and what vendors give for them.

use serde_json::{Value, json};

use super::{Market, ORDERS, PATIENCE, demo, guest, id, order, placed, post, reaches, read};

#[tokio::test]
async fn an_order_is_answered_field_by_field_and_read_the_same() {
    let market = Market::open().await;
    let mut client = guest(&market.app);
    let address = json!({"street": "1 Main St", "city": "Springfield", "state": "IL", "zipCode": "62701", "country": "United States"});
    let sent = json!({
        "customerId": "customer-123", "customerEmail": "a@example.org",
        "items": [{"sku": "MOUSE-001", "quantity": 2, "unitPrice": 80.5}, {"sku": "LAPTOP-001", "quantity": 1}],
        "shippingAddress": address, "paymentMethod": "credit_card", "notes": "Ring twice",
    });
    let taken = placed(&mut client, &sent).await;
    assert_eq!(
        (
            &taken["status"],
            &taken["customerId"],
            &taken["customerEmail"]
        ),
        (
            &json!("pending"),
            &json!("customer-123"),
            &json!("a@example.org")
        )
    );
    assert!(
        taken["orderNumber"]
            .as_str()
            .is_some_and(|number| number.starts_with("WB-"))
    );
    assert_eq!(taken["total"], json!(1460.99));
    assert_eq!(taken["shippingAddress"], address);
    assert_eq!(taken["createdAt"], taken["updatedAt"]);
    assert_eq!(
        taken["items"],
        json!([
            {"sku": "MOUSE-001", "quantity": 2, "unitPrice": 80.5, "vendor": "VendorA"},
            {"sku": "LAPTOP-001", "quantity": 1, "unitPrice": 1299.99, "vendor": "VendorA"},
        ])
    );
    let confirmed = reaches(&mut client, id(&taken), "confirmed").await;
    for same in [
        "id",
        "orderNumber",
        "items",
        "total",
        "shippingAddress",
        "createdAt",
    ] {
        assert_eq!(confirmed[same], taken[same], "{same}");
    }
    let canonical = market
        .app
        .client()
        .get(&format!("/v1/orders/{}", id(&taken)))
        .await;
    let canonical: Value = canonical.expect("an answer").json();
    assert_eq!(
        canonical["metadata"],
        json!({"paymentMethod": "credit_card"})
    );
    assert_eq!(canonical["notes"], "Ring twice");
    assert_eq!(canonical["shippingAddress"]["countryCode"], "United States");
}

#[tokio::test]
async fn twelve_units_come_from_ten_and_five() {
    let market = Market::open().await;
    let mut client = guest(&market.app);
    let taken = placed(&mut client, &order("LAPTOP-001", 12)).await;
    let split = json!([{
        "sku": "LAPTOP-001", "quantity": 12, "unitPrice": 1299.99, "vendor": "VendorA",
        "vendors": [{"vendor": "VendorA", "quantity": 10}, {"vendor": "VendorB", "quantity": 2}],
    }]);
    assert_eq!(
        (&taken["items"], &taken["total"]),
        (&split, &json!(15599.88))
    );
    let confirmed = reaches(&mut client, id(&taken), "confirmed").await;
    assert_eq!(confirmed["items"], split);
    assert_eq!(market.at_vendors("LAPTOP-001").await, [0, 3]);

    let answer = post(&mut client, ORDERS, &[], &order("LAPTOP-001", 4)).await;
    assert_eq!(
        super::refusal(&answer),
        (400, "Insufficient stock for LAPTOP-001".into())
    );
    let last = placed(&mut client, &order("LAPTOP-001", 3)).await;
    assert_eq!(last["items"][0]["vendor"], "VendorB");
    reaches(&mut client, id(&last), "confirmed").await;
    assert_eq!(market.at_vendors("LAPTOP-001").await, [0, 0]);
    let report = market.app.verify().await.expect("it can be verified");
    assert!(report.ok, "{:?}", report.findings);
}

#[tokio::test]
async fn a_split_order_is_still_split_when_it_has_arrived() {
    let market = Market::of(demo().delivering_within_ms("0")).await;
    let mut client = guest(&market.app);
    let taken = placed(&mut client, &order("LAPTOP-001", 12)).await;
    let arrived = reaches(&mut client, id(&taken), "completed").await;
    assert_eq!(arrived["items"], taken["items"]);
    assert_ne!(arrived["updatedAt"], taken["updatedAt"]);
}

/// A vendor that sold its last units to others refuses; the order goes on with another, or fails.
#[tokio::test]
async fn what_a_vendor_refuses_comes_from_another_or_fails_the_order() {
    let market = Market::open().await;
    let mut client = guest(&market.app);
    market.a.has("MOUSE-001", 0).await;
    let taken = placed(&mut client, &order("MOUSE-001", 20)).await;
    assert_eq!(taken["items"][0]["vendor"], "VendorB", "it has more");
    market.read_stock().await;
    market.b.has("KEYBOARD-001", 0).await;
    let taken = placed(&mut client, &order("KEYBOARD-001", 10)).await;
    assert_eq!(taken["items"][0]["vendor"], "VendorB");
    let confirmed = reaches(&mut client, id(&taken), "confirmed").await;
    assert_eq!(confirmed["items"][0]["vendor"], "VendorA");
    assert_eq!(confirmed["items"][0]["vendors"], Value::Null);
    market.a.has("LAPTOP-001", 0).await;
    market.b.has("LAPTOP-001", 0).await;
    let taken = placed(&mut client, &order("LAPTOP-001", 2)).await;
    reaches(&mut client, id(&taken), "failed").await;
}

#[tokio::test]
async fn prices_come_from_the_order_the_catalogue_or_are_nothing() {
    let app = demo()
        .delivering_within_ms("600000")
        .ready()
        .await
        .expect("ready");
    app.seed("MUG-1", 9).await.expect("counted");
    app.seed("SMARTPHONE-b-002", 9).await.expect("counted");
    let mut client = guest(&app);
    for (item, price, total) in [
        (json!({"sku": "MUG-1", "quantity": 2}), json!(0), json!(0)),
        (
            json!({"sku": "MUG-1", "quantity": 2, "unitPrice": null}),
            json!(0),
            json!(0),
        ),
        (
            json!({"sku": "MUG-1", "quantity": 2, "unitPrice": 12.9}),
            json!(12.9),
            json!(25.8),
        ),
        (
            json!({"sku": "SMARTPHONE-b-002", "quantity": 2}),
            json!(599.99),
            json!(1199.98),
        ),
        (
            json!({"sku": "SMARTPHONE-b-002", "quantity": 2, "unitPrice": 0}),
            json!(0),
            json!(0),
        ),
    ] {
        let taken = placed(&mut client, &json!({"customerId": "c", "items": [item]})).await;
        assert_eq!(
            (
                &taken["items"][0]["unitPrice"],
                &taken["total"],
                &taken["status"]
            ),
            (&price, &total, &json!("confirmed")),
            "{item}"
        );
        assert_eq!(taken["items"][0]["vendor"], "local");
        assert_eq!(
            (&taken["customerEmail"], &taken["shippingAddress"]),
            (&Value::Null, &Value::Null)
        );
    }
}

#[tokio::test]
async fn a_key_makes_one_order_and_its_first_answer_again() {
    let market = Market::open().await;
    let mut client = guest(&market.app);
    let key = [("Idempotency-Key", "k-1")];
    let first = post(&mut client, ORDERS, &key, &order("LAPTOP-001", 12)).await;
    assert_eq!(
        (first.status.as_u16(), first.header("idempotent-replayed")),
        (201, None)
    );
    let taken: Value = first.json();
    reaches(
        &mut client,
        taken["orderId"].as_str().expect("an id"),
        "confirmed",
    )
    .await;
    let again = post(&mut client, ORDERS, &key, &order("LAPTOP-001", 12)).await;
    assert_eq!(
        (again.status.as_u16(), again.header("idempotent-replayed")),
        (201, Some("true"))
    );
    assert_eq!(
        again.json::<Value>(),
        taken,
        "as it was when it was taken, split and pending"
    );
    let other = post(&mut client, ORDERS, &key, &order("LAPTOP-001", 1)).await;
    let (status, error) = super::refusal(&other);
    assert_eq!(status, 422);
    assert!(error.contains("IDEMPOTENCY_KEY_REUSED"), "{error}");
}

/// The words of this dialect for an order's statuses, on its way from the vendors to the customer.
#[tokio::test]
async fn an_order_goes_from_pending_to_completed() {
    let market = Market::of(demo().delivering_within_ms("200")).await;
    let mut client = guest(&market.app);
    let taken = placed(&mut client, &order("MOUSE-001", 1)).await;
    let begun = std::time::Instant::now();
    let mut seen = vec!["pending".to_owned()];
    while seen.last().is_none_or(|last| last != "completed") {
        let found = read(&mut client, id(&taken)).await;
        let status = found["status"].as_str().expect("a word").to_owned();
        if seen.last() != Some(&status) {
            seen.push(status);
        }
        assert!(begun.elapsed() < PATIENCE, "{seen:?}");
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    let known = ["pending", "confirmed", "processing", "completed"];
    let places: Vec<_> = seen
        .iter()
        .map(|word| known.iter().position(|k| k == word))
        .collect();
    assert!(
        places.iter().all(Option::is_some) && places.is_sorted(),
        "{seen:?}"
    );
}
