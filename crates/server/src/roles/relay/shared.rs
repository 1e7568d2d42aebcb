//! What the relay's lanes, one per partition, share: where they read, and where they publish.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use waybill_broker::message::{Message, Source};
use waybill_broker::publisher::{Published, Publisher};
use waybill_domain::content::Personal;
use waybill_domain::event::{LoggedEvent, NewEvent};
use waybill_domain::ids::OrderId;
use waybill_domain::retry::RetrySchedule;
use waybill_store::outage::Outage;
use waybill_store::{Error as StoreError, RelayStore};

use super::figures::Figures;
use super::settings::RelaySettings;
use crate::consumers::resources::ConsumerResources;

/// The name of the relay's cursor, leases and parked events.
pub const CONSUMER: &str = "relay";

/// The wait before a broker is tried again, at most, after its first refusal.
const FIRST_DELAY_MS: i64 = 200;

/// How long a process that stops waits for the broker's answer. What is not confirmed by then is published again by
/// the next process.
const LAST_ANSWER: Duration = Duration::from_secs(2);

/// The broker could not take a message.
#[derive(Debug, thiserror::Error)]
#[error("{publisher}: {why}")]
pub struct NotNow {
    pub publisher: &'static str,
    pub why: String,
}

/// What all lanes share.
pub struct RelayShared {
    pub resources: ConsumerResources,
    pub store: Arc<dyn RelayStore>,
    pub settings: RelaySettings,
    publisher: Arc<dyn Publisher>,
    source: Source,
    figures: Figures,
    /// Shared by all lanes, so that a fault is logged once and not for each partition.
    pub store_outage: Outage,
    pub unreadable: Outage,
    broker_outage: Outage,
}

impl RelayShared {
    pub fn new(
        resources: ConsumerResources,
        store: Arc<dyn RelayStore>,
        publisher: Arc<dyn Publisher>,
        settings: RelaySettings,
        figures: Figures,
    ) -> Self {
        let identity = store.identity();
        Self {
            source: Source {
                store_id: identity.store_id.clone(),
                generation: identity.generation.clone(),
            },
            resources,
            store,
            settings,
            publisher,
            figures,
            store_outage: Outage::new(CONSUMER, "events cannot be read, or the cursor not written"),
            unreadable: Outage::new(
                CONSUMER,
                "an event of the log cannot be read, and nothing after it in its partition is published; if a newer version wrote it, update this process",
            ),
            broker_outage: Outage::new(CONSUMER, "events cannot be published"),
        }
    }

    /// Events as messages of this store; a discarded one (`true`) becomes a filler. Personal data that goes with an event
    /// is read now, so that no row of the relay holds it.
    ///
    /// # Errors
    /// The store cannot be read, or an order's personal data is damaged.
    pub async fn messages(
        &self,
        events: impl Iterator<Item = (&LoggedEvent, bool)>,
    ) -> Result<Vec<Message>, StoreError> {
        let events: Vec<(&LoggedEvent, bool)> = events.collect();
        let carries = |event: &NewEvent| Personal::goes_with(event.kind);
        let wanted = events
            .iter()
            .filter(|(e, filler)| !filler && carries(&e.event));
        let wanted: BTreeSet<OrderId> = wanted.filter_map(|(e, _)| e.event.order_id).collect();
        let mut personal: HashMap<OrderId, Personal> = HashMap::new();
        if !wanted.is_empty() {
            let found = self.store.personal_of(wanted.into_iter().collect()).await?;
            personal.extend(
                found
                    .into_iter()
                    .filter_map(|(order, all)| Some((order, all.for_delivery()?))),
            );
        }
        let message = |(logged, filler): (&LoggedEvent, bool)| {
            let event = &logged.event;
            let of_order = event.order_id.filter(|_| !filler && carries(event));
            Message {
                source: self.source.clone(),
                event: logged.clone(),
                filler,
                personal: of_order.and_then(|order| personal.get(&order).cloned()),
            }
        };
        Ok(events.into_iter().map(message).collect())
    }

    /// Publishes messages; one result each. `None` when the process stops and the broker does not answer any more.
    pub async fn publish(
        &self,
        messages: Vec<Message>,
        stop: &CancellationToken,
    ) -> Option<Vec<Published>> {
        if messages.is_empty() {
            return Some(vec![]);
        }
        let count = messages.len();
        let last_answer = async {
            stop.cancelled().await;
            tokio::time::sleep(LAST_ANSWER).await;
        };
        let mut results = tokio::select! {
            results = self.publisher.publish(messages) => results,
            () = last_answer => return None,
        };
        // A publisher that answers too little has confirmed nothing more.
        let missing = || Published::Later("the publisher gave no result for a message".into());
        results.resize_with(count, missing);
        self.figures.count(count, &results);
        if results
            .iter()
            .all(|result| !matches!(result, Published::Later(_)))
        {
            self.broker_outage.worked();
        }
        Some(results)
    }

    /// Logs that the broker could not take a message, when that begins and while it lasts.
    pub fn refused(&self, why: String) {
        let publisher = self.publisher.name();
        self.broker_outage.failed(&NotNow { publisher, why });
    }

    /// Waits before the next try, with full jitter, so that partitions do not try again at the same time.
    pub async fn back_off(&self, failures: u32, stop: &CancellationToken) {
        let schedule = RetrySchedule {
            retries: u32::MAX,
            base_ms: FIRST_DELAY_MS,
            max_ms: self.settings.max_delay_ms.as_i64(),
        };
        let delay = schedule.delay_ms(failures.max(1));
        let delay = delay.unwrap_or(schedule.max_ms).unsigned_abs();
        let jittered = self.resources.contexts.entropy.range(0..delay + 1);
        tokio::select! {
            () = tokio::time::sleep(Duration::from_millis(jittered)) => {}
            () = stop.cancelled() => {}
        }
    }
}
