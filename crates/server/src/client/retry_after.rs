//! The wait that a server asks for: the `Retry-After` header (RFC 9110 §10.2.3).
//!
//! A date is read relative to the answer's own `Date`, so the client's clock need not agree with the
//! server's.

use std::time::Duration;

use http::HeaderMap;
use http::header::{DATE, RETRY_AFTER};
use jiff::fmt::rfc2822::DateTimeParser;

/// Longer waits are cut to this.
const LONGEST: Duration = Duration::from_secs(60);
/// The wait where the header is there but cannot be read.
const WHEN_UNREADABLE: Duration = Duration::from_secs(1);

/// The wait that `Retry-After` asks for, `None` without the header; never longer than a minute.
#[must_use]
pub fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers
        .get(RETRY_AFTER)?
        .to_str()
        .unwrap_or_default()
        .trim();
    let wait = if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        // A number that does not fit a u64 is longer than the longest wait, too.
        text.parse().map_or(LONGEST, Duration::from_secs)
    } else {
        until_date(text, headers).unwrap_or(WHEN_UNREADABLE)
    };
    Some(wait.min(LONGEST))
}

fn until_date(text: &str, headers: &HeaderMap) -> Option<Duration> {
    let parser = DateTimeParser::new();
    let then = parser.parse_timestamp(text).ok()?;
    let now = parser
        .parse_timestamp(headers.get(DATE)?.to_str().ok()?)
        .ok()?;
    // A date in the past means no wait.
    Some(Duration::try_from(then.duration_since(now)).unwrap_or(Duration::ZERO))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(retry: &'static str, date: Option<&'static str>) -> Option<Duration> {
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, retry.parse().unwrap());
        if let Some(date) = date {
            headers.insert(DATE, date.parse().unwrap());
        }
        retry_after(&headers)
    }

    #[test]
    fn seconds_are_read_and_bounded() {
        assert_eq!(asked("0", None), Some(Duration::ZERO));
        assert_eq!(asked(" 7 ", None), Some(Duration::from_secs(7)));
        assert_eq!(asked("86400", None), Some(LONGEST));
        assert_eq!(asked("99999999999999999999999", None), Some(LONGEST));
    }

    #[test]
    fn a_date_counts_from_the_answers_own_date() {
        let sent = Some("Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(
            asked("Sun, 06 Nov 1994 08:49:40 GMT", sent),
            Some(Duration::from_secs(3))
        );
        assert_eq!(
            asked("Sun, 06 Nov 1994 08:49:30 GMT", sent),
            Some(Duration::ZERO)
        );
    }

    #[test]
    fn an_unreadable_wait_is_a_second_and_a_missing_one_is_none() {
        assert_eq!(asked("soon", None), Some(WHEN_UNREADABLE));
        assert_eq!(asked("-1", None), Some(WHEN_UNREADABLE));
        assert_eq!(
            asked("Sun, 06 Nov 1994 08:49:40 GMT", None),
            Some(WHEN_UNREADABLE)
        );
        assert_eq!(retry_after(&HeaderMap::new()), None);
    }
}
