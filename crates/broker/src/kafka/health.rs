//! What librdkafka says about the connections to the brokers.

use crate::link::Link;
use parking_lot::Mutex;
use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use serde::Deserialize;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// How often a client says which brokers are connected, in milliseconds.
pub const STATISTICS_MS: &str = "1000";

/// The state of the connections of all clients of one Kafka.
///
/// A single broker that is away is no failure, since another leads its partitions; all of them are, and a broker that
/// refuses who we are.
pub struct Health {
    pub link: Arc<Link>,
    /// Whether the link failed because no broker is connected.
    unconnected: AtomicBool,
    last_failure: Mutex<String>,
}

impl Health {
    pub fn new(link: Arc<Link>) -> Self {
        Self {
            link,
            unconnected: AtomicBool::new(false),
            last_failure: Mutex::default(),
        }
    }

    /// A call failed. What is known already about the connection says more than its time limit.
    pub fn failed(&self, why: impl std::fmt::Display) -> String {
        if !self.unconnected.load(Ordering::SeqCst) {
            self.link.failed(why);
        }
        self.link.problem().map_or_else(String::new, |p| p.text)
    }

    /// A broker answered.
    pub fn worked(&self) {
        self.unconnected.store(false, Ordering::SeqCst);
        self.link.worked();
    }

    /// Messages came, maybe some that were fetched before the connection broke.
    pub fn delivered(&self) {
        if !self.unconnected.load(Ordering::SeqCst) {
            self.link.worked();
        }
    }

    fn on_error(&self, error: &KafkaError, reason: &str) {
        let Some(code) = error.rdkafka_error_code() else {
            return;
        };
        let is_down = match code {
            RDKafkaErrorCode::AllBrokersDown => true,
            _ if is_of_the_connection(code) => {
                reason.clone_into(&mut self.last_failure.lock());
                code == RDKafkaErrorCode::Authentication || code == RDKafkaErrorCode::SSL
            }
            _ => false,
        };
        if is_down {
            self.unconnected.store(true, Ordering::SeqCst);
        }
        if self.unconnected.load(Ordering::SeqCst) {
            let last = self.last_failure.lock().clone();
            self.link
                .failed(if last.is_empty() { reason } else { &last });
        }
    }

    fn on_statistics(&self, statistics: &[u8]) {
        if self.unconnected.load(Ordering::SeqCst) && any_connected(statistics) {
            self.worked();
        }
    }
}

/// Whether an error is about a connection, and so was said by [`ClientContext::error`] with its broker.
pub fn is_of_the_connection(code: RDKafkaErrorCode) -> bool {
    use RDKafkaErrorCode::{
        AllBrokersDown, Authentication, BrokerTransportFailure, OperationTimedOut, Resolve, SSL,
    };
    matches!(
        code,
        AllBrokersDown
            | Authentication
            | BrokerTransportFailure
            | OperationTimedOut
            | Resolve
            | SSL
    )
}

#[derive(Deserialize)]
struct Statistics {
    brokers: HashMap<String, Broker>,
}

#[derive(Deserialize)]
struct Broker {
    state: String,
}

fn any_connected(statistics: &[u8]) -> bool {
    serde_json::from_slice::<Statistics>(statistics)
        .is_ok_and(|said| said.brokers.values().any(|broker| broker.state == "UP"))
}

/// Listens to one client.
#[derive(Clone)]
pub struct Watch(pub Arc<Health>);

impl ClientContext for Watch {
    fn log(&self, _level: RDKafkaLogLevel, facility: &str, line: &str) {
        // What matters comes as an error too.
        tracing::debug!(facility, "librdkafka: {line}");
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.0.on_error(&error, reason);
    }

    fn stats_raw(&self, statistics: &[u8]) {
        self.0.on_statistics(statistics);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(health: &Health) -> Option<String> {
        health.link.problem().map(|problem| problem.text)
    }

    #[test]
    fn one_broker_of_several_may_be_away() {
        let health = Health::new(Arc::new(Link::new("kafka", "a:1,b:2")));
        let away = KafkaError::Global(RDKafkaErrorCode::BrokerTransportFailure);
        health.on_error(&away, "a:1: Connection refused");
        assert_eq!(said(&health), None);
        let all = KafkaError::Global(RDKafkaErrorCode::AllBrokersDown);
        health.on_error(&all, "2/2 brokers are down");
        let expected = "kafka at a:1,b:2: a:1: Connection refused";
        assert_eq!(said(&health).as_deref(), Some(expected));
        assert_eq!(health.failed("no answer within 10 s"), expected);
        health.on_statistics(br#"{"brokers": {"a:1": {"state": "DOWN"}}}"#);
        assert_eq!(said(&health).as_deref(), Some(expected));
        health.on_statistics(br#"{"brokers": {"a:1": {"state": "DOWN"}, "b": {"state": "UP"}}}"#);
        assert_eq!(said(&health), None);
    }

    #[test]
    fn a_connection_does_not_mend_what_the_broker_refused() {
        let health = Health::new(Arc::new(Link::new("kafka", "a:1")));
        health.failed("TopicAuthorizationFailed");
        health.on_statistics(br#"{"brokers": {"a:1": {"state": "UP"}}}"#);
        assert!(said(&health).is_some());
        health.worked();
        assert_eq!(said(&health), None);
    }
}
