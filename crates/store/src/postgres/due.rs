//! Where the search for due timers begins.
//!
//! A timer that has fired is deleted, but while a snapshot is held it stays in the table and in the index, before all
//! timers that still wait. So a search begins where the last one found the first live timer. A timer may be set for an
//! earlier time than that (after a slow commit, or by a clock that is behind), so the whole index is searched again,
//! but for at most a fixed share of the time.

use parking_lot::Mutex;
use std::time::Duration;
use tokio::time::Instant;
use waybill_domain::time::Time;

/// A search begins this much before the first live timer, so that a timer committed up to 5 s late is still found at
/// once.
const MARGIN_MICROS: i64 = 5_000_000;
/// The least time between two searches of the whole index.
const WHOLE_AGAIN: Duration = Duration::from_secs(1);
/// Searches of the whole index take at most one part in this many of the time.
const SHARE: u32 = 50;

/// Where one partition's search begins, and when its whole index was searched last.
#[derive(Clone, Copy, Default)]
struct Known {
    from: i64,
    /// When the whole index was last searched; `None` before the first time.
    whole_at: Option<Instant>,
}

/// The searches for due timers, one entry per partition.
pub struct Looks(Vec<Mutex<Known>>);

/// A search in progress.
pub struct Look {
    /// The earliest due time, in microseconds since the epoch, that the search considers.
    pub from: i64,
    began: Instant,
}

impl Looks {
    pub fn new(partitions: u16) -> Self {
        Self((0..partitions).map(|_| Mutex::default()).collect())
    }

    /// Begins a search in a partition.
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

    /// Records the result of a search that has ended: when the first live timer is due, or `None` when there is no
    /// timer.
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
