//! Whether a broker can be reached, for `/health` and the start of a process.

use parking_lot::Mutex;
use std::time::{Duration, Instant};

/// A broker as this process sees it. Publisher and subscriber of a broker share one.
pub struct Link {
    broker: &'static str,
    address: String,
    problem: Mutex<Option<Problem>>,
}

/// Why a broker cannot be used now.
#[derive(Clone, Debug)]
pub struct Problem {
    since: Instant,
    /// What failed and what to look at, with the broker's address.
    pub text: String,
}

impl Problem {
    /// How long it has lasted.
    #[must_use]
    pub fn lasts(&self) -> Duration {
        self.since.elapsed()
    }
}

impl Link {
    /// A link that has not failed yet. `address` is shown to people and has no password.
    #[must_use]
    pub fn new(broker: &'static str, address: impl Into<String>) -> Self {
        Self {
            broker,
            address: address.into(),
            problem: Mutex::new(None),
        }
    }

    /// The broker's name: `kafka`, `rabbitmq`, `sqs`.
    #[must_use]
    pub fn broker(&self) -> &'static str {
        self.broker
    }

    /// The broker answered.
    pub fn worked(&self) {
        if self.problem.lock().take().is_some() {
            tracing::info!("{} at {}: it answers again", self.broker, self.address);
        }
    }

    /// The broker could not be reached, refused the connection, or refused what was asked of it.
    pub fn failed(&self, why: impl std::fmt::Display) {
        let text = format!("{} at {}: {why}", self.broker, self.address);
        let mut problem = self.problem.lock();
        if problem.is_none() {
            tracing::warn!("{text}; trying again");
        }
        let since = problem
            .as_ref()
            .map_or_else(Instant::now, |lasting| lasting.since);
        *problem = Some(Problem { since, text });
    }

    /// What is wrong now; `None` while the broker answers.
    #[must_use]
    pub fn problem(&self) -> Option<Problem> {
        self.problem.lock().clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_names_broker_and_address_and_lasts_from_its_first_failure() {
        let link = Link::new("kafka", "127.0.0.1:1");
        assert!(link.problem().is_none());
        link.failed("connection refused");
        let first = link.problem().expect("it failed");
        link.failed("no leader");
        let second = link.problem().expect("it still fails");
        assert_eq!(second.text, "kafka at 127.0.0.1:1: no leader");
        assert_eq!(first.since, second.since);
        link.worked();
        assert!(link.problem().is_none());
    }
}
