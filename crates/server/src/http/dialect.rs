//! A dialect: a wire format that clients speak, chosen by the path of a request.
//!
//! What every route needs and no handler should repeat (which words an error has, how large a body may be, how long an
//! answer may take) is data of the dialect. The edge and the body reader ask it, so another dialect adds a value to
//! [`DIALECTS`] and its words. Requests below no dialect's prefix, and unknown paths, speak `/v1`'s.

use std::time::Duration;

use http::StatusCode;

use super::dialects::sales;
use super::v1;
use super::v1::problem::Problem;
use crate::config::Server;

/// A wire format.
pub struct Dialect {
    /// Its name, also in the hash of an order's body: the same key in another dialect is another key.
    pub name: &'static str,
    /// The first segments of the paths that speak it.
    pub prefixes: &'static [&'static str],
    /// A problem as its clients expect it.
    pub words: fn(&Problem, correlation: &str) -> Worded,
    /// What its requests may cost.
    pub bounds: fn(&Server) -> Bounds,
}

/// A problem in the words of a dialect. Headers are the same in all of them.
pub struct Worded {
    pub status: StatusCode,
    pub content_type: &'static str,
    pub body: String,
}

/// Bounds of one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Largest body.
    pub body_bytes: usize,
    /// From the head to the end of the body.
    pub body_time: Duration,
    /// From the head to the beginning of the answer.
    pub answer_time: Duration,
}

impl Bounds {
    /// Those of the section `server`.
    #[must_use]
    pub fn of_server(server: &Server) -> Self {
        Self {
            body_bytes: server.body_limit_bytes as usize,
            body_time: server.body_timeout_ms.duration(),
            answer_time: server.request_timeout_ms.duration(),
        }
    }
}

/// All of them; the last one has every other path.
static DIALECTS: [&Dialect; 2] = [&sales::DIALECT, &v1::DIALECT];

/// The dialect of a path.
#[must_use]
pub fn of_path(path: &str) -> &'static Dialect {
    let below = |prefix: &str| {
        path.strip_prefix(prefix)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    let named = DIALECTS
        .iter()
        .find(|dialect| dialect.prefixes.iter().any(|prefix| below(prefix)));
    named.copied().unwrap_or(&v1::DIALECT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_speaks_the_dialect_of_its_first_segment() {
        for (path, name) in [
            ("/api/orders", "sales"),
            ("/api", "sales"),
            ("/apis", "v1"),
            ("/v1/orders", "v1"),
            ("/health", "v1"),
            ("/", "v1"),
            ("*", "v1"),
        ] {
            assert_eq!(of_path(path).name, name, "{path}");
        }
    }
}
