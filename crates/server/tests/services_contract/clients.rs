//! Clients of the store at the token endpoint, on a server as it runs in earnest: what their secrets give, for how long,
//! and what wrong ones cost.

use std::net::SocketAddr;

use bytes::Bytes;
use http::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpSocket;
use waybill_testkit::http::{Answer, Client};
use waybill_testkit::server::{Start, Waybill};
use waybill_testkit::token::{self, base64url};

use super::{ORDERS, post};

const TOKEN: &str = "/auth/token";
const INTROSPECT: &str = "/auth/introspect";
const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");
const GRANT: &str = "grant_type=client_credentials";

fn earnest() -> Start {
    Start::standard(env!("CARGO_BIN_EXE_waybill"), "api").as_in(env!("CARGO_CRATE_NAME"))
}

async fn opened(start: Start) -> Waybill {
    let mut app = start.prepared().expect("prepared");
    app.migrate().await.expect("migrated");
    app.start().await.expect("ready");
    app
}

fn admin(app: &Waybill, tenant: &str) -> Client {
    let token = token::complete(tenant, "admin", token::FAR_AWAY);
    Client::new(app.address()).with_token(&token)
}

/// Makes a client of a tenant; its secret.
async fn made(app: &Waybill, tenant: &str, id: &str, scopes: &[&str]) -> String {
    let body = json!({"id": id, "scopes": scopes});
    secret(&post(&mut admin(app, tenant), "/v1/clients", &[], &body).await)
}

async fn rotated(app: &Waybill, id: &str) -> String {
    let path = format!("/v1/clients/{id}/rotate");
    secret(&post(&mut admin(app, "default"), &path, &[], &json!({})).await)
}

fn secret(answer: &Answer) -> String {
    let body: Value = answer.json();
    assert!(answer.status.is_success(), "{body}");
    body["secret"].as_str().expect("a secret").to_owned()
}

fn asking(id: &str, secret: &str) -> Value {
    json!({"client_id": id, "client_secret": secret, "grant_type": "client_credentials"})
}

async fn asked(address: SocketAddr, id: &str, secret: &str) -> Answer {
    post(&mut Client::new(address), TOKEN, &[], &asking(id, secret)).await
}

/// Asks for a token that must be given; the token.
async fn given(address: SocketAddr, id: &str, secret: &str) -> String {
    let answer = asked(address, id, secret).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let token = &answer.json::<Value>()["access_token"];
    token.as_str().expect("a token").to_owned()
}

/// The status and code of a refusal.
fn refusal(answer: &Answer) -> (u16, String) {
    let body: Value = answer.json();
    assert_eq!(answer.header("cache-control"), Some("no-store"), "{body}");
    let error = body["error"].as_str().unwrap_or_default();
    (answer.status.as_u16(), error.to_owned())
}

fn unknown() -> (u16, String) {
    (401, "invalid_client".to_owned())
}

async fn places_an_order(app: &Waybill, token: &str, customer: &str) {
    let mut client = Client::new(app.address()).with_token(token);
    let order = json!({"customer_id": customer, "items": [{"product_id": "MUG", "quantity": 1, "unit_price": 5}]});
    let answer = post(&mut client, ORDERS, &[], &order).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
}

async fn stocked(app: &Waybill) {
    let body = Bytes::from_static(b"{\"onHand\":100}");
    let mut admin = admin(app, "default");
    let sent = admin.send(Method::PUT, "/v1/stock/MUG", &[], body).await;
    assert_eq!(sent.expect("an answer").status, 200);
}

#[tokio::test]
async fn secrets_give_tokens_until_they_are_rotated_away_or_revoked() {
    let mut app = opened(earnest()).await;
    stocked(&app).await;
    let first = made(&app, "default", "shop", &["order:create", "order:read"]).await;
    let token = given(app.address(), "shop", &first).await;
    places_an_order(&app, &token, "c-1").await;

    let second = rotated(&app, "shop").await;
    for secret in [&first, &second] {
        let token = given(app.address(), "shop", secret).await;
        places_an_order(&app, &token, secret).await;
    }
    let third = rotated(&app, "shop").await;
    assert_eq!(
        refusal(&asked(app.address(), "shop", &first).await),
        unknown()
    );
    app.restart().await.expect("it starts again");
    assert_eq!(
        refusal(&asked(app.address(), "shop", &first).await),
        unknown()
    );
    for secret in [&second, &third] {
        given(app.address(), "shop", secret).await;
    }

    let revoke = "/v1/clients/shop/revoke";
    let older = json!({"oldSecretOnly": true});
    let ended = post(&mut admin(&app, "default"), revoke, &[], &older).await;
    assert_eq!(ended.status, 200, "{}", ended.text());
    assert_eq!(
        refusal(&asked(app.address(), "shop", &second).await),
        unknown()
    );
    given(app.address(), "shop", &third).await;
    let revoked = post(&mut admin(&app, "default"), revoke, &[], &json!({})).await;
    assert_eq!(revoked.status, 200, "{}", revoked.text());
    assert_eq!(
        refusal(&asked(app.address(), "shop", &third).await),
        unknown()
    );
    app.restart().await.expect("it starts again");
    assert_eq!(
        refusal(&asked(app.address(), "shop", &third).await),
        unknown()
    );
}

/// On the embedded store there is one process only.
#[tokio::test]
async fn a_second_process_knows_a_client_and_its_revocation_at_once() {
    let first = opened(earnest()).await;
    let Some(database) = first.database() else {
        return;
    };
    let binary = env!("CARGO_BIN_EXE_waybill");
    let second = Start::standard(binary, "api").on(&database.url());
    let second = second.ready().await.expect("ready");
    let secret = made(&first, "default", "shop", &["order:read"]).await;
    given(second.address(), "shop", &secret).await;
    let revoke = "/v1/clients/shop/revoke";
    let revoked = post(&mut admin(&first, "default"), revoke, &[], &json!({})).await;
    assert_eq!(revoked.status, 200, "{}", revoked.text());
    assert_eq!(
        refusal(&asked(second.address(), "shop", &secret).await),
        unknown()
    );
}

#[tokio::test]
async fn a_token_has_the_tenant_and_scopes_of_its_client_or_those_that_were_asked() {
    let app = opened(earnest()).await;
    let ours = made(&app, "default", "ours", &["order:read", "stock:read"]).await;
    let theirs = made(&app, "other", "theirs", &["admin"]).await;
    let answer: Value = asked(app.address(), "ours", &ours).await.json();
    assert_eq!(answer["scope"], "order:read stock:read");
    let narrow = |scope: &str| {
        let mut body = asking("ours", &ours);
        body["scope"] = json!(scope);
        body
    };
    let mut client = Client::new(app.address());
    let answer = post(&mut client, TOKEN, &[], &narrow("stock:read")).await;
    assert_eq!(answer.json::<Value>()["scope"], "stock:read");
    for scope in ["order:create", "admin", "order:read nonsense"] {
        let answer = post(&mut client, TOKEN, &[], &narrow(scope)).await;
        assert_eq!(
            refusal(&answer),
            (400, "invalid_request".to_owned()),
            "{scope}"
        );
        let scope = scope.replace(':', "%3A").replace(' ', "+");
        let form = format!("{GRANT}&client_id=ours&client_secret={ours}&scope={scope}");
        let sent = client.send(Method::POST, TOKEN, &[FORM], form.into()).await;
        let answer = sent.expect("an answer");
        assert_eq!(
            refusal(&answer),
            (400, "invalid_scope".to_owned()),
            "{scope}"
        );
    }

    let token = given(app.address(), "theirs", &theirs).await;
    let mut other = Client::new(app.address()).with_token(&token);
    let page: Value = other.get("/v1/clients").await.expect("an answer").json();
    let ids: Vec<&Value> = page["items"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|c| &c["id"])
        .collect();
    assert_eq!(ids, ["theirs"], "a token of the other tenant");
    let asked = json!({"client_id": "ours", "client_secret": ours, "token": token});
    let told: Value = post(&mut client, INTROSPECT, &[], &asked).await.json();
    assert_eq!(
        (&told["active"], &told["client_id"]),
        (&json!(true), &json!("theirs"))
    );
    let wrong = json!({"client_id": "ours", "client_secret": theirs, "token": token});
    assert_eq!(
        refusal(&post(&mut client, INTROSPECT, &[], &wrong).await),
        unknown()
    );
}

#[tokio::test]
async fn a_secret_comes_in_json_in_a_form_or_in_a_header() {
    let app = opened(earnest()).await;
    let secret = made(&app, "default", "shop", &["order:read"]).await;
    let encoded = base64url(format!("shop:{secret}").as_bytes());
    // The header's alphabet is the other one (RFC 4648 section 4).
    let encoded = encoded.replace('-', "+").replace('_', "/");
    let padding = "=".repeat((4 - encoded.len() % 4) % 4);
    let basic = format!("Basic {encoded}{padding}");
    let basic = ("authorization", basic.as_str());
    let form = format!("{GRANT}&client_id=shop&client_secret={secret}");
    let json = asking("shop", &secret).to_string();
    let mut client = Client::new(app.address());
    for (headers, body) in [
        (&[][..], json),
        (&[FORM], form),
        (&[FORM, basic], GRANT.to_owned()),
        (
            &[basic],
            r#"{"grant_type":"client_credentials"}"#.to_owned(),
        ),
    ] {
        let sent = client.send(Method::POST, TOKEN, headers, body.into()).await;
        let answer = sent.expect("an answer");
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(answer.json::<Value>()["scope"], "order:read");
    }
}

#[tokio::test]
async fn ids_and_secrets_that_no_client_has_are_refused_by_the_codes_of_the_rfc() {
    let app = opened(earnest()).await;
    let secret = made(&app, "default", "shop", &["order:read"]).await;
    let long = "x".repeat(60_000);
    for (id, secret) in [
        ("nobody", &*secret),
        ("Shop", &secret),
        ("shop ", &secret),
        ("shop\0", &secret),
        ("シ", &secret),
        (&long, &secret),
        ("shop", "wrong"),
        ("shop", &secret[..46]),
        ("shop", &long),
        ("shop", "\0"),
    ] {
        let answer = asked(app.address(), id, secret).await;
        assert_eq!(refusal(&answer), unknown(), "{}", answer.text());
    }
    let mut client = Client::new(app.address());
    let huge = asking("shop", &"x".repeat(70_000));
    let answer = post(&mut client, TOKEN, &[], &huge).await;
    assert_eq!(refusal(&answer), (400, "invalid_request".to_owned()));
    let huger = asking("shop", &"x".repeat(140_000));
    let answer = post(&mut client, TOKEN, &[], &huger).await;
    assert_eq!(refusal(&answer), (413, "invalid_request".to_owned()));
    let basic = ("authorization", "Basic !!!");
    let sent = client
        .send(Method::POST, TOKEN, &[FORM, basic], GRANT.into())
        .await;
    let answer = sent.expect("an answer");
    assert_eq!(refusal(&answer), (400, "invalid_request".to_owned()));
}

/// The status of a request for a token from another address of the loopback network.
async fn asked_from(from: &str, to: SocketAddr, body: &Value) -> String {
    let socket = TcpSocket::new_v4().expect("a socket");
    let from: SocketAddr = from.parse().expect("an address");
    socket.bind(from).expect("loopback has it");
    let mut stream = socket.connect(to).await.expect("connected");
    let body = body.to_string();
    let head = format!(
        "POST {TOKEN} HTTP/1.1\r\nHost: {to}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(head.as_bytes()).await.expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("read");
    let status = answer.split(' ').nth(1).expect("a status line");
    status.to_owned()
}

#[tokio::test]
async fn wrong_secrets_are_limited_where_they_come_from_and_nowhere_else() {
    let start = earnest().env("WAYBILL_AUTH__WRONG_SECRETS_PER_MINUTE", "3");
    let app = opened(start).await;
    let secret = made(&app, "default", "shop", &["order:read"]).await;
    let other = made(&app, "default", "other", &["order:read"]).await;
    for id in ["shop", "unknown"] {
        for _ in 0..3 {
            let answer = asked(app.address(), id, "wrong").await;
            assert_eq!(refusal(&answer), unknown());
        }
        let answer = asked(app.address(), id, "wrong").await;
        assert_eq!(
            refusal(&answer),
            (429, "temporarily_unavailable".to_owned()),
            "the same for a client that exists and for another"
        );
        let after = answer.header("retry-after").expect("a header");
        assert!(
            (1..=20).contains(&after.parse::<u32>().expect("seconds")),
            "{after}"
        );
    }
    let right = asked(app.address(), "shop", &secret).await;
    assert_eq!(right.status, 429, "the right secret waits there, too");
    given(app.address(), "other", &other).await;
    let elsewhere = asked_from("127.0.0.2:0", app.address(), &asking("shop", &secret)).await;
    assert_eq!(elsewhere, "200", "another address is not kept out");
}

#[tokio::test]
async fn an_address_that_tries_many_clients_waits_for_all_of_them() {
    let start = earnest().env("WAYBILL_AUTH__WRONG_SECRETS_PER_MINUTE", "1");
    let app = opened(start).await;
    let secret = made(&app, "default", "shop", &["order:read"]).await;
    for n in 0..5 {
        let answer = asked(app.address(), &format!("client-{n}"), "wrong").await;
        assert_eq!(refusal(&answer), unknown());
    }
    assert_eq!(asked(app.address(), "shop", &secret).await.status, 429);
    let elsewhere = asked_from("127.0.0.2:0", app.address(), &asking("shop", &secret)).await;
    assert_eq!(elsewhere, "200");
}

#[tokio::test]
async fn addresses_are_told_apart_where_requests_have_no_limit() {
    let app = earnest()
        .env("WAYBILL_SERVER__RATE_LIMIT_PER_MINUTE", "0")
        .env("WAYBILL_AUTH__WRONG_SECRETS_PER_MINUTE", "1")
        .env("WAYBILL_AUTH__TOKEN_REQUESTS_PER_MINUTE", "3");
    let app = opened(app).await;
    let secret = made(&app, "default", "shop", &["order:read"]).await;
    let other = made(&app, "default", "other", &["order:read"]).await;
    let wrong = asked(app.address(), "shop", "wrong").await;
    assert_eq!(refusal(&wrong), unknown());
    assert_eq!(asked(app.address(), "shop", &secret).await.status, 429);
    let of_shop = asking("shop", &secret);
    let elsewhere = asked_from("127.0.0.2:0", app.address(), &of_shop).await;
    assert_eq!(elsewhere, "200", "the wrong secret came from here");
    given(app.address(), "other", &other).await;
    assert_eq!(asked(app.address(), "other", &other).await.status, 429);
    let elsewhere = asked_from("127.0.0.2:0", app.address(), &of_shop).await;
    assert_eq!(elsewhere, "200", "three requests came from here");
}
