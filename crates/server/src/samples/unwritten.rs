//! Rows that wait to be written: more than one of a step only while the store cannot be written to.

use std::collections::BTreeMap;

use waybill_domain::sample::{Sample, SlotSample, Step};
use waybill_domain::time::Time;

/// Rows that wait at most: an hour of ten seconds, and the longer slots beside them.
const MOST: usize = 360 + 13;

/// Rows in one transaction at most.
const AT_ONCE: usize = 60;

/// By step and slot, so that a later row of the same slot takes the place of the earlier one.
#[derive(Default)]
pub struct Unwritten(BTreeMap<(Step, Time), Sample>);

impl Unwritten {
    /// Adds rows; returns how many were given up for them: the oldest of the shorter slots, which the longer ones still
    /// tell of.
    pub fn add(&mut self, rows: impl IntoIterator<Item = SlotSample>) -> u64 {
        for row in rows {
            self.0.insert((row.step, row.start), row.sample);
        }
        let mut dropped = 0;
        while self.0.len() > MOST {
            self.0.pop_first();
            dropped += 1;
        }
        dropped
    }

    /// The rows to write next; they stay until [`Unwritten::written`].
    #[must_use]
    pub fn next(&self) -> Vec<SlotSample> {
        let rows = self.0.iter().take(AT_ONCE);
        let row = |(&(step, start), sample): (&(Step, Time), &Sample)| SlotSample {
            step,
            start,
            sample: sample.clone(),
        };
        rows.map(row).collect()
    }

    /// Forgets rows that were written.
    pub fn written(&mut self, rows: &[SlotSample]) {
        for row in rows {
            self.0.remove(&(row.step, row.start));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(step: Step, n: i64, accepted: u64) -> SlotSample {
        SlotSample {
            step,
            start: Time(0).plus_ms(n * step.ms()),
            sample: Sample {
                accepted,
                ..Sample::default()
            },
        }
    }

    #[test]
    fn a_later_row_of_a_slot_takes_the_place_of_the_earlier_one() {
        let mut unwritten = Unwritten::default();
        for accepted in [1, 2] {
            let rows = [Step::TenSeconds, Step::FiveMinutes].map(|step| row(step, 0, accepted));
            assert_eq!(unwritten.add(rows), 0);
        }
        let next = unwritten.next();
        assert_eq!(next.len(), 2);
        assert!(next.iter().all(|row| row.sample.accepted == 2));
        unwritten.written(&next);
        assert!(unwritten.next().is_empty());
    }

    #[test]
    fn of_too_many_the_oldest_short_slots_are_given_up() {
        let mut unwritten = Unwritten::default();
        let mut dropped = unwritten.add([row(Step::FiveMinutes, 0, 9)]);
        for n in 0..400 {
            dropped += unwritten.add([row(Step::TenSeconds, n, 1)]);
        }
        assert_eq!(dropped, 401 - MOST as u64);
        let mut steps = vec![];
        loop {
            let next = unwritten.next();
            if next.is_empty() {
                break;
            }
            assert!(next.len() <= AT_ONCE);
            steps.extend(next.iter().map(|row| (row.step, row.start)));
            unwritten.written(&next);
        }
        assert_eq!(steps.len(), MOST);
        assert_eq!(steps[0].1, row(Step::TenSeconds, 28, 1).start);
        assert_eq!(steps[MOST - 1].0, Step::FiveMinutes);
    }
}
