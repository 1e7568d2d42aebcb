//! Whether the database's disk had room for the latest writes.
//!
//! A small write may still find a place in a page that is there while orders find none, so the question whether anything
//! can be written cannot be answered by trying one.

use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio_postgres::error::SqlState;

use crate::error::{Error, Result};

/// How long a write without room counts. Consumers, and clients that were refused, try again within this time.
const COUNTS_FOR: Duration = Duration::from_secs(5);

/// When a write last found no room.
#[derive(Default)]
pub struct Room(Mutex<Option<Instant>>);

impl Room {
    /// Takes note of an error of a write.
    pub fn note(&self, error: &tokio_postgres::Error) {
        if error.code() == Some(&SqlState::DISK_FULL) {
            *self.0.lock() = Some(Instant::now());
        }
    }

    /// # Errors
    /// [`Error::DiskFull`] when a write found no room a moment ago.
    pub fn check(&self) -> Result<()> {
        let last = *self.0.lock();
        match last {
            Some(last) if last.elapsed() < COUNTS_FOR => Err(Error::DiskFull),
            Some(_) | None => Ok(()),
        }
    }
}
