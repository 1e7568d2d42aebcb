//! Waiting until every acknowledged order reads delivered.
//!
//! The server's own count is polled first (one cheap request a tick), so that thousands of orders
//! are not read while they are under way. Then each order is read, and unfinished ones are read
//! again. The count only decides when reading begins: every order is read at least once.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use serde::Deserialize;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::factory::Dialect;
use crate::client::{Client, ClientError, path_segment};
use crate::observe::figures;

/// Between two looks at the server's count.
const COUNT_EVERY: Duration = Duration::from_millis(100);
/// Between two readings of what is unfinished.
const READ_EVERY: Duration = Duration::from_millis(250);
/// A count that does not move for this long is no longer waited for (an order may have failed).
const COUNT_STANDS_STILL: Duration = Duration::from_secs(10);
/// Connections that read orders.
const READERS: usize = 32;
/// How many missing orders are named.
const NAMED_MISSING: usize = 10;

/// The result of waiting.
#[derive(Debug)]
pub struct Deliveries {
    pub expected: u64,
    pub delivered: u64,
    /// From the last acknowledgement until the last order was seen delivered (or the wait ended).
    pub took: Duration,
    /// Last status read → orders that did not arrive.
    pub missing: BTreeMap<String, u64>,
    /// Some of them by id.
    pub missing_ids: Vec<String>,
}

/// What to wait for.
pub struct Wait {
    pub dialect: Dialect,
    pub ids: Vec<Box<str>>,
    /// The server's count of delivered orders before the run; `None` when it does not say.
    pub delivered_before: Option<u64>,
    pub last_acknowledged: Instant,
    pub limit: Duration,
}

/// The server's count of delivered orders, where `GET /api/metrics` has it.
///
/// # Errors
/// Only when nothing answers; a server without that count is `None`.
pub async fn delivered_count(client: &mut Client) -> Result<Option<u64>, ClientError> {
    match client.get("/api/metrics").await {
        Ok(answer) => Ok(answer.body["orders"]["delivered"].as_u64()),
        Err(ClientError::Refused(_) | ClientError::Unexpected { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

impl Wait {
    /// Waits; `seen` is kept at the number delivered so far.
    pub async fn run(self, mut client: Client, seen: Arc<AtomicU64>) -> Deliveries {
        let deadline = Instant::now() + self.limit;
        let expected = self.ids.len() as u64;
        let counted_at = self.watch_count(&mut client, deadline, &seen).await;
        let mut unfinished: Vec<(Box<str>, String)> = self
            .ids
            .iter()
            .map(|id| (id.clone(), "not read".to_owned()))
            .collect();
        let mut rounds = 0;
        loop {
            unfinished = self.read(&client, unfinished).await;
            rounds += 1;
            let left = unfinished.len() as u64;
            seen.store(expected - left, Ordering::Relaxed);
            let hopeless = unfinished.iter().all(|(_, status)| is_dead_end(status));
            if hopeless || Instant::now() + READ_EVERY >= deadline {
                break;
            }
            tokio::time::sleep(READ_EVERY).await;
        }
        // When the first reading found everything delivered, the count had seen the last one arrive.
        let ended = counted_at
            .filter(|_| rounds == 1 && unfinished.is_empty())
            .unwrap_or_else(Instant::now);
        let mut missing: BTreeMap<String, u64> = BTreeMap::new();
        for (_, status) in &unfinished {
            *missing.entry(status.clone()).or_default() += 1;
        }
        Deliveries {
            expected,
            delivered: expected - unfinished.len() as u64,
            took: ended.saturating_duration_since(self.last_acknowledged),
            missing,
            missing_ids: unfinished
                .iter()
                .take(NAMED_MISSING)
                .map(|(id, _)| id.to_string())
                .collect(),
        }
    }

    /// Watches the server's count; the moment it was reached, `None` if it was not.
    async fn watch_count(
        &self,
        client: &mut Client,
        deadline: Instant,
        seen: &AtomicU64,
    ) -> Option<Instant> {
        let before = self.delivered_before?;
        let mut moved = (0, Instant::now());
        loop {
            let now = Instant::now();
            // A server that is restarting does not answer; the count is read again later.
            let delivered = delivered_count(client)
                .await
                .ok()
                .flatten()
                .map_or(0, |count| figures::left(count, before));
            if delivered >= self.ids.len() as u64 {
                return Some(Instant::now());
            }
            if delivered != moved.0 {
                moved = (delivered, now);
            }
            seen.store(delivered, Ordering::Relaxed);
            if now + COUNT_EVERY >= deadline || now - moved.1 > COUNT_STANDS_STILL {
                return None;
            }
            tokio::time::sleep(COUNT_EVERY).await;
        }
    }

    /// Reads these orders once, over several connections; hands back those not delivered.
    async fn read(
        &self,
        client: &Client,
        orders: Vec<(Box<str>, String)>,
    ) -> Vec<(Box<str>, String)> {
        let orders = Arc::new(orders);
        let next = Arc::new(AtomicUsize::new(0));
        let mut readers = JoinSet::new();
        for _ in 0..READERS.min(orders.len()) {
            let (mut client, orders, next, dialect) = (
                client.another(),
                Arc::clone(&orders),
                Arc::clone(&next),
                self.dialect,
            );
            readers.spawn(async move {
                let mut unfinished = Vec::new();
                while let Some((id, last)) = orders.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if is_dead_end(last) {
                        unfinished.push((id.clone(), last.clone()));
                        continue;
                    }
                    let status = read_status(&mut client, dialect, id).await;
                    if !status.eq_ignore_ascii_case("delivered") {
                        unfinished.push((id.clone(), status));
                    }
                }
                unfinished
            });
        }
        readers.join_all().await.into_iter().flatten().collect()
    }
}

/// An order in one of these will not be delivered however long one waits.
fn is_dead_end(status: &str) -> bool {
    ["cancelled", "failed"]
        .iter()
        .any(|end| status.eq_ignore_ascii_case(end))
}

async fn read_status(client: &mut Client, dialect: Dialect, id: &str) -> String {
    #[derive(Deserialize)]
    struct Read {
        status: Option<String>,
        data: Option<Inner>,
    }
    #[derive(Deserialize)]
    struct Inner {
        status: Option<String>,
    }
    match client
        .get(&format!("{}/{}", dialect.path(), path_segment(id)))
        .await
    {
        Ok(answer) => match Read::deserialize(&answer.body) {
            Ok(read) => read.data.and_then(|data| data.status).or(read.status),
            Err(_) => None,
        }
        .unwrap_or_else(|| "no status in the answer".to_owned()),
        Err(ClientError::Refused(refusal)) => format!("answered {}", refusal.status.as_u16()),
        Err(_) => "no answer".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use parking_lot::Mutex;

    use super::*;
    use crate::client::fake_server::{FakeAnswer, FakeServer};

    fn wait(ids: &[&str], delivered_before: Option<u64>) -> Wait {
        Wait {
            dialect: Dialect::Sales,
            ids: ids.iter().map(|id| Box::from(*id)).collect(),
            delivered_before,
            last_acknowledged: Instant::now(),
            limit: Duration::from_secs(30),
        }
    }

    #[tokio::test]
    async fn only_unfinished_orders_are_read_again_and_the_count_comes_first() {
        let reads = Arc::new(Mutex::new(HashMap::<String, u32>::new()));
        let server = FakeServer::start({
            let reads = Arc::clone(&reads);
            move |request| {
                let mut reads = reads.lock();
                let times = reads.entry(request.uri.path().to_owned()).or_default();
                *times += 1;
                match (request.uri.path(), *times) {
                    ("/api/metrics", times) => FakeAnswer::json(
                        200,
                        format!(r#"{{"orders":{{"delivered":{}}}}}"#, 6 + times),
                    ),
                    ("/api/orders/slow", 1) => {
                        FakeAnswer::json(200, r#"{"data":{"status":"Shipped"}}"#)
                    }
                    _ => FakeAnswer::json(200, r#"{"data":{"status":"Delivered"}}"#),
                }
            }
        })
        .await;
        let deliveries = wait(&["quick", "slow"], Some(5))
            .run(server.client(), Arc::default())
            .await;
        assert_eq!((deliveries.expected, deliveries.delivered), (2, 2));
        let reads = reads.lock();
        // 7 − 5 deliveries were expected, so one read of the count sufficed.
        assert_eq!(
            (
                reads["/api/metrics"],
                reads["/api/orders/quick"],
                reads["/api/orders/slow"]
            ),
            (1, 1, 2)
        );
    }

    #[tokio::test]
    async fn an_order_that_failed_ends_the_wait_and_is_named() {
        let server = FakeServer::start(|request| match request.uri.path() {
            "/api/orders/bad" => FakeAnswer::json(200, r#"{"data":{"status":"Failed"}}"#),
            _ => FakeAnswer::json(200, r#"{"data":{"status":"Delivered"}}"#),
        })
        .await;
        let deliveries = wait(&["good", "bad"], None)
            .run(server.client(), Arc::default())
            .await;
        assert_eq!(deliveries.delivered, 1);
        assert_eq!(
            deliveries.missing,
            BTreeMap::from([("Failed".to_owned(), 1)])
        );
        assert_eq!(deliveries.missing_ids, ["bad"]);
    }
}
