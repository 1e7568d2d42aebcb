//! Bounds the background work of this process, more tightly during a flood of orders.
//!
//! Invariants: the number of concurrent turns (read, decide, write) is bounded, independent of the number of
//! partitions. Without this bound, sixteen partitions of three consumers would leave no connection for intake. During a
//! flood one turn runs at a time, with a pause after it, so that background work gets exactly its share of the time.
//! The embedded store divides the time of its one writer itself.

use std::sync::Arc;

use tokio::sync::{Mutex, MutexGuard, Semaphore, SemaphorePermit};
use tokio::time::{Instant, sleep_until};

use crate::resilience::flood::Flood;

/// Hands out turns, first come, first served.
pub struct Background {
    turns: Semaphore,
    /// While there is a flood: when the next turn may begin.
    next: Mutex<Instant>,
    flood: Option<Arc<Flood>>,
    /// The pause after a turn, as a multiple of the turn's time.
    rest: f64,
}

/// A turn; it ends when this is dropped.
pub struct Turn<'a> {
    _permit: SemaphorePermit<'a>,
    _rationed: Option<Rationed<'a>>,
}

struct Rationed<'a> {
    next: MutexGuard<'a, Instant>,
    began: Instant,
    rest: f64,
}

impl Drop for Rationed<'_> {
    fn drop(&mut self) {
        *self.next = Instant::now() + self.began.elapsed().mul_f64(self.rest);
    }
}

impl Background {
    /// Allows `concurrency` turns at a time, and during a flood only a share of the time; without `flood` the share is not
    /// applied.
    #[must_use]
    pub fn new(concurrency: u32, share: f64, flood: Option<Arc<Flood>>) -> Self {
        let share = share.clamp(0.01, 1.0);
        Self {
            turns: Semaphore::new(concurrency as usize),
            next: Mutex::new(Instant::now()),
            flood,
            rest: (1.0 - share) / share,
        }
    }

    /// Waits for a turn.
    pub async fn turn(&self) -> Turn<'_> {
        let rationed = self.ration().await;
        let permit = self.turns.acquire().await;
        Turn {
            _permit: permit.expect("the semaphore is never closed"),
            _rationed: rationed.map(Rationed::begun),
        }
    }

    async fn ration(&self) -> Option<Rationed<'_>> {
        let flood = self.flood.as_ref()?;
        flood.until()?;
        let next = self.next.lock().await;
        while let Some(flood_until) = flood.until() {
            if *next <= Instant::now() {
                return Some(Rationed {
                    began: Instant::now(),
                    rest: self.rest,
                    next,
                });
            }
            sleep_until((*next).min(flood_until)).await;
        }
        None
    }
}

impl Rationed<'_> {
    /// Starts the turn's time now, because waiting for a permit does not count.
    fn begun(mut self) -> Self {
        self.began = Instant::now();
        self
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// Turns of 10 ms by so many tasks for a second; how many there were.
    async fn turns_in_a_second(background: Arc<Background>, flood: Option<Arc<Flood>>) -> usize {
        let end = Instant::now() + Duration::from_secs(1);
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..8 {
            let (background, flood) = (background.clone(), flood.clone());
            tasks.spawn(async move {
                let mut turns = 0;
                loop {
                    if let Some(flood) = &flood {
                        flood.gathered(100);
                    }
                    let _turn = background.turn().await;
                    if Instant::now() >= end {
                        return turns;
                    }
                    turns += 1;
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
            });
        }
        let turns = tasks.join_all().await;
        turns.into_iter().sum()
    }

    #[tokio::test(start_paused = true)]
    async fn as_many_turns_at_a_time_as_allowed() {
        let background = Arc::new(Background::new(4, 0.2, None));
        let turns = turns_in_a_second(background, None).await;
        assert!((390..=404).contains(&turns), "{turns}");
    }

    #[tokio::test(start_paused = true)]
    async fn in_a_flood_background_work_gets_its_share_and_never_nothing() {
        let flood = Arc::new(Flood::default());
        let background = Arc::new(Background::new(4, 0.2, Some(flood.clone())));
        let turns = turns_in_a_second(background, Some(flood)).await;
        assert!((17..=22).contains(&turns), "{turns}");
    }
}
