//! The bounded queue before the store, and the tasks that take batches from it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::{Mutex, mpsc, oneshot};
use waybill_domain::intake::NewOrder;
use waybill_store::{Accepted, Error as StoreError, OrderStore};

use crate::config;
use crate::observe::figures;
use crate::observe::metrics::Metrics;
use crate::resilience::flood::Flood;

/// Why an order was not taken to a decision.
#[derive(Clone, Debug, thiserror::Error)]
pub enum IntakeError {
    /// As many orders as allowed are waiting; nothing is stored.
    #[error("{limit} orders are waiting already")]
    Full { limit: usize },
    /// No batch took it in time; nothing is stored.
    #[error("the order waited for {waited_ms} ms")]
    TimedOut { waited_ms: u64 },
    /// The server is stopping.
    #[error("the server is stopping")]
    Closed,
    #[error(transparent)]
    Store(#[from] StoreError),
}

const WAITING: u8 = 0;
const TAKEN: u8 = 1;
const WITHDRAWN: u8 = 2;

struct Waiting {
    order: Arc<NewOrder>,
    state: Arc<AtomicU8>,
    reply: oneshot::Sender<Result<Accepted, StoreError>>,
}

/// The handle by which handlers queue orders.
pub struct Intake {
    queue: mpsc::Sender<Waiting>,
    limit: usize,
    wait: Duration,
    /// The most orders that have waited at once since the last look.
    most_waiting: AtomicUsize,
}

impl Intake {
    /// Starts the tasks that drain the queue; they end when the handle is dropped and the queue is empty.
    #[must_use]
    pub fn start(
        store: &Arc<dyn OrderStore>,
        intake: &config::Intake,
        metrics: &Arc<Metrics>,
        flood: &Arc<Flood>,
    ) -> Self {
        let limit = intake.queue_limit as usize;
        let (queue, waiting) = mpsc::channel(limit);
        let waiting = Arc::new(Mutex::new(waiting));
        let under_way = Arc::new(AtomicUsize::new(0));
        for _ in 0..store.accept_concurrency() {
            let batch_limit = intake.batch_limit as usize;
            tokio::spawn(drain(
                store.clone(),
                waiting.clone(),
                batch_limit,
                metrics.clone(),
                flood.clone(),
                under_way.clone(),
            ));
        }
        Self {
            queue,
            limit,
            wait: intake.wait_ms.duration(),
            most_waiting: AtomicUsize::new(0),
        }
    }

    /// Queues an order and waits for its result.
    ///
    /// # Errors
    /// [`IntakeError`]; unless it is [`StoreError::OutcomeUnknown`], nothing was stored.
    pub async fn submit(&self, order: Arc<NewOrder>) -> Result<Accepted, IntakeError> {
        let (reply, mut answer) = oneshot::channel();
        let state = Arc::new(AtomicU8::new(WAITING));
        let waiting = Waiting {
            order,
            state: state.clone(),
            reply,
        };
        self.queue
            .try_send(waiting)
            .map_err(|refused| match refused {
                mpsc::error::TrySendError::Full(_) => IntakeError::Full { limit: self.limit },
                mpsc::error::TrySendError::Closed(_) => IntakeError::Closed,
            })?;
        self.most_waiting
            .fetch_max(self.waiting(), Ordering::Relaxed);
        let answered = match tokio::time::timeout(self.wait, &mut answer).await {
            Ok(answered) => answered,
            Err(_) => {
                let withdrawn =
                    state.compare_exchange(WAITING, WITHDRAWN, Ordering::AcqRel, Ordering::Acquire);
                if withdrawn.is_ok() {
                    let waited_ms = figures::millis(self.wait);
                    return Err(IntakeError::TimedOut { waited_ms });
                }
                answer.await
            }
        };
        answered
            .unwrap_or(Err(StoreError::OutcomeUnknown))
            .map_err(IntakeError::Store)
    }

    /// Orders that wait now.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.limit - self.queue.capacity()
    }

    /// The most orders that have waited at once since the last call.
    #[must_use]
    pub fn take_most_waiting(&self) -> usize {
        // A queue that stays full takes none, so nothing was noted since.
        self.most_waiting
            .swap(0, Ordering::Relaxed)
            .max(self.waiting())
    }

    /// As many orders may wait.
    #[must_use]
    pub fn limit(&self) -> usize {
        self.limit
    }
}

type Receiver = Arc<Mutex<mpsc::Receiver<Waiting>>>;

/// On a shared store a batch smaller than this waits a moment for more orders while other batches are being written,
/// because the cost of a transaction is shared by its orders.
const GATHER_ORDERS: usize = 64;
const GATHER: Duration = Duration::from_millis(1);

async fn drain(
    store: Arc<dyn OrderStore>,
    waiting: Receiver,
    batch_limit: usize,
    metrics: Arc<Metrics>,
    flood: Arc<Flood>,
    under_way: Arc<AtomicUsize>,
) {
    let mut taken = Vec::with_capacity(batch_limit);
    let gathers = !store.identity().one_writer;
    loop {
        {
            let mut waiting = waiting.lock().await;
            if waiting.recv_many(&mut taken, batch_limit).await == 0 {
                return;
            }
            if gathers && taken.len() < GATHER_ORDERS && under_way.load(Ordering::Relaxed) > 0 {
                tokio::time::sleep(GATHER).await;
                let room = batch_limit - taken.len();
                if room > 0 && !waiting.is_empty() {
                    waiting.recv_many(&mut taken, room).await;
                }
            }
        }
        taken.retain(|w| {
            w.state
                .compare_exchange(WAITING, TAKEN, Ordering::AcqRel, Ordering::Acquire)
                .is_ok()
        });
        if taken.is_empty() {
            continue;
        }
        metrics.intake_batch.observe(taken.len() as f64);
        flood.gathered(taken.len());
        let orders = taken.iter().map(|w| w.order.clone()).collect();
        under_way.fetch_add(1, Ordering::Relaxed);
        let results = store.accept(orders).await;
        under_way.fetch_sub(1, Ordering::Relaxed);
        answer(&mut taken, results);
    }
}

fn answer(
    taken: &mut Vec<Waiting>,
    results: Result<Vec<Result<Accepted, StoreError>>, StoreError>,
) {
    match results {
        Ok(results) => {
            for (waiting, result) in taken.drain(..).zip(results) {
                // The receiver is gone if the client hung up; the client can repeat the request with its key.
                let _ = waiting.reply.send(result);
            }
        }
        Err(error) => {
            for waiting in taken.drain(..) {
                let _ = waiting.reply.send(Err(error.clone()));
            }
        }
    }
}
