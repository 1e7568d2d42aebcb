//! Places for connections beyond the bound: they may ask for health and nothing else.
//!
//! Invariant: a bounded number of connections, each for a few seconds and one request; when all places are taken, the
//! one that has waited longest goes, so that a supervisor that asks at once always finds a place.

use std::collections::VecDeque;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

/// Marks the requests of such a connection.
#[derive(Clone, Copy, Debug)]
pub struct HealthOnly;

/// The places.
pub struct Spares {
    limit: usize,
    taken: Mutex<Taken>,
}

#[derive(Default)]
struct Taken {
    next: u64,
    /// Oldest first.
    places: VecDeque<(u64, CancellationToken)>,
}

impl Spares {
    pub fn new(limit: u32) -> Arc<Self> {
        Arc::new(Self {
            limit: limit as usize,
            taken: Mutex::default(),
        })
    }

    /// Takes a place; with none left, the oldest one's.
    pub fn enter(self: &Arc<Self>) -> Place {
        let mut taken = self.taken.lock();
        if taken.places.len() >= self.limit
            && let Some((_, oldest)) = taken.places.pop_front()
        {
            oldest.cancel();
        }
        taken.next += 1;
        let (id, lost) = (taken.next, CancellationToken::new());
        taken.places.push_back((id, lost.clone()));
        Place {
            spares: self.clone(),
            id,
            lost,
        }
    }
}

/// A place; given back when this is dropped.
pub struct Place {
    spares: Arc<Spares>,
    id: u64,
    /// Cancelled when another one took it.
    pub lost: CancellationToken,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.spares.taken.lock();
        taken.places.retain(|(id, _)| *id != self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_of_the_oldest_is_given_to_the_newest() {
        let spares = Spares::new(2);
        let (first, second) = (spares.enter(), spares.enter());
        drop(second);
        let second = spares.enter();
        assert!(!first.lost.is_cancelled());
        let third = spares.enter();
        assert!(first.lost.is_cancelled());
        assert!(!second.lost.is_cancelled() && !third.lost.is_cancelled());
        drop(first);
        assert_eq!(spares.taken.lock().places.len(), 2);
    }
}
