//! `/auth`: tokens by client and secret, and what they stand for.

use bytes::Bytes;
use http::Method;
use serde_json::{Value, json};
use waybill_testkit::http::{Answer, Client};
use waybill_testkit::server::Start;
use waybill_testkit::token::{self, base64url};

use super::{demo, example, post};

const TOKEN: &str = "/auth/token";
const INTROSPECT: &str = "/auth/introspect";
const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

fn asked() -> Value {
    json!({"client_id": "demo-client", "client_secret": "demo-secret", "grant_type": "client_credentials"})
}

fn without(name: &str) -> Value {
    let mut asked = asked();
    asked.as_object_mut().expect("an object").remove(name);
    asked
}

fn with(name: &str, value: Value) -> Value {
    let mut asked = asked();
    asked[name] = value;
    asked
}

async fn form(client: &mut Client, headers: &[(&str, &str)], body: &str) -> Answer {
    let headers = [&[FORM], headers].concat();
    let body = Bytes::from(body.to_owned());
    client
        .send(Method::POST, TOKEN, &headers, body)
        .await
        .expect("an answer")
}

/// The status and code of a refusal, which is not kept by caches and says what is wrong.
fn refusal(answer: &Answer) -> (u16, String) {
    let body: Value = answer.json();
    assert!(body["error_description"].is_string(), "{body}");
    assert_eq!(answer.header("cache-control"), Some("no-store"), "{body}");
    let error = body["error"].as_str().unwrap_or_default();
    (answer.status.as_u16(), error.to_owned())
}

#[tokio::test]
async fn each_demo_client_gets_a_token_that_places_orders() {
    let app = demo().ready().await.expect("ready");
    for name in ["demo-client", "test-client", "order-app"] {
        let mut client = Client::new(app.address());
        let answer = post(&mut client, TOKEN, &[], &with("client_id", json!(name))).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        let given: Value = answer.json();
        let expected = json!({
            "access_token": given["access_token"], "token_type": "Bearer", "expires_in": 86400,
            "scope": "order:create order:read",
        });
        assert_eq!(given, expected);
        let token = given["access_token"].as_str().expect("a token");
        let mut shop = Client::new(app.address()).with_token(token);
        let order = post(&mut shop, super::ORDERS, &[], &example()).await;
        assert_eq!(order.status, 201, "{}", order.text());
        let inspected = post(&mut client, INTROSPECT, &[], &json!({"token": token})).await;
        let told: Value = inspected.json();
        let (exp, iat) = (told["exp"].as_i64(), told["iat"].as_i64());
        let expected = json!({"active": true, "client_id": name, "exp": exp, "iat": iat, "scope": "order:create order:read"});
        assert_eq!(told, expected);
        assert_eq!(exp.zip(iat).map(|(exp, iat)| exp - iat), Some(86_400));
    }
}

#[tokio::test]
async fn a_token_has_the_claims_that_older_services_read() {
    let app = demo().env("JWT_EXPIRES_IN", "2h").ready();
    let app = app.await.expect("ready");
    let mut client = Client::new(app.address());
    let asked = with("scope", json!("order:read shipment:read"));
    let given: Value = post(&mut client, TOKEN, &[], &asked).await.json();
    assert_eq!(
        (&given["expires_in"], &given["scope"]),
        (&json!(7_200), &json!("order:read shipment:read"))
    );
    let token = given["access_token"].as_str().expect("a token");
    let claims = token.split('.').nth(1).expect("three parts");
    for claim in [
        r#""iss":"order-processing-system""#,
        r#""aud":"order-api""#,
        r#""clientId":"demo-client""#,
    ] {
        // The claim's text begins at one of three places of a group of base64.
        let found = (0..3).any(|shift| {
            let shifted = format!("{}{claim}", "x".repeat(shift));
            let encoded = base64url(shifted.as_bytes());
            claims.contains(&encoded[4..encoded.len() - 4])
        });
        assert!(found, "no {claim}");
    }
}

#[tokio::test]
async fn forms_and_basic_headers_are_taken_as_the_rfc_says() {
    let app = demo().ready().await.expect("ready");
    let mut client = Client::new(app.address());
    let basic = |both: &str| {
        let encoded = base64url(both.as_bytes());
        let padding = "=".repeat((4 - encoded.len() % 4) % 4);
        format!("Basic {encoded}{padding}")
    };
    let good = basic("demo-client:demo-secret");
    let header = [("authorization", good.as_str())];
    let grant = "grant_type=client_credentials";
    let in_body =
        format!("{grant}&client_id=demo-client&client_secret=demo%2Dsecret&scope=order%3Aread");
    let given = form(&mut client, &[], &in_body).await;
    assert_eq!(given.status, 200, "{}", given.text());
    assert_eq!(given.json::<Value>()["scope"], "order:read");
    assert_eq!(form(&mut client, &header, grant).await.status, 200);
    let in_json = json!({"grant_type": "client_credentials"});
    let json = post(&mut client, TOKEN, &header, &in_json).await;
    assert_eq!(json.status, 200, "{}", json.text());
    let wrong = basic("demo-client:wrong");
    let wrong = [("authorization", wrong.as_str())];
    let no_basic = [("authorization", "Basic x")];
    let a_token = [("authorization", "Bearer x")];
    for (headers, body, status, error) in [
        (&wrong[..], grant, 401, "invalid_client"),
        (&[], grant, 401, "invalid_client"),
        (&no_basic, grant, 400, "invalid_request"),
        (&a_token, grant, 401, "invalid_client"),
        (
            &header,
            "grant_type=password",
            400,
            "unsupported_grant_type",
        ),
        (&header, "", 400, "invalid_request"),
        (
            &header,
            "grant_type=client_credentials&scope=admin",
            400,
            "invalid_scope",
        ),
        (
            &header,
            "grant_type=client_credentials&scope=nonsense",
            400,
            "invalid_scope",
        ),
        (
            &header,
            "grant_type=client_credentials&client_secret=demo-secret",
            400,
            "invalid_request",
        ),
        (
            &header,
            "grant_type=client_credentials&scope=a&scope=b",
            400,
            "invalid_request",
        ),
    ] {
        let answer = form(&mut client, headers, body).await;
        assert_eq!(refusal(&answer), (status, error.to_owned()), "{body}");
        let challenge = answer.header("www-authenticate");
        assert_eq!(challenge.is_some(), status == 401, "{body}: {challenge:?}");
    }
}

#[tokio::test]
async fn what_is_wrong_in_json_is_an_invalid_request() {
    let app = demo().ready().await.expect("ready");
    let mut client = Client::new(app.address());
    for body in [
        without("client_id"),
        without("client_secret"),
        without("grant_type"),
        with("grant_type", json!("password")),
        with("client_id", json!(7)),
        with("client_id", json!("")),
        with("scope", json!("admin")),
        json!([]),
        json!("x"),
    ] {
        let answer = post(&mut client, TOKEN, &[], &body).await;
        assert_eq!(
            refusal(&answer),
            (400, "invalid_request".to_owned()),
            "{body}"
        );
    }
    for (headers, body, status) in [
        (&[][..], "{".to_owned(), 400),
        (&[], String::new(), 400),
        (
            &[],
            format!("{{\"client_id\":\"{}\"}}", "x".repeat(140_000)),
            413,
        ),
        (&[("content-type", "text/plain")], "x".into(), 415),
    ] {
        let sent = client.send(Method::POST, TOKEN, headers, body.into()).await;
        let answer = sent.expect("an answer");
        assert_eq!(refusal(&answer), (status, "invalid_request".to_owned()));
    }
}

#[tokio::test]
async fn an_unknown_client_and_a_wrong_secret_get_the_same_answer() {
    let app = demo().ready().await.expect("ready");
    let mut client = Client::new(app.address());
    let mut told = vec![];
    for body in [
        with("client_id", json!("stranger")),
        with("client_secret", json!("wrong")),
    ] {
        let answer = post(&mut client, TOKEN, &[], &body).await;
        assert_eq!(refusal(&answer), (401, "invalid_client".to_owned()));
        told.push(answer.text());
    }
    assert_eq!(told[0], told[1]);
}

#[tokio::test]
async fn an_address_that_asks_too_often_is_refused_right_or_wrong() {
    let app = demo().env("WAYBILL_AUTH__TOKEN_REQUESTS_PER_MINUTE", "2");
    let app = app.ready().await.expect("ready");
    let mut client = Client::new(app.address());
    for _ in 0..2 {
        let wrong = post(&mut client, TOKEN, &[], &with("client_secret", json!("x"))).await;
        assert_eq!(wrong.status, 401);
    }
    let answer = post(&mut client, TOKEN, &[], &asked()).await;
    assert_eq!(
        refusal(&answer),
        (429, "temporarily_unavailable".to_owned())
    );
    assert!(answer.header("retry-after").is_some());
    let answer = post(&mut client, INTROSPECT, &[], &json!({"token": "x"})).await;
    assert_eq!(answer.status, 429, "the two share the limit");
}

#[tokio::test]
async fn a_token_that_is_not_good_is_not_active() {
    let app = demo().ready().await.expect("ready");
    let mut client = Client::new(app.address());
    let old = token::sign(
        &json!({"alg": "HS256", "typ": "JWT"}),
        &json!({"clientId": "c", "exp": 1}),
        token::DEMO_SECRET.as_bytes(),
    );
    for token in ["nonsense", &old] {
        let answer = post(&mut client, INTROSPECT, &[], &json!({"token": token})).await;
        assert_eq!(answer.json::<Value>(), json!({"active": false}));
    }
    for body in [json!({}), json!({"token": ""})] {
        let answer = post(&mut client, INTROSPECT, &[], &body).await;
        assert_eq!(
            (answer.status.as_u16(), answer.json::<Value>()),
            (400, json!({"error": "Missing token"}))
        );
    }
}

#[tokio::test]
async fn outside_demo_there_is_no_client_and_inspection_needs_one() {
    let start = Start::standard(env!("CARGO_BIN_EXE_waybill"), "api");
    let mut app = start
        .as_in(env!("CARGO_CRATE_NAME"))
        .prepared()
        .expect("prepared");
    app.migrate().await.expect("migrated");
    app.start().await.expect("ready");
    let mut client = Client::new(app.address());
    let answer = post(&mut client, TOKEN, &[], &asked()).await;
    assert_eq!(refusal(&answer), (401, "invalid_client".to_owned()));
    let answer = post(&mut client, INTROSPECT, &[], &json!({"token": "x"})).await;
    assert_eq!(refusal(&answer), (400, "invalid_request".to_owned()));
    let mut with_secret = asked();
    with_secret["token"] = json!("x");
    let answer = post(&mut client, INTROSPECT, &[], &with_secret).await;
    assert_eq!(refusal(&answer), (401, "invalid_client".to_owned()));
}
