//! Commands: preconditions, cancelling, holds, manual steps of shipments, stock.

use http::Method;
use serde_json::{Value, json};

use crate::shop::{AT_ONCE, NEVER, Shop, id, small};

async fn first_shipment(shop: &Shop, order: &str) -> String {
    shop.follow(order, None)
        .await
        .until("shipment.created")
        .await;
    let page: Value = shop
        .get(&format!("/v1/shipments?orderId={order}"))
        .await
        .json();
    id(&page["items"][0])
}

#[tokio::test]
async fn a_change_of_another_version_is_refused_and_of_the_right_one_is_done() {
    let shop = Shop::open(NEVER).await;
    let mut order = small("a", 1);
    order["holds"] = json!(["manual"]);
    let order = id(&shop.placed("k", &order).await);
    let hold = format!("/v1/orders/{order}/holds");
    let body = json!({"reason": "fraud_review"});
    for (if_match, status, code) in [
        ("\"1\"", 412, "version_mismatch"),
        ("2", 400, "invalid_if_match"),
        ("W/\"2\"", 412, "version_mismatch"),
        ("\"1\", \"2-gzip\"", 412, "version_mismatch"),
    ] {
        let answer = shop
            .ask_with(Method::POST, &hold, &[("if-match", if_match)], &body)
            .await;
        let problem: Value = answer.json();
        assert_eq!(
            (answer.status.as_u16(), &problem["code"]),
            (status, &json!(code)),
            "{if_match}"
        );
    }
    let answer = shop
        .ask_with(Method::POST, &hold, &[("if-match", "\"1\", \"2\"")], &body)
        .await;
    assert_eq!(
        (answer.status.as_u16(), answer.header("etag")),
        (201, Some("\"3\""))
    );
}

#[tokio::test]
async fn a_hold_keeps_delivery_from_starting_until_it_is_released() {
    let shop = Shop::open(AT_ONCE).await;
    let mut order = small("a", 1);
    order["holds"] = json!(["fraud_review", {"reason": "manual"}]);
    let made = shop.placed("k", &order).await;
    let order = id(&made);
    // An order placed later goes all the way; the held one has not moved by then.
    let later = id(&shop.placed("later", &small("a", 1)).await);
    shop.follow(&later, None)
        .await
        .until("order.delivered")
        .await;
    let held: Value = shop.get(&format!("/v1/orders/{order}")).await.json();
    assert_eq!(
        (&held["status"], held["holds"].as_array().map(Vec::len)),
        (&json!("confirmed"), Some(2))
    );

    let mut follow = shop.follow(&order, None).await;
    for hold in made["holds"].as_array().expect("holds") {
        let path = format!("/v1/orders/{order}/holds/{}/release", id(hold));
        assert_eq!(shop.post(&path, &Value::Null).await.status, 200);
        assert_eq!(
            shop.post(&path, &Value::Null).await.status,
            200,
            "it is released already"
        );
    }
    follow.until("order.delivered").await;
    let answer = shop
        .post(
            &format!("/v1/orders/{order}/holds"),
            &json!({"reason": "manual"}),
        )
        .await;
    let problem: Value = answer.json();
    assert_eq!(
        (
            answer.status.as_u16(),
            &problem["code"],
            &problem["orderStatus"]
        ),
        (409, &json!("hold_too_late"), &json!("delivered"))
    );
    let text = answer.text();
    assert_eq!(
        text.matches("\"status\":").count(),
        1,
        "no member stands twice: {text}"
    );
    assert_eq!(problem["status"], 409);
}

#[tokio::test]
async fn a_cancelled_order_gives_its_stock_back_once_delivery_agrees() {
    let shop = Shop::open(NEVER).await;
    shop.stocked("MUG-1", 5).await;
    let order = id(&shop.placed("k", &small("MUG-1", 5)).await);
    let answer = shop
        .post(
            &format!("/v1/orders/{order}/cancel"),
            &json!({"reason": "changed my mind"}),
        )
        .await;
    assert_eq!(
        (answer.status.as_u16(), &answer.json::<Value>()["status"]),
        (202, &json!("cancelling"))
    );
    shop.follow(&order, None)
        .await
        .until("order.cancelled")
        .await;
    let read: Value = shop.get(&format!("/v1/orders/{order}")).await.json();
    assert_eq!(
        (&read["status"], &read["cancelReason"]),
        (&json!("cancelled"), &json!("changed my mind"))
    );
    assert_eq!(read["lines"][0]["cancelled"], 5);
    let stock: Value = shop.get("/v1/stock?sku=MUG-1").await.json();
    assert_eq!(
        (
            &stock["items"][0]["reserved"],
            &stock["items"][0]["available"]
        ),
        (&json!(0), &json!(5))
    );
    let again = shop
        .post(&format!("/v1/orders/{order}/cancel"), &Value::Null)
        .await;
    assert_eq!(
        (again.status.as_u16(), &again.json::<Value>()["status"]),
        (200, &json!("cancelled")),
        "it is cancelled already"
    );
}

#[tokio::test]
async fn delivery_refuses_a_cancellation_when_something_has_left() {
    let shop = Shop::open(NEVER).await;
    shop.stocked("MUG-1", 5).await;
    let mut order = small("MUG-1", 2);
    order["lines"]
        .as_array_mut()
        .expect("lines")
        .push(json!({"sku": "untracked", "quantity": 1, "unitPrice": "1.00"}));
    let order = id(&shop.placed("k", &order).await);
    let shipment = first_shipment(&shop, &order).await;
    let step = json!({"status": "shipped", "trackingNumber": "T-1", "carrier": "DHL"});
    assert_eq!(
        shop.post(&format!("/v1/shipments/{shipment}/status"), &step)
            .await
            .status,
        200
    );
    shop.follow(&order, None)
        .await
        .until("order.partially_shipped")
        .await;
    assert_eq!(
        shop.post(&format!("/v1/orders/{order}/cancel"), &Value::Null)
            .await
            .status,
        202
    );
    let mut follow = shop.follow(&order, None).await;
    follow.until("order.cancel_rejected").await;
    follow.until("order.shipped").await;
    let read: Value = shop.get(&format!("/v1/orders/{order}")).await.json();
    let shipped: Vec<_> = read["lines"]
        .as_array()
        .expect("lines")
        .iter()
        .map(|l| (l["shipped"].clone(), l["cancelled"].clone()))
        .collect();
    assert!(
        shipped.iter().any(|(s, c)| s != 0 && c == 0)
            && shipped.iter().any(|(s, c)| s == 0 && c != 0),
        "{shipped:?}"
    );
}

#[tokio::test]
async fn a_shipment_takes_the_steps_of_its_table_by_hand_and_no_others() {
    let shop = Shop::open(NEVER).await;
    let order = id(&shop.placed("k", &small("a", 1)).await);
    let shipment = first_shipment(&shop, &order).await;
    let path = format!("/v1/shipments/{shipment}/status");
    let refused = shop.post(&path, &json!({"status": "returned"})).await;
    let problem: Value = refused.json();
    assert_eq!(
        (refused.status.as_u16(), &problem["allowed"]),
        (409, &json!(["shipped", "cancelled", "failed"]))
    );
    for status in ["shipped", "delivery_failed", "shipped", "delivered"] {
        let answer = shop
            .post(&path, &json!({"status": status, "trackingNumber": "T-1"}))
            .await;
        let shown: Value = answer.json();
        assert_eq!(
            (
                answer.status.as_u16(),
                &shown["status"],
                &shown["trackingNumber"]
            ),
            (200, &json!(status), &json!("T-1"))
        );
    }
    shop.follow(&order, None)
        .await
        .until("order.delivered")
        .await;
    let list: Value = shop.get("/v1/shipments?status=delivered").await.json();
    assert_eq!(id(&list["items"][0]), shipment);
    let answer = shop.post(&path, &json!({"status": "lost"})).await;
    assert_eq!(answer.json::<Value>()["allowed"], json!([]));
    assert_eq!(
        shop.post(&path, &json!({"status": "SHIPPED"})).await.status,
        400
    );
}

#[tokio::test]
async fn stock_is_counted_or_moved_and_never_below_what_is_reserved() {
    let shop = Shop::open(NEVER).await;
    let put = async |headers: &[(&str, &str)], body: Value| {
        shop.ask_with(Method::PUT, "/v1/stock/MUG%2F1", headers, &body)
            .await
    };
    let row = put(&[], json!({"onHand": 10, "safety": 1, "reason": "counted"})).await;
    assert_eq!(
        (row.status.as_u16(), row.header("etag")),
        (200, Some("\"1\""))
    );
    let shown: Value = row.json();
    assert_eq!(
        (&shown["sku"], &shown["available"]),
        (&json!("MUG/1"), &json!(9))
    );
    shop.placed("k", &small("MUG/1", 4)).await;
    for (headers, body, status, code) in [
        (vec![], json!({"delta": -11}), 422, "stock_out_of_range"),
        (vec![], json!({"onHand": -1}), 422, "stock_out_of_range"),
        (
            vec![],
            json!({"onHand": 1, "delta": 1}),
            400,
            "invalid_value",
        ),
        (vec![], json!({"reason": "x"}), 400, "required"),
        (vec![], json!({"onhand": 5}), 400, "unknown_field"),
        (
            vec![("if-match", "\"7\"")],
            json!({"onHand": 20}),
            412,
            "version_mismatch",
        ),
    ] {
        let answer = put(&headers, body.clone()).await;
        let problem: Value = answer.json();
        assert_eq!(
            (answer.status.as_u16(), &problem["code"]),
            (status, &json!(code)),
            "{body}"
        );
    }
    let moved: Value = put(&[("if-match", "\"1\"")], json!({"delta": 5}))
        .await
        .json();
    assert_eq!(
        (&moved["onHand"], &moved["reserved"], &moved["available"]),
        (&json!(15), &json!(4), &json!(10))
    );
}
