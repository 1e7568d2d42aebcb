//! Typed identifiers. All are UUIDv7 (RFC 9562). The caller makes them; nothing in this crate does.

use serde::{Deserialize, Serialize};
use std::fmt;
use uuid::Uuid;

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl $name {
            /// Reads the hyphenated or plain hexadecimal form; `None` when the text is no UUID.
            #[must_use]
            pub fn parse(text: &str) -> Option<Self> {
                Uuid::try_parse(text).ok().map(Self)
            }

            /// The 16 bytes as stored.
            #[must_use]
            pub fn bytes(&self) -> &[u8; 16] {
                self.0.as_bytes()
            }

            /// From 16 stored bytes; `None` when the length differs.
            #[must_use]
            pub fn from_slice(bytes: &[u8]) -> Option<Self> {
                Uuid::from_slice(bytes).ok().map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }
    };
}

uuid_id!(
    /// An order; also the key by which everything about it is ordered.
    OrderId
);
uuid_id!(
    /// One shipment of an order.
    ShipmentId
);
uuid_id!(
    /// One event of the log.
    EventId
);
uuid_id!(
    /// A gate on an order (see [`crate::order::Hold`]).
    HoldId
);

/// A source of ids. Injected, so that tests and retries control the ids.
pub trait Ids {
    /// A fresh UUIDv7, greater than every one made before it by the same source.
    fn next(&mut self) -> Uuid;
}

impl<F: FnMut() -> Uuid> Ids for F {
    fn next(&mut self) -> Uuid {
        self()
    }
}

/// The prefix of order numbers that Waybill gives; a caller's own number must not begin with it.
pub const NUMBER_PREFIX: &str = "WB-";

/// The short readable number of an order: `WB-000123` for 123.
#[must_use]
pub fn readable_number(n: i64) -> String {
    format!("{NUMBER_PREFIX}{n:06}")
}

/// The value of an order number that Waybill gave; `None` when the text is none.
#[must_use]
pub fn parse_readable_number(text: &str) -> Option<i64> {
    let digits = text.strip_prefix(NUMBER_PREFIX)?;
    let canonical = digits.len() >= 6 && digits.bytes().all(|b| b.is_ascii_digit());
    // No error: other texts are no number of ours.
    let n: i64 = canonical.then(|| digits.parse().ok()).flatten()?;
    (n > 0 && readable_number(n) == text).then_some(n)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_readable_number_is_read_back_and_nothing_else_is() {
        for n in [1, 123, 999_999, 1_000_000, i64::MAX] {
            assert_eq!(parse_readable_number(&readable_number(n)), Some(n));
        }
        for bad in [
            "",
            "WB-",
            "WB-1",
            "WB-0000123",
            "WB-000000",
            "wb-000123",
            "WB-00012x",
            "WB-99999999999999999999",
        ] {
            assert_eq!(parse_readable_number(bad), None, "{bad}");
        }
    }
}
