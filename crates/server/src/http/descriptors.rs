//! File descriptors: how many this process may have, and what happens when there are none left.
//!
//! Each connection takes one, and so do the store's files, its connections and logs. Invariant: the bound on
//! connections leaves room for those ([`connections_within`]). If descriptors run out nevertheless, the listener uses
//! a few reserved ones to accept, answer health and refuse the rest with 503, so that no connection hangs.

use std::fs::File;
use std::io;
use std::sync::Arc;

use parking_lot::Mutex;
use rustix::io::Errno;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use waybill_store::outage::Outage;

/// Descriptors beside those of clients: the store's files or connections, logs, the runtime's own.
pub const OTHER_FILES: u64 = 256;
/// Kept for accepting when there are no others.
const KEPT: usize = 4;

/// Raises the limit on open files as far as this process may, and returns the new limit.
pub fn raise_limit() -> u64 {
    let limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum {
        let raised = Rlimit {
            current: limit.maximum,
            maximum: limit.maximum,
        };
        // If the kernel refuses, the limit is unchanged; the code below returns it.
        let _refused = setrlimit(Resource::Nofile, raised);
    }
    allowed()
}

fn allowed() -> u64 {
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}

/// How many of these connections a limit on open files leaves room for.
#[must_use]
pub fn connections_within(limit: u64, wanted: u32) -> u32 {
    let room = limit.saturating_sub(OTHER_FILES).max(limit / 2).max(1);
    u32::try_from(room).map_or(wanted, |room| room.min(wanted))
}

/// Whether the kernel refused a connection for want of descriptors or memory.
pub fn is_shortage(error: &io::Error) -> bool {
    let short = [Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM];
    error
        .raw_os_error()
        .is_some_and(|found| short.iter().any(|errno| errno.raw_os_error() == found))
}

/// Descriptors in reserve.
pub struct Kept(Mutex<Vec<File>>);

impl Kept {
    pub fn new() -> Arc<Self> {
        let kept = Arc::new(Self(Mutex::default()));
        kept.refill();
        kept
    }

    /// Closes one of the reserve, so that its number is free for `accept`; dropping the loan opens it again.
    pub fn lend(self: &Arc<Self>) -> Option<Loan> {
        drop(self.0.lock().pop()?);
        Some(Loan(self.clone()))
    }

    /// Opens again what could not be opened when its loan was dropped.
    pub fn refill(&self) {
        let mut files = self.0.lock();
        while files.len() < KEPT {
            match File::open("/dev/null") {
                Ok(file) => files.push(file),
                Err(_none_left) => return,
            }
        }
    }
}

/// A descriptor that was closed so that another file can use its number.
pub struct Loan(Arc<Kept>);

impl Drop for Loan {
    fn drop(&mut self) {
        self.0.refill();
    }
}

/// Logs a shortage once when it begins and once when it ends.
pub fn shortage() -> Outage {
    Outage::new(
        "http",
        "connections cannot be served and are answered 503: raise the limit on open files (LimitNOFILE= in systemd, ulimit -n), or lower server.max_connections",
    )
}

/// Why a connection could not be accepted.
#[derive(Debug, thiserror::Error)]
#[error("{source}; this process may open {} files", allowed())]
pub struct NoDescriptor {
    pub source: io::Error,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_leave_room_for_the_store() {
        for (limit, wanted, expected) in [
            (1_048_576, 10_000, 10_000),
            (u64::MAX, 10_000, 10_000),
            (4_096, 10_000, 3_840),
            (256, 10_000, 128),
            (0, 10_000, 1),
        ] {
            assert_eq!(connections_within(limit, wanted), expected, "{limit}");
        }
    }

    #[test]
    fn what_was_lent_is_taken_back() {
        let kept = Kept::new();
        let loans: Vec<Loan> = std::iter::from_fn(|| kept.lend()).collect();
        assert_eq!(loans.len(), KEPT);
        drop(loans);
        assert!(kept.lend().is_some());
    }
}
