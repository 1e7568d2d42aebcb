//! Works off one partition, in order, one batch at a time.

use super::group::{Consumer, Given, Group};
use super::{Kafka, headers};
use crate::handover::{Settled, hand_over};
use crate::receiver::Receiver;
use crate::wire::RawMessage;
use futures::future::join_all;
use futures::{FutureExt, StreamExt};
use rdkafka::consumer::{Consumer as _, MessageStream};
use rdkafka::message::Message;
use rdkafka::{Offset, TopicPartitionList};
use std::sync::Arc;
use std::task::Poll;
use tokio::sync::{Semaphore, SemaphorePermit};

/// Messages that one subscriber may have handed over and not settled.
pub const IN_HAND: usize = 1_000;

/// Messages of one batch, and bytes at which it is full.
const BATCH: usize = 100;
const BATCH_BYTES: usize = 4 * 1_048_576;

/// What the lanes of a subscriber share.
pub struct Lanes<'r> {
    pub kafka: &'r Kafka,
    pub consumer: Arc<Consumer>,
    pub receiver: &'r Arc<dyn Receiver>,
    pub in_hand: Semaphore,
}

/// A message and its place in the partition.
struct Delivered {
    offset: i64,
    raw: RawMessage,
}

impl Lanes<'_> {
    /// Works until the partition is taken away or the subscriber stops.
    pub async fn work(&self, given: Given) {
        let mut stream = given.queue.stream();
        while let Some((batch, _permits)) = self.batch(&given, &mut stream).await {
            let offsets: Vec<i64> = batch.iter().map(|delivered| delivered.offset).collect();
            let raws: Vec<RawMessage> = batch.into_iter().map(|delivered| delivered.raw).collect();
            let closed = &given.gate.closed;
            let settled = hand_over(self.receiver, raws.clone(), closed).await;
            let copies = raws.iter().zip(&settled).filter_map(|(raw, settled)| {
                let Settled::Unreadable(fault) = settled else {
                    return None;
                };
                Some(self.copy(&given, raw, fault.to_string()))
            });
            join_all(copies).await;
            if let Some(offset) = last_settled(&offsets, &settled) {
                self.store(&given, offset);
            }
        }
    }

    /// The messages that are there, as many as may be in hand; waits for the first. `None` when it is over.
    async fn batch(
        &self,
        given: &Given,
        stream: &mut MessageStream<'_, Group>,
    ) -> Option<(Vec<Delivered>, Vec<SemaphorePermit<'_>>)> {
        let closed = &given.gate.closed;
        let permit = tokio::select! {
            biased;
            () = closed.cancelled() => return None,
            permit = self.in_hand.acquire() => permit.ok()?,
        };
        let first = tokio::select! {
            biased;
            () = closed.cancelled() => return None,
            first = self.next(given, stream) => first?,
        };
        let mut bytes = first.raw.size();
        let (mut batch, mut permits) = (vec![first], vec![permit]);
        while batch.len() < BATCH && bytes < BATCH_BYTES {
            let Ok(permit) = self.in_hand.try_acquire() else {
                break;
            };
            let Some(Some(next)) = self.next(given, stream).now_or_never() else {
                break;
            };
            bytes += next.raw.size();
            batch.push(next);
            permits.push(permit);
        }
        Some((batch, permits))
    }

    /// The next message; `None` once the gate is closed.
    async fn next(
        &self,
        given: &Given,
        stream: &mut MessageStream<'_, Group>,
    ) -> Option<Delivered> {
        loop {
            let next = std::future::poll_fn(|context| {
                // Held while it is taken, so that the gate does not close in between.
                let open = given.gate.open.lock();
                if *open {
                    stream.poll_next_unpin(context)
                } else {
                    Poll::Ready(None)
                }
            });
            match next.await? {
                Ok(record) => {
                    return Some(Delivered {
                        offset: record.offset(),
                        raw: headers::read(&record),
                    });
                }
                Err(error) => {
                    self.kafka.health.failed(error);
                }
            }
        }
    }

    async fn copy(&self, given: &Given, raw: &RawMessage, why: String) {
        let (topic, _) = &given.partition;
        let copied = self.kafka.copy_dead_letter(topic, raw, &why).await;
        if let Err(error) = copied {
            tracing::warn!(%error, "a dead letter could not be copied to the broker; the store has it");
        }
    }

    /// Notes that everything up to an offset is settled. The consumer commits that soon, and when it ends.
    fn store(&self, given: &Given, offset: i64) {
        self.kafka.health.delivered();
        let (topic, number) = &given.partition;
        let mut list = TopicPartitionList::new();
        // The offset of the next message is what is stored.
        let next = Offset::Offset(offset + 1);
        let stored = list.add_partition_offset(topic, *number, next);
        let stored = stored.and_then(|()| self.consumer.store_offsets(&list));
        if let Err(error) = stored {
            // The partition was taken away: its messages come again, to another, and the receiver knows them.
            tracing::debug!(topic, partition = number, %error, "an offset was not stored");
        }
    }
}

/// The offset up to which every message is settled.
fn last_settled(offsets: &[i64], settled: &[Settled]) -> Option<i64> {
    let both = offsets.iter().zip(settled);
    let done = both.take_while(|(_, settled)| settled.is_settled());
    done.last().map(|(offset, _)| *offset)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_offset_is_passed_only_with_everything_before_it() {
        use Settled::{Open, Taken};
        let offsets = [4, 7, 8];
        let last = |settled: [Settled; 3]| last_settled(&offsets, &settled);
        assert_eq!(last([Taken, Taken, Taken]), Some(8));
        assert_eq!(last([Taken, Open, Taken]), Some(4));
        assert_eq!(last([Open, Taken, Taken]), None);
    }
}
