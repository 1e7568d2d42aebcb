//! One fair queue for callers' reads, in front of every driver, so that one tenant's reads do not block those of other
//! tenants, intake or the consumers.
//!
//! Invariant: a read whose caller has gone before its turn is never begun. Authorisation comes earlier. Waybill's own
//! reads (consumers, housekeeping, loading an order before a command) do not use this queue.

mod queue;

pub use queue::Bounds;

use crate::error::{Error, Result};
use crate::traits::Store;
use queue::{Asked, Full, Queue, Turn};
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;
use waybill_domain::text::Tenant;

/// The queue with the store behind it.
pub struct Reads {
    store: Arc<dyn Store>,
    queue: Arc<Queue>,
    longest_wait: Duration,
}

/// Access to the store for one turn. Drop it before waiting for anything else.
pub struct Reading {
    store: Arc<dyn Store>,
    _turn: Turn,
}

impl Deref for Reading {
    type Target = dyn Store;

    fn deref(&self) -> &Self::Target {
        &*self.store
    }
}

impl Reads {
    #[must_use]
    pub fn new(store: Arc<dyn Store>, bounds: Bounds, longest_wait: Duration) -> Self {
        Self {
            store,
            queue: Queue::new(bounds),
            longest_wait,
        }
    }

    /// Waits for a turn of this tenant.
    ///
    /// # Errors
    /// [`Error::Busy`]: at once when the queue is full, or when the wait exceeds its limit.
    pub async fn turn(&self, tenant: &Tenant) -> Result<Reading> {
        let turn = match self.queue.ask(tenant) {
            Ok(Asked::Turn(turn)) => turn,
            Ok(Asked::Place(place, turn)) => {
                let waited = tokio::time::timeout(self.longest_wait, turn).await;
                drop(place);
                // The channel closes only when the place is dropped, so an error here is the timeout.
                let Ok(Ok(turn)) = waited else {
                    return Err(Error::busy("a read waited too long for its turn"));
                };
                turn
            }
            Err(Full::Tenant) => {
                return Err(Error::busy("too many reads of this tenant are waiting"));
            }
            Err(Full::All) => return Err(Error::busy("too many reads are waiting")),
        };
        Ok(Reading {
            store: self.store.clone(),
            _turn: turn,
        })
    }

    /// Callers that wait for their turn now.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.queue.waiting()
    }
}
