//! Heads that a proxy and the server could understand differently, or that a handler would have to guess about.

use serde_json::{Value, json};
use waybill_testkit::raw::exchange;
use waybill_testkit::server::Waybill;
use waybill_testkit::token;

use super::{Good, assert_unharmed, ready};

const V1: &str = r#"{"currency":"EUR","lines":[{"sku":"a","quantity":1,"unitPrice":"1"}]}"#;
const SALES: &str = r#"{"customerId":"c","items":[{"productId":"p","quantity":1,"price":1}]}"#;

/// A request with these header lines beside those of a good one.
fn order(path: &str, lines: &str, body: &str) -> Vec<u8> {
    let token = token::demo_for("default", "testkit");
    let length = match lines.contains("Transfer-Encoding") {
        true => String::new(),
        false => format!("Content-Length: {}\r\n", body.len()),
    };
    format!("POST {path} HTTP/1.1\r\nAuthorization: Bearer {token}\r\n{length}{lines}\r\n{body}")
        .into_bytes()
}

/// The status and the code that a request gets, in the words of its path.
async fn told(app: &Waybill, request: impl AsRef<[u8]>) -> (u16, String) {
    let answer = exchange(app.address(), request).await.expect("an answer");
    let body = answer.json();
    let code = body["code"].as_str().or(body["error"]["code"].as_str());
    let code = code.unwrap_or_else(|| panic!("no code: {body}"));
    assert_eq!(
        answer.header("x-correlation-id"),
        body["correlationId"].as_str()
    );
    (answer.status, code.to_owned())
}

/// Header lines, and their answers in `/v1` and in the sales dialect.
const HEADS: [(&str, u16, &str, &str); 20] = [
    ("", 400, "invalid_host", "VALIDATION_ERROR"),
    (
        "Host: localhost\r\nHost: localhost\r\n",
        400,
        "invalid_host",
        "VALIDATION_ERROR",
    ),
    ("Host:\r\n", 400, "invalid_host", "VALIDATION_ERROR"),
    (
        "Host: local host\r\n",
        400,
        "invalid_host",
        "VALIDATION_ERROR",
    ),
    (
        "Host: localhost:99999\r\n",
        400,
        "invalid_host",
        "VALIDATION_ERROR",
    ),
    ("Host: evil.example\r\n", 421, "misdirected", "MISDIRECTED"),
    (
        "Host: 127.0.0.1.evil.example:3000\r\n",
        421,
        "misdirected",
        "MISDIRECTED",
    ),
    (
        "Host: localhost\r\nAuthorization: Bearer x\r\n",
        400,
        "duplicate_header",
        "VALIDATION_ERROR",
    ),
    (
        "Host: localhost\r\nContent-Type: application/json\r\nContent-Type: text/plain\r\n",
        400,
        "duplicate_header",
        "VALIDATION_ERROR",
    ),
    (
        "Host: localhost\r\nContent-Encoding: gzip\r\n",
        415,
        "unsupported_encoding",
        "UNSUPPORTED_ENCODING",
    ),
    (
        "Host: localhost\r\nContent-Type: text/plain\r\n",
        415,
        "unsupported_media_type",
        "UNSUPPORTED_MEDIA_TYPE",
    ),
    (
        "Host: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\n",
        415,
        "unsupported_media_type",
        "UNSUPPORTED_MEDIA_TYPE",
    ),
    (
        "Host: localhost\r\nContent-Type: application/json; charset=utf-16\r\n",
        415,
        "unsupported_media_type",
        "UNSUPPORTED_MEDIA_TYPE",
    ),
    (
        "Host: localhost\r\nContent-Type: application/json; a=b; Charset=\"ISO-8859-1\"\r\n",
        415,
        "unsupported_media_type",
        "UNSUPPORTED_MEDIA_TYPE",
    ),
    (
        "Host: localhost\r\nExpect: something-else\r\n",
        417,
        "expectation_failed",
        "EXPECTATION_FAILED",
    ),
    (
        "Host: localhost\r\nIdempotency-Key: \"\"\r\n",
        400,
        "idempotency_key_invalid",
        "VALIDATION_ERROR",
    ),
    (
        "Host: localhost\r\nTransfer-Encoding: gzip, chunked\r\n",
        501,
        "unsupported_transfer",
        "UNSUPPORTED_TRANSFER",
    ),
    (
        "Host: localhost\r\nIdempotency-Key: a\r\nIdempotency-Key: a\r\n",
        400,
        "idempotency_key_invalid",
        "VALIDATION_ERROR",
    ),
    (
        "Host: localhost\r\nIdempotency-Key: a\tb\r\n",
        400,
        "idempotency_key_invalid",
        "VALIDATION_ERROR",
    ),
    (
        "Host: localhost\r\nIdempotency-Key: \u{fc}\r\n",
        400,
        "idempotency_key_invalid",
        "VALIDATION_ERROR",
    ),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_head_that_can_be_understood_in_two_ways_is_refused_in_the_words_of_its_dialect() {
    let mut app = ready().await;
    let good = Good::start(&app);
    for (lines, status, v1, sales) in HEADS {
        for (path, body, code) in [("/v1/orders", V1, v1), ("/api/orders", SALES, sales)] {
            let found = told(&app, order(path, lines, body)).await;
            assert_eq!(found, (status, code.to_owned()), "{path} {lines:?}");
        }
    }
    let good = good.end().await;
    assert_unharmed(&mut app, good).await;
}

#[tokio::test]
async fn a_head_in_order_is_taken_however_it_is_written() {
    let app = ready().await;
    let port = app.address().port();
    for (n, lines) in [
        "Host: localhost\r\n".to_owned(),
        format!("Host: LOCALHOST.:{port}\r\n"),
        format!("Host: 127.0.0.1:{port}\r\n"),
        format!("Host: [::1]:{port}\r\n"),
        "Host: localhost\r\nContent-Type: application/json; charset=utf-8\r\n".to_owned(),
        "Host: localhost\r\nContent-Encoding: identity\r\n".to_owned(),
    ]
    .into_iter()
    .enumerate()
    {
        for (path, body) in [("/v1/orders", V1), ("/api/orders", SALES)] {
            let lines = format!("{lines}Idempotency-Key: {path} ~{n}\r\n");
            let answer = exchange(app.address(), order(path, &lines, body)).await;
            let answer = answer.expect("an answer");
            assert_eq!(answer.status, 201, "{lines:?}: {answer:?}");
        }
    }
    let answer = exchange(app.address(), "GET /health/live HTTP/1.0\r\n\r\n").await;
    assert_eq!(
        answer.expect("an answer").status,
        200,
        "HTTP/1.0 has no Host"
    );
}

#[tokio::test]
async fn an_unknown_method_is_501_and_the_server_lists_its_own() {
    let app = ready().await;
    for (path, code) in [
        ("/v1/orders", "unknown_method"),
        ("/api/orders", "UNKNOWN_METHOD"),
        ("/nowhere", "unknown_method"),
    ] {
        let request = format!("BREW {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
        assert_eq!(told(&app, request).await, (501, code.to_owned()), "{path}");
    }
    let request = "OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let answer = exchange(app.address(), request).await.expect("an answer");
    assert_eq!(
        (answer.status, answer.header("allow")),
        (204, Some("GET, HEAD, POST, PUT, OPTIONS"))
    );
}

#[tokio::test]
async fn a_head_that_cannot_be_read_is_told_what_is_wrong_with_it() {
    let app = ready().await;
    let long = "x".repeat(20_000);
    for (line, lines, status, code, named) in [
        (
            "GET /health HTTP/1.2",
            "",
            505,
            "unsupported_version",
            "HTTP/1.1",
        ),
        (
            "GET /health HTTP/2.0",
            "",
            505,
            "unsupported_version",
            "HTTP/1.1",
        ),
        (
            "POST /v1/orders HTTP/1.1",
            "Content-Length: 18446744073709551615\r\n",
            400,
            "invalid_head",
            "Content-Length",
        ),
        (
            "GET /health HTTP/1.1",
            "a b: c\r\n",
            400,
            "invalid_head",
            "not valid",
        ),
        (
            "GET /health HTTP/1.1",
            &format!("x: {long}\r\n"),
            431,
            "head_too_large",
            "16384 bytes",
        ),
    ] {
        let request = format!("{line}\r\nHost: localhost\r\n{lines}\r\n");
        let answer = exchange(app.address(), request).await.expect("an answer");
        let body = answer.json();
        assert_eq!(
            (answer.status, body["code"].as_str()),
            (status, Some(code)),
            "{line}"
        );
        let detail = body["detail"].as_str().expect("a detail");
        assert!(detail.contains(named), "{line}: {detail}");
    }
}

#[tokio::test]
async fn a_path_or_query_that_is_no_text_is_refused() {
    let app = ready().await;
    let mut client = app.client();
    for (path, code) in [
        ("/v1/stock?sku=%ff", "invalid_parameter"),
        ("/v1/stock?%ff=1", "invalid_parameter"),
        ("/v1/orders?limit=5&status=%zz", "invalid_parameter"),
        ("/v1/orders?customerId=%", "invalid_parameter"),
        ("/v1/orders/%ff", "invalid_path"),
        ("/v1/orders/ref:%c3", "invalid_path"),
        ("/nowhere/%ff", "invalid_path"),
        ("/api/orders/%ff", "VALIDATION_ERROR"),
        ("/api/metrics?x=%ff", "VALIDATION_ERROR"),
    ] {
        let answer = client.get(path).await.expect("an answer");
        assert_eq!(
            (answer.status.as_u16(), super::code(&answer)),
            (400, code.to_owned()),
            "{path}"
        );
    }
    let answer = client.get("/v1/stock?sku=%C3%BC").await.expect("an answer");
    assert_eq!(answer.status, 200, "{}", answer.text());
}

#[tokio::test]
async fn the_sales_dialect_says_in_its_own_words_what_no_handler_of_it_says() {
    let app = ready().await;
    let mut client = app.client();
    let answer = client.get("/api/nowhere").await.expect("an answer");
    let body: Value = answer.json();
    assert_eq!(
        (
            answer.status.as_u16(),
            &body["success"],
            &body["error"]["code"]
        ),
        (404, &json!(false), &json!("NOT_FOUND"))
    );
    let by_hand = "/api/orders/019a0000-0000-7000-8000-000000000000/simulate-delivery";
    let answer = client.get(by_hand).await.expect("an answer");
    let body: Value = answer.json();
    assert_eq!(
        (answer.status.as_u16(), &body["error"]["code"]),
        (405, &json!("METHOD_NOT_ALLOWED"))
    );
    assert_eq!(answer.header("allow"), Some("POST"));
    assert_eq!(answer.header("content-type"), Some("application/json"));
}
