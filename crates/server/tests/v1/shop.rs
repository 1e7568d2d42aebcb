//! A running Waybill and a client of it.

use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Method, Request};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::client::conn::http1::handshake;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::timeout;
use waybill_testkit::contract::mismatch;
use waybill_testkit::http::{Answer, Client};
use waybill_testkit::server::{Start, Waybill};
use waybill_testkit::token;

pub const PATIENCE: Duration = Duration::from_secs(30);
/// Longer than any test: the simulated carrier does nothing by itself.
pub const NEVER: &str = "3600000";
pub const AT_ONCE: &str = "0";

pub struct Shop(pub Waybill);

fn demo(carrier_ms: &str) -> Start {
    Start::demo(env!("CARGO_BIN_EXE_waybill"))
        .as_in(env!("CARGO_CRATE_NAME"))
        .delivering_within_ms(carrier_ms)
}

impl Shop {
    /// Opens, with a carrier that takes its steps after this many milliseconds.
    pub async fn open(carrier_ms: &str) -> Self {
        Self::start(demo(carrier_ms)).await
    }

    /// Opens as [`Shop::open`], with a log whose events can be changed with SQL.
    pub async fn with_plain_log(carrier_ms: &str) -> Self {
        let mut app = demo(carrier_ms).prepared().expect("a folder");
        let migrated = app.migrate_with_plain_log().await;
        migrated.expect("it is migrated");
        app.start().await.expect("it starts");
        Self(app)
    }

    pub async fn start(start: Start) -> Self {
        Self(start.ready().await.expect("the server starts"))
    }

    /// Waits until status has passed every event of the log.
    pub async fn status_has_passed_all(&self) {
        let begun = Instant::now();
        loop {
            let metrics = self.get("/metrics").await;
            let metrics = metrics.text();
            let lag = metrics
                .lines()
                .filter(|line| line.starts_with("waybill_consumer_lag_events{"))
                .filter(|line| line.contains("=\"status\""));
            let lag: Vec<&str> = lag.filter_map(|line| line.rsplit(' ').next()).collect();
            assert!(!lag.is_empty(), "{metrics}");
            if lag.iter().all(|places| *places == "0") {
                return;
            }
            assert!(begun.elapsed() < PATIENCE, "{lag:?}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    pub fn client(&self, tenant: &str, scope: &str) -> Client {
        Client::new(self.0.address()).with_token(&token_of(tenant, scope))
    }

    /// Sends a request with a token for every scope.
    pub async fn ask(&self, method: Method, path: &str, body: &Value) -> Answer {
        self.ask_with(method, path, &[], body).await
    }

    pub async fn ask_with(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: &Value,
    ) -> Answer {
        let body = if body.is_null() {
            Bytes::new()
        } else {
            Bytes::from(body.to_string())
        };
        let mut client = self.client("default", "admin");
        let answer = client.send(method, path, headers, body).await;
        answer.expect("an answer")
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.ask(Method::GET, path, &Value::Null).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.ask(Method::POST, path, body).await
    }

    pub async fn place(&self, key: &str, order: &Value) -> Answer {
        let headers = [("idempotency-key", key)];
        self.ask_with(Method::POST, "/v1/orders", &headers, order)
            .await
    }

    /// Places an order that must be taken; the order.
    pub async fn placed(&self, key: &str, order: &Value) -> Value {
        let answer = self.place(key, order).await;
        assert_eq!(answer.status, 201, "{}", answer.text());
        answer.json()
    }

    pub async fn stocked(&self, sku: &str, on_hand: u64) {
        self.0.seed(sku, on_hand).await.expect("stock is counted");
    }

    /// Follows an order's stream, from the start or after an event.
    pub async fn follow(&self, order: &str, after: Option<&str>) -> Follow {
        let path = format!("/v1/orders/{order}/stream");
        Follow::open(self, &path, after, Some(&token_of("default", "admin"))).await
    }
}

pub fn token_of(tenant: &str, scope: &str) -> String {
    token::sign(
        &json!({"alg": "HS256", "typ": "JWT"}),
        &json!({"clientId": "testkit", "tenant": tenant, "scope": scope}),
        token::DEMO_SECRET.as_bytes(),
    )
}

/// A small order of one line.
pub fn small(sku: &str, quantity: u64) -> Value {
    json!({"currency": "EUR", "lines": [{"sku": sku, "quantity": quantity, "unitPrice": "12.90"}]})
}

/// The id of an order, hold or shipment.
pub fn id(of: &Value) -> String {
    of["id"].as_str().expect("an id").to_owned()
}

/// An open stream.
pub struct Follow {
    pub status: u16,
    body: Incoming,
    text: String,
}

/// One event of it.
#[derive(Debug)]
pub struct StreamEvent {
    pub name: String,
    pub id: String,
    pub data: Value,
}

impl Follow {
    pub async fn open(shop: &Shop, path: &str, after: Option<&str>, token: Option<&str>) -> Self {
        let address = shop.0.address();
        let socket = TcpStream::connect(address).await.expect("connects");
        let (mut sender, connection) = handshake(TokioIo::new(socket)).await.expect("speaks HTTP");
        tokio::spawn(connection);
        let mut request = Request::builder()
            .uri(path)
            .header("host", address.to_string());
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        if let Some(after) = after {
            request = request.header("last-event-id", after);
        }
        let request = request.body(Empty::<Bytes>::new()).expect("valid");
        let answer = timeout(PATIENCE, sender.send_request(request)).await;
        let answer = answer.expect("in time").expect("an answer");
        // Only the head of a stream is compared, because its body has no schema.
        if answer.status().is_success() {
            let begun = Answer {
                status: answer.status(),
                headers: answer.headers().clone(),
                body: Bytes::new(),
            };
            assert_eq!(mismatch(&Method::GET, path, &begun), None);
        }
        Self {
            status: answer.status().as_u16(),
            body: answer.into_body(),
            text: String::new(),
        }
    }

    /// The next event; `None` when the stream has ended.
    pub async fn next(&mut self) -> Option<StreamEvent> {
        loop {
            if let Some((event, rest)) = self.text.split_once("\n\n") {
                let event = event.to_owned();
                self.text = rest.to_owned();
                if event.starts_with(':') {
                    continue;
                }
                return Some(StreamEvent::read(&event));
            }
            let frame = timeout(PATIENCE, self.body.frame())
                .await
                .expect("something in time");
            let data = frame?.expect("the stream is not cut").into_data();
            let data = data.expect("data");
            self.text
                .push_str(std::str::from_utf8(&data).expect("text"));
        }
    }

    /// Reads until an event of this name.
    pub async fn until(&mut self, name: &str) -> StreamEvent {
        loop {
            let told = self.next().await;
            let told = told.unwrap_or_else(|| panic!("the stream ended before {name}"));
            if told.name == name {
                return told;
            }
        }
    }

    /// All that is left.
    pub async fn rest(mut self) -> Vec<StreamEvent> {
        let mut all = vec![];
        while let Some(told) = self.next().await {
            all.push(told);
        }
        all
    }
}

impl StreamEvent {
    fn read(event: &str) -> Self {
        let field = |name: &str| {
            let line = event.lines().find_map(|line| line.strip_prefix(name));
            line.unwrap_or_default().trim().to_owned()
        };
        Self {
            name: field("event:"),
            id: field("id:"),
            data: serde_json::from_str(&field("data:")).expect("JSON"),
        }
    }
}
