//! Whether the database still has the generation that this process opened it with.
//!
//! Every new connection checks it. Invariant: once another generation was found, the pool hands out no connection. The
//! state of this process, above all the cursors it has handed to readers, belongs to the store before the restore, so
//! the process must be restarted.

use super::plain;
use crate::error::{Error, Result};
use std::sync::atomic::{AtomicBool, Ordering};
use tokio_postgres::Client;

const ASK: &str = "/* generation::check */ SELECT value FROM meta WHERE key = 'generation'";

/// The generation of a store that is open.
pub struct Generation {
    opened_with: String,
    ended: AtomicBool,
}

impl Generation {
    pub fn new(opened_with: &str) -> Self {
        Self {
            opened_with: opened_with.to_owned(),
            ended: AtomicBool::new(false),
        }
    }

    /// Compares the generation in the database, read on a new connection, with this one.
    ///
    /// # Errors
    /// The generation differs, or it cannot be read.
    pub async fn check(&self, client: &Client) -> Result<()> {
        let found = plain::cell(client, ASK).await?;
        if found.as_deref() != Some(&self.opened_with) && !self.ended.swap(true, Ordering::SeqCst) {
            tracing::error!(
                opened_with = self.opened_with,
                found,
                "the database was restored under this process; start it again"
            );
        }
        self.still()
    }

    /// # Errors
    /// A connection has found another generation.
    pub fn still(&self) -> Result<()> {
        if self.ended.load(Ordering::SeqCst) {
            return Err(Error::unavailable(
                "the database was restored under this process; start it again",
            ));
        }
        Ok(())
    }
}
