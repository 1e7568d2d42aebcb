//! Requests of broken and hostile clients: each is answered with a stable code, nothing of it is stored, nothing
//! panics, and the orders of others in the same batches are unharmed.

mod bodies;
mod echo;
mod head;
mod secrets;
mod tokens;
mod words;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use bytes::Bytes;
use futures::future::join_all;
use http::Method;
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use waybill_testkit::http::{Answer, Client, Failure};
use waybill_testkit::server::{Start, Waybill};

/// Clients that order properly all the while.
const GOOD_CLIENTS: usize = 4;
/// Times that each bad request is sent at once, so that it meets good orders in a batch.
const AT_ONCE: usize = 4;
/// A fault of 10,000 lines is not answered with 10,000 lines.
const LONGEST_ANSWER_BYTES: usize = 16_384;

async fn ready() -> Waybill {
    let start = Start::demo(env!("CARGO_BIN_EXE_waybill"))
        .as_in(env!("CARGO_CRATE_NAME"))
        .delivering_within_ms("600000");
    let app = start.ready().await.expect("ready");
    app.seed("sold-out", 0).await.expect("counted");
    app
}

/// A request that must be refused.
struct Bad {
    name: &'static str,
    path: &'static str,
    headers: Vec<(&'static str, String)>,
    body: Bytes,
    status: u16,
    code: &'static str,
}

impl Bad {
    fn sales(name: &'static str, body: impl Into<Bytes>, status: u16, code: &'static str) -> Self {
        Self {
            name,
            path: "/api/orders",
            headers: vec![],
            body: body.into(),
            status,
            code,
        }
    }

    fn v1(name: &'static str, body: impl Into<Bytes>, status: u16, code: &'static str) -> Self {
        Self {
            path: "/v1/orders",
            headers: vec![("idempotency-key", name.into())],
            ..Self::sales(name, body, status, code)
        }
    }

    #[must_use]
    fn with(mut self, header: &'static str, value: impl Into<String>) -> Self {
        self.headers.retain(|(name, _)| *name != header);
        self.headers.push((header, value.into()));
        self
    }

    #[must_use]
    fn without(mut self, header: &str) -> Self {
        self.headers.retain(|(name, _)| *name != header);
        self
    }

    /// Sends it, several times at once; what was wrong with the answers.
    async fn complaints(&self, app: &Waybill) -> Vec<String> {
        let attempts = (0..AT_ONCE).map(|_| async {
            let mut client = app.client();
            let headers: Vec<(&str, &str)> =
                self.headers.iter().map(|(n, v)| (*n, v.as_str())).collect();
            client
                .send(Method::POST, self.path, &headers, self.body.clone())
                .await
        });
        let answers = join_all(attempts).await;
        answers
            .into_iter()
            .filter_map(|answer| self.complaint(answer))
            .collect()
    }

    fn complaint(&self, answer: Result<Answer, Failure>) -> Option<String> {
        let about = format!("{} {}", self.path, self.name);
        let answer = match answer {
            Ok(answer) => answer,
            Err(failure) => return Some(format!("{about}: {failure}")),
        };
        let as_expected = answer.status.as_u16() == self.status && code(&answer) == self.code;
        let short = answer.body.len() < LONGEST_ANSWER_BYTES;
        let text: String = answer.text().chars().take(400).collect();
        if let Some(word) = words::of_rust(&answer.text()) {
            return Some(format!("{about}: says {word:?}: {text}"));
        }
        (!as_expected || !short).then(|| {
            format!(
                "{about}: wanted {} {}, got {}: {text}",
                self.status, self.code, answer.status
            )
        })
    }
}

/// Every one is refused as it should be, while good orders are taken.
async fn all_are_refused(bad: Vec<Bad>) {
    let mut app = ready().await;
    let good = Good::start(&app);
    let mut complaints = vec![];
    for bad in bad {
        complaints.extend(bad.complaints(&app).await);
    }
    let good = good.end().await;
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
    assert_unharmed(&mut app, good).await;
}

async fn send(client: &mut Client, path: &str, body: &'static str) -> Answer {
    let headers = [("idempotency-key", "k")];
    client
        .send(
            Method::POST,
            path,
            &headers,
            Bytes::from_static(body.as_bytes()),
        )
        .await
        .expect("an answer")
}

/// The stable code, wherever the dialect has it.
fn code(answer: &Answer) -> String {
    let body: Value = answer.json();
    let code = body["code"]
        .as_str()
        .or(body["error"]["code"].as_str())
        .or(body["error"].as_str());
    code.unwrap_or_else(|| panic!("no code: {body}")).to_owned()
}

/// Good orders, one after another on each connection, until they are asked to end.
struct Good {
    stop: Arc<AtomicBool>,
    taken: Arc<AtomicU64>,
    clients: Vec<JoinHandle<()>>,
}

impl Good {
    fn start(app: &Waybill) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let taken = Arc::new(AtomicU64::new(0));
        let order =
            json!({"customerId":"good","items":[{"productId":"good","quantity":1,"price":5}]});
        let body = Bytes::from(order.to_string());
        let clients = (0..GOOD_CLIENTS).map(|_| {
            let (stop, taken, body, mut client) =
                (stop.clone(), taken.clone(), body.clone(), app.client());
            tokio::spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    let answer = client
                        .send(Method::POST, "/api/orders", &[], body.clone())
                        .await
                        .expect("an answer");
                    assert_eq!(answer.status, 201, "{}", answer.text());
                    taken.fetch_add(1, Ordering::Relaxed);
                }
            })
        });
        Self {
            clients: clients.collect(),
            stop,
            taken,
        }
    }

    /// All were taken; how many.
    async fn end(self) -> u64 {
        self.stop.store(true, Ordering::Relaxed);
        for client in self.clients {
            client.await.expect("every good order was taken");
        }
        self.taken.load(Ordering::Relaxed)
    }
}

/// Only the good orders are stored, everything adds up, and the server said nothing of a panic or a fault of its own.
async fn assert_unharmed(app: &mut Waybill, good: u64) {
    assert!(good > 0, "no good order met the bad ones");
    let report = app.verify().await.expect("verified");
    assert!(report.ok, "{:?}", report.findings);
    assert_eq!(report.counts["orders"], good, "only good orders are stored");
    assert!(app.stop().await.expect("stopped").success());
    for entry in std::fs::read_dir(app.home()).expect("the test's folder") {
        let path = entry.expect("an entry").path();
        if path.extension().is_some_and(|e| e == "err") {
            let text = std::fs::read_to_string(&path).expect("the log");
            let bad = |line: &&str| {
                line.contains("panicked") || line.contains("\"ERROR\"") || line.contains(" ERROR ")
            };
            assert_eq!(text.lines().find(bad), None);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_sales_orders_are_refused_and_good_ones_beside_them_taken() {
    all_are_refused(bodies::sales()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_v1_orders_are_refused_and_good_ones_beside_them_taken() {
    all_are_refused(bodies::v1()).await;
}

#[tokio::test]
async fn ids_that_are_none_find_nothing() {
    let app = ready().await;
    let mut client = app.client();
    for id in [
        "x",
        "%00",
        "%FF",
        "..",
        "00000000-0000-0000-0000-000000000000",
        "number:WB-999999",
        "ref:none",
        "ref:%00",
    ] {
        for path in [
            format!("/api/orders/{id}"),
            format!("/v1/orders/{id}"),
            format!("/v1/orders/{id}/events"),
        ] {
            let answer = client.get(&path).await.expect("an answer");
            assert!(
                [400, 404].contains(&answer.status.as_u16()),
                "{path}: {} {}",
                answer.status,
                answer.text()
            );
            code(&answer);
        }
    }
}
