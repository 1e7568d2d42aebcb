//! The settings of PostgreSQL that decide how calm it is under load: how often it checkpoints, and what each costs.
//!
//! None of them changes what survives, so none is ever bad. Measured in docs/performance.md, A steady tail.

use waybill_store::postgres::Inspection;

use super::check::Check;

/// At 1,000 orders/s the log grows by about 5 MB/s, so that a smaller one fills within some ten minutes; each checkpoint
/// makes the next change of every page a copy of the whole page in the log.
const LOG_MIB: i64 = 4_096;
/// PostgreSQL's default is five minutes.
const APART_S: i64 = 900;
/// PostgreSQL's default of 128 MiB is less than the indexes of a million orders.
const BUFFERS_MIB: i64 = 512;

/// Names what is set lower than load needs, with the statement that raises it.
pub fn judge(found: &Inspection) -> Check {
    const NAME: &str = "checkpoints";
    let settings = Settings {
        log_mib: number(found, "max_wal_size"),
        apart_s: number(found, "checkpoint_timeout"),
        // In pages of 8 KiB.
        buffers_mib: number(found, "shared_buffers").map(|pages| pages / 128),
        compressed: match found.setting("wal_compression") {
            "" => None,
            setting => Some(setting != "off"),
        },
        is_before_15: found.version.starts_with("14."),
    };
    let low = settings.low();
    if low.is_empty() {
        return Check::ok(NAME, settings.told());
    }
    let advice = format!(
        "fine for some orders a second; for hundreds: {} (docs/operations.md, Settings of PostgreSQL)",
        low.join("; ")
    );
    Check::warn(NAME, settings.told(), advice)
}

/// A setting that is a number in its own unit; `None` where the server has none of this name.
fn number(found: &Inspection, name: &str) -> Option<i64> {
    // No error: a value that is no number is one that this check knows nothing of, and says so by leaving it out.
    found.setting(name).parse().ok()
}

struct Settings {
    log_mib: Option<i64>,
    apart_s: Option<i64>,
    buffers_mib: Option<i64>,
    compressed: Option<bool>,
    /// `wal_compression` is only `on` or `off` then.
    is_before_15: bool,
}

impl Settings {
    /// The statements that raise what is low.
    fn low(&self) -> Vec<String> {
        let below = |value: Option<i64>, least| value.is_some_and(|value| value < least);
        let mut low = vec![];
        if below(self.log_mib, LOG_MIB) {
            low.push("ALTER SYSTEM SET max_wal_size = '8GB'".to_owned());
        }
        if below(self.apart_s, APART_S) {
            low.push("ALTER SYSTEM SET checkpoint_timeout = '15min'".to_owned());
        }
        if self.compressed == Some(false) {
            let method = if self.is_before_15 { "on" } else { "lz4" };
            low.push(format!("ALTER SYSTEM SET wal_compression = '{method}'"));
        }
        if below(self.buffers_mib, BUFFERS_MIB) {
            low.push("shared_buffers = a quarter of the memory, and a restart".to_owned());
        }
        low
    }

    fn told(&self) -> String {
        let of = |value: Option<i64>| value.map_or("unknown".to_owned(), |value| value.to_string());
        format!(
            "every {} s or {} MiB of log, pages {}compressed, {} MiB of buffers",
            of(self.apart_s),
            of(self.log_mib),
            if self.compressed == Some(false) {
                "not "
            } else {
                ""
            },
            of(self.buffers_mib)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(log_mib: i64, apart_s: i64, buffers_mib: i64, compressed: bool) -> Settings {
        Settings {
            log_mib: Some(log_mib),
            apart_s: Some(apart_s),
            buffers_mib: Some(buffers_mib),
            compressed: Some(compressed),
            is_before_15: false,
        }
    }

    #[test]
    fn each_low_setting_is_named_alone_and_enough_is_not() {
        assert!(
            settings(LOG_MIB, APART_S, BUFFERS_MIB, true)
                .low()
                .is_empty()
        );
        for (low, name) in [
            (settings(1_024, 900, 512, true), "max_wal_size"),
            (settings(4_096, 300, 512, true), "checkpoint_timeout"),
            (settings(4_096, 900, 128, true), "shared_buffers"),
            (settings(4_096, 900, 512, false), "wal_compression"),
        ] {
            let said = low.low();
            assert!(said.len() == 1 && said[0].contains(name), "{said:?}");
        }
    }

    #[test]
    fn the_advice_is_one_that_the_server_takes() {
        let of = |is_before_15| {
            let low = Settings {
                is_before_15,
                ..settings(LOG_MIB, APART_S, BUFFERS_MIB, false)
            };
            low.low().join("; ")
        };
        assert!(of(true).ends_with("'on'") && of(false).ends_with("'lz4'"));
    }

    #[test]
    fn a_setting_the_server_does_not_have_is_not_called_low() {
        let unknown = Settings {
            log_mib: None,
            apart_s: None,
            buffers_mib: None,
            compressed: None,
            is_before_15: false,
        };
        assert!(unknown.low().is_empty() && unknown.told().contains("unknown"));
    }
}
