//! The inbox of a delivery service on a real embedded store. The tests hand it the messages of an order service that is
//! not there.

mod alerts;
mod gaps;
mod generations;
mod once;
mod unreadable;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use axum::body::Body;
use http::{Method, Request};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;
use uuid::Uuid;
use waybill_broker::handover::{Settled, hand_over};
use waybill_broker::message::{Message, Source};
use waybill_broker::publisher::{Published, Publisher};
use waybill_broker::receiver::{Received, Receiver};
use waybill_broker::wire::{RawMessage, Shape, encode, name};
use waybill_domain::context::EventMeta;
use waybill_domain::event::{
    Aggregate, AggregateKind, EventKind, LoggedEvent, NewEvent, SCHEMA_VERSION,
};
use waybill_domain::ids::{EventId, OrderId};
use waybill_domain::text::Tenant;
use waybill_domain::time::Time;
use waybill_testkit::token;

use crate::app::{App, BUILD};
use crate::brokers::Outside;
use crate::clock::{Clock, SystemClock};
use crate::config::{Settings, Sources};
use crate::random::Entropy;
use crate::roles;
use crate::roles::tasks::RoleTasks;

/// A timeout that only a hanging test reaches.
const HANGS: Duration = Duration::from_secs(60);
const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// An event of an order, of a kind that delivery only counts.
pub(super) fn noted(order: u128, seq: i64) -> Message {
    event(order, seq, EventKind::OrderNoteAdded, "{}")
}

/// The event by which delivery makes a shipment of two units.
fn confirmed(order: u128, seq: i64) -> Message {
    let body =
        r#"{"status":"confirmed","lines":[{"id":"1","vendor":"local","ordered":2,"reserved":2}]}"#;
    event(order, seq, EventKind::OrderConfirmed, body)
}

fn event(order: u128, seq: i64, kind: EventKind, body: &str) -> Message {
    let id = Uuid::from_u128(order);
    Message {
        source: Source {
            store_id: "orders".into(),
            generation: "g1".into(),
        },
        filler: false,
        personal: None,
        resend: None,
        event: LoggedEvent {
            partition: 0,
            position: 0,
            recorded_at: Time(0),
            event: NewEvent {
                id: EventId(Uuid::from_u128((order << 64) | seq as u128)),
                schema_version: SCHEMA_VERSION,
                kind,
                aggregate: Aggregate {
                    kind: AggregateKind::Order,
                    id,
                },
                seq,
                order_id: Some(OrderId(id)),
                tenant: Tenant::default(),
                occurred_at: Time(0),
                body: body.into(),
                meta: EventMeta::default(),
            },
        },
    }
}

/// A message as it travels.
fn raw(message: &Message) -> RawMessage {
    encode(message, Shape::Sqs)
}

/// The same with another attribute.
fn with(message: &Message, attribute: &str, value: &str) -> RawMessage {
    let mut raw = raw(message);
    raw.attributes.insert(attribute.into(), value.into());
    raw
}

/// Confirms whatever it is given.
struct Nowhere;

#[async_trait]
impl Publisher for Nowhere {
    fn name(&self) -> &'static str {
        "nowhere"
    }

    async fn publish(&self, messages: Vec<Message>) -> Vec<Published> {
        vec![Published::Confirmed; messages.len()]
    }
}

/// A delivery service.
struct Service {
    app: Arc<App>,
    router: axum::Router,
    roles: RoleTasks,
    inbox: Arc<dyn Receiver>,
}

impl Service {
    async fn open(folder: &Path, set: &[(&str, &str)]) -> Self {
        let data = folder.join("data");
        let mut sources = Sources::default()
            .with_roles(roles::settings())
            .flag("--profile", "profile", "demo")
            .flag("--roles", "roles", "delivery,relay")
            .flag("--data", "store.data", data.to_string_lossy())
            .flag("--set", "delivery.ship_delay_ms", "1h-1h");
        for (key, value) in set {
            sources = sources.flag("--set", *key, *value);
        }
        let settings = Settings::load(&sources).expect("valid");
        let entropy = Arc::new(Entropy::from_os().expect("randomness"));
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let outside = Outside::published_by(Arc::new(Nowhere));
        let app = App::start(settings, BUILD, clock, entropy, Some(outside)).await;
        let app = app.expect("a store");
        let roles = app.start_roles();
        let inbox = roles.receivers().remove(0);
        Self {
            router: app.router(),
            roles,
            inbox,
            app,
        }
    }

    async fn close(self) {
        self.roles.stop().await;
        self.app.store.close().await;
    }

    async fn take(&self, messages: Vec<Message>) {
        let count = messages.len();
        let received = self.inbox.receive(messages).await;
        assert_eq!(received, vec![Received::Taken; count]);
    }

    /// Hands over messages as a broker delivers them; each must be settled.
    async fn deliver(&self, raw: Vec<RawMessage>) -> Vec<Settled> {
        let stop = CancellationToken::new();
        let settled = hand_over(&self.inbox, raw, &stop);
        let settled = tokio::time::timeout(HANGS, settled).await;
        let settled = settled.expect("they are taken");
        assert!(settled.iter().all(Settled::is_settled), "{settled:?}");
        settled
    }

    async fn ask(&self, method: Method, path: &str) -> Value {
        self.send(method, path, &Value::Null).await
    }

    async fn send(&self, method: Method, path: &str, body: &Value) -> Value {
        let claims = json!({"clientId": "tester", "scope": "admin"});
        let header = json!({"alg": "HS256", "typ": "JWT"});
        let token = token::sign(&header, &claims, token::DEMO_SECRET.as_bytes());
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", "localhost")
            .header("authorization", format!("Bearer {token}"))
            .body(match body {
                Value::Null => Body::empty(),
                body => Body::from(body.to_string()),
            })
            .expect("valid");
        let answer = self.router.clone().oneshot(request).await;
        let answer = answer.expect("infallible");
        let status = answer.status();
        let body = answer.into_body().collect().await.expect("whole");
        let body = body.to_bytes();
        let text = String::from_utf8_lossy(&body);
        assert!(status.is_success(), "{path}: {status} {text}");
        serde_json::from_slice(&body).expect("JSON")
    }

    async fn letters(&self) -> Vec<Value> {
        let page = self.ask(Method::GET, "/v1/dead-letters").await;
        page["items"].as_array().expect("a list").clone()
    }

    async fn letter(&self) -> Value {
        let mut letters = self.letters().await;
        assert_eq!(letters.len(), 1, "{letters:?}");
        letters.remove(0)
    }

    /// Asks for an action on the only dead letter.
    async fn flag(&self, action: &str) {
        let letter = self.letter().await;
        let id = letter["id"].as_str().expect("an id");
        let path = format!("/v1/dead-letters/{id}/{action}");
        self.ask(Method::POST, &path).await;
    }

    async fn none_is_left(&self) {
        self.until("no dead letter", async || self.letters().await.is_empty())
            .await;
    }

    /// The orders that have shipments, one entry per shipment.
    async fn shipped(&self) -> Vec<Uuid> {
        let page = self.ask(Method::GET, "/v1/shipments?limit=100").await;
        let items = page["items"].as_array().expect("a list").iter();
        let order = |item: &Value| item["orderId"].as_str()?.parse().ok();
        items.map(|item| order(item).expect("an order")).collect()
    }

    async fn until(&self, what: &str, holds: impl AsyncFn() -> bool) {
        let waited = tokio::time::timeout(HANGS, async {
            while !holds().await {
                tokio::time::sleep(LOOK_AGAIN).await;
            }
        });
        assert!(waited.await.is_ok(), "{what}: {:?}", self.letters().await);
    }
}
