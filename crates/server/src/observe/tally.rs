//! What orders this process took and delivered, and how long intake took, since somebody looked. Intake counts here: an
//! order costs two or three atomic additions, in places that are there from the start.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use waybill_domain::event::EventKind;
use waybill_domain::sample::{BUCKETS, Sample, bucket_of};

use super::figures;

/// Counts since the last [`Tally::take`].
pub struct Tally {
    accepted: AtomicU64,
    refused: AtomicU64,
    delivered: AtomicU64,
    latency: [AtomicU64; BUCKETS],
}

impl Default for Tally {
    fn default() -> Self {
        Self {
            accepted: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            delivered: AtomicU64::new(0),
            latency: [const { AtomicU64::new(0) }; BUCKETS],
        }
    }
}

impl Tally {
    /// An order was made, and intake took so long.
    pub fn made(&self, took: Duration) {
        let bucket = bucket_of(figures::micros(took));
        self.latency[usize::from(bucket)].fetch_add(1, Ordering::Relaxed);
    }

    /// No order was made.
    pub fn refused(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    /// Events were committed by this process.
    pub fn committed(&self, kinds: impl Iterator<Item = EventKind>) {
        let (mut accepted, mut delivered) = (0, 0);
        for kind in kinds {
            accepted += u64::from(kind == EventKind::OrderCreated);
            delivered += u64::from(kind == EventKind::OrderDelivered);
        }
        self.accepted.fetch_add(accepted, Ordering::Relaxed);
        self.delivered.fetch_add(delivered, Ordering::Relaxed);
    }

    /// What was counted since the last call.
    #[must_use]
    pub fn take(&self) -> Sample {
        let take = |counter: &AtomicU64| counter.swap(0, Ordering::Relaxed);
        let mut sample = Sample {
            accepted: take(&self.accepted),
            refused: take(&self.refused),
            delivered: take(&self.delivered),
            ..Sample::default()
        };
        for (bucket, counter) in (0..).zip(&self.latency) {
            sample.latency.add(bucket, take(counter));
        }
        sample
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_counted_is_taken_once() {
        let tally = Tally::default();
        let kinds = [
            EventKind::OrderCreated,
            EventKind::OrderConfirmed,
            EventKind::OrderDelivered,
            EventKind::OrderCreated,
        ];
        tally.committed(kinds.into_iter());
        tally.refused();
        tally.made(Duration::from_micros(20));
        tally.made(Duration::MAX);
        let taken = tally.take();
        assert_eq!((taken.accepted, taken.refused, taken.delivered), (2, 1, 1));
        let last = u16::try_from(BUCKETS - 1).expect("few");
        let buckets: Vec<_> = taken.latency.buckets().collect();
        assert_eq!(buckets, [(bucket_of(20), 1), (last, 1)]);
        assert_eq!(tally.take(), Sample::default());
    }
}
