//! Whether the database that this process talks to still has the generation that it was opened with.
//!
//! Every new connection asks. Invariant: once another generation was seen, no connection is given any more: what this
//! process knows (the cursors it gives out, above all) is of another life of the store, and it must be started again.

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

    /// Asks on a new connection.
    ///
    /// # Errors
    /// It is another one; or the question failed.
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
    /// Another one was seen.
    pub fn still(&self) -> Result<()> {
        if self.ended.load(Ordering::SeqCst) {
            return Err(Error::Unavailable(
                "the database was restored under this process; start it again".into(),
            ));
        }
        Ok(())
    }
}
