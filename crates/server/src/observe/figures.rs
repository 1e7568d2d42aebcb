//! Conversions of numbers for metrics, log lines and people. A number that does not fit its type becomes the
//! type's maximum, because a wrong figure is better than a failed request. Values that are stored, compared with stored
//! values or used in decisions are not converted here: there a value that does not fit is an error.

use std::time::Duration;

/// A count or a size in bytes for a gauge, which ends at 2^63 - 1.
#[must_use]
pub fn gauge(count: impl TryInto<i64>) -> i64 {
    count.try_into().unwrap_or(i64::MAX)
}

/// Whole milliseconds; they end after 584 million years.
#[must_use]
pub fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

/// Whole microseconds; they end after 584,000 years.
#[must_use]
pub fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}

/// `all` minus `part`, at least 0. The counters are read one after another while other threads change them, so `part`
/// may be larger than `all`.
#[must_use]
pub fn left(all: u64, part: u64) -> u64 {
    all.saturating_sub(part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_ends_where_its_type_does() {
        assert_eq!((gauge(7_u64), gauge(u64::MAX)), (7, i64::MAX));
        assert_eq!(millis(Duration::MAX), u64::MAX);
        assert_eq!(micros(Duration::from_millis(2)), 2_000);
        assert_eq!((left(5, 2), left(2, 5)), (3, 0));
    }
}
