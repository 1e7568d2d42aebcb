//! The retry schedule: capped exponential backoff.

/// How often and after which waits a call is tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetrySchedule {
    /// Tries after the first one.
    pub retries: u32,
    /// Wait before the first retry, in milliseconds.
    pub base_ms: i64,
    /// Longest wait, in milliseconds.
    pub max_ms: i64,
}

impl Default for RetrySchedule {
    fn default() -> Self {
        Self {
            retries: 5,
            base_ms: 100,
            max_ms: 1_600,
        }
    }
}

impl RetrySchedule {
    /// The wait after `attempts` failed tries (1 = the first one failed); `None` when no try is left.
    #[must_use]
    pub fn delay_ms(&self, attempts: u32) -> Option<i64> {
        if attempts == 0 || attempts > self.retries {
            return None;
        }
        let doubled = 1_i64
            .checked_shl(attempts - 1)
            .and_then(|factor| self.base_ms.checked_mul(factor));
        Some(
            doubled
                .filter(|ms| *ms >= 0)
                .unwrap_or(self.max_ms)
                .min(self.max_ms),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_schedule_doubles_from_100_ms_to_1600_ms_and_ends() {
        let waits: Vec<_> = (0..=6)
            .map(|attempts| RetrySchedule::default().delay_ms(attempts))
            .collect();
        assert_eq!(
            waits,
            [
                None,
                Some(100),
                Some(200),
                Some(400),
                Some(800),
                Some(1_600),
                None
            ]
        );
    }

    #[test]
    fn a_long_schedule_neither_overflows_nor_exceeds_its_cap() {
        let long = RetrySchedule {
            retries: 200,
            base_ms: 100,
            max_ms: 1_600,
        };
        assert!((5..=200).all(|attempts| long.delay_ms(attempts) == Some(1_600)));
    }
}
