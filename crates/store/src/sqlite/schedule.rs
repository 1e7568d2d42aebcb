//! Divides the writer's time between foreground and background jobs. While foreground jobs wait, background jobs get at
//! least their share; they also get all the time that foreground jobs leave unused. So neither class starves.

use std::time::Duration;

/// What kind of work a job is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// A caller waits for the answer.
    Foreground,
    /// Consumers, timers, housekeeping.
    Background,
}

/// Counts how much of the writer's time background work has earned and not used yet.
#[derive(Debug)]
pub struct Schedule {
    /// Background time earned per unit of foreground time.
    rate: f64,
    owed_us: f64,
    /// Foreground time and total time of the recent past, both decaying exponentially, in microseconds.
    recent_foreground_us: f64,
    recent_us: f64,
}

/// The most background time that can be due, or be taken in advance: one turn.
const TURN_US: f64 = 6_000.0;

/// How long the writer waits for foreground work before the time counts as left over.
pub const LULL: Duration = Duration::from_millis(1);

/// The length of the recent past.
const RECENT_US: f64 = 60_000.0;

/// While foreground work takes more than this share of the writer's recent time, a moment without waiting jobs is a gap
/// in a burst and does not count as idle: the same processors are preparing the next batch.
const BUSY: f64 = 0.35;

impl Schedule {
    /// `share` is the least part of the writer's time that background work gets, in [0, 0.9].
    pub fn new(share: f64) -> Self {
        let share = share.clamp(0.0, 0.9);
        Self {
            rate: share / (1.0 - share),
            owed_us: 0.0,
            recent_foreground_us: 0.0,
            recent_us: 0.0,
        }
    }

    /// The class to take a job from next.
    pub fn next(&self, foreground_waits: bool, background_waits: bool) -> Option<Class> {
        match (foreground_waits, background_waits) {
            (false, false) => None,
            (false, true) if self.is_burst() && self.owed_us <= 0.0 => None,
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

    /// Adds the time that a job took to its class.
    pub fn ran(&mut self, class: Class, took: Duration) {
        let took_us = took.as_secs_f64() * 1e6;
        self.owed_us += match class {
            Class::Foreground => took_us * self.rate,
            Class::Background => -took_us,
        };
        self.owed_us = self.owed_us.clamp(-TURN_US, TURN_US);
        self.remember(took_us, class == Class::Foreground);
    }

    /// Adds idle time to what background work has earned. During a burst only a gap of at least [`LULL`] counts.
    pub fn idled(&mut self, time: Duration) {
        let us = time.as_secs_f64() * 1e6;
        if !self.is_burst() || time >= LULL {
            self.owed_us = (self.owed_us + us).min(TURN_US);
        }
        self.remember(us, false);
    }

    fn remember(&mut self, us: f64, foreground: bool) {
        self.recent_us += us;
        if foreground {
            self.recent_foreground_us += us;
        }
        if self.recent_us > RECENT_US {
            let fade = RECENT_US / 2.0 / self.recent_us;
            self.recent_us *= fade;
            self.recent_foreground_us *= fade;
        }
    }

    fn is_burst(&self) -> bool {
        self.recent_foreground_us > BUSY * self.recent_us.max(RECENT_US / 4.0)
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
    fn background_work_gets_its_share_at_any_job_length() {
        for (foreground, background) in [(100, 100), (8_000, 1_000), (300, 3_000)] {
            let got = share_under_load(0.2, foreground, background);
            assert!(
                (0.18..0.22).contains(&got),
                "{foreground}/{background} us: {got}"
            );
        }
    }

    #[test]
    fn a_gap_in_a_burst_is_not_spare_time_until_it_lasts() {
        let mut schedule = Schedule::new(0.2);
        for _ in 0..20 {
            schedule.ran(Class::Foreground, Duration::from_millis(4));
            schedule.ran(Class::Background, Duration::from_millis(2));
        }
        assert_eq!(schedule.next(false, true), None);
        schedule.idled(Duration::from_millis(10));
        assert_eq!(schedule.next(false, true), Some(Class::Background));
    }

    #[test]
    fn a_class_without_competition_gets_all_time() {
        let schedule = Schedule::new(0.2);
        assert_eq!(schedule.next(false, true), Some(Class::Background));
        assert_eq!(schedule.next(true, false), Some(Class::Foreground));
        assert_eq!(schedule.next(false, false), None);
    }
}
