//! A real server that a test needs and that is not available.
//!
//! Owns the rule for that case: it is reported with its reason. By default the test is
//! skipped, with a line on stderr that the test runner does not swallow and `scripts/test` counts;
//! with `WAYBILL_TEST_REQUIRE=all` it fails, and so it does when the server was named in the environment.

use std::io::Write;

/// Why a server is not available, and how to make it so.
#[derive(Debug, Clone)]
pub struct Unavailable {
    server: &'static str,
    reason: String,
    named: bool,
}

impl Unavailable {
    pub fn new(server: &'static str, reason: impl Into<String>) -> Self {
        Self {
            server,
            reason: reason.into(),
            named: false,
        }
    }

    /// A server that the environment names: then the tests must use it, so a failure is not skipped.
    pub fn named(server: &'static str, reason: impl Into<String>) -> Self {
        Self {
            named: true,
            ..Self::new(server, reason)
        }
    }
}

impl std::fmt::Display for Unavailable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "no {} for this test: {}", self.server, self.reason)
    }
}

impl std::error::Error for Unavailable {}

/// The server, or `None` when the test is to be skipped: `let Some(server) = or_skip(…) else { return };`
///
/// # Panics
/// With `WAYBILL_TEST_REQUIRE=all`, or when the environment names it, when it cannot be had.
pub fn or_skip<T>(server: Result<T, Unavailable>) -> Option<T> {
    match server {
        Ok(server) => Some(server),
        Err(missing) => {
            let required = std::env::var("WAYBILL_TEST_REQUIRE").is_ok_and(|what| what == "all");
            assert!(!required, "WAYBILL_TEST_REQUIRE=all, but {missing}");
            assert!(!missing.named, "{missing}");
            let test = std::thread::current();
            let test = test.name().unwrap_or("a test").to_string();
            // Not `eprintln!`, which the test runner keeps to itself when a test passes.
            let _ = writeln!(std::io::stderr(), "SKIPPED {test}: {missing}");
            None
        }
    }
}

/// As [`or_skip`], in a test program of which no test can do without the server: the whole program ends, once and
/// seen, as if it had no tests.
///
/// # Panics
/// As [`or_skip`].
pub fn or_skip_all<T>(server: Result<T, Unavailable>) -> T {
    or_skip(server).unwrap_or_else(|| std::process::exit(0))
}
