//! Points in time: whole microseconds since 1970-01-01T00:00:00Z, always UTC.

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

/// A point in time in microseconds since the Unix epoch. Written as RFC 3339 with a `Z`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Time(pub i64);

impl Time {
    /// The earliest and the latest year that is accepted from a caller.
    const YEARS: std::ops::RangeInclusive<i16> = 1970..=9998;

    /// Reads an RFC 3339 time with an offset; finer digits than microseconds are refused.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let parsed: Timestamp = text.parse().ok()?;
        let year = parsed.to_zoned(jiff::tz::TimeZone::UTC).year();
        let exact = parsed.as_nanosecond() % 1_000 == 0;
        (exact && Self::YEARS.contains(&year)).then(|| Self(parsed.as_microsecond()))
    }

    /// This time and `ms` milliseconds more.
    #[must_use]
    pub fn plus_ms(self, ms: i64) -> Self {
        Self(self.0.saturating_add(ms.saturating_mul(1_000)))
    }

    /// Whole milliseconds since `earlier`; negative when `earlier` is later.
    #[must_use]
    pub fn ms_since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0) / 1_000
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match Timestamp::from_microsecond(self.0) {
            Ok(time) => fmt::Display::fmt(&time, f),
            Err(_) => write!(f, "{}us", self.0),
        }
    }
}

impl fmt::Debug for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| {
            serde::de::Error::custom(
                "expected an RFC 3339 time with an offset, e.g. 2026-05-04T10:00:00Z",
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_survives_the_wire() {
        for text in [
            "2026-05-04T10:00:00Z",
            "2026-05-04T10:00:00.123Z",
            "2026-05-04T10:00:00.123456Z",
        ] {
            assert_eq!(
                Time::parse(text).map(|t| t.to_string()).as_deref(),
                Some(text)
            );
        }
        assert_eq!(
            Time::parse("2026-05-04T12:00:00+02:00"),
            Time::parse("2026-05-04T10:00:00Z")
        );
        for bad in [
            "",
            "2026-05-04",
            "2026-05-04T10:00:00",
            "yesterday",
            "2026-13-04T10:00:00Z",
            "2026-05-04T10:00:00.1234567Z",
            "-000044-03-15T00:00:00Z",
        ] {
            assert_eq!(Time::parse(bad), None, "{bad}");
        }
    }
}
