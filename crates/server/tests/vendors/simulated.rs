//! `POST /v1/sourcing/simulate`: what an order would draw on, without an order.

use http::Method;
use serde_json::{Value, json};

use super::market::{Market, SKU};

const PATH: &str = "/v1/sourcing/simulate";

async fn simulated(market: &Market, lines: &[(&str, i64)]) -> (u16, Value) {
    let line = |(sku, quantity): &(&str, i64)| json!({"sku": sku, "quantity": quantity});
    let body = json!({"lines": lines.iter().map(line).collect::<Vec<_>>()});
    market.shop.send(Method::POST, PATH, &body).await
}

#[tokio::test]
async fn it_says_what_an_order_would_draw_on_and_reserves_nothing() {
    let market = Market::open(&[], &[("North", 4), ("South", 9)], false).await;
    let before = market.shop.get("/v1/stock?limit=100").await;
    let (status, of_one) = simulated(&market, &[(SKU, 5)]).await;
    let part =
        |vendor, quantity| json!({"line": "1", "sku": SKU, "vendor": vendor, "quantity": quantity});
    assert_eq!((status, &of_one["possible"]), (200, &json!(true)));
    assert_eq!(of_one["parts"], json!([part("South", 5)]));
    assert_eq!(of_one["reason"], "only South has all of it");
    let (_, of_two) = simulated(&market, &[(SKU, 12)]).await;
    assert_eq!(of_two["parts"], json!([part("North", 4), part("South", 8)]));
    let (status, short) = simulated(&market, &[(SKU, 10), (SKU, 4)]).await;
    assert_eq!((status, &short["possible"]), (200, &json!(false)));
    let shortage = json!([{"sku": SKU, "requested": 14, "available": 13}]);
    assert_eq!(
        (&short["shortages"], &short["parts"]),
        (&shortage, &json!([]))
    );
    assert_eq!(market.shop.get("/v1/stock?limit=100").await, before);
}

#[tokio::test]
async fn what_cannot_be_ordered_is_refused_by_field() {
    let market = Market::open(&[], &[], false).await;
    for (lines, field) in [
        (json!([]), "lines"),
        (json!([{"sku": "", "quantity": 1}]), "lines[0].sku"),
        (json!([{"sku": "A", "quantity": 0}]), "lines[0].quantity"),
        (json!([{"sku": "A", "quantity": 1.5}]), "lines[0].quantity"),
        (json!([{"sku": "A"}]), "lines[0].quantity"),
    ] {
        let body = json!({"lines": lines});
        let (status, answer) = market.shop.send(Method::POST, PATH, &body).await;
        assert!((400..500).contains(&status), "{answer}");
        assert_eq!(answer["field"], field, "{answer}");
    }
    let (status, _) = market
        .shop
        .send(Method::POST, PATH, &json!({"line": []}))
        .await;
    assert!((400..500).contains(&status), "{status}");
}
