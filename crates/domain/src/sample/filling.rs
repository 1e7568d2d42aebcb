//! The slots that a process is filling: one of each length at a time.
//!
//! A process that writes both rows itself needs no task that makes the longer ones out of the shorter ones later. Invariant:
//! the five-minute sample is what the ten-second samples of its slot merge to, and covers as long as they do together.

use super::Sample;
use super::step::Step;
use crate::time::Time;

/// What one process counted in one slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlotSample {
    pub step: Step,
    /// When the slot begins.
    pub start: Time,
    pub sample: Sample,
}

impl SlotSample {
    fn empty(step: Step, at: Time) -> Self {
        Self {
            step,
            start: step.start_of(at),
            sample: Sample::default(),
        }
    }

    /// Adds what was counted since `at`. It belongs to the slot of that time, or to the present slot when the clock has
    /// been set back since: a row that was written for an earlier slot would be replaced otherwise.
    fn add(&mut self, at: Time, counted: &Sample) {
        if self.step.start_of(at) > self.start {
            *self = Self::empty(self.step, at);
        }
        // No error: the times of a slot are far from what 64 bits count.
        let covered_ms = self.sample.covered_ms.saturating_add(counted.covered_ms);
        self.sample.merge(counted);
        self.sample.covered_ms = covered_ms;
    }
}

/// The slots of a process that are being filled.
#[derive(Clone, Debug)]
pub struct Filling {
    ten_seconds: SlotSample,
    five_minutes: SlotSample,
}

impl Filling {
    /// The slots of this time, empty.
    #[must_use]
    pub fn from(now: Time) -> Self {
        Self {
            ten_seconds: SlotSample::empty(Step::TenSeconds, now),
            five_minutes: SlotSample::empty(Step::FiveMinutes, now),
        }
    }

    /// Adds what was counted from a time on; the rows to write, which replace those of the same slots.
    pub fn add(&mut self, from: Time, counted: &Sample) -> [SlotSample; 2] {
        self.ten_seconds.add(from, counted);
        // The slot of the ten seconds, so that both rows agree when the clock was set back.
        self.five_minutes.add(self.ten_seconds.start, counted);
        [self.ten_seconds.clone(), self.five_minutes.clone()]
    }
}
