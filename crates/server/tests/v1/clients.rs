//! `/v1/clients`: making, listing, rotating and revoking clients; where secrets are, and where they are not.

use bytes::Bytes;
use futures::future::join_all;
use http::Method;
use serde_json::{Value, json};
use waybill_testkit::http::Answer;
use waybill_testkit::server::Start;

use crate::shop::{NEVER, Shop};

const CLIENTS: &str = "/v1/clients";

fn new(id: &str) -> Value {
    json!({"id": id, "scopes": ["order:create", "order:read"]})
}

/// Makes a client that must be new; what was answered.
async fn made(shop: &Shop, id: &str) -> Value {
    let answer = shop.post(CLIENTS, &new(id)).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    answer.json()
}

async fn changed(shop: &Shop, id: &str, action: &str, body: &Value) -> Answer {
    shop.post(&format!("{CLIENTS}/{id}/{action}"), body).await
}

fn refusal(answer: &Answer) -> (u16, String) {
    let code = &answer.json::<Value>()["code"];
    let code = code.as_str().unwrap_or_default().to_owned();
    (answer.status.as_u16(), code)
}

fn secret(of: &Value) -> &str {
    of["secret"].as_str().expect("a secret")
}

fn live(client: &Value) -> usize {
    client["secrets"].as_array().expect("a list").len()
}

#[tokio::test]
async fn a_client_is_made_shown_rotated_and_revoked() {
    let shop = Shop::open(NEVER).await;
    let answer = shop.post(CLIENTS, &new("front-end")).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    assert_eq!(answer.header("location"), Some("/v1/clients/front-end"));
    assert_eq!(answer.header("etag"), Some("\"1\""));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let first: Value = answer.json();
    assert!(secret(&first).starts_with("wbs_") && secret(&first).len() == 47);
    let path = format!("{CLIENTS}/front-end");
    let shown: Value = shop.get(&path).await.json();
    let expected = json!({"id": "front-end", "scopes": ["order:create", "order:read"],
        "secrets": [{"createdAt": first["createdAt"]}], "createdAt": first["createdAt"],
        "revokedAt": null, "version": 1});
    assert_eq!(shown, expected);

    let second = changed(&shop, "front-end", "rotate", &Value::Null).await;
    assert_eq!(second.header("etag"), Some("\"2\""), "{}", second.text());
    let second: Value = second.json();
    assert_eq!(live(&second), 2);
    assert_ne!(secret(&second), secret(&first));
    let third = changed(&shop, "front-end", "rotate", &json!({"revokeOld": true})).await;
    assert_eq!(live(&third.json()), 1);

    let none = changed(
        &shop,
        "front-end",
        "revoke",
        &json!({"oldSecretOnly": true}),
    )
    .await;
    assert_eq!(refusal(&none), (409, "no_older_secret".to_owned()));
    let revoked = changed(&shop, "front-end", "revoke", &Value::Null).await;
    let revoked: Value = revoked.json();
    assert!(
        revoked["revokedAt"].is_string() && live(&revoked) == 0,
        "{revoked}"
    );
    let again = changed(&shop, "front-end", "revoke", &Value::Null).await;
    assert_eq!(
        (again.status.as_u16(), again.json::<Value>()),
        (200, revoked.clone())
    );
    let late = changed(&shop, "front-end", "rotate", &Value::Null).await;
    assert_eq!(refusal(&late), (409, "client_revoked".to_owned()));
    let taken = shop.post(CLIENTS, &new("front-end")).await;
    assert_eq!(refusal(&taken), (409, "client_id_taken".to_owned()));
    assert_eq!(shop.get(&path).await.json::<Value>(), revoked);
}

#[tokio::test]
async fn what_is_wrong_with_a_new_client_is_named() {
    let shop = Shop::open(NEVER).await;
    for (body, code, field) in [
        (json!({"id": "a"}), "required", "scopes"),
        (json!({"id": "a", "scopes": []}), "required", "scopes"),
        (
            json!({"id": "a", "scopes": ["order:eat"]}),
            "invalid_value",
            "scopes[0]",
        ),
        (
            json!({"id": "a", "scopes": "order:read"}),
            "wrong_type",
            "scopes",
        ),
        (json!({"id": "", "scopes": ["admin"]}), "required", "id"),
        (
            json!({"id": "a b", "scopes": ["admin"]}),
            "invalid_text",
            "id",
        ),
        (
            json!({"id": "a:b", "scopes": ["admin"]}),
            "invalid_text",
            "id",
        ),
        (
            json!({"id": "x".repeat(65), "scopes": ["admin"]}),
            "text_too_long",
            "id",
        ),
        (
            json!({"id": "a", "scopes": ["admin"], "secret": "mine"}),
            "unknown_field",
            "secret",
        ),
    ] {
        let answer = shop.post(CLIENTS, &body).await;
        let problem: Value = answer.json();
        assert_eq!(
            (&problem["code"], &problem["field"]),
            (&json!(code), &json!(field)),
            "{body}: {problem}"
        );
    }
    let page: Value = shop.get(CLIENTS).await.json();
    assert_eq!(page["items"], json!([]));
    let unknown = changed(&shop, "nowhere", "rotate", &Value::Null).await;
    assert_eq!(refusal(&unknown), (404, "client_not_found".to_owned()));
}

#[tokio::test]
async fn clients_are_paged_and_those_of_another_tenant_are_not_there() {
    let shop = Shop::open(NEVER).await;
    for id in ["b", "a", "c"] {
        made(&shop, id).await;
    }
    let mut names = vec![];
    let mut path = format!("{CLIENTS}?limit=2");
    loop {
        let page: Value = shop.get(&path).await.json();
        let items = page["items"].as_array().expect("a list");
        names.extend(items.iter().map(|client| client["id"].clone()));
        match page["next"].as_str() {
            Some(next) => path = format!("{CLIENTS}?limit=2&after={next}"),
            None => break,
        }
    }
    assert_eq!(names, ["a", "b", "c"]);

    let mut other = shop.client("other", "admin");
    let page = other.get(CLIENTS).await.expect("an answer");
    assert_eq!(page.json::<Value>()["items"], json!([]));
    let shown = other.get("/v1/clients/a").await.expect("an answer");
    assert_eq!(refusal(&shown), (404, "client_not_found".to_owned()));
    for action in ["rotate", "revoke"] {
        let path = format!("{CLIENTS}/a/{action}");
        let sent = other.send(Method::POST, &path, &[], Bytes::new()).await;
        let answer = sent.expect("an answer");
        assert_eq!(refusal(&answer), (404, "client_not_found".to_owned()));
    }
    let body = Bytes::from(new("a").to_string());
    let sent = other.send(Method::POST, CLIENTS, &[], body).await;
    let answer = sent.expect("an answer");
    assert_eq!(refusal(&answer), (409, "client_id_taken".to_owned()));
    assert_eq!(
        shop.get("/v1/clients/a").await.json::<Value>()["version"],
        1
    );
}

#[tokio::test]
async fn a_change_of_another_version_is_refused_and_of_two_at_once_both_are_done() {
    let shop = Shop::open(NEVER).await;
    made(&shop, "a").await;
    let path = format!("{CLIENTS}/a/rotate");
    for (tag, status) in [("\"2\"", 412), ("\"1\"", 200), ("\"1\"", 412), ("*", 200)] {
        let headers = [("if-match", tag)];
        let answer = shop
            .ask_with(Method::POST, &path, &headers, &Value::Null)
            .await;
        assert_eq!(answer.status.as_u16(), status, "{tag}: {}", answer.text());
    }
    let answers = join_all((0..6).map(|_| changed(&shop, "a", "rotate", &Value::Null))).await;
    let mut versions: Vec<i64> = vec![];
    for answer in &answers {
        assert_eq!(answer.status, 200, "{}", answer.text());
        versions.extend(answer.json::<Value>()["version"].as_i64());
    }
    versions.sort_unstable();
    assert_eq!(versions, (4..10).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_replay_has_no_secret_and_says_so() {
    let shop = Shop::open(NEVER).await;
    let headers = [("idempotency-key", "k")];
    let rotate = format!("{CLIENTS}/a/rotate");
    for (path, body, key) in [(CLIENTS, new("a"), "k"), (&rotate, json!({}), "r")] {
        let headers = [("idempotency-key", key)];
        let first = shop.ask_with(Method::POST, path, &headers, &body).await;
        let again = shop.ask_with(Method::POST, path, &headers, &body).await;
        assert_eq!(first.status, again.status);
        assert_eq!(again.header("idempotent-replayed"), Some("true"), "{path}");
        assert!(first.header("etag").is_some(), "{path}");
        assert_eq!(first.header("etag"), again.header("etag"), "{path}");
        let (first, again): (Value, Value) = (first.json(), again.json());
        assert!(secret(&first).starts_with("wbs_"));
        assert_eq!(again["secret"], Value::Null);
        assert!(
            again["note"]
                .as_str()
                .is_some_and(|note| note.contains("rotate"))
        );
        assert_eq!(first["version"], again["version"]);
    }
    let shown: Value = shop.get("/v1/clients/a").await.json();
    assert_eq!(shown["version"], 2, "each was done once");
    let revoke = format!("{CLIENTS}/a/revoke");
    for replayed in [None, Some("true")] {
        let headers = [("idempotency-key", "v")];
        let revoked = shop
            .ask_with(Method::POST, &revoke, &headers, &json!({}))
            .await;
        assert_eq!(revoked.header("idempotent-replayed"), replayed);
        assert_eq!(revoked.header("etag"), Some("\"3\""));
    }
    let other = shop
        .ask_with(Method::POST, CLIENTS, &headers, &new("b"))
        .await;
    assert_eq!(refusal(&other), (422, "idempotency_key_reused".to_owned()));
}

#[tokio::test]
async fn the_same_key_many_times_at_once_makes_one_client_and_one_secret() {
    let shop = Shop::open(NEVER).await;
    let headers = [("idempotency-key", "k")];
    let body = new("a");
    let answers = (0..8).map(|_| shop.ask_with(Method::POST, CLIENTS, &headers, &body));
    let answers = join_all(answers).await;
    let mut secrets = 0;
    for answer in &answers {
        assert_eq!(answer.status, 201, "{}", answer.text());
        secrets += usize::from(answer.json::<Value>()["secret"].is_string());
    }
    assert_eq!(secrets, 1);
}

/// Every byte that a server has written: its log, and its store where that is a folder.
fn written(shop: &Shop) -> Vec<u8> {
    let mut all = shop.0.output().into_bytes();
    for entry in std::fs::read_dir(shop.0.data()).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_file() {
            all.extend(std::fs::read(path).expect("readable"));
        }
    }
    if let Some(database) = shop.0.database() {
        for table in ["clients", "command_claims", "events"] {
            let rows = database.sql(&format!("SELECT * FROM {table}"));
            all.extend(rows.expect("readable").into_bytes());
        }
    }
    all
}

fn has(all: &[u8], text: &str) -> bool {
    all.windows(text.len()).any(|part| part == text.as_bytes())
}

#[tokio::test]
async fn a_secret_is_in_no_row_and_no_log_line() {
    let start = Start::demo(env!("CARGO_BIN_EXE_waybill"))
        .as_in(env!("CARGO_CRATE_NAME"))
        .env("WAYBILL_LOG__LEVEL", "debug");
    let mut shop = Shop::start(start).await;
    let headers = [("idempotency-key", "k")];
    let first = shop
        .ask_with(Method::POST, CLIENTS, &headers, &new("a"))
        .await;
    let second = changed(&shop, "a", "rotate", &Value::Null).await;
    assert!(shop.0.stop().await.expect("it stops").success());
    let all = written(&shop);
    // The search finds what is there.
    assert!(has(&all, "client rotated"), "the log");
    assert!(
        has(&all, "shown in the first answer only"),
        "the kept answer"
    );
    for answer in [first.json::<Value>(), second.json()] {
        let random = secret(&answer).trim_start_matches("wbs_");
        assert!(!has(&all, random), "a secret was written");
    }
}
