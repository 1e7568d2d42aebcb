//! Where the search for due timers begins.
//!
//! A timer that has fired is deleted, but while a snapshot is held it stays in the table and in the index, before all
//! timers that still wait. So a search begins where the last one found the first live timer. Because a timer may be set
//! for earlier than that (a commit that took long, a clock that is behind), the whole index is searched again, as often
//! as that costs little.

use parking_lot::Mutex;
use std::time::Duration;
use tokio::time::Instant;
use waybill_domain::time::Time;

/// What timers may be set late by without being found late.
const MARGIN_MICROS: i64 = 5_000_000;
/// The least time between two whole looks.
const WHOLE_AGAIN: Duration = Duration::from_secs(1);
/// Whole looks take at most this part of the time.
const SHARE: u32 = 50;

/// What is known of one partition's timers.
#[derive(Clone, Copy, Default)]
struct Known {
    from: i64,
    /// Never looked at yet when absent.
    whole_at: Option<Instant>,
}

/// The looks at the timers of every partition.
pub struct Looks(Vec<Mutex<Known>>);

/// A look that is under way.
pub struct Look {
    /// The earliest time at which a timer may be due.
    pub from: i64,
    began: Instant,
}

impl Looks {
    pub fn new(partitions: u16) -> Self {
        Self((0..partitions).map(|_| Mutex::default()).collect())
    }

    /// Begins a look at a partition.
    pub fn begin(&self, partition: u16, began: Instant) -> Look {
        let known = self
            .0
            .get(usize::from(partition))
            .map(|known| *known.lock());
        let known = known.unwrap_or_default();
        let whole = known.whole_at.is_none_or(|at| at <= began);
        let from = if whole { i64::MIN } else { known.from };
        Look { from, began }
    }

    /// Takes in what a look that ended found at `now`: when the first timer is due, if there is one.
    pub fn end(&self, partition: u16, look: &Look, ended: Instant, first: Option<Time>, now: Time) {
        let Some(known) = self.0.get(usize::from(partition)) else {
            return;
        };
        let mut known = known.lock();
        let first = first.map_or(now.0, |first| first.0.min(now.0));
        // No error: a search that begins before all times is a whole one.
        known.from = first.saturating_sub(MARGIN_MICROS);
        if look.from == i64::MIN {
            let took = ended.duration_since(look.began);
            let pause = (took * SHARE).max(WHOLE_AGAIN);
            known.whole_at = Some(ended + pause);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Time = Time(1_000_000_000);

    #[test]
    fn the_first_look_is_whole_and_the_next_begins_before_what_it_found() {
        let (looks, at) = (Looks::new(2), Instant::now());
        let look = looks.begin(1, at);
        assert_eq!(look.from, i64::MIN);
        let first = Time(NOW.0 - 30_000_000);
        looks.end(1, &look, at, Some(first), NOW);
        assert_eq!(looks.begin(1, at).from, first.0 - MARGIN_MICROS);
        assert_eq!(looks.begin(0, at).from, i64::MIN, "another part");
    }

    #[test]
    fn a_timer_yet_to_come_hides_none_that_may_be_set_before_it() {
        let (looks, at) = (Looks::new(1), Instant::now());
        let to_come = Some(Time(NOW.0 + 60_000_000));
        looks.end(0, &looks.begin(0, at), at, to_come, NOW);
        assert_eq!(looks.begin(0, at).from, NOW.0 - MARGIN_MICROS);
        looks.end(0, &looks.begin(0, at), at, None, NOW);
        assert_eq!(looks.begin(0, at).from, NOW.0 - MARGIN_MICROS);
    }

    #[test]
    fn whole_looks_come_again_and_the_longer_they_take_the_more_seldom() {
        let (looks, at) = (Looks::new(1), Instant::now());
        let ms = Duration::from_millis;
        looks.end(0, &looks.begin(0, at), at, None, NOW);
        let slow = looks.begin(0, at + WHOLE_AGAIN);
        assert_eq!(slow.from, i64::MIN);
        let ended = at + WHOLE_AGAIN + ms(100);
        looks.end(0, &slow, ended, None, NOW);
        assert_ne!(looks.begin(0, ended + ms(4_999)).from, i64::MIN);
        assert_eq!(looks.begin(0, ended + ms(5_000)).from, i64::MIN);
    }
}
