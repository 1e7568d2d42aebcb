//! Dead letters, made by parking an event as a consumer would: no honest event fails, so the process is run in here.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use http::{Method, Request};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::ServiceExt;
use waybill::app::{App, BUILD};
use waybill::backend;
use waybill::clock::{Clock, SystemClock};
use waybill::config::{Secret, Settings, Sources};
use waybill::random::Entropy;
use waybill::roles;
use waybill_domain::change::OrderEffect;
use waybill_domain::text::Tenant;
use waybill_domain::time::Time;
use waybill_store::{ConsumerBatch, NewParked, Positions};
use waybill_testkit::postgres::{Database, Postgres};
use waybill_testkit::unavailable::or_skip_all;

use crate::shop::{small, token_of};

async fn ask(
    router: &Router,
    tenant: &str,
    method: Method,
    path: &str,
    body: &Value,
) -> (u16, Value) {
    let text = if body.is_null() {
        String::new()
    } else {
        body.to_string()
    };
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("host", "localhost")
        .header(
            "authorization",
            format!("Bearer {}", token_of(tenant, "admin")),
        )
        .header("idempotency-key", path)
        .body(Body::from(text))
        .expect("valid");
    let answer = router.clone().oneshot(request).await.expect("infallible");
    let status = answer.status().as_u16();
    let body = answer
        .into_body()
        .collect()
        .await
        .expect("whole")
        .to_bytes();
    (status, serde_json::from_slice(&body).unwrap_or(Value::Null))
}

/// Parks the newest event for the consumer `status`, which does not run here.
async fn park(app: &App, error: &str) {
    let now = Time(SystemClock.now_micros());
    let until = now.plus_ms(60_000);
    let store = &app.store;
    let (lease, cursor) = store
        .take_lease("status", 0, "test", now, until)
        .await
        .expect("leases are written")
        .expect("no process holds it");
    let (events, reached) = store
        .feed(&Tenant::default(), Positions::beginning(1), 100)
        .await
        .expect("events");
    let event = events.into_iter().next_back().expect("an event");
    let parked = NewParked {
        event,
        error: Some(error.into()),
        next_attempt_at: until,
    };
    let apply = ConsumerBatch::<OrderEffect> {
        lease,
        from: cursor,
        to: reached.of(0),
        changes: vec![],
        park: vec![parked],
    };
    store.apply_batch(apply).await.expect("parked");
}

/// In the crate `on_postgres`, a database to run on.
fn database(settings: &mut Settings) -> Option<Database> {
    if env!("CARGO_CRATE_NAME") != "on_postgres" {
        return None;
    }
    let database = or_skip_all(Postgres::shared()).database(None);
    let database = database.expect("a database");
    settings.store.url = Secret::new(database.url());
    // One, as the embedded store has: the test parks in it by number.
    settings.store.parts = 1;
    Some(database)
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "one story, told step by step")]
async fn a_dead_letter_is_shown_redriven_and_discarded_by_its_tenant_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let sources =
        Sources::default()
            .with_roles(roles::settings())
            .flag("--profile", "profile", "demo");
    let mut settings = Settings::load(&sources).expect("valid");
    settings.store.data = folder.path().join("data").to_string_lossy().into_owned();
    let _database = database(&mut settings);
    let entropy = Arc::new(Entropy::from_os().expect("randomness"));
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    if settings.database_url().is_some() {
        let migrated = backend::migrate(&settings, &clock, &entropy).await;
        migrated.expect("a schema");
    }
    let app = App::start(settings, BUILD, clock, entropy, None)
        .await
        .expect("a store");
    let router = app.router();
    let (status, order) = ask(
        &router,
        "default",
        Method::POST,
        "/v1/orders",
        &small("a", 1),
    )
    .await;
    assert_eq!(status, 201, "{order}");
    park(&app, "cannot be decoded").await;

    let (_, page) = ask(
        &router,
        "default",
        Method::GET,
        "/v1/dead-letters",
        &Value::Null,
    )
    .await;
    let letter = &page["items"][0];
    let told = ["consumer", "orderId", "eventType", "error"].map(|name| letter[name].clone());
    assert_eq!(
        told,
        [
            json!("status"),
            order["id"].clone(),
            json!("order.confirmed"),
            json!("cannot be decoded")
        ]
    );
    let path = format!("/v1/dead-letters/{}", letter["id"].as_str().expect("an id"));
    let (status, shown) = ask(&router, "default", Method::GET, &path, &Value::Null).await;
    assert_eq!(
        (status, &shown["event"]["data"]["status"]),
        (200, &json!("confirmed"))
    );

    for (action, state) in [("redrive", "redrive"), ("discard", "discard")] {
        let path = format!("{path}/{action}");
        let (status, _) = ask(&router, "other", Method::POST, &path, &Value::Null).await;
        assert_eq!(status, 404, "not another tenant's");
        let (status, flagged) = ask(&router, "default", Method::POST, &path, &Value::Null).await;
        assert_eq!((status, &flagged["state"]), (202, &json!(state)));
    }
    let redrive = format!("{path}/redrive");
    let (status, first) = ask(&router, "default", Method::POST, &redrive, &Value::Null).await;
    assert_eq!(
        (status, &first["state"]),
        (202, &json!("redrive")),
        "the same key again is answered with the first outcome"
    );
    let (_, shown) = ask(&router, "default", Method::GET, &path, &Value::Null).await;
    assert_eq!(shown["state"], "discard", "and flags nothing");
    let (status, _) = ask(&router, "other", Method::GET, &path, &Value::Null).await;
    assert_eq!(status, 404);
    let (status, problem) = ask(
        &router,
        "default",
        Method::GET,
        "/v1/dead-letters/nonsense",
        &Value::Null,
    )
    .await;
    assert_eq!(
        (status, &problem["code"]),
        (404, &json!("dead_letter_not_found"))
    );
    app.store.close().await;
}
