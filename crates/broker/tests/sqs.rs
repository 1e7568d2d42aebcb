//! The suite on SQS, spoken by ElasticMQ.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use parking_lot::Mutex;
use waybill_broker::conformance::{self, Abilities, Bench, Topics};
use waybill_broker::message::Topic;
use waybill_broker::publisher::Publisher;
use waybill_broker::sqs::{MESSAGE_BYTES, Sqs, SqsConfig, SqsPublisher, SqsSubscriber};
use waybill_broker::subscriber::Subscriber;
use waybill_broker::wire::RawMessage;
use waybill_testkit::brokers::ElasticMq;
use waybill_testkit::unavailable::or_skip;

struct OnElasticMq {
    server: Arc<Mutex<ElasticMq>>,
    cases: AtomicUsize,
}

impl OnElasticMq {
    fn config(&self, prefix: String) -> SqsConfig {
        SqsConfig {
            endpoint: self.server.lock().endpoint(),
            region: "eu-central-1".into(),
            credentials: ("key".into(), "secret".into()),
            session_token: None,
            prefix,
            dataref: "http://127.0.0.1:1".into(),
        }
    }
}

#[async_trait]
impl Bench for OnElasticMq {
    fn name(&self) -> &'static str {
        "sqs"
    }

    fn abilities(&self) -> Abilities {
        Abilities {
            // ElasticMQ does not keep all that it confirmed over a restart: 40 to 96 of 1,000 messages were missing.
            restarts: false,
            strangers: true,
            dead_letter_queue: true,
            size_limit: Some(MESSAGE_BYTES),
            keeps: true,
        }
    }

    async fn fresh(&self) -> Arc<dyn Topics> {
        let case = self.cases.fetch_add(1, Ordering::SeqCst);
        let config = self.config(format!("case-{case}-"));
        Arc::new(Queues { config })
    }

    async fn stop(&self) {
        self.blocking(|server| server.kill().expect("it can be killed"))
            .await;
    }

    async fn start(&self) {
        self.blocking(|server| server.start_again().expect("it starts again"))
            .await;
    }
}

impl OnElasticMq {
    async fn blocking(&self, act: impl FnOnce(&mut ElasticMq) + Send + 'static) {
        let server = self.server.clone();
        let acting = tokio::task::spawn_blocking(move || act(&mut server.lock()));
        acting.await.expect("the server is handled");
    }
}

struct Queues {
    config: SqsConfig,
}

#[async_trait]
impl Topics for Queues {
    async fn publisher(&self) -> Arc<dyn Publisher> {
        Arc::new(SqsPublisher::new(Sqs::new(&self.config)))
    }

    async fn subscriber(&self) -> Arc<dyn Subscriber> {
        Arc::new(SqsSubscriber::new(Sqs::new(&self.config)))
    }

    async fn send(&self, topic: Topic, key: &str, message: RawMessage) {
        let sqs = Sqs::new(&self.config);
        let sent = sqs.send_raw(topic, key, &message).await;
        sent.expect("a stranger can send");
    }

    async fn dead_letters(&self, _consumer: &str, topic: Topic) -> Vec<RawMessage> {
        let sqs = Sqs::new(&self.config);
        sqs.peek_dead_letters(topic)
            .await
            .expect("they can be read")
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_suite() {
    let Some(server) = or_skip(ElasticMq::start()) else {
        return;
    };
    let bench = OnElasticMq {
        server: Arc::new(Mutex::new(server)),
        cases: AtomicUsize::new(0),
    };
    let only = std::env::var("WAYBILL_TEST_CASE").unwrap_or_default();
    let report = conformance::run(&bench, &only).await;
    assert_eq!(report.failed, []);
    assert!(!report.passed.is_empty());
}
