//! Whether an event from another store is the next one of its aggregate.
//!
//! A store that is restored from a backup goes on under a new generation and may number other events as it numbered the
//! lost ones. So a watermark holds the generation too, as the number under which it was adopted here: 1 for the first.
//!
//! An event that is not the next one waits in the receiving store, so that the messages behind it need not wait. How many
//! may wait is bounded here.

use crate::status::named_enum;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

/// Events of one aggregate that wait for others at most.
pub const GAPS_OF_AGGREGATE: u32 = 100;

/// Messages that cannot be read, of one consumer, that are kept at most.
pub const UNREADABLE_OF_CONSUMER: u32 = 1_000;

/// Bytes of a message that cannot be read, with its attributes, that are kept at most.
pub const UNREADABLE_BYTES: usize = 1 << 20;

/// Events that wait for others at most, of one consumer. Processes that receive at the same time may exceed it by what
/// each has in hand.
pub const GAPS_OF_CONSUMER: u32 = 10_000;

named_enum!(
    /// Why a message of another store waits in this one.
    HeldReason {
        /// It is not the next event of its aggregate.
        Gap = "gap",
        /// It cannot be read, or is not wanted here.
        Unreadable = "unreadable",
    }
);

/// How far a consumer has got with one aggregate of another store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Watermark {
    /// The number of the generation that the last taken event was written in.
    pub generation: i64,
    /// The number of the last taken event in its aggregate: 1, 2, 3, … It is 0 while events wait for the first one.
    pub seq: i64,
}

/// What a consumer's store says of one aggregate of another store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    pub mark: Watermark,
    /// Events that wait for others of the aggregate.
    pub gaps: u32,
}

/// What a consumer does with an event that arrives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// It is the next one.
    Next,
    /// It was taken before, or its generation has ended for this aggregate.
    Duplicate,
    /// Events between the watermark and this one are missing; the first of them has this number.
    Gap { missing: i64 },
}

/// Compares an event's place with the watermark of its aggregate, which is `None` before the first event.
///
/// The first event of a new generation is the next one wherever it branches off what was taken: its number is at most
/// one above the watermark.
#[must_use]
pub fn arrival(seen: Option<Watermark>, event: Watermark) -> Arrival {
    let taken = seen.map_or(0, |seen| seen.seq);
    let same_generation = seen.is_none_or(|seen| seen.generation == event.generation);
    if seen.is_some_and(|seen| event.generation < seen.generation) {
        return Arrival::Duplicate;
    }
    if same_generation && event.seq <= taken {
        return Arrival::Duplicate;
    }
    // No error: nothing comes after the last number, so there is no gap before it either.
    let next = taken.saturating_add(1);
    if event.seq > next {
        return Arrival::Gap { missing: next };
    }
    Arrival::Next
}

/// Events of one aggregate as they arrive: the watermark, and those that wait for others. `T` is what the caller keeps of
/// an event that waits.
#[derive(Clone, Debug)]
pub struct Sequence<T> {
    mark: Option<Watermark>,
    waiting: BTreeMap<Watermark, T>,
}

impl<T> Sequence<T> {
    /// The state that the store has.
    pub fn new(mark: Option<Watermark>, waiting: impl IntoIterator<Item = (Watermark, T)>) -> Self {
        let waiting = waiting.into_iter().collect();
        Self { mark, waiting }
    }

    /// Whether an event is the next one; the watermark then moves to it.
    pub fn arrive(&mut self, at: Watermark) -> Arrival {
        let arrival = arrival(self.mark, at);
        if arrival == Arrival::Next {
            self.mark = Some(at);
        }
        arrival
    }

    /// Lets an event wait that is not the next one; `false` when as many wait as may. One that waits already stays.
    pub fn wait(&mut self, at: Watermark, event: T) -> bool {
        let full = self.gaps() >= GAPS_OF_AGGREGATE;
        match self.waiting.entry(at) {
            Entry::Occupied(_) => true,
            Entry::Vacant(_) if full => false,
            Entry::Vacant(free) => {
                free.insert(event);
                // The first event of the aggregate is still to come.
                self.mark.get_or_insert(Watermark { seq: 0, ..at });
                true
            }
        }
    }

    /// The events that wait, in their order.
    pub fn waiting(&self) -> impl Iterator<Item = (Watermark, &T)> {
        self.waiting.iter().map(|(at, event)| (*at, event))
    }

    /// Removes and returns an event that waited and is the next one now; the watermark moves to it.
    pub fn follow(&mut self) -> Option<(Watermark, T)> {
        let mut places = self.waiting.keys().copied();
        let next = places.find(|at| arrival(self.mark, *at) == Arrival::Next)?;
        self.mark = Some(next);
        self.waiting.remove_entry(&next)
    }

    /// Removes and returns the events that waited and are duplicates now.
    pub fn passed(&mut self) -> Vec<T> {
        let mark = self.mark;
        let is_passed = |at: &Watermark, _: &mut T| arrival(mark, *at) == Arrival::Duplicate;
        let passed = self.waiting.extract_if(.., is_passed);
        passed.map(|(_, event)| event).collect()
    }

    /// Counts the events before this place as seen; for an operator who knows that they will not come.
    pub fn give_up_before(&mut self, at: Watermark) {
        if let Arrival::Gap { .. } = arrival(self.mark, at) {
            // No error: a gap is above 1.
            let seq = at.seq.saturating_sub(1);
            self.mark = Some(Watermark { seq, ..at });
        }
    }

    /// What the store is to say now; `None` before the first event.
    #[must_use]
    pub fn seen(&self) -> Option<Seen> {
        let gaps = self.gaps();
        self.mark.map(|mark| Seen { mark, gaps })
    }

    fn gaps(&self) -> u32 {
        // No error: `wait` keeps the number small.
        u32::try_from(self.waiting.len()).unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(generation: i64, seq: i64) -> Watermark {
        Watermark { generation, seq }
    }

    #[test]
    fn an_aggregate_begins_with_its_first_event() {
        assert_eq!(arrival(None, mark(1, 1)), Arrival::Next);
        assert_eq!(arrival(None, mark(1, 2)), Arrival::Gap { missing: 1 });
        assert_eq!(arrival(None, mark(1, 0)), Arrival::Duplicate);
    }

    #[test]
    fn within_a_generation_each_number_is_taken_once_and_in_order() {
        let seen = Some(mark(1, 4));
        assert_eq!(arrival(seen, mark(1, 1)), Arrival::Duplicate);
        assert_eq!(arrival(seen, mark(1, 4)), Arrival::Duplicate);
        assert_eq!(arrival(seen, mark(1, 5)), Arrival::Next);
        assert_eq!(arrival(seen, mark(1, 6)), Arrival::Gap { missing: 5 });
        assert_eq!(
            arrival(seen, mark(1, i64::MAX)),
            Arrival::Gap { missing: 5 }
        );
    }

    #[test]
    fn a_new_generation_branches_off_at_any_number_that_was_taken_or_comes_next() {
        let seen = Some(mark(1, 4));
        assert_eq!(arrival(seen, mark(2, 3)), Arrival::Next);
        assert_eq!(arrival(seen, mark(2, 5)), Arrival::Next);
        assert_eq!(arrival(seen, mark(2, 6)), Arrival::Gap { missing: 5 });
    }

    #[test]
    fn what_is_left_of_an_older_generation_is_not_taken() {
        assert_eq!(arrival(Some(mark(2, 3)), mark(1, 4)), Arrival::Duplicate);
        assert_eq!(arrival(Some(mark(2, 3)), mark(1, 9)), Arrival::Duplicate);
    }

    #[test]
    fn events_that_wait_follow_the_missing_one_in_their_order() {
        let mut events = Sequence::new(None, []);
        for seq in [4, 2, 3] {
            assert!(matches!(events.arrive(mark(1, seq)), Arrival::Gap { .. }));
            assert!(events.wait(mark(1, seq), seq));
        }
        assert!(events.wait(mark(1, 3), 3), "it waits once");
        let begun = Seen {
            mark: mark(1, 0),
            gaps: 3,
        };
        assert_eq!(events.seen(), Some(begun));
        assert_eq!(events.follow(), None);
        assert_eq!(events.arrive(mark(1, 1)), Arrival::Next);
        let followed: Vec<i64> = std::iter::from_fn(|| events.follow().map(|f| f.1)).collect();
        assert_eq!(followed, [2, 3, 4]);
        let ended = Seen {
            mark: mark(1, 4),
            gaps: 0,
        };
        assert_eq!(events.seen(), Some(ended));
    }

    #[test]
    fn an_event_that_waited_and_comes_again_as_the_next_one_waits_no_longer() {
        let mut events = Sequence::new(Some(mark(1, 2)), [(mark(1, 3), ()), (mark(1, 2), ())]);
        assert_eq!(events.waiting().count(), 2);
        assert_eq!(events.arrive(mark(1, 3)), Arrival::Next);
        assert_eq!(events.follow(), None);
        assert_eq!(events.passed().len(), 2);
        assert_eq!(events.seen().map(|seen| seen.gaps), Some(0));
    }

    #[test]
    fn no_more_wait_than_may_and_those_that_do_are_known() {
        let mut events = Sequence::new(Some(mark(1, 1)), []);
        let places = (3..).take(GAPS_OF_AGGREGATE as usize);
        let all: Vec<Watermark> = places.map(|seq| mark(1, seq)).collect();
        assert!(all.iter().all(|at| events.wait(*at, ())));
        assert!(!events.wait(mark(1, 2_000), ()));
        assert!(events.wait(all[7], ()), "it waits already");
    }

    #[test]
    fn missing_events_are_given_up_and_what_waits_for_them_follows() {
        let waiting = [(mark(1, 5), 5), (mark(1, 6), 6), (mark(1, 9), 9)];
        let mut events = Sequence::new(Some(mark(1, 2)), waiting);
        events.give_up_before(mark(1, 2));
        assert_eq!(events.follow(), None, "nothing is missing before it");
        events.give_up_before(mark(1, 5));
        let followed: Vec<i64> = std::iter::from_fn(|| events.follow().map(|f| f.1)).collect();
        assert_eq!(followed, [5, 6]);
    }

    #[test]
    fn what_waited_in_an_older_generation_is_passed_when_a_newer_one_goes_on() {
        let mut events = Sequence::new(Some(mark(1, 4)), [(mark(1, 6), 'a'), (mark(2, 3), 'b')]);
        assert_eq!(events.follow(), Some((mark(2, 3), 'b')));
        assert_eq!(events.follow(), None);
        assert_eq!(events.passed(), ['a']);
    }
}
