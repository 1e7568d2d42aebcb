//! What is printed, and what happens when it cannot be.

use serde_json::{Value, json};

use super::canned::Canned;
use super::shop::Shop;
use super::typed::Person;

const EVIL: &str = "a\u{1b}[2J\u{7}\r\nforged row\u{9b}\u{202e}";

/// An order as the server shows it, as far as the command line reads it.
fn order(id: &str, customer: &str) -> Value {
    json!({"id": id, "orderNumber": format!("WB-{id}"), "status": "confirmed", "version": 1, "currency": "EUR",
        "total": "1.00", "customer": {"id": customer}, "createdAt": "2026-05-04T10:00:00Z",
        "lines": [{"sku": customer, "ordered": 1}], "holds": [], "shipments": []})
}

#[tokio::test]
async fn no_text_of_the_server_moves_the_cursor_or_forges_a_row() {
    let page = json!({"items": [order("1", EVIL)], "next": EVIL}).to_string();
    let list = Canned::answers("200 OK", "", &page).await;
    let one = Canned::answers("200 OK", "", &order("1", EVIL).to_string()).await;
    let item = json!({"sku": EVIL, "vendor": EVIL, "id": EVIL, "error": EVIL, "onHand": 1});
    let stock = json!({"items": [item], "next": null}).to_string();
    let stock = Canned::answers("200 OK", "", &stock).await;
    let problem = json!({"title": EVIL, "detail": EVIL, "code": EVIL, "field": EVIL, "correlationId": EVIL,
        "allowed": [EVIL]});
    let refused = Canned::answers("409 Conflict", "", &problem.to_string()).await;
    for (server, words) in [
        (&list, &["order", "list"][..]),
        (&list, &["order", "list", "--json"]),
        (&one, &["order", "get", "1"]),
        (&one, &["dlq", "show", "1"]),
        (&stock, &["stock", "list"]),
        (&stock, &["dlq", "list"]),
        (&refused, &["order", "get", "1"]),
        (&refused, &["order", "get", "1", "--json"]),
    ] {
        let told = Person::at(&server.url, "t").types(words).await;
        for text in [&told.out, &told.err] {
            assert!(
                text.chars()
                    .all(|c| c == '\n' || !(c.is_control() || c == '\u{202e}')),
                "{words:?}: {text:?}"
            );
            assert!(!text.contains("\nforged row"), "{words:?}: {text:?}");
        }
        assert!(
            format!("{}{}", told.out, told.err).contains("\\u001b[2J"),
            "{words:?}: {told:?}"
        );
    }
}

#[tokio::test]
async fn columns_line_up_by_what_a_terminal_shows() {
    let page = json!({"items": [order("1", "漢字"), order("2", "c")], "next": null}).to_string();
    let server = Canned::answers("200 OK", "", &page).await;
    let told = Person::at(&server.url, "t").types(&["order", "list"]).await;
    let rows: Vec<&str> = told.out.lines().collect();
    assert!(rows[1].contains("漢字      2026"), "{rows:?}");
    assert!(rows[2].contains("c         2026"), "{rows:?}");
}

#[tokio::test]
async fn output_that_cannot_be_written_is_an_error_of_every_command() {
    let list = Canned::answers("200 OK", "", r#"{"items":[],"next":null}"#).await;
    let one = Canned::answers("200 OK", "", &order("1", "c").to_string()).await;
    let mine = Person::at(&list.url, "t")
        .with("JWT_SECRET", "0123456789-0123456789-0123456789-0123456789");
    let other = Person::at(&one.url, "t");
    for (person, line) in [
        (&mine, "order list"),
        (&mine, "order list --json"),
        (&other, "order get 1"),
        (&other, "order cancel 1"),
        (&other, "order create --sku a --price 1"),
        (&other, "order create --sku a --price 1 --json"),
        (&mine, "stock list"),
        (&other, "stock set a 1"),
        (&mine, "dlq list"),
        (&other, "dlq redrive 1"),
        (&other, "seed --skus 1"),
        (&other, "health"),
        (&mine, "config dump"),
        (&mine, "config check"),
        (&mine, "token --scope admin"),
        (&mine, "doctor"),
        (&mine, "completions bash"),
        (&mine, "--help"),
        (&mine, "order --help"),
        (&mine, "--version"),
    ] {
        let told = person
            .in_shell(&format!("$WAYBILL {line} > /dev/full"))
            .await;
        assert_eq!(told.code, 1, "{line}: {told:?}");
        assert!(
            told.err.contains("the output cannot be written"),
            "{line}: {told:?}"
        );
    }
}

#[tokio::test]
async fn a_reader_that_went_away_is_no_error() {
    let person = Person::new();
    for line in [
        "$WAYBILL completions bash | head -1; exit ${PIPESTATUS[0]}",
        "$WAYBILL config dump | true; exit ${PIPESTATUS[0]}",
    ] {
        let told = person.in_shell(line).await;
        assert_eq!((told.code, told.err.as_str()), (0, ""), "{line}: {told:?}");
    }
}

#[tokio::test]
async fn a_thing_has_one_shape_however_it_was_asked_for() {
    let shop = Shop::open().await;
    let person = &shop.person;
    let create = [
        "order", "create", "--sku", "a", "--price", "1", "--key", "k", "--json",
    ];
    let made = person.types(&create).await.json();
    let id = made["id"].as_str().expect("the order itself");
    let got = person.types(&["order", "get", id, "--json"]).await.json();
    let names = |value: &Value| -> Vec<String> {
        value
            .as_object()
            .expect("an object")
            .keys()
            .cloned()
            .collect()
    };
    assert_eq!(names(&made), names(&got));
    let again = person.types(&create).await;
    assert_eq!(again.json()["id"], made["id"]);
}

#[tokio::test]
async fn with_json_every_error_is_json_on_standard_error() {
    let refused = Canned::answers("409 Conflict", "", r#"{"title":"No","code":"not_now"}"#).await;
    let person = Person::at(&refused.url, "t");
    let error = person
        .types(&["order", "cancel", "1", "--json"])
        .await
        .error();
    assert_eq!(
        (&error["code"], &error["status"]),
        (&json!("not_now"), &json!(409))
    );
    for (line, code) in [
        ("order get --json", "usage"),
        ("order nonsense --json", "usage"),
        ("order list --json --url http://127.0.0.1:1", "unreachable"),
        ("order list --json --url ftp://x", "bad_url"),
        (
            "config dump --json --set nonsense=1",
            "invalid_configuration",
        ),
        ("token --json --scope admin", "no_secret"),
        ("verify --json --set nonsense=1", "invalid_configuration"),
        ("migrate --json --set nonsense=1", "invalid_configuration"),
        ("backup verify nothing.backup --json", "store"),
        ("seed --json --url http://127.0.0.1:1", "unreachable"),
        ("load --json --url http://127.0.0.1:1", "unreachable"),
    ] {
        let words: Vec<&str> = line.split(' ').collect();
        let error = person.types(&words).await.error();
        assert_eq!(error["code"], code, "{line}: {error}");
    }
}
