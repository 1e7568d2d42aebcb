//! How long something took, as counts of buckets that can be added up.
//!
//! Buckets are linear within a power of two: 16 of the same width between 2^n and 2^(n+1) microseconds. So a bucket is at
//! most a sixteenth of its lower end wide, and its middle is at most 3.2 % away from any time in it. Times below 32 µs
//! have buckets of one microsecond. Times of a minute and more are in the last bucket.

use std::collections::BTreeMap;

/// Buckets between a power of two and the next.
const PER_DOUBLING: u64 = 16;
/// The power of two that is [`PER_DOUBLING`].
const PER_DOUBLING_LOG2: u32 = 4;

/// The longest time that is told apart from longer ones, in microseconds.
const LONGEST_US: u64 = 60_000_000;

/// How many buckets there are.
pub const BUCKETS: usize = bucket_of(LONGEST_US) as usize + 1;

/// The bucket of a time in microseconds; below [`BUCKETS`].
#[must_use]
pub const fn bucket_of(us: u64) -> u16 {
    let us = if us < LONGEST_US { us } else { LONGEST_US };
    if us < PER_DOUBLING {
        return us as u16;
    }
    let shift = us.ilog2() - PER_DOUBLING_LOG2;
    // Below 2^9: a minute is less than 2^26 µs.
    (shift as u64 * PER_DOUBLING + (us >> shift)) as u16
}

/// The middle of a bucket, in microseconds.
fn middle_us(bucket: u16) -> f64 {
    let bucket = u64::from(bucket);
    if bucket < 2 * PER_DOUBLING {
        return bucket as f64;
    }
    let shift = bucket / PER_DOUBLING - 1;
    let low = (bucket - shift * PER_DOUBLING) << shift;
    let last = low + (1 << shift) - 1;
    (low + last) as f64 / 2.0
}

/// Counts by bucket; buckets without any are left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Latency(BTreeMap<u16, u64>);

impl Latency {
    /// Adds a number of times of one bucket. `false` when there is no such bucket; nothing was added then.
    pub fn add(&mut self, bucket: u16, count: u64) -> bool {
        if usize::from(bucket) >= BUCKETS {
            return false;
        }
        if count > 0 {
            let counted = self.0.entry(bucket).or_default();
            // No error: more orders than 64 bits count do not exist; a damaged row may say so.
            *counted = counted.saturating_add(count);
        }
        true
    }

    /// Buckets with their counts, the shortest times first.
    pub fn buckets(&self) -> impl Iterator<Item = (u16, u64)> + '_ {
        self.0.iter().map(|(bucket, count)| (*bucket, *count))
    }

    /// How many times there are.
    #[must_use]
    pub fn count(&self) -> u64 {
        // No error: as in `add`.
        self.0
            .values()
            .fold(0, |all, count| all.saturating_add(*count))
    }

    pub fn merge(&mut self, other: &Self) {
        for (bucket, count) in other.buckets() {
            self.add(bucket, count);
        }
    }

    /// The time in milliseconds that this part of all times, in thousandths, does not exceed: 500 is the median. Exact up
    /// to the width of a bucket. `None` when there are no times.
    #[must_use]
    pub fn percentile_ms(&self, thousandths: u16) -> Option<f64> {
        let all = u128::from(self.count());
        let wanted = (all * u128::from(thousandths)).div_ceil(1_000).max(1);
        let mut passed = 0;
        let reached = self.0.iter().find(|(_, count)| {
            passed += u128::from(**count);
            passed >= wanted
        });
        reached.map(|(bucket, _)| middle_us(*bucket) / 1e3)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_follow_each_other_without_a_gap_up_to_the_last() {
        let mut last = 0;
        for us in 0..200_000 {
            let bucket = bucket_of(us);
            assert!(
                bucket == last || bucket == last + 1,
                "{us} µs is in {bucket}"
            );
            last = bucket;
        }
        assert_eq!(usize::from(bucket_of(LONGEST_US)), BUCKETS - 1);
        assert_eq!(bucket_of(u64::MAX), bucket_of(LONGEST_US));
    }

    #[test]
    fn no_bucket_is_added_that_does_not_exist() {
        let mut latency = Latency::default();
        assert!(!latency.add(u16::try_from(BUCKETS).expect("few"), 1));
        assert!(latency.add(7, 0) && latency.add(7, 2));
        assert_eq!(latency.buckets().collect::<Vec<_>>(), [(7, 2)]);
    }

    #[test]
    fn a_percentile_counts_from_the_shortest_time() {
        let mut latency = Latency::default();
        assert_eq!(latency.percentile_ms(500), None);
        latency.add(bucket_of(10), 99);
        latency.add(bucket_of(31), 1);
        let of = |thousandths| latency.percentile_ms(thousandths);
        assert_eq!([of(1), of(500), of(990)], [Some(0.010); 3]);
        assert_eq!([of(991), of(1_000)], [Some(0.031); 2]);
    }
}
