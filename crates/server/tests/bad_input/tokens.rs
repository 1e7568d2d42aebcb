//! Tokens that prove nothing.

use serde_json::{Value, json};
use waybill_testkit::http::Client;
use waybill_testkit::token::{DEMO_SECRET, base64url, sign};

use super::{assert_unharmed, code, ready, send};

const ORDER: &str = r#"{"customerId":"c","items":[{"productId":"p","quantity":1,"price":1}]}"#;
const V1_ORDER: &str =
    r#"{"currency":"USD","lines":[{"sku":"p","quantity":1,"unitPrice":"1.00"}]}"#;

/// Name, token, and the code that `/v1` gives it.
#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn bad_tokens() -> Vec<(&'static str, String, &'static str)> {
    let header = json!({"alg":"HS256","typ":"JWT"});
    let claims = json!({"sub":"mallory","scope":"admin"});
    let signed = |header: &Value, claims: &Value| sign(header, claims, DEMO_SECRET.as_bytes());
    let unsigned = |alg: &str| {
        let part = |value: Value| base64url(value.to_string().as_bytes());
        format!(
            "{}.{}.",
            part(json!({"alg":alg,"typ":"JWT"})),
            part(claims.clone())
        )
    };
    vec![
        ("nonsense", "nonsense".into(), "token_malformed"),
        ("three dots", "...".into(), "token_malformed"),
        ("alg none", unsigned("none"), "token_malformed"),
        ("alg None", unsigned("None"), "token_malformed"),
        ("no signature", unsigned("HS256"), "token_bad_signature"),
        (
            "alg none, signed",
            signed(&json!({"alg":"none"}), &claims),
            "token_malformed",
        ),
        (
            "alg HS512",
            signed(&json!({"alg":"HS512"}), &claims),
            "token_malformed",
        ),
        (
            "alg RS256",
            signed(&json!({"alg":"RS256"}), &claims),
            "token_malformed",
        ),
        (
            "another secret",
            sign(&header, &claims, b"0123456789abcdef0123456789abcdef"),
            "token_bad_signature",
        ),
        (
            "expired",
            signed(&header, &json!({"sub":"s","exp":1_000_000_000})),
            "token_expired",
        ),
        (
            "exp a text",
            signed(&header, &json!({"sub":"s","exp":"never"})),
            "token_malformed",
        ),
        (
            "not yet",
            signed(&header, &json!({"sub":"s","nbf":32_503_680_000_i64})),
            "token_not_yet_valid",
        ),
        (
            "another issuer",
            signed(&header, &json!({"sub":"s","iss":"elsewhere"})),
            "token_wrong_issuer",
        ),
        (
            "another audience",
            signed(&header, &json!({"sub":"s","aud":"elsewhere"})),
            "token_wrong_audience",
        ),
        (
            "nobody",
            signed(&header, &json!({"scope":"admin"})),
            "token_missing_claim",
        ),
        (
            "an unknown kid",
            signed(&json!({"alg":"HS256","kid":"x"}), &claims),
            "token_unknown_key",
        ),
        (
            "10 kB",
            signed(&header, &json!({"sub":"s".repeat(10_000)})),
            "token_too_large",
        ),
    ]
}

#[tokio::test]
async fn a_token_that_proves_nothing_makes_no_order() {
    let mut app = ready().await;
    for (name, token, v1_code) in bad_tokens() {
        let mut client = Client::new(app.address()).with_token(&token);
        let sales = send(&mut client, "/api/orders", ORDER).await;
        assert_eq!(
            (sales.status.as_u16(), code(&sales)),
            (403, "Forbidden".to_owned()),
            "{name}"
        );
        let v1 = send(&mut client, "/v1/orders", V1_ORDER).await;
        assert_eq!(
            (v1.status.as_u16(), code(&v1)),
            (401, v1_code.to_owned()),
            "{name}: {}",
            v1.text()
        );
    }
    let mut nobody = Client::new(app.address());
    let v1 = send(&mut nobody, "/v1/orders", V1_ORDER).await;
    assert_eq!(
        (v1.status.as_u16(), code(&v1)),
        (401, "token_missing".to_owned())
    );
    assert!(v1.header("www-authenticate").is_some());
    let good = send(&mut app.client(), "/api/orders", ORDER).await;
    assert_eq!(good.status, 201);
    assert_unharmed(&mut app, 1).await;
}
