//! How much of this process background work may use at once.
//!
//! Invariant: at most so many turns (read, decide, apply) are under way, whatever number of parts this process has.
//! Without this bound, sixteen parts of three consumers would leave no connection to those who take orders.

use tokio::sync::{Semaphore, SemaphorePermit};

/// Hands out turns, first come, first served.
pub struct Background {
    turns: Semaphore,
}

impl Background {
    /// With so many turns at a time.
    #[must_use]
    pub fn new(concurrency: u32) -> Self {
        Self {
            turns: Semaphore::new(concurrency as usize),
        }
    }

    /// Waits for a turn, which ends when what is returned is dropped.
    pub async fn turn(&self) -> SemaphorePermit<'_> {
        self.turns
            .acquire()
            .await
            .expect("nobody closes this semaphore")
    }
}
