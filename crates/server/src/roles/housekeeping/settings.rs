//! The settings of the role `housekeeping`.

use crate::config::{Millis, section};

section!(HousekeepingSettings, "housekeeping", {
    interval_ms: Millis => time(10, 24 * HOUR_MS),
    batch_limit: u32 => count(1, 10_000),
    stuck_after_ms: Millis => time(1_000, YEAR_MS),
    archive_after_ms: Millis => time(0, 20 * YEAR_MS),
    archive_per_second: u32 => count(1, 10_000),
});

pub const DEFAULTS: &str = r#"[housekeeping]
# How often expiries, retention and the watchdog run.
interval_ms = "1s"
# Rows removed or released in one transaction at most.
batch_limit = 500
# An order that has not moved for this long, and is not waiting for anyone, is reported as stuck.
stuck_after_ms = "5m"
# A finished order that nothing has happened to for this long is moved into the archive, with its events: 0 moves none.
# Choose it longer than a reader of /v1/events may be away. Not in a store that orders and delivery have each of their own.
archive_after_ms = "0s"
# Orders moved in a second at most; a look at orders that stay counts, too.
archive_per_second = 200
"#;
