//! Points in time: whole microseconds since 1970-01-01T00:00:00Z, always UTC.

use crate::echo::quoted;
use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;
use std::fmt;

/// A point in time in microseconds since the Unix epoch. Written as RFC 3339 with a `Z`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Time(pub i64);

impl Time {
    /// The earliest and the latest year that is accepted from a caller.
    const YEARS: std::ops::RangeInclusive<i16> = 1970..=9998;

    /// Reads an RFC 3339 time with an offset and any number of digits after the second's point; what is finer than a
    /// microsecond is cut off.
    ///
    /// # Errors
    /// [`TimeFault`], which says what was expected.
    pub fn read(text: &str) -> Result<Self, TimeFault> {
        let not_a_time = || TimeFault::NotATime {
            found: quoted(text),
        };
        let parsed: Timestamp = to_microseconds(text).parse().map_err(|_| not_a_time())?;
        let year = parsed.to_zoned(jiff::tz::TimeZone::UTC).year();
        if Self::YEARS.contains(&year) {
            Ok(Self(parsed.as_microsecond()))
        } else {
            Err(TimeFault::OutOfRange {
                found: quoted(text),
            })
        }
    }

    /// As [`Time::read`]; `None` instead of the reason.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::read(text).ok()
    }

    /// This time plus `ms` milliseconds, or the last representable time.
    #[must_use]
    pub fn plus_ms(self, ms: i64) -> Self {
        // No error: a deadline beyond the last representable time is never reached.
        Self(self.0.saturating_add(ms.saturating_mul(1_000)))
    }

    /// Whole milliseconds since `earlier`, limited to the type's range; negative when `earlier` is later.
    #[must_use]
    pub fn ms_since(self, earlier: Self) -> i64 {
        // No error: times that callers send are of the years 1970 to 9998, whose differences fit.
        self.0.saturating_sub(earlier.0) / 1_000
    }
}

/// Why a text is not accepted as a time.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TimeFault {
    #[error("expected an RFC 3339 time with an offset, as 2026-05-04T10:00:00Z; found {found}")]
    NotATime { found: String },
    #[error("expected a year from {} to {}; found {found}", Time::YEARS.start(), Time::YEARS.end())]
    OutOfRange { found: String },
}

/// Digits after the second's point that are kept.
const FRACTION_DIGITS: usize = 6;

/// The text without the digits of a second that are finer than a microsecond.
fn to_microseconds(text: &str) -> Cow<'_, str> {
    let Some((before, fraction)) = text.split_once('.') else {
        return text.into();
    };
    let digits = fraction.bytes().take_while(u8::is_ascii_digit).count();
    if digits <= FRACTION_DIGITS {
        return text.into();
    }
    format!(
        "{before}.{}{}",
        &fraction[..FRACTION_DIGITS],
        &fraction[digits..]
    )
    .into()
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
        Self::read(&text).map_err(serde::de::Error::custom)
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
            "2026-05-04T10:00:00.Z",
            "2026-05-04T10:00:00.1234567",
            "-000044-03-15T00:00:00Z",
        ] {
            assert_eq!(Time::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn digits_finer_than_a_microsecond_are_cut_off() {
        let exact = Time::parse("2026-05-04T10:00:00.123456Z");
        for text in [
            "2026-05-04T10:00:00.1234567Z",
            "2026-05-04T10:00:00.123456999Z",
            "2026-05-04T10:00:00.12345678901234567890Z",
            "2026-05-04T12:00:00.123456789+02:00",
        ] {
            assert_eq!(Time::parse(text), exact, "{text}");
        }
    }

    #[test]
    fn a_year_out_of_range_is_told_with_the_range() {
        for text in ["1969-12-31T23:59:59Z", "9999-01-01T00:00:00Z"] {
            let fault = Time::read(text).unwrap_err();
            assert!(matches!(fault, TimeFault::OutOfRange { .. }), "{text}");
            assert!(fault.to_string().contains("1970 to 9998"), "{fault}");
        }
    }
}
