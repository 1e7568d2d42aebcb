//! The suite on SQS, spoken by ElasticMQ.

mod bench;

use std::sync::Arc;

use async_trait::async_trait;
use waybill_broker::conformance::{Abilities, Topics};
use waybill_broker::message::Topic;
use waybill_broker::publisher::Publisher;
use waybill_broker::sqs::{MESSAGE_BYTES, Sqs, SqsConfig, SqsPublisher, SqsSubscriber};
use waybill_broker::subscriber::Subscriber;
use waybill_broker::wire::RawMessage;
use waybill_testkit::brokers::ElasticMq;

fn config(endpoint: String, prefix: String) -> SqsConfig {
    SqsConfig {
        endpoint,
        region: "eu-central-1".into(),
        credentials: ("key".into(), "secret".into()),
        session_token: None,
        prefix,
        dataref: "http://127.0.0.1:1".into(),
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
    let abilities = Abilities {
        // After a restart ElasticMQ, unlike SQS, delivers a group's later messages beside those in flight. Restarts are
        // part of the flow with faults, where the inbox brings them in order.
        restarts: false,
        strangers: true,
        dead_letter_queue: true,
        size_limit: Some(MESSAGE_BYTES),
        keeps: true,
    };
    bench::the_suite("sqs", abilities, ElasticMq::start(), |server, prefix| {
        let config = config(server.endpoint(), prefix);
        Arc::new(Queues { config })
    })
    .await;
}
