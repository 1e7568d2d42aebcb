//! Reading Kafka.

use super::Kafka;
use super::blocking::in_thread;
use super::group::{Consumer, Given, Group};
use super::health::{STATISTICS_MS, Watch, is_of_the_connection};
use super::lane::{IN_HAND, Lanes};
use crate::message::Message;
use crate::receiver::Receiver;
use crate::subscriber::Subscriber;
use crate::wire::{Shape, encode};
use async_trait::async_trait;
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::consumer::Consumer as _;
use rdkafka::error::{KafkaError, KafkaResult};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio_util::sync::CancellationToken;

/// After a call failed.
const PAUSE: Duration = Duration::from_secs(1);

/// How long leaving the group and committing may take, while the broker answers.
const CLOSED: Duration = Duration::from_secs(5);

/// Reads Kafka.
pub struct KafkaSubscriber(Arc<Kafka>);

impl KafkaSubscriber {
    #[must_use]
    pub fn new(kafka: Arc<Kafka>) -> Self {
        Self(kafka)
    }
}

#[async_trait]
impl Subscriber for KafkaSubscriber {
    fn name(&self) -> &'static str {
        "kafka"
    }

    async fn run(&self, receiver: Arc<dyn Receiver>, stop: CancellationToken) {
        while !stop.is_cancelled() {
            if let Err(error) = self.0.member(&receiver, &stop).await {
                self.0.health.failed(error);
            }
            tokio::select! {
                () = tokio::time::sleep(PAUSE) => {}
                () = stop.cancelled() => {}
            }
        }
    }

    async fn dead_letter(&self, message: &Message, why: &str) -> Result<(), String> {
        let topic = self.0.topic(message.topic());
        let raw = encode(message, Shape::Kafka);
        self.0.copy_dead_letter(&topic, &raw, why).await
    }
}

impl Kafka {
    /// Is a member of the consumer's group until `stop` is cancelled or the client fails for good.
    async fn member(
        &self,
        receiver: &Arc<dyn Receiver>,
        stop: &CancellationToken,
    ) -> KafkaResult<()> {
        let over = stop.child_token();
        let (give, given) = unbounded_channel();
        let group = Group::new(Watch(self.health.clone()), give, over.clone());
        let consumer = self.consumer(receiver.consumer(), group)?;
        let consumer = Arc::new(consumer);
        consumer.context().begin(&consumer);
        let lanes = Lanes {
            kafka: self,
            consumer,
            receiver,
            in_hand: Semaphore::new(IN_HAND),
        };
        let ended = lanes.run(given, &over).await;
        self.close(lanes.consumer).await;
        ended
    }

    fn consumer(&self, name: &str, group: Group) -> KafkaResult<Consumer> {
        let mut config = self.client();
        config
            .set("group.id", self.group(name))
            // Partitions that a member keeps go on while others join.
            .set("partition.assignment.strategy", "cooperative-sticky")
            .set("session.timeout.ms", "10000")
            .set("heartbeat.interval.ms", "3000")
            .set("auto.offset.reset", "earliest")
            .set("enable.auto.offset.store", "false")
            .set("enable.auto.commit", "true")
            .set("auto.commit.interval.ms", "1000")
            // For each partition.
            .set("queued.max.messages.kbytes", "4096")
            .set("fetch.wait.max.ms", "100")
            .set("statistics.interval.ms", STATISTICS_MS);
        Consumer::from_config_and_context(&config, group)
    }

    /// Commits what was stored and leaves the group. Without a broker that cannot be done, and is left to its end.
    async fn close(&self, consumer: Arc<Consumer>) {
        consumer.context().end();
        let closing = in_thread(move || drop(consumer));
        if tokio::time::timeout(CLOSED, closing).await.is_err() {
            tracing::warn!("the consumer could not leave its group in time");
        }
    }

    /// Makes the topics that are missing, and tries until it succeeded.
    async fn ensured(&self, topics: &[String]) {
        while let Err(error) = self.ensure(topics).await {
            self.health.failed(error);
            tokio::time::sleep(PAUSE).await;
        }
    }
}

impl Lanes<'_> {
    /// Works the partitions that are given, until it is over or the client fails for good. The client is polled all the
    /// time, also while no message can be taken: otherwise it would lose its partitions.
    async fn run(
        &self,
        mut given: UnboundedReceiver<Given>,
        over: &CancellationToken,
    ) -> KafkaResult<()> {
        let topics = self.receiver.topics().iter();
        let topics: Vec<String> = topics.map(|topic| self.kafka.topic(*topic)).collect();
        let ensured = self.kafka.ensured(&topics);
        tokio::pin!(ensured);
        let mut lanes = FuturesUnordered::new();
        let mut is_subscribed = false;
        let mut ended = Ok(());
        while !over.is_cancelled() {
            tokio::select! {
                () = over.cancelled() => {}
                () = &mut ensured, if !is_subscribed => {
                    let topics: Vec<&str> = topics.iter().map(String::as_str).collect();
                    self.consumer.subscribe(&topics)?;
                    is_subscribed = true;
                }
                Some(given) = given.recv() => lanes.push(self.work(given)),
                Some(()) = lanes.next() => {}
                event = self.consumer.recv() => {
                    if let ControlFlow::Break(error) = self.on_event(event.map(|_| ())) {
                        ended = Err(error);
                        over.cancel();
                    }
                }
            }
        }
        while !lanes.is_empty() {
            tokio::select! {
                _ = lanes.next() => {}
                _ = self.consumer.recv() => {}
            }
        }
        ended
    }

    /// What the client says besides messages, which come through the queues of their partitions.
    fn on_event(&self, event: KafkaResult<()>) -> ControlFlow<KafkaError> {
        let error = match event {
            // Cannot happen: every partition has its queue before it is fetched from. A new consumer loses nothing.
            Ok(()) => return ControlFlow::Break(KafkaError::NoMessageReceived),
            Err(error) => error,
        };
        if let KafkaError::MessageConsumptionFatal(_) = error {
            return ControlFlow::Break(error);
        }
        let code = error.rdkafka_error_code();
        self.kafka.look_again(code);
        if !code.is_some_and(is_of_the_connection) {
            self.kafka.health.failed(error);
        }
        ControlFlow::Continue(())
    }
}
