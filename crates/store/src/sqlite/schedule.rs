//! Who has the writer next. Background work gets at least its share of the time while foreground work waits,
//! and everything foreground work leaves, so that neither starves the other.

use std::time::Duration;

/// What kind of work a job is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Somebody waits for the answer.
    Foreground,
    /// Consumers, timers, housekeeping.
    Background,
}

/// Keeps account of the time that background work is owed.
#[derive(Debug)]
pub struct Schedule {
    /// Background time earned per unit of foreground time.
    rate: f64,
    owed_us: f64,
}

/// Background time that can be owed, or taken in advance, at most: one turn.
const TURN_US: f64 = 6_000.0;

impl Schedule {
    /// `share` is the least part of the writer's time that background work gets, in [0, 0.9].
    pub fn new(share: f64) -> Self {
        let share = share.clamp(0.0, 0.9);
        Self {
            rate: share / (1.0 - share),
            owed_us: 0.0,
        }
    }

    /// The class to take a job from next.
    pub fn next(&self, foreground_waits: bool, background_waits: bool) -> Option<Class> {
        match (foreground_waits, background_waits) {
            (false, false) => None,
            (false, true) => Some(Class::Background),
            (true, true) if self.owed_us > 0.0 => Some(Class::Background),
            (true, _) => Some(Class::Foreground),
        }
    }

    /// Whether background work may still take its turn in a round whose foreground answers are waiting for the
    /// commit.
    pub fn owes_background(&self) -> bool {
        self.owed_us > 0.0
    }

    /// Books the time a job took.
    pub fn ran(&mut self, class: Class, took: Duration) {
        let took_us = took.as_secs_f64() * 1e6;
        self.owed_us += match class {
            Class::Foreground => took_us * self.rate,
            Class::Background => -took_us,
        };
        self.owed_us = self.owed_us.clamp(-TURN_US, TURN_US);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn share_under_load(share: f64, foreground_us: u64, background_us: u64) -> f64 {
        let mut schedule = Schedule::new(share);
        let (mut foreground, mut background) = (0, 0);
        for _ in 0..10_000 {
            match schedule.next(true, true).unwrap() {
                Class::Foreground => {
                    foreground += foreground_us;
                    schedule.ran(Class::Foreground, Duration::from_micros(foreground_us));
                }
                Class::Background => {
                    background += background_us;
                    schedule.ran(Class::Background, Duration::from_micros(background_us));
                }
            }
        }
        background as f64 / (background + foreground) as f64
    }

    #[test]
    fn background_work_gets_its_share_whatever_the_jobs_cost() {
        for (foreground, background) in [(100, 100), (8_000, 1_000), (300, 3_000)] {
            let got = share_under_load(0.2, foreground, background);
            assert!(
                (0.18..0.22).contains(&got),
                "{foreground}/{background} us: {got}"
            );
        }
    }

    #[test]
    fn whoever_is_alone_gets_everything() {
        let schedule = Schedule::new(0.2);
        assert_eq!(schedule.next(false, true), Some(Class::Background));
        assert_eq!(schedule.next(true, false), Some(Class::Foreground));
        assert_eq!(schedule.next(false, false), None);
    }
}
