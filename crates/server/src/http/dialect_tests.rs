//! A dialect that is one value in the list: its error words, limits and key rule apply to all its routes.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use http::{Request, StatusCode};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::ServiceExt;
use utoipa_axum::router::OpenApiRouter;
use waybill_testkit::token;

use super::dialect::{Bounds, Dialect, Media};
use super::dialects::sales;
use super::idempotency_key::{KeyNeed, KeyRule};
use super::v1;
use super::worded::Worded;
use crate::app::{App, Build};
use crate::clock::{Clock, SystemClock};
use crate::config::{Settings, Sources};
use crate::random::Entropy;
use crate::roles::definition::RoleDefinition;
use crate::roles::{self, api, delivery, housekeeping, status};

/// Problem codes as plain text, small bodies, and an idempotency key for every change.
static TERSE: Dialect = Dialect {
    name: "terse",
    prefixes: &["/terse"],
    words: |problem, _| Worded {
        status: problem.status(),
        content_type: "text/plain",
        body: format!("no: {}", problem.code()),
    },
    bounds: |server| Bounds {
        body_bytes: 1_000,
        body_time: Duration::from_millis(50),
        ..Bounds::of_server(server)
    },
    media: Media::Json,
    key: KeyRule {
        header: "Request-Token",
        need: KeyNeed::All,
        chars: |_| 8,
    },
};

/// Mounts its paths on handlers of `/v1`, because the tests look only at what the dialect adds.
static ROUTES: RoleDefinition = RoleDefinition {
    name: "terse",
    summary: "a dialect of a test",
    requires: None,
    optional: false,
    section: None,
    consumers: &[],
    routes: || OpenApiRouter::new().nest("/terse", v1::api()),
    prepare: |_| Box::new(|_, _| {}),
};

const WITH_TERSE: Build = Build {
    roles: &[
        &api::ROLE,
        &delivery::ROLE,
        &status::ROLE,
        &housekeeping::ROLE,
        &ROUTES,
    ],
    dialects: &[&TERSE, &sales::DIALECT, &v1::DIALECT],
};

struct Shop {
    app: Arc<App>,
    router: Router,
    _folder: tempfile::TempDir,
}

impl Shop {
    async fn open() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let data = folder.path().join("data");
        let mut known = roles::settings();
        known.push(ROUTES.settings());
        let sources = Sources::default()
            .with_roles(known)
            .flag("--profile", "profile", "demo")
            .flag("--data", "store.data", data.to_string_lossy());
        let settings = Settings::load(&sources).expect("valid");
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let entropy = Arc::new(Entropy::from_os().expect("randomness"));
        let app = App::start(settings, WITH_TERSE, clock, entropy, None)
            .await
            .expect("a store");
        Self {
            router: app.router(),
            app,
            _folder: folder,
        }
    }

    async fn post(&self, path: &str, key: Option<&str>, body: Body) -> (u16, String) {
        let mut request = Request::post(path)
            .header("host", "localhost")
            .header("authorization", format!("Bearer {}", token::demo("admin")));
        if let Some(key) = key {
            request = request.header("request-token", key);
        }
        self.send(request.body(body).expect("valid")).await
    }

    async fn send(&self, request: Request<Body>) -> (u16, String) {
        let answer = self.router.clone().oneshot(request).await;
        let answer = answer.expect("infallible");
        let status = answer.status().as_u16();
        let body = answer
            .into_body()
            .collect()
            .await
            .expect("whole")
            .to_bytes();
        (status, String::from_utf8_lossy(&body).into_owned())
    }
}

fn order() -> String {
    json!({"currency": "EUR", "lines": [{"sku": "a", "quantity": 1, "unitPrice": "1.00"}]})
        .to_string()
}

fn no(status: StatusCode, code: &str) -> (u16, String) {
    (status.as_u16(), format!("no: {code}"))
}

#[tokio::test]
async fn a_dialect_of_words_answers_what_every_route_refuses() {
    let shop = Shop::open().await;
    let orders = "/terse/v1/orders";
    let long = Body::from("x".repeat(1_001));
    assert_eq!(
        shop.post(orders, Some("a"), long).await,
        no(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large")
    );
    let never = futures::stream::pending::<Result<String, std::io::Error>>();
    assert_eq!(
        shop.post(orders, Some("a"), Body::from_stream(never)).await,
        no(StatusCode::REQUEST_TIMEOUT, "request_timeout")
    );
    assert_eq!(
        shop.post(orders, None, order().into()).await,
        no(StatusCode::BAD_REQUEST, "idempotency_key_required")
    );
    assert_eq!(
        shop.post(orders, Some("123456789"), order().into()).await,
        no(StatusCode::BAD_REQUEST, "idempotency_key_invalid")
    );
    let (status, answer) = shop.post(orders, Some("a"), order().into()).await;
    assert_eq!(status, 201, "{answer}");
    let placed: Value = serde_json::from_str(&answer).expect("JSON");
    let id = placed["id"].as_str().expect("an id");
    let release = format!("{orders}/{id}/holds/{id}/release");
    assert_eq!(
        shop.post(&release, None, Body::empty()).await,
        no(StatusCode::BAD_REQUEST, "idempotency_key_required"),
        "of a command too"
    );
    assert_eq!(
        shop.post(&release, Some("b"), Body::empty()).await,
        no(StatusCode::NOT_FOUND, "hold_not_found"),
        "the domain refuses the command"
    );
    let unknown = Request::get("/terse/nothing").header("host", "localhost");
    let unknown = unknown.body(Body::empty()).expect("valid");
    assert_eq!(
        shop.send(unknown).await,
        no(StatusCode::NOT_FOUND, "not_found")
    );
    shop.app.store.close().await;
    assert_eq!(
        shop.post(&release, Some("c"), Body::empty()).await,
        no(StatusCode::SERVICE_UNAVAILABLE, "unavailable"),
        "the store has an error"
    );
    let (_, of_v1) = shop.post("/v1/orders", None, order().into()).await;
    assert!(
        of_v1.contains("\"code\":\"idempotency_key_required\""),
        "{of_v1}"
    );
}

#[tokio::test]
async fn the_same_key_in_another_dialect_is_another_key() {
    let shop = Shop::open().await;
    let (status, first) = shop
        .post("/terse/v1/orders", Some("a"), order().into())
        .await;
    assert_eq!(status, 201, "{first}");
    let again = shop
        .post("/terse/v1/orders", Some("a"), order().into())
        .await;
    assert_eq!(again.1, first, "a replay");
    shop.app.store.close().await;
}
