//! What callers read, in front of every driver: one fair queue, so that no caller's reads keep those of another tenant,
//! intake or the consumers from the store.
//!
//! Invariant: a read whose caller has gone before its turn is never begun. Who may read what is decided before; the
//! store's own work (consumers, housekeeping, the look at an order before it is changed) does not wait here.

mod queue;

pub use queue::Bounds;

use crate::error::{Error, Result};
use crate::traits::Store;
use queue::{Asked, Full, Queue, Turn};
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;
use waybill_domain::text::Tenant;

/// The door to reading.
pub struct Reads {
    store: Arc<dyn Store>,
    queue: Arc<Queue>,
    longest_wait: Duration,
}

/// The store, for as long as its reader has a turn. Drop it before waiting for anything else.
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
    /// [`Error::Busy`]: at once when too many wait already, else after the longest wait.
    pub async fn turn(&self, tenant: &Tenant) -> Result<Reading> {
        let turn = match self.queue.ask(tenant) {
            Ok(Asked::Turn(turn)) => turn,
            Ok(Asked::Place(place, turn)) => {
                let waited = tokio::time::timeout(self.longest_wait, turn).await;
                drop(place);
                // The sender goes only with its place.
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
