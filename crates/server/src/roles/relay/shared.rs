//! What the relay's lanes, one per partition, share: where they read, and where they publish.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;
use waybill_broker::message::{Message, Source};
use waybill_broker::publisher::{Published, Publisher};
use waybill_domain::content::Personal;
use waybill_domain::event::{LoggedEvent, NewEvent};
use waybill_domain::ids::OrderId;
use waybill_domain::retry::RetrySchedule;
use waybill_store::outage::Outage;
use waybill_store::{
    Error as StoreError, Lease, RelayFault, RelayNote, RelayStore, ReplayProgress,
};

use super::control::Control;
use super::figures::Figures;
use super::settings::{CONSUMER, RelaySettings};
use crate::consumers::resources::ConsumerResources;

/// The wait before a broker is tried again, at most, after its first refusal.
const FIRST_DELAY_MS: i64 = 200;

/// How long a process that stops waits for the broker's answer. What is not confirmed by then is published again by
/// the next process.
const LAST_ANSWER: Duration = Duration::from_secs(2);

/// The shortest time between two faults that are kept.
const NOTE_EVERY: Duration = Duration::from_secs(5);

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
    figures: Figures,
    /// Shared by all lanes, so that a fault is logged once and not for each partition.
    pub store_outage: Outage,
    pub unreadable: Outage,
    broker_outage: Outage,
    pub control: Control,
    /// When a fault was kept.
    noted: Mutex<Option<Instant>>,
}

impl RelayShared {
    pub fn new(
        resources: ConsumerResources,
        store: Arc<dyn RelayStore>,
        publisher: Arc<dyn Publisher>,
        settings: RelaySettings,
        figures: Figures,
    ) -> Self {
        Self {
            resources,
            store,
            settings,
            publisher,
            store_outage: Outage::new(CONSUMER, "events cannot be read, or the cursor not written"),
            unreadable: Outage::new(
                CONSUMER,
                "an event of the log cannot be read, and nothing after it in its partition is published; if a newer version wrote it, update this process",
            ),
            broker_outage: Outage::new(CONSUMER, "events cannot be published"),
            control: Control::new(figures.clone()),
            noted: Mutex::default(),
            figures,
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
        let identity = self.store.identity();
        let message = |(logged, filler): (&LoggedEvent, bool)| {
            let event = &logged.event;
            let of_order = event.order_id.filter(|_| !filler && carries(event));
            // Of the generation that it was written in: one that was published before a restore and is published again
            // is the same message, and receivers tell it as a duplicate.
            let generation = identity.generation_of(logged.partition, logged.position);
            Message {
                source: Source {
                    store_id: identity.store_id.clone(),
                    generation: generation.to_owned(),
                },
                event: logged.clone(),
                filler,
                resend: None,
                personal: of_order.and_then(|order| personal.get(&order).cloned()),
            }
        };
        Ok(events.into_iter().map(message).collect())
    }

    /// The keys of these events that have parked ones. Only the holder of the lease parks and unparks them.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn parked_keys(&self, events: &[LoggedEvent]) -> Result<HashSet<Uuid>, StoreError> {
        let keys: BTreeSet<Uuid> = events.iter().map(|e| e.event.key()).collect();
        let keys = keys.into_iter().map(OrderId).collect();
        let parked = self.resources.log.parked_orders(CONSUMER, keys).await?;
        Ok(parked.into_iter().map(|key| key.0).collect())
    }

    /// Keeps how far a replay is, of which `sent` more events were confirmed.
    ///
    /// # Errors
    /// The store is away, or the lease is lost.
    pub async fn note_replayed(
        &self,
        lease: &Lease,
        progress: ReplayProgress,
        sent: u64,
    ) -> Result<(), StoreError> {
        self.figures.count_replayed(sent);
        let background = self.resources.background.clone();
        let _turn = background.turn().await;
        self.store.note_replayed(lease, progress).await
    }

    /// Keeps where this process publishes to, for every process to show.
    ///
    /// # Errors
    /// The store is away.
    pub async fn note_publisher(&self) -> Result<(), StoreError> {
        let name = self.publisher.name();
        let state = self.control.look(&*self.store).await?;
        if state.publisher.as_deref() == Some(name) {
            return Ok(());
        }
        let note = RelayNote::Publisher(name.to_owned());
        self.store.note_relay(note).await
    }

    /// Keeps a fault for every process to show; one in [`NOTE_EVERY`] at most.
    async fn note_fault(&self, text: String) {
        {
            let mut noted = self.noted.lock();
            if noted.is_some_and(|at| at.elapsed() < NOTE_EVERY) {
                return;
            }
            *noted = Some(Instant::now());
        }
        let at = self.resources.contexts.now();
        let note = RelayNote::Fault(RelayFault { at, text });
        if let Err(error) = self.store.note_relay(note).await {
            // The fault itself is logged by the caller.
            tracing::debug!(%error, "the relay's last fault was not kept");
        }
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
            self.figures.broker_is_away(false);
        }
        Some(results)
    }

    /// Logs that the broker could not take a message, when that begins and while it lasts.
    pub async fn refused(&self, why: String) {
        let publisher = self.publisher.name();
        let fault = NotNow { publisher, why };
        self.broker_outage.failed(&fault);
        self.figures.broker_is_away(true);
        self.note_fault(fault.to_string()).await;
    }

    /// Logs that the store failed, or that an event cannot be read, when that begins and while it lasts.
    pub async fn failed(&self, error: &StoreError) {
        if error.is_poison() {
            self.unreadable.failed(error);
            self.note_fault(error.to_string()).await;
        } else {
            self.store_outage.failed(error);
        }
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
