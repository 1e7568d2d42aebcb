//! Contexts, and looking into tokens.

use std::os::unix::fs::PermissionsExt as _;

use serde_json::json;
use waybill_testkit::token;

use super::canned::Canned;
use super::shop::Shop;
use super::typed::Person;

#[tokio::test]
async fn a_context_keeps_address_and_token_and_shows_no_token() {
    let shop = Shop::open().await;
    let person = Person::new();
    std::fs::write(person.home().join("t"), &shop.token).expect("written");
    let set = [
        "context",
        "set",
        "shop",
        "--url",
        &shop.url,
        "--token-file",
        "t",
    ];
    let told = person.types(&set).await;
    assert_eq!(told.code, 0, "{told:?}");
    let file = person.home().join(".config/waybill/contexts.toml");
    let mode = |path: &std::path::Path| {
        let meta = std::fs::metadata(path).expect("it is there");
        meta.permissions().mode() & 0o777
    };
    assert_eq!(mode(&file), 0o600);
    assert_eq!(mode(file.parent().expect("a folder")), 0o700);
    let told = person.types(&["order", "list"]).await;
    assert_eq!(told.code, 0, "the first context is in use: {told:?}");
    let other = ["context", "set", "other", "--url", "http://127.0.0.1:1"];
    assert_eq!(person.types(&other).await.code, 0);
    let list = person.types(&["context", "list", "--json"]).await;
    let (out, list) = (list.out.clone(), list.json());
    assert!(!out.contains(shop.token.trim()), "{out}");
    assert_eq!(
        list["items"][1],
        json!({"name": "shop", "url": shop.url, "hasToken": true, "current": true})
    );
    assert_eq!(person.types(&["context", "use", "other"]).await.code, 0);
    let told = person.types(&["order", "list", "--token", "t"]).await;
    assert_eq!(told.code, 5, "the other is in use: {told:?}");
    let told = person.types(&["order", "list", "--context", "shop"]).await;
    assert_eq!(told.code, 0, "{told:?}");
    for words in [
        &["order", "list", "--context", "none"][..],
        &["context", "use", "none"],
        &["context", "remove", "none"],
    ] {
        let told = person.types(words).await;
        assert!(
            told.code == 3 && told.err.contains("other, shop"),
            "{told:?}"
        );
    }
}

#[tokio::test]
async fn flags_and_variables_win_and_a_token_goes_to_its_own_address_only() {
    let mine = Canned::answers("200 OK", "", r#"{"items":[],"next":null}"#).await;
    let person = Person::new();
    std::fs::write(person.home().join("t"), "kept-token").expect("written");
    let set = [
        "context",
        "set",
        "a",
        "--url",
        &mine.url,
        "--token-file",
        "t",
    ];
    assert_eq!(person.types(&set).await.code, 0);
    assert_eq!(person.types(&["order", "list"]).await.code, 0);
    let stranger = Canned::answers("200 OK", "", r#"{"items":[],"next":null}"#).await;
    let told = person
        .types(&["order", "list", "--url", &stranger.url])
        .await;
    assert!(told.code == 1 && told.err.contains("no token"), "{told:?}");
    let moved = ["context", "set", "a", "--url", &stranger.url];
    let told = person.types(&moved).await;
    assert!(
        told.out.contains("no"),
        "the token went with the old address: {told:?}"
    );
    let told = person
        .types(&["order", "list", "--url", &stranger.url, "--token", "x"])
        .await;
    assert_eq!(told.code, 0, "{told:?}");
}

#[tokio::test]
async fn a_file_of_contexts_that_others_may_read_is_refused_and_not_shown() {
    let person = Person::new();
    let set = ["context", "set", "a", "--url", "http://127.0.0.1:1"];
    assert_eq!(person.types(&set).await.code, 0);
    let file = person.home().join(".config/waybill/contexts.toml");
    let text = "current = \"a\"\n[contexts.a]\nurl = \"http://h\"\ntoken = \"hush\nx";
    std::fs::write(&file, text).expect("written");
    let told = person.types(&["order", "list"]).await;
    assert!(
        told.code == 1 && told.err.contains("not understood"),
        "{told:?}"
    );
    assert!(!told.err.contains("hush"), "{told:?}");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).expect("changed");
    let told = person.types(&["order", "list"]).await;
    assert!(told.code == 1 && told.err.contains("chmod 600"), "{told:?}");
}

#[tokio::test]
async fn a_token_is_looked_into_and_every_reason_to_refuse_it_is_said() {
    let person = Person::new();
    let made = ["token", "--profile", "demo", "--scope", "order:read,admin"];
    let made = person.types(&made).await.out;
    let good = Person::new().with("WAYBILL_TOKEN", &made);
    let told = good.types(&["token", "inspect"]).await;
    assert_eq!(told.code, 0, "{told:?}");
    assert!(
        told.out.contains("order:read admin") && !told.out.contains(made.trim()),
        "{told:?}"
    );
    let bad = token::sign(
        &json!({"alg": "none"}),
        &json!({"exp": 1_700_000_000, "iat": 99_999_999_999_u64, "iss": "x\u{1b}", "scope": "root"}),
        b"0123456789-0123456789-0123456789",
    );
    let person = Person::new().with("WAYBILL_TOKEN", &bad);
    let told = person.types(&["token", "inspect", "--json"]).await;
    assert_eq!(told.code, 6, "{told:?}");
    let read: serde_json::Value = serde_json::from_str(&told.out).expect("JSON");
    let problems = read["problems"].as_array().expect("a list");
    let codes: Vec<&str> = problems.iter().filter_map(|p| p["code"].as_str()).collect();
    let expected = [
        "algorithm",
        "expired",
        "not_yet_valid",
        "issuer",
        "audience",
        "scope",
        "unknown_scope",
        "subject",
    ];
    assert_eq!(codes, expected);
    assert_eq!(read["expiresAt"], "2023-11-14T22:13:20Z");
    let person = Person::new().with("WAYBILL_TOKEN", "nonsense");
    let told = person.types(&["token", "inspect"]).await;
    assert!(
        told.code == 6 && told.out.contains("three parts"),
        "{told:?}"
    );
}

#[tokio::test]
async fn shells_are_offered_statuses_scopes_reasons_and_contexts() {
    let person = Person::new();
    let set = ["context", "set", "far-away", "--url", "http://127.0.0.1:1"];
    assert_eq!(person.types(&set).await.code, 0);
    for shell in ["bash", "zsh", "fish"] {
        let script = person.types(&["completions", shell]).await.out;
        for value in [
            "partially_shipped",
            "delivery_failed",
            "fraud_review",
            "deadletter:read",
            "far-away",
        ] {
            // zsh wants colons escaped.
            assert!(
                script.replace("\\:", ":").contains(value),
                "{shell} does not offer {value}"
            );
        }
    }
    // Suggestions are no limit: the server decides.
    let told = person
        .types(&[
            "order",
            "list",
            "--status",
            "of-a-newer-server",
            "--token",
            "t",
        ])
        .await;
    assert_eq!(told.code, 5, "{told:?}");
}
