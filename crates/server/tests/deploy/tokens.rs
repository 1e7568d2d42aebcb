//! Requests whose tokens are refused are counted by the reason, and their share raises an alert.

use http::Method;
use serde_json::json;
use waybill_testkit::http::Client;
use waybill_testkit::server::{Start, Waybill};
use waybill_testkit::token;

use super::WAYBILL;
use super::rules::named;
use super::scrape::Scrape;

const REFUSED: &str = "waybill_tokens_refused_total";

/// Asks for the orders with this token.
async fn asks(app: &Waybill, token: &str) -> u16 {
    let mut client = Client::new(app.address()).with_token(token);
    let answer = client.send(Method::GET, "/v1/orders", &[], Vec::new().into());
    answer.await.expect("it answers").status.as_u16()
}

#[tokio::test]
async fn refused_tokens_are_counted_by_reason_and_their_share_raises_an_alert() {
    let rule = named("WaybillTokensRefused");
    let app = Start::demo(WAYBILL).ready().await.expect("ready");
    let share = |scrape: &Scrape| {
        let missing = scrape.sum(REFUSED, "reason=\"missing\"");
        (scrape.sum(REFUSED, "") - missing) / scrape.sum("waybill_http_requests_total", "")
    };
    let good = token::demo_for("default", "shop");
    let expired = json!({"clientId": "shop", "scope": "admin", "exp": 1});
    let header = json!({"alg": "HS256", "typ": "JWT"});
    let expired = token::sign(&header, &expired, token::DEMO_SECRET.as_bytes());
    for _ in 0..20 {
        assert_eq!(asks(&app, &good).await, 200);
    }
    let before = Scrape::of(&app).await;
    assert!(!rule.is_crossed_by(share(&before)), "{}", share(&before));
    let (signed, _) = good.rsplit_once('.').expect("a signature");
    let tampered = format!("{signed}.c2lnbmF0dXJl");
    for _ in 0..5 {
        assert_eq!(asks(&app, &expired).await, 401);
        assert_eq!(asks(&app, &tampered).await, 401);
        assert_eq!(asks(&app, "no-token").await, 401);
    }
    let after = Scrape::of(&app).await;
    for reason in ["expired", "bad_signature", "malformed"] {
        let label = format!("reason=\"{reason}\"");
        assert!((after.one(REFUSED, &label) - 5.0).abs() < 0.1, "{reason}");
    }
    assert!(rule.is_crossed_by(share(&after)), "{}", share(&after));
}
