//! How long a slot is, where one begins, and for how long its rows are kept.

use crate::status::named_enum;
use crate::time::Time;

named_enum!(
    /// The length of a slot.
    Step {
        TenSeconds = "10s",
        FiveMinutes = "5m",
    }
);

const HOUR_MS: i64 = 3_600_000;

impl Step {
    /// Its length in seconds; the stores name a step by it.
    #[must_use]
    pub const fn seconds(self) -> i16 {
        match self {
            Self::TenSeconds => 10,
            Self::FiveMinutes => 300,
        }
    }

    /// Its length in milliseconds.
    #[must_use]
    pub fn ms(self) -> i64 {
        i64::from(self.seconds()) * 1_000
    }

    /// For how long its rows are kept, in milliseconds. Two hours more than a day show the same hour of the day before.
    #[must_use]
    pub fn kept_ms(self) -> i64 {
        match self {
            Self::TenSeconds => 26 * HOUR_MS,
            Self::FiveMinutes => 30 * 24 * HOUR_MS,
        }
    }

    /// The beginning of the slot that a time is in. Slots begin at whole multiples of their length since 1970.
    #[must_use]
    pub fn start_of(self, time: Time) -> Time {
        let length = self.ms() * 1_000;
        Time(time.0.div_euclid(length) * length)
    }

    /// The beginning of the slot after the one that a time is in.
    #[must_use]
    pub fn next_after(self, time: Time) -> Time {
        self.start_of(time).plus_ms(self.ms())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_begins_at_a_whole_multiple_of_its_length() {
        let at = |text: &str| Time::parse(text).expect("a time");
        for (step, time, start, next) in [
            (
                Step::TenSeconds,
                "2026-05-04T10:00:09.999999Z",
                "2026-05-04T10:00:00Z",
                "2026-05-04T10:00:10Z",
            ),
            (
                Step::TenSeconds,
                "2026-05-04T10:00:10Z",
                "2026-05-04T10:00:10Z",
                "2026-05-04T10:00:20Z",
            ),
            (
                Step::FiveMinutes,
                "2026-05-04T10:04:59Z",
                "2026-05-04T10:00:00Z",
                "2026-05-04T10:05:00Z",
            ),
        ] {
            assert_eq!(step.start_of(at(time)), at(start), "{time}");
            assert_eq!(step.next_after(at(time)), at(next), "{time}");
        }
        assert_eq!(Step::TenSeconds.start_of(Time(-1)), Time(-10_000_000));
    }
}
