//! The metrics of the role `relay`. How far it is behind, in events and seconds, is shown with that of every consumer.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::registry::Registry;
use waybill_broker::publisher::Published;

use crate::observe::metrics::named;

/// Messages by what became of them. A message that is published again counts again.
#[derive(Clone)]
pub struct Figures {
    published: Counter,
    confirmed: Counter,
    later: Counter,
    impossible: Counter,
}

impl Figures {
    /// Registers them.
    pub fn register(registry: &mut Registry) -> Self {
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
        }
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
