//! A parked event: its states, and what a failed try makes of it.
//!
//! An event that a consumer cannot apply is parked with all later events of its order. The consumer tries the first one
//! again after a wait, and a person may ask for a redrive or a discard at any time, also while a try is under way. The
//! consumer decides from the row that it read ([`NextTry::after_failure`]); what is written is decided from the row as
//! it is when the driver has locked it ([`Tries::failed`]). An event that was applied or discarded leaves the queue, so
//! nothing of its row is left to decide.

use crate::retry::RetrySchedule;
use crate::status::named_enum;
use crate::time::Time;

named_enum!(
    /// The state of a parked event.
    ParkedState {
        /// Parked: the event waits for its next try, or behind an event of its order that does.
        Waiting = "waiting",
        /// A dead letter: no retry is left, and a person must decide.
        Dead = "dead",
        /// A person has asked for another try.
        Redrive = "redrive",
        /// A person has asked to discard the event.
        Discard = "discard",
    }
);

/// What a row of a parked event keeps of its tries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tries {
    pub state: ParkedState,
    /// Failed tries so far.
    pub attempts: u32,
    /// When the event was parked or last tried.
    pub last_at: Time,
    /// When a waiting event is tried next; without meaning in the other states.
    pub next_attempt_at: Time,
}

/// Whether an event that failed is tried again by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NextTry {
    At(Time),
    /// No retry is left: the event is a dead letter.
    NoneLeft,
}

impl NextTry {
    /// The decision after a try that failed at `now`. `seen` and `attempts` are what the row said when the try began.
    /// A redrive that failed is followed by the schedule's first wait; the tries after that count from all tries so far.
    #[must_use]
    pub fn after_failure(
        schedule: &RetrySchedule,
        seen: ParkedState,
        attempts: u32,
        now: Time,
    ) -> Self {
        let failed = match seen {
            ParkedState::Redrive => 1,
            ParkedState::Waiting | ParkedState::Dead | ParkedState::Discard => {
                // No error: a schedule has at most 2³² − 1 retries, so none is left at this number.
                attempts.saturating_add(1)
            }
        };
        match schedule.delay_ms(failed) {
            Some(wait_ms) => Self::At(now.plus_ms(wait_ms)),
            None => Self::NoneLeft,
        }
    }
}

impl Tries {
    /// The row of an event that is parked at `now`. `failed` is true for the event that could not be applied, which
    /// counts as its first try, and false for the events that wait behind it.
    #[must_use]
    pub fn begin(failed: bool, now: Time, next_attempt_at: Time) -> Self {
        Self {
            state: ParkedState::Waiting,
            attempts: u32::from(failed),
            last_at: now,
            next_attempt_at,
        }
    }

    /// The row after a try that failed at `now`; `self` is the locked row, which a person may have flagged since the
    /// try began.
    ///
    /// The try is counted in every state. A discard stays in force, because a discard must not depend on whether it
    /// came before or after a failure. A redrive ends: the try that failed is the one that was asked for.
    #[must_use]
    pub fn failed(self, next: NextTry, now: Time) -> Self {
        let (decided, next_attempt_at) = match next {
            NextTry::At(at) => (ParkedState::Waiting, at),
            NextTry::NoneLeft => (ParkedState::Dead, now),
        };
        let state = match self.state {
            ParkedState::Discard => ParkedState::Discard,
            ParkedState::Waiting | ParkedState::Dead | ParkedState::Redrive => decided,
        };
        Self {
            state,
            // No error: after 2³² − 1 tries the number no longer tells one try from the next.
            attempts: self.attempts.saturating_add(1),
            last_at: now,
            next_attempt_at,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ParkedState::{Dead, Discard, Redrive, Waiting};

    const NOW: Time = Time(5_000_000);
    const LATER: Time = Time(9_000_000);

    fn row(state: ParkedState, attempts: u32) -> Tries {
        Tries {
            state,
            attempts,
            last_at: Time(1),
            next_attempt_at: Time(2),
        }
    }

    #[test]
    fn a_discard_beats_a_failure_and_every_other_state_gives_way_to_it() {
        for (state, next, after) in [
            (Waiting, NextTry::At(LATER), Waiting),
            (Waiting, NextTry::NoneLeft, Dead),
            (Redrive, NextTry::At(LATER), Waiting),
            (Redrive, NextTry::NoneLeft, Dead),
            (Dead, NextTry::At(LATER), Waiting),
            (Dead, NextTry::NoneLeft, Dead),
            (Discard, NextTry::At(LATER), Discard),
            (Discard, NextTry::NoneLeft, Discard),
        ] {
            let failed = row(state, 3).failed(next, NOW);
            assert_eq!(failed.state, after, "{state} after {next:?}");
        }
    }

    #[test]
    fn a_failed_try_is_counted_and_timed_in_every_state() {
        for state in ParkedState::ALL {
            for (next, at) in [(NextTry::At(LATER), LATER), (NextTry::NoneLeft, NOW)] {
                let failed = row(*state, 3).failed(next, NOW);
                let found = (failed.attempts, failed.last_at, failed.next_attempt_at);
                assert_eq!(found, (4, NOW, at), "{state} after {next:?}");
            }
        }
        assert_eq!(
            row(Waiting, u32::MAX)
                .failed(NextTry::NoneLeft, NOW)
                .attempts,
            u32::MAX
        );
    }

    #[test]
    fn an_event_is_parked_as_waiting_and_only_the_failed_one_has_been_tried() {
        for (failed, attempts) in [(true, 1), (false, 0)] {
            let expected = Tries {
                state: Waiting,
                attempts,
                last_at: NOW,
                next_attempt_at: LATER,
            };
            assert_eq!(Tries::begin(failed, NOW, LATER), expected);
        }
    }

    #[test]
    fn tries_follow_the_schedule_until_none_is_left_and_a_redrive_gets_its_first_wait() {
        let schedule = RetrySchedule::default();
        let after = |seen, attempts| NextTry::after_failure(&schedule, seen, attempts, NOW);
        let wait = |ms| NextTry::At(NOW.plus_ms(ms));
        assert_eq!(after(Waiting, 0), wait(100));
        assert_eq!(after(Waiting, 1), wait(200));
        assert_eq!(after(Waiting, schedule.retries - 1), wait(1_600));
        assert_eq!(after(Waiting, schedule.retries), NextTry::NoneLeft);
        assert_eq!(after(Waiting, u32::MAX), NextTry::NoneLeft);
        for attempts in [1, schedule.retries + 1, u32::MAX] {
            assert_eq!(after(Redrive, attempts), wait(100));
        }
        let none = RetrySchedule {
            retries: 0,
            ..schedule
        };
        let after = NextTry::after_failure(&none, Redrive, 1, NOW);
        assert_eq!(after, NextTry::NoneLeft);
    }

    #[test]
    fn the_states_have_the_words_of_the_store_and_the_wire() {
        let words: Vec<_> = ParkedState::ALL.iter().map(|s| s.as_str()).collect();
        assert_eq!(words, ["waiting", "dead", "redrive", "discard"]);
        assert!(words.iter().all(|w| ParkedState::parse(w).is_some()));
        assert_eq!(ParkedState::parse("gone"), None);
    }
}
