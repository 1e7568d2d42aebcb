//! The suite on a server of the test kit.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use parking_lot::Mutex;
use waybill_broker::conformance::{self, Abilities, Bench, Topics};
use waybill_testkit::brokers::BrokerServer;
use waybill_testkit::unavailable::{Unavailable, or_skip};

/// A server on the bench.
struct OnServer<S> {
    name: &'static str,
    abilities: Abilities,
    /// Topics and queues whose names begin with this text.
    topics: fn(&S, String) -> Arc<dyn Topics>,
    server: Arc<Mutex<S>>,
    cases: AtomicUsize,
}

impl<S: BrokerServer> OnServer<S> {
    async fn act(&self, act: fn(&mut S) -> anyhow::Result<()>) {
        let server = self.server.clone();
        let acting = tokio::task::spawn_blocking(move || act(&mut server.lock()));
        let acted = acting.await.expect("the server is handled");
        acted.expect("it ends, and starts again");
    }
}

#[async_trait]
impl<S: BrokerServer> Bench for OnServer<S> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn abilities(&self) -> Abilities {
        self.abilities
    }

    async fn fresh(&self) -> Arc<dyn Topics> {
        let case = self.cases.fetch_add(1, Ordering::SeqCst);
        (self.topics)(&self.server.lock(), format!("case-{case}-"))
    }

    async fn stop(&self) {
        self.act(S::end).await;
    }

    async fn start(&self) {
        self.act(S::start_again).await;
    }
}

/// Runs the suite, or the cases of it that `WAYBILL_TEST_CASE` names.
pub async fn the_suite<S: BrokerServer>(
    name: &'static str,
    abilities: Abilities,
    server: Result<S, Unavailable>,
    topics: fn(&S, String) -> Arc<dyn Topics>,
) {
    let Some(server) = or_skip(server) else {
        return;
    };
    let bench = OnServer {
        name,
        abilities,
        topics,
        server: Arc::new(Mutex::new(server)),
        cases: AtomicUsize::new(0),
    };
    let only = std::env::var("WAYBILL_TEST_CASE").unwrap_or_default();
    let report = conformance::run(&bench, &only).await;
    assert_eq!(report.failed, []);
    assert!(!report.passed.is_empty());
}
