//! The metrics of what comes from other stores: what became of each message, and how long it took.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use waybill_domain::time::Time;

use super::families::{ConsumerLabel, named, seconds};

/// A consumer, and what became of a message for it.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Outcome {
    consumer: &'static str,
    outcome: &'static str,
}

/// What became of messages that were handled together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Handled {
    /// They count as seen: their effect is committed, or they have none here, or they are parked for another try.
    pub taken: usize,
    /// They had come before.
    pub repeated: usize,
    /// They wait in the store for others before them.
    pub waiting: usize,
    /// They could not be taken; the broker keeps them.
    pub later: usize,
    /// They cannot be read or are not wanted, and are kept for a person.
    pub unreadable: usize,
}

/// Messages from other stores.
pub struct InboxFigures {
    messages: Family<Outcome, Counter>,
    delays: Family<ConsumerLabel, Histogram, fn() -> Histogram>,
}

impl InboxFigures {
    /// Registers them.
    pub fn register(registry: &mut Registry) -> Self {
        let by_consumer = Family::new_with_constructor(seconds as fn() -> Histogram);
        Self {
            messages: named(
                registry,
                "inbox_messages",
                "Messages of other stores, by what became of them",
                Family::default(),
            ),
            delays: named(
                registry,
                "inbox_delay_seconds",
                "From an event's commit in another store to the commit of its effect here",
                by_consumer,
            ),
        }
    }

    /// Counts messages that one consumer handled.
    pub fn count(&self, consumer: &'static str, handled: Handled) {
        let Handled {
            taken,
            repeated,
            waiting,
            later,
            unreadable,
        } = handled;
        for (outcome, messages) in [
            ("taken", taken),
            ("repeated", repeated),
            ("waiting", waiting),
            ("later", later),
            ("unreadable", unreadable),
        ] {
            if messages > 0 {
                let label = Outcome { consumer, outcome };
                self.messages.get_or_create(&label).inc_by(messages as u64);
            }
        }
    }

    /// Records how long ago events were committed whose effect was committed now.
    pub fn delayed(&self, consumer: &'static str, recorded: impl Iterator<Item = Time>, now: Time) {
        let delays = self.delays.get_or_create(&ConsumerLabel { consumer });
        for at in recorded {
            delays.observe((now.0 - at.0).max(0) as f64 / 1e6);
        }
    }
}
