//! A member of a consumer group: which partitions it has.
//!
//! The messages of a partition come through a queue of its own, so that a partition that is not taken from holds up no
//! other, and nothing that was fetched is thrown away. Invariant: after a partition was taken away from this member,
//! its lane takes nothing more from the queue, which may fill again for the next lane.

use super::health::Watch;
use parking_lot::Mutex;
use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::stream_consumer::StreamPartitionQueue;
use rdkafka::consumer::{BaseConsumer, ConsumerContext, Rebalance, StreamConsumer};
use rdkafka::error::KafkaError;
use std::collections::HashMap;
use std::sync::{Arc, OnceLock, Weak};
use tokio::sync::mpsc::UnboundedSender;
use tokio_util::sync::CancellationToken;

pub type Consumer = StreamConsumer<Group>;
pub type Queue = StreamPartitionQueue<Group>;

/// A topic's name and the number of a partition.
pub type Partition = (String, i32);

/// A partition that this member was given.
pub struct Given {
    pub partition: Partition,
    pub queue: Arc<Queue>,
    pub gate: Arc<Gate>,
}

/// Whether a partition may be taken from.
pub struct Gate {
    pub open: Mutex<bool>,
    /// Cancelled when the gate is closed.
    pub closed: CancellationToken,
}

impl Gate {
    fn close(&self) {
        *self.open.lock() = false;
        self.closed.cancel();
    }
}

/// Listens to the consumer.
pub struct Group {
    watch: Watch,
    given: UnboundedSender<Given>,
    stop: CancellationToken,
    consumer: OnceLock<Weak<Consumer>>,
    gates: Mutex<HashMap<Partition, Arc<Gate>>>,
    /// A queue lasts as long as the consumer: dropping one would silence its successor.
    queues: Mutex<HashMap<Partition, Arc<Queue>>>,
}

impl Group {
    /// Gates close when `stop` is cancelled.
    pub fn new(watch: Watch, given: UnboundedSender<Given>, stop: CancellationToken) -> Self {
        Self {
            watch,
            given,
            stop,
            consumer: OnceLock::new(),
            gates: Mutex::default(),
            queues: Mutex::default(),
        }
    }

    /// Before the consumer subscribes.
    pub fn begin(&self, consumer: &Arc<Consumer>) {
        // It is set once: every consumer has a group of its own.
        let _ = self.consumer.set(Arc::downgrade(consumer));
    }

    /// Releases the queues, which hold the consumer.
    pub fn end(&self) {
        self.queues.lock().clear();
    }

    fn give(&self, partition: Partition) {
        let Some(consumer) = self.consumer.get().and_then(Weak::upgrade) else {
            return;
        };
        let known = self.queues.lock().get(&partition).cloned();
        let queue = known.or_else(|| {
            let (topic, number) = &partition;
            let queue = Arc::new(consumer.split_partition_queue(topic, *number)?);
            self.queues.lock().insert(partition.clone(), queue.clone());
            Some(queue)
        });
        let Some(queue) = queue else {
            return;
        };
        let gate = Arc::new(Gate {
            open: Mutex::new(true),
            closed: self.stop.child_token(),
        });
        if let Some(before) = self.gates.lock().insert(partition.clone(), gate.clone()) {
            before.close();
        }
        let given = Given {
            partition,
            queue,
            gate,
        };
        // Nobody listens any more when the consumer ends.
        self.given.send(given).ok();
    }

    fn take_away(&self, partition: &Partition) {
        if let Some(gate) = self.gates.lock().remove(partition) {
            gate.close();
        }
    }
}

impl ClientContext for Group {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, line: &str) {
        self.watch.log(level, facility, line);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.watch.error(error, reason);
    }

    fn stats_raw(&self, statistics: &[u8]) {
        self.watch.stats_raw(statistics);
    }
}

impl ConsumerContext for Group {
    /// Before fetching begins, so that no message comes outside its queue; before another member is given what is taken
    /// away.
    fn pre_rebalance(&self, _: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        let partitions = |list: &rdkafka::TopicPartitionList| -> Vec<Partition> {
            let elements = list.elements().into_iter();
            elements
                .map(|of| (of.topic().to_owned(), of.partition()))
                .collect()
        };
        match rebalance {
            Rebalance::Assign(list) => {
                self.watch.0.worked();
                partitions(list).into_iter().for_each(|p| self.give(p));
            }
            Rebalance::Revoke(list) => partitions(list).iter().for_each(|p| self.take_away(p)),
            Rebalance::Error(error) => tracing::warn!(%error, "sharing partitions failed"),
        }
    }
}
