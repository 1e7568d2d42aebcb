//! Memory for request bodies that are being received, over all clients, with a share for each.
//!
//! A body takes memory from the budget as it grows, before it allocates, so that a client that announces a large body
//! and sends nothing takes none. Bytes that arrive with the head are in the connection's own buffer, which is bounded,
//! and are not counted.

use std::hash::Hash;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::shares::{Share, Shares};
use crate::config::Server;

/// The memory that all bodies may take together.
pub struct BodyBudget {
    limit: u64,
    used: AtomicU64,
    shares: Arc<Shares>,
}

/// There is no room for more of this body now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoRoom {
    /// All bodies together take as much as they may.
    Total { limit: u64 },
    /// The bodies of this client take the client's share.
    Share { limit: u64 },
}

impl BodyBudget {
    /// As the settings say; a single body always fits into a client's share.
    #[must_use]
    pub fn new(server: &Server) -> Arc<Self> {
        let limit = server.body_memory_bytes.into();
        let one = server.body_limit_bytes.into();
        Arc::new(Self {
            limit,
            used: AtomicU64::new(0),
            shares: Shares::of(limit, server.client_share, one),
        })
    }

    /// A body of a client, without memory yet.
    #[must_use]
    pub fn body(self: &Arc<Self>, client: impl Hash) -> BodyMemory {
        BodyMemory {
            share: self.shares.client(client),
            budget: self.clone(),
            held: 0,
        }
    }

    /// Bytes in use, for metrics.
    #[must_use]
    pub fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }
}

/// The memory of one body; given back when this is dropped.
pub struct BodyMemory {
    budget: Arc<BodyBudget>,
    share: Share,
    held: u64,
}

impl BodyMemory {
    /// Takes more.
    ///
    /// # Errors
    /// [`NoRoom`], and nothing was taken.
    pub fn take(&mut self, more: usize) -> Result<(), NoRoom> {
        let (budget, more) = (&self.budget, more as u64);
        if !self.share.take(more) {
            let limit = budget.shares.most();
            return Err(NoRoom::Share { limit });
        }
        // The share just taken is given back when the body is dropped, which follows the error.
        let fits = |used: u64| used.checked_add(more).filter(|all| *all <= budget.limit);
        let taken = budget
            .used
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits);
        if taken.is_err() {
            let limit = budget.limit;
            return Err(NoRoom::Total { limit });
        }
        self.held += more;
        Ok(())
    }
}

impl Drop for BodyMemory {
    fn drop(&mut self) {
        self.budget.used.fetch_sub(self.held, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Profile, Settings};

    #[test]
    fn bodies_share_the_memory_and_give_it_back() {
        let mut server = Settings::of_profile(Profile::Standard).server;
        (server.body_memory_bytes, server.body_limit_bytes) = (10_000, 5_000);
        server.client_share = 0.1;
        let budget = BodyBudget::new(&server);
        let (mut first, mut second) = (budget.body("a"), budget.body("b"));
        assert_eq!(first.take(5_000), Ok(()));
        assert_eq!(first.take(1), Err(NoRoom::Share { limit: 5_000 }));
        assert_eq!(second.take(5_000), Ok(()));
        assert_eq!(
            budget.body("c").take(1),
            Err(NoRoom::Total { limit: 10_000 })
        );
        drop(first);
        assert_eq!(budget.body("c").take(5_000), Ok(()));
        drop(second);
        assert_eq!(budget.used(), 0);
    }
}
