//! Randomness for the whole server: ids, jitter, simulated delays and failures.
//!
//! Owns the one generator of the process. Invariant: the same seed and the same calls give the same values, and the
//! version 7 ids of one process sort in the order in which they were made. The caller, who has a `Clock`, passes in the
//! time of an id.

use std::ops::Range;

use parking_lot::Mutex;
use rand::rngs::{StdRng, SysRng};
use rand::{Rng, RngExt, SeedableRng};
use uuid::{Builder, Uuid};

/// Bits of an id that count up within a millisecond: the 12 of `rand_a` and the 30 that follow the
/// variant (RFC 9562, section 6.2, method 1). The 32 below them are random in every id.
const COUNTER_BITS: u32 = 42;

/// A source of chance that is shared by reference and safe to use from every thread. One short lock
/// per call; nothing is allocated.
#[derive(Debug)]
pub struct Entropy {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    rng: StdRng,
    /// The millisecond and counter of the last version 7 id.
    millis: u64,
    counter: u64,
}

impl Entropy {
    /// Seeded by the operating system.
    ///
    /// # Errors
    /// The operating system has no random source. A server must not start without one, because
    /// its ids could then repeat those of another process.
    pub fn from_os() -> std::io::Result<Self> {
        StdRng::try_from_rng(&mut SysRng)
            .map(Self::from_rng)
            .map_err(|error| {
                std::io::Error::other(format!("the operating system gave no randomness: {error}"))
            })
    }

    /// The same seed gives the same values; for tests and for runs that are to be repeated.
    #[must_use]
    pub fn from_seed(seed: u64) -> Self {
        Self::from_rng(StdRng::seed_from_u64(seed))
    }

    fn from_rng(rng: StdRng) -> Self {
        Self {
            state: Mutex::new(State {
                rng,
                millis: 0,
                counter: 0,
            }),
        }
    }

    /// A time-ordered id that is greater than every one this source made before, also when the clock
    /// steps back or stands still: then the last millisecond is kept and its counter goes on.
    pub fn uuid_v7(&self, now_micros: i64) -> Uuid {
        let (millis, counter, tail) = {
            let mut state = self.state.lock();
            state.step(now_micros);
            (state.millis, state.counter, state.rng.next_u32())
        };
        let mut counter_and_random = [0u8; 10];
        // 12 bits under the version, then 62 under the variant; the builder masks those two in.
        let rand_a = (counter >> 30) as u16;
        let rand_b = ((counter & 0x3FFF_FFFF) << 32) | u64::from(tail);
        counter_and_random[..2].copy_from_slice(&rand_a.to_be_bytes());
        counter_and_random[2..].copy_from_slice(&rand_b.to_be_bytes());
        Builder::from_unix_timestamp_millis(millis, &counter_and_random).into_uuid()
    }

    /// An id that says nothing about when it was made.
    pub fn uuid_v4(&self) -> Uuid {
        Builder::from_random_bytes(self.bytes()).into_uuid()
    }

    /// `N` random bytes.
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.state.lock().rng.fill_bytes(&mut bytes);
        bytes
    }

    /// Evenly from `range.start` up to, but without, `range.end`; an empty range gives its start, so
    /// that a delay of `5..5` is a delay of 5.
    pub fn range(&self, range: Range<u64>) -> u64 {
        if range.is_empty() {
            return range.start;
        }
        self.state.lock().rng.random_range(range)
    }

    /// Evenly from 0 up to, but without, 1.
    pub fn fraction(&self) -> f64 {
        self.state.lock().rng.random()
    }
}

impl State {
    /// Moves to the next (millisecond, counter). A fresh millisecond starts at a random count in the
    /// lower half, so that ids of several processes differ early and half the range is left to count.
    fn step(&mut self, now_micros: i64) {
        // Before 1970 ids count up from 0, since their time has no sign (RFC 9562, section 5.7).
        let now = (now_micros.max(0) / 1_000).unsigned_abs();
        let spent = self.counter + 1 >= 1 << COUNTER_BITS;
        if now > self.millis || spent {
            self.millis = now.max(self.millis + u64::from(spent));
            self.counter = self.rng.next_u64() >> (64 - (COUNTER_BITS - 1));
        } else {
            self.counter += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_770_000_000_000_000;

    #[test]
    fn ids_of_one_process_sort_as_they_were_made() {
        let entropy = Entropy::from_seed(1);
        let mut last = entropy.uuid_v7(NOW);
        for step in 1..20_000 {
            let next = entropy.uuid_v7(NOW + step / 50);
            assert!(next > last, "{next} came after {last}");
            last = next;
        }
    }

    #[test]
    fn ids_still_rise_when_the_clock_steps_back() {
        let entropy = Entropy::from_seed(2);
        let before = entropy.uuid_v7(NOW);
        assert!(entropy.uuid_v7(NOW - 3_600_000_000) > before);
    }

    #[test]
    fn ids_still_rise_when_the_counter_is_spent() {
        let entropy = Entropy::from_seed(3);
        let before = entropy.uuid_v7(NOW);
        entropy.state.lock().counter = (1 << COUNTER_BITS) - 1;
        let after = entropy.uuid_v7(NOW);
        assert!(after > before);
        assert_eq!(entropy.state.lock().millis, NOW as u64 / 1_000 + 1);
    }

    #[test]
    fn an_id_carries_its_version_variant_and_millisecond() {
        let id = Entropy::from_seed(4).uuid_v7(NOW);
        assert_eq!(id.get_version_num(), 7);
        assert_eq!(id.get_variant(), uuid::Variant::RFC4122);
        assert_eq!(id.as_u128() >> 80, NOW as u128 / 1_000);
        assert_eq!(Entropy::from_seed(4).uuid_v4().get_version_num(), 4);
    }

    #[test]
    fn the_same_seed_gives_the_same_values() {
        let (a, b) = (Entropy::from_seed(5), Entropy::from_seed(5));
        assert_eq!(a.uuid_v7(NOW), b.uuid_v7(NOW));
        assert_eq!(a.uuid_v4(), b.uuid_v4());
        assert_eq!(a.range(0..1_000), b.range(0..1_000));
        assert_ne!(a.uuid_v4(), Entropy::from_seed(6).uuid_v4());
    }

    #[test]
    fn a_range_stays_inside_its_bounds_and_an_empty_one_gives_its_start() {
        let entropy = Entropy::from_os().expect("the test machine has randomness");
        assert!((0..1_000).all(|_| (10..12).contains(&entropy.range(10..12))));
        assert_eq!(entropy.range(7..7), 7);
        assert!((0.0..1.0).contains(&entropy.fraction()));
    }
}
