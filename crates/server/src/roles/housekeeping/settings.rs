//! The settings of the role `housekeeping`.

use crate::config::{Millis, section};

section!(HousekeepingSettings, "housekeeping", {
    interval_ms: Millis => time(10, 24 * HOUR_MS),
    batch_limit: u32 => count(1, 10_000),
    stuck_after_ms: Millis => time(1_000, YEAR_MS),
});

pub const DEFAULTS: &str = r#"[housekeeping]
# How often expiries, retention and the watchdog run.
interval_ms = "1s"
# Rows removed or released in one transaction at most.
batch_limit = 500
# An order that has not moved for this long, and is not waiting for anyone, is reported as stuck.
stuck_after_ms = "5m"
"#;
