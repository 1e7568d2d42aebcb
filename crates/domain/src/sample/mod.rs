//! What a process counted in a slot of time: orders, how long they waited, queue, lag, circuit breakers. Graphs are drawn
//! from it.
//!
//! Owns what a sample holds, how samples are merged (over processes and over time), and the text in which one is stored.
//! Invariant: merging is associative and commutative, so that a graph does not depend on the order in which rows were
//! read. Percentiles are taken from merged counts of buckets, never from other percentiles.

mod circuits;
mod filling;
mod latency;
mod step;
mod stored;

pub use circuits::{Circuit, MOST_TRANSITIONS, Transition, Transitions};
pub use filling::{Filling, SlotSample};
pub use latency::{BUCKETS, Latency, bucket_of};
pub use step::Step;
pub use stored::SampleFault;

use std::collections::BTreeMap;

/// What was counted in one slot.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sample {
    /// Orders that were made.
    pub accepted: u64,
    /// Orders that were handed to intake and not made.
    pub refused: u64,
    /// Orders whose last unit was delivered.
    pub delivered: u64,
    /// How long accepted orders took in intake: their wait in the queue, and their transaction.
    pub latency: Latency,
    pub queue: QueueUse,
    /// By consumer, in milliseconds: the largest lag that was seen.
    pub lag_ms: BTreeMap<String, u64>,
    pub breakers: Transitions,
    /// How long was counted, in milliseconds: of several processes, the one that counted longest.
    pub covered_ms: u64,
}

/// The intake queue of the process in which most orders waited at once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QueueUse {
    /// The most orders that waited at once.
    pub most: u64,
    /// As many may wait in one process.
    pub limit: u64,
}

impl Sample {
    /// Adds what another process, or the same one in another slot, has counted.
    pub fn merge(&mut self, other: &Self) {
        // No error: more orders than 64 bits count do not exist; a damaged row may say so, and must not end the process.
        self.accepted = self.accepted.saturating_add(other.accepted);
        // No error: as above.
        self.refused = self.refused.saturating_add(other.refused);
        // No error: as above.
        self.delivered = self.delivered.saturating_add(other.delivered);
        self.latency.merge(&other.latency);
        self.queue.most = self.queue.most.max(other.queue.most);
        self.queue.limit = self.queue.limit.max(other.queue.limit);
        for (consumer, lag) in &other.lag_ms {
            self.saw_lag(consumer, *lag);
        }
        self.breakers.merge(&other.breakers);
        self.covered_ms = self.covered_ms.max(other.covered_ms);
    }

    /// Notes a lag of a consumer.
    pub fn saw_lag(&mut self, consumer: &str, ms: u64) {
        match self.lag_ms.get_mut(consumer) {
            Some(most) => *most = ms.max(*most),
            None => {
                self.lag_ms.insert(consumer.to_owned(), ms);
            }
        }
    }
}
