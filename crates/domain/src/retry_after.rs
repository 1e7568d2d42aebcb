//! How long a client is told to wait before it sends a refused request again: the seconds of the header `Retry-After`
//! (RFC 9110, section 10.2.3), the same in every dialect.

/// Why a request was not done now, as far as it says when a retry can succeed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetryAfter {
    /// A queue is full, a limit is reached, or a part of the system is away; nothing says how long this lasts.
    Soon,
    /// The disk is full, which ends when a person makes room.
    DiskFull,
    /// What refused the request lets one through after this time. Zero and below is now.
    Wait { micros: i64 },
}

/// The wait of [`RetryAfter::Soon`]: the shortest that the header can tell apart from none.
const SOON_S: u32 = 1;
/// The wait of [`RetryAfter::DiskFull`].
const DISK_FULL_S: u32 = 5;

const MICROS_PER_SECOND: u64 = 1_000_000;

impl RetryAfter {
    /// A wait in milliseconds; one beyond 292,000 years counts as that.
    #[must_use]
    pub fn wait_ms(ms: u64) -> Self {
        // No error: the header ends after 136 years anyway.
        let micros = i64::try_from(ms.saturating_mul(1_000)).unwrap_or(i64::MAX);
        Self::Wait { micros }
    }

    /// The seconds of the header, at least 1.
    #[must_use]
    pub fn seconds(self) -> u32 {
        match self {
            Self::Soon => SOON_S,
            Self::DiskFull => DISK_FULL_S,
            Self::Wait { micros } => whole_seconds(micros),
        }
    }
}

/// A wait in microseconds as whole seconds, rounded up, so that a client that waits so long does not come too early;
/// from 1 to 2³² − 1.
#[must_use]
pub fn whole_seconds(micros: i64) -> u32 {
    // No error: a negative wait is over.
    let micros = u64::try_from(micros).unwrap_or(0);
    // No error: a client that waits for 136 years has given up.
    u32::try_from(micros.div_ceil(MICROS_PER_SECOND))
        .unwrap_or(u32::MAX)
        .max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_wait_is_rounded_up_and_lasts_at_least_a_second() {
        for (micros, seconds) in [
            (i64::MIN, 1),
            (-1, 1),
            (0, 1),
            (1, 1),
            (1_000_000, 1),
            (1_000_001, 2),
            (30_000_000, 30),
            (4_294_967_295_000_000, u32::MAX),
            (4_294_967_295_000_001, u32::MAX),
            (i64::MAX, u32::MAX),
        ] {
            let found = RetryAfter::Wait { micros }.seconds();
            assert_eq!(found, seconds, "{micros} microseconds");
        }
    }

    #[test]
    fn milliseconds_are_rounded_up_and_do_not_overflow() {
        let seconds = |ms| RetryAfter::wait_ms(ms).seconds();
        assert_eq!([0, 1, 1_000, 1_001].map(seconds), [1, 1, 1, 2]);
        assert_eq!(seconds(30_000), 30);
        assert_eq!(seconds(u64::MAX), u32::MAX);
    }

    #[test]
    fn a_wait_that_is_not_known_is_a_second_and_a_full_disk_takes_longer() {
        assert_eq!(RetryAfter::Soon.seconds(), 1);
        assert_eq!(RetryAfter::DiskFull.seconds(), 5);
    }
}
