//! What circuit breakers did: every change of a circuit, since a look at intervals misses a circuit that opened and closed
//! in between.
//!
//! Invariant: at most [`MOST_TRANSITIONS`] are kept, the newest ones; the others are counted.

use crate::status::named_enum;
use crate::time::Time;

/// Transitions that a sample keeps.
pub const MOST_TRANSITIONS: usize = 20;

named_enum!(
    /// Where a circuit stands.
    Circuit {
        Closed = "closed",
        HalfOpen = "half_open",
        Open = "open",
    }
);

/// A circuit that changed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Transition {
    pub at: Time,
    /// What is called behind the breaker: `inventory`.
    pub name: String,
    pub from: Circuit,
    pub to: Circuit,
}

/// The newest transitions, the oldest of them first, and how many more there were.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Transitions {
    kept: Vec<Transition>,
    left_out: u64,
}

impl Transitions {
    /// Keeps the newest of these.
    #[must_use]
    pub fn of(all: Vec<Transition>, left_out: u64) -> Self {
        let mut transitions = Self {
            kept: all,
            left_out,
        };
        transitions.shorten();
        transitions
    }

    /// The oldest first.
    #[must_use]
    pub fn kept(&self) -> &[Transition] {
        &self.kept
    }

    /// How many more there were.
    #[must_use]
    pub fn left_out(&self) -> u64 {
        self.left_out
    }

    pub fn merge(&mut self, other: &Self) {
        self.kept.extend_from_slice(&other.kept);
        // No error: more transitions than 64 bits count do not exist; a damaged row may say so.
        self.left_out = self.left_out.saturating_add(other.left_out);
        self.shorten();
    }

    fn shorten(&mut self) {
        self.kept.sort_unstable();
        // No error: fewer than may be kept are none beyond.
        let beyond = self.kept.len().saturating_sub(MOST_TRANSITIONS);
        self.kept.drain(..beyond);
        // No error: as in `merge`.
        self.left_out = self.left_out.saturating_add(beyond as u64);
    }
}
