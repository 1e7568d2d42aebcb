//! The settings of the role `relay`.

use serde::{Deserialize, Serialize};
use waybill_store::RelayStart;

use crate::config::{Millis, section};

/// The name of the relay's cursor, leases and parked events.
pub const CONSUMER: &str = "relay";

section!(RelaySettings, "relay", {
    start: Start => Kind::OneOf(&["beginning", "now"]),
    batch_limit: u32 => count(1, 10_000),
    max_delay_ms: Millis => time(100, HOUR_MS),
    replay_per_s: u32 => count(1, 1_000_000),
});

/// The words of `relay.start`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Start {
    Beginning,
    Now,
}

impl From<Start> for RelayStart {
    fn from(start: Start) -> Self {
        match start {
            Start::Beginning => Self::Beginning,
            Start::Now => Self::Now,
        }
    }
}

pub const DEFAULTS: &str = r#"[relay]
# Where the relay begins that has never run on this store: at the "beginning" of the log, or "now", which leaves out
# every event of the orders placed before. It is decided once and kept in the store.
start = "beginning"
# Events published at a time at most.
batch_limit = 500
# The longest wait before a broker that could not take an event is tried again; the first wait is 200 ms at most.
max_delay_ms = "5s"
# Events a second that `waybill relay replay` publishes again at most, in each partition.
replay_per_s = 1000
"#;
