//! Every answer that a test gets is held against the specification by the client of the testkit. Here it is shown to
//! notice: real answers, each spoiled in one way. And the document is held against what its readers expect of it.

use http::{HeaderValue, Method, StatusCode};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use waybill_testkit::contract::mismatch;
use waybill_testkit::http::Answer;
use waybill_testkit::raw;

use crate::shop::{NEVER, Shop, id, small};

/// The same answer with one member of its body changed; null takes it away.
fn with(answer: &Answer, member: &str, value: Value) -> Answer {
    let mut body: Value = answer.json();
    let members = body.as_object_mut().expect("an object");
    match value {
        Value::Null => members.remove(member),
        value => members.insert(member.to_owned(), value),
    };
    Answer {
        body: body.to_string().into(),
        ..answer.clone()
    }
}

#[tokio::test]
async fn an_answer_that_is_not_as_the_specification_says_is_noticed() {
    let shop = Shop::open(NEVER).await;
    let order = id(&shop.placed("k", &small("a", 1)).await);
    let path = format!("/v1/orders/{order}");
    let good = shop.get(&path).await;
    let fault = |answer: &Answer| mismatch(&Method::GET, &path, answer);
    assert_eq!(fault(&good), None);
    for (member, value) in [
        ("version", Value::Null),
        ("metadata", Value::Null),
        ("version", json!("1")),
        ("version", json!(0)),
        ("status", json!("lost")),
        ("total", json!(12.9)),
        ("createdAt", json!("yesterday")),
        ("lines", json!([{"id": "1"}])),
        ("surprise", json!(true)),
    ] {
        let spoiled = with(&good, member, value);
        assert!(fault(&spoiled).is_some(), "{}", spoiled.text());
    }
    let mut spoiled = good.clone();
    spoiled.status = StatusCode::IM_A_TEAPOT;
    assert!(fault(&spoiled).is_some_and(|f| f.contains("the status 418 is not described")));
    let mut spoiled = good.clone();
    let html = HeaderValue::from_static("text/html");
    spoiled.headers.insert("content-type", html);
    assert!(fault(&spoiled).is_some_and(|f| f.contains("text/html")));
    // A route without a description.
    assert!(mismatch(&Method::GET, "/v1/secrets", &good).is_some());
}

#[tokio::test]
async fn a_problem_that_is_not_as_the_specification_says_is_noticed() {
    let shop = Shop::open(NEVER).await;
    let path = "/v1/orders/no-id";
    let good = shop.get(path).await;
    let fault = |answer: &Answer| mismatch(&Method::GET, path, answer);
    assert_eq!(fault(&good), None);
    for (member, value) in [
        ("code", Value::Null),
        ("code", json!("unheard_of")),
        ("status", json!("400")),
        ("hint", json!("a member that no page describes")),
    ] {
        let spoiled = with(&good, member, value);
        assert!(fault(&spoiled).is_some(), "{}", spoiled.text());
    }
}

#[tokio::test]
async fn everything_in_the_specification_is_described_and_named() {
    let shop = Shop::open(NEVER).await;
    let document: Value = shop.get("/openapi.json").await.json();
    let mut missing = vec![];
    let schemas = document["components"]["schemas"]
        .as_object()
        .expect("schemas");
    for (name, schema) in schemas {
        if schema["description"].is_null() {
            missing.push(name.clone());
        }
        let members = schema["properties"].as_object().into_iter().flatten();
        for (member, described) in members {
            if described["description"].is_null() {
                missing.push(format!("{name}.{member}"));
            }
            let items = &described["items"];
            if items["properties"].is_object() {
                missing.push(format!("the name of the items of {name}.{member}"));
            }
        }
    }
    let mut ids = std::collections::BTreeSet::new();
    for (path, item) in document["paths"].as_object().expect("paths") {
        for (method, operation) in item.as_object().expect("an item") {
            let id = operation["operationId"].as_str().expect("an id");
            assert!(ids.insert(id.to_owned()), "{id} names two operations");
            let parameters = operation["parameters"].as_array().into_iter().flatten();
            for parameter in parameters.filter(|one| one["description"].is_null()) {
                missing.push(format!("{method} {path}: {}", parameter["name"]));
            }
            if operation["security"] != json!([]) {
                for status in ["401", "403", "429", "503"] {
                    if operation["responses"][status]["content"].is_null() {
                        missing.push(format!("{method} {path}: {status}"));
                    }
                }
            }
        }
    }
    assert!(missing.is_empty(), "{missing:#?}");
    let data = &document["components"]["schemas"]["Event"]["properties"]["data"];
    assert!(data.to_string().contains("EventData"), "{data}");
}

#[tokio::test]
async fn an_answer_to_bytes_that_is_not_as_the_specification_says_is_noticed() {
    // Makes the specification known to the test client.
    let _shop = Shop::open(NEVER).await;
    let odd = TcpListener::bind("127.0.0.1:0").await.expect("bound");
    let address = odd.local_addr().expect("bound");
    let answers = tokio::spawn(async move {
        let (mut client, _) = odd.accept().await.expect("a client");
        let mut request = [0; 1_024];
        let _read = client.read(&mut request).await.expect("a request");
        let answer = "HTTP/1.1 418 A Teapot\r\nx-correlation-id: a\r\ncontent-length: 0\r\n\r\n";
        client.write_all(answer.as_bytes()).await.expect("written");
        client
    });
    let request = "GET /v1/stock HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let noticed = tokio::spawn(raw::exchange(address, request)).await;
    assert!(noticed.is_err_and(|ended| ended.is_panic()));
    drop(answers.await);
}

#[tokio::test]
async fn a_stream_that_begins_otherwise_than_the_specification_says_is_noticed() {
    let shop = Shop::open(NEVER).await;
    let order = id(&shop.placed("k", &small("a", 1)).await);
    let path = format!("/v1/orders/{order}/stream");
    let mut begun = Answer {
        status: StatusCode::OK,
        headers: shop.get("/v1/stock").await.headers,
        body: "".into(),
    };
    for (kind, fits) in [("text/event-stream", true), ("text/html", false)] {
        let kind = HeaderValue::from_static(kind);
        begun.headers.insert("content-type", kind);
        assert_eq!(mismatch(&Method::GET, &path, &begun).is_none(), fits);
    }
}
