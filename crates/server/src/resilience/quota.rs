//! The arithmetic of a token bucket that holds a minute's requests and refills evenly, kept as the time at which it is
//! full again (the generic cell rate algorithm), and the headers that tell a client about it.
//!
//! Headers follow the IETF draft "RateLimit header fields for HTTP", version 9 and later.

use http::{HeaderMap, HeaderName, HeaderValue};
use waybill_domain::retry_after::{RetryAfter, whole_seconds};

const WINDOW_S: i64 = 60;
/// A bucket that was empty is full again after this long.
pub const WINDOW_MICROS: i64 = WINDOW_S * crate::clock::MICROS_PER_SECOND;

/// How many requests a client may send in a minute; at least one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota(u32);

/// The answer to one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decision {
    pub allowed: bool,
    /// Requests left at once.
    pub remaining: u32,
    /// Microseconds until the whole quota is there again; when refused, until one request is.
    pub wait_micros: i64,
}

impl Decision {
    /// When a client that was refused may send its request again.
    #[must_use]
    pub fn retry_after(self) -> RetryAfter {
        RetryAfter::Wait {
            micros: self.wait_micros,
        }
    }
}

impl Quota {
    /// `None` for 0, which is no limit.
    #[must_use]
    pub fn per_minute(requests: u32) -> Option<Self> {
        (requests > 0).then_some(Self(requests))
    }

    #[must_use]
    pub fn requests(self) -> u32 {
        self.0
    }

    /// By how much one request delays the time at which the bucket is full again.
    #[must_use]
    pub fn cost_micros(self) -> i64 {
        (WINDOW_MICROS / i64::from(self.0)).max(1)
    }

    /// A request that was let through, after which the bucket is full in `used_micros`, from 0 to the window.
    #[must_use]
    pub fn allowed(self, used_micros: i64) -> Decision {
        Decision {
            allowed: true,
            remaining: self.left(used_micros),
            wait_micros: used_micros,
        }
    }

    /// A request that was refused, because the bucket is full in `used_micros` only.
    #[must_use]
    pub fn refused(self, used_micros: i64) -> Decision {
        Decision {
            allowed: false,
            remaining: self.left(used_micros),
            wait_micros: used_micros + self.cost_micros() - WINDOW_MICROS,
        }
    }

    fn left(self, used_micros: i64) -> u32 {
        let left = (WINDOW_MICROS - used_micros) / self.cost_micros();
        u32::try_from(left)
            .expect("from 0 to the 60,000,000 microseconds of the window")
            .min(self.0)
    }

    /// Writes the headers with the policy and the requests left.
    pub fn write_headers(self, decision: Decision, headers: &mut HeaderMap) {
        let wait_s = whole_seconds(decision.wait_micros);
        for (name, value) in [
            (
                "ratelimit-policy",
                format!("\"default\";q={};w={WINDOW_S}", self.0),
            ),
            (
                "ratelimit",
                format!("\"default\";r={};t={wait_s}", decision.remaining),
            ),
        ] {
            let value = HeaderValue::try_from(value).expect("digits and ASCII punctuation");
            headers.insert(HeaderName::from_static(name), value);
        }
    }
}
