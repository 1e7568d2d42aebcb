//! Two timeouts of a connection that waits for a request: one while it is idle, one from the first byte of a head on.
//!
//! hyper has one timer for both and sets it when it begins to wait for a head. This timer replaces it: it runs for
//! `idle` while no byte of the next head has arrived, and for `header` from the first byte on. A new connection gets
//! `header`.
//!
//! One sleep per connection serves all its requests: it is moved when it fires too early, not at each request.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::rt::{Sleep, Timer};
use parking_lot::Mutex;
use tokio::time::Instant;

/// The timer of one connection.
#[derive(Clone)]
pub struct HeadTimer(Arc<Waiting>);

struct Waiting {
    header: Duration,
    idle: Duration,
    /// Whether hyper has waited for a head on this connection before.
    began: AtomicBool,
    /// Whether bytes have arrived since the wait began.
    bytes: AtomicBool,
    sleep: Mutex<Pin<Box<tokio::time::Sleep>>>,
}

impl HeadTimer {
    /// For a connection that was just accepted.
    pub fn new(header: Duration, idle: Duration) -> Self {
        Self(Arc::new(Waiting {
            header,
            idle,
            began: AtomicBool::new(false),
            bytes: AtomicBool::new(false),
            sleep: Mutex::new(Box::pin(tokio::time::sleep(header))),
        }))
    }

    /// Called when bytes arrive.
    pub fn on_bytes(&self) {
        self.0.bytes.store(true, Ordering::Relaxed);
    }
}

impl Timer for HeadTimer {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Sleep>> {
        self.sleep_until((Instant::now() + duration).into_std())
    }

    /// Called when hyper begins to wait for a head. hyper's deadline knows one timeout only, so it is ignored.
    fn sleep_until(&self, _deadline: std::time::Instant) -> Pin<Box<dyn Sleep>> {
        let waiting = self.0.clone();
        waiting.bytes.store(false, Ordering::Relaxed);
        let is_first = !waiting.began.swap(true, Ordering::Relaxed);
        let patience = if is_first {
            waiting.header
        } else {
            waiting.idle
        };
        Box::pin(HeadSleep {
            deadline: Instant::now() + patience,
            in_head: is_first,
            waiting,
        })
    }

    fn now(&self) -> std::time::Instant {
        Instant::now().into_std()
    }
}

/// The wait for one head.
struct HeadSleep {
    waiting: Arc<Waiting>,
    deadline: Instant,
    /// Whether this wait uses the timeout for a head.
    in_head: bool,
}

impl Sleep for HeadSleep {}

impl Future for HeadSleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if !self.in_head && self.waiting.bytes.load(Ordering::Relaxed) {
            self.in_head = true;
            self.deadline = Instant::now() + self.waiting.header;
        }
        let deadline = self.deadline;
        let mut sleep = self.waiting.sleep.lock();
        if sleep.deadline() > deadline {
            sleep.as_mut().reset(deadline);
        }
        while sleep.as_mut().poll(cx).is_ready() {
            if sleep.deadline() >= deadline {
                return Poll::Ready(());
            }
            sleep.as_mut().reset(deadline);
        }
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: Duration = Duration::from_secs(30);
    const IDLE: Duration = Duration::from_secs(75);

    async fn waited(sleep: Pin<Box<dyn Sleep>>) -> Duration {
        let begun = Instant::now();
        sleep.await;
        begun.elapsed()
    }

    fn about(found: Duration, expected: Duration) {
        let slack = Duration::from_millis(5);
        assert!(found >= expected && found < expected + slack, "{found:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_new_connection_has_the_time_of_a_head_and_an_idle_one_its_own() {
        let timer = HeadTimer::new(HEADER, IDLE);
        about(waited(timer.sleep(HEADER)).await, HEADER);
        for _ in 0..2 {
            about(waited(timer.sleep(HEADER)).await, IDLE);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_time_of_a_head_runs_from_its_first_byte() {
        let timer = HeadTimer::new(HEADER, IDLE);
        drop(timer.sleep(HEADER));
        let begun = Instant::now();
        let mut sleep = timer.sleep(HEADER);
        let half = IDLE / 2;
        let early = tokio::time::timeout(half, sleep.as_mut()).await;
        assert!(early.is_err());
        timer.on_bytes();
        sleep.await;
        about(begun.elapsed(), half + HEADER);
    }
}
