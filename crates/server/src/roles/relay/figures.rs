//! The metrics of the role `relay`. How far it is behind, in events and seconds, is shown with that of every consumer.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use waybill_broker::publisher::Published;

use crate::observe::families::named;

/// Messages by what became of them. A message that is published again counts again.
#[derive(Clone)]
pub struct Figures {
    published: Counter,
    confirmed: Counter,
    later: Counter,
    impossible: Counter,
    replayed: Counter,
    broker_away: Gauge,
    paused: Gauge,
    parked_keys: Gauge,
}

impl Figures {
    /// Registers them.
    pub fn register(registry: &mut Registry) -> Self {
        let mut gauge = |name: &str, help: &str| named(registry, name, help, Gauge::default());
        let broker_away = gauge(
            "relay_broker_away",
            "1 while the broker takes nothing; 0 where the relay does not run",
        );
        let paused = gauge("relay_paused", "1 while a person has paused the relay");
        let parked_keys = gauge(
            "relay_parked_keys",
            "Orders, and stock rows, with events that the broker did not take",
        );
        let mut counter = |name: &str, help: &str| named(registry, name, help, Counter::default());
        Self {
            published: counter("relay_published", "Messages given to the publisher"),
            confirmed: counter("relay_confirmed", "Messages that the broker has confirmed"),
            later: counter(
                "relay_later",
                "Messages that the broker could not take then",
            ),
            impossible: counter(
                "relay_impossible",
                "Messages that the broker will never take; their orders are parked",
            ),
            replayed: counter(
                "relay_replayed",
                "Messages that the broker has confirmed for a replay",
            ),
            broker_away,
            paused,
            parked_keys,
        }
    }

    /// Whether the broker takes messages.
    pub fn broker_is_away(&self, away: bool) {
        self.broker_away.set(away.into());
    }

    /// What is kept of the relay, as this process last read it.
    pub fn kept(&self, paused: bool, parked_keys: u64) {
        self.paused.set(paused.into());
        // No error: there are not that many orders.
        self.parked_keys
            .set(parked_keys.try_into().unwrap_or(i64::MAX));
    }

    /// Counts events that a replay has published again.
    pub fn count_replayed(&self, events: u64) {
        self.replayed.inc_by(events);
    }

    /// Counts a call of the publisher.
    pub fn count(&self, messages: usize, results: &[Published]) {
        self.published.inc_by(messages as u64);
        for result in results {
            let counter = match result {
                Published::Confirmed => &self.confirmed,
                Published::Later(_) => &self.later,
                Published::Impossible(_) => &self.impossible,
            };
            counter.inc();
        }
    }
}
