//! The suite on two stores of one process.

use std::sync::Arc;

use async_trait::async_trait;
use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;
use waybill_broker::conformance::{self, Abilities, Bench, Topics};
use waybill_broker::message::{Message, Topic};
use waybill_broker::pair::Pair;
use waybill_broker::publisher::Publisher;
use waybill_broker::receiver::Receiver;
use waybill_broker::subscriber::Subscriber;
use waybill_broker::wire::RawMessage;

struct OneProcess;

#[async_trait]
impl Bench for OneProcess {
    fn name(&self) -> &'static str {
        "pair"
    }

    fn abilities(&self) -> Abilities {
        Abilities {
            restarts: false,
            strangers: false,
            dead_letter_queue: false,
            size_limit: None,
            keeps: false,
        }
    }

    async fn fresh(&self) -> Arc<dyn Topics> {
        Arc::new(Joined::default())
    }

    async fn stop(&self) {}

    async fn start(&self) {}
}

/// A subscriber that runs: its number, and what it hands messages to.
type Runner = (usize, Arc<dyn Receiver>);

/// A pair whose receivers come and go as the subscribers of a broker do.
#[derive(Clone, Default)]
struct Joined {
    pair: Arc<Pair>,
    running: Arc<Mutex<Vec<Runner>>>,
}

impl Joined {
    /// The first of the receivers gets everything: all have one consumer's name.
    fn connect(&self) {
        let first = self.running.lock().first().map(|(_, r)| r.clone());
        self.pair.connect(first.into_iter().collect());
    }
}

#[async_trait]
impl Topics for Joined {
    async fn publisher(&self) -> Arc<dyn Publisher> {
        self.pair.clone()
    }

    async fn subscriber(&self) -> Arc<dyn Subscriber> {
        Arc::new(self.clone())
    }

    async fn send(&self, _: Topic, _: &str, _: RawMessage) {}

    async fn dead_letters(&self, _: &str, _: Topic) -> Vec<RawMessage> {
        vec![]
    }
}

#[async_trait]
impl Subscriber for Joined {
    fn name(&self) -> &'static str {
        "pair"
    }

    async fn run(&self, receiver: Arc<dyn Receiver>, stop: CancellationToken) {
        let place = {
            let mut running = self.running.lock();
            let place = running.len();
            running.push((place, receiver));
            place
        };
        self.connect();
        stop.cancelled().await;
        self.running.lock().retain(|(other, _)| *other != place);
        self.connect();
    }

    async fn dead_letter(&self, _: &Message, _: &str) -> Result<(), String> {
        Ok(())
    }
}

#[tokio::test]
async fn the_suite() {
    let report = conformance::run(&OneProcess, "").await;
    assert_eq!(report.failed, []);
    assert!(report.passed.len() >= 5, "{report:?}");
}
