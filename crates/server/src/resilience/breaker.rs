//! A circuit breaker: after several failures in a row it stops calling, and asks again with one call
//! at a time.
//!
//! Invariants: closed → open only after `failure_threshold` failures in a row; open → half-open only
//! after `reset_timeout_ms`; in half-open at most one call is under way; its success closes, its
//! failure opens again. A call that is dropped before it ends counts as neither, and hands its probe
//! back. Time is handed in by a [`Clock`]; the timeout of a call runs on tokio's timer.

use std::future::Future;
use std::sync::Arc;

use parking_lot::Mutex;
use waybill_domain::sample::Circuit as Noted;

use super::circuit_log::{CircuitLog, NotedCircuit};
use crate::clock::Clock;
use crate::config;

/// Where the circuit stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    Closed,
    HalfOpen,
    Open,
}

impl State {
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::HalfOpen => "half_open",
            Self::Open => "open",
        }
    }
}

/// What health, metrics and a person see of a circuit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Snapshot {
    pub state: State,
    /// Failures since the last success.
    pub failures_in_a_row: u32,
    /// When a call is let through again; only while open.
    pub retry_at_micros: Option<i64>,
    /// Times the circuit opened, calls refused, calls that failed, calls that succeeded; since the start.
    pub opened: u64,
    pub refused: u64,
    pub failed: u64,
    pub succeeded: u64,
}

/// Why a call gave no answer.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallError<E> {
    /// Nothing was called.
    #[error("the circuit is open; try again in {retry_after_ms} ms")]
    Open { retry_after_ms: u64 },
    /// The call was given up; whether it took effect on the other side is not known.
    #[error("no answer within {timeout_ms} ms")]
    Timeout { timeout_ms: u64 },
    #[error(transparent)]
    Failed(E),
}

pub struct Breaker {
    settings: config::Breaker,
    clock: Arc<dyn Clock>,
    circuit: Mutex<Circuit>,
    noted: Option<NotedCircuit>,
}

#[derive(Debug, Default)]
struct Circuit {
    failures_in_a_row: u32,
    /// Set while the circuit is open or half-open.
    opened_at_micros: Option<i64>,
    probing: bool,
    /// Increases whenever the circuit opens or closes, so that the result of a call from before is ignored.
    era: u64,
    opened: u64,
    refused: u64,
    failed: u64,
    succeeded: u64,
}

impl Breaker {
    #[must_use]
    pub fn new(settings: config::Breaker, clock: Arc<dyn Clock>) -> Self {
        Self {
            settings,
            clock,
            circuit: Mutex::default(),
            noted: None,
        }
    }

    /// Notes each change of the circuit under this name from now on.
    #[must_use]
    pub fn noted_as(mut self, name: impl Into<String>, log: &Arc<CircuitLog>) -> Self {
        self.noted = Some(NotedCircuit::new(name.into(), log.clone()));
        self
    }

    fn note(&self, now: Noted, at_micros: i64) {
        if let Some(noted) = &self.noted {
            noted.is(now, at_micros);
        }
    }

    /// Makes the call unless the circuit is open, and counts its result. `work` is not polled
    /// when the circuit is open.
    ///
    /// # Errors
    /// The circuit is open, the call took too long, or it failed by itself.
    pub async fn call<T, E>(
        &self,
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<T, CallError<E>> {
        let mut permit = self
            .permit()
            .map_err(|retry_after_ms| CallError::Open { retry_after_ms })?;
        let timeout = self.settings.timeout_ms;
        let result = match tokio::time::timeout(timeout.duration(), work).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(CallError::Failed(error)),
            Err(_elapsed) => Err(CallError::Timeout {
                timeout_ms: timeout.get(),
            }),
        };
        permit.settle(result.is_ok());
        result
    }

    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        let now = self.clock.now_micros();
        let circuit = self.circuit.lock();
        let retry_at = circuit.opened_at_micros.map(|at| self.retry_at(at, now));
        let state = match retry_at {
            None => State::Closed,
            Some(at) if now < at => State::Open,
            Some(_) => State::HalfOpen,
        };
        Snapshot {
            state,
            failures_in_a_row: circuit.failures_in_a_row,
            retry_at_micros: retry_at.filter(|_| state == State::Open),
            opened: circuit.opened,
            refused: circuit.refused,
            failed: circuit.failed,
            succeeded: circuit.succeeded,
        }
    }

    /// When a circuit opened at `at` lets a call through. A clock that stepped back must not keep it
    /// open for longer than the reset timeout from now.
    fn retry_at(&self, at: i64, now: i64) -> i64 {
        at.min(now) + self.settings.reset_timeout_ms.micros()
    }

    /// The right to one call, or how many milliseconds to wait for it.
    fn permit(&self) -> Result<Permit<'_>, u64> {
        let now = self.clock.now_micros();
        let mut circuit = self.circuit.lock();
        let Some(opened_at) = circuit.opened_at_micros else {
            return Ok(Permit {
                breaker: self,
                era: circuit.era,
                probe: false,
                settled: false,
            });
        };
        // Stored, so that a clock that stepped back delays the next try once, not again at every call.
        circuit.opened_at_micros = Some(opened_at.min(now));
        let wait = self.retry_at(opened_at, now) - now;
        if wait > 0 || circuit.probing {
            circuit.refused += 1;
            // While a probe is under way, its own timeout is how long an answer can take.
            return Err(match u64::try_from(wait) {
                Ok(wait) if wait > 0 => wait.div_ceil(1_000),
                _ => self.settings.timeout_ms.get(),
            });
        }
        circuit.probing = true;
        self.note(Noted::HalfOpen, now);
        Ok(Permit {
            breaker: self,
            era: circuit.era,
            probe: true,
            settled: false,
        })
    }
}

/// The right to one call; dropped unsettled, it hands a probe back and counts nothing.
struct Permit<'a> {
    breaker: &'a Breaker,
    era: u64,
    probe: bool,
    settled: bool,
}

impl Permit<'_> {
    fn settle(&mut self, success: bool) {
        self.settled = true;
        let now = self.breaker.clock.now_micros();
        let mut circuit = self.breaker.circuit.lock();
        if success {
            circuit.succeeded += 1;
        } else {
            circuit.failed += 1;
        }
        if circuit.era != self.era {
            return;
        }
        if self.probe {
            circuit.probing = false;
        }
        if success {
            circuit.failures_in_a_row = 0;
            if self.probe {
                circuit.opened_at_micros = None;
                circuit.era += 1;
                self.breaker.note(Noted::Closed, now);
            }
            return;
        }
        circuit.failures_in_a_row = circuit.failures_in_a_row.saturating_add(1);
        let threshold = self.breaker.settings.failure_threshold;
        if self.probe || circuit.failures_in_a_row >= threshold {
            circuit.opened_at_micros = Some(now);
            circuit.opened += 1;
            circuit.era += 1;
            self.breaker.note(Noted::Open, now);
        }
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        if self.probe && !self.settled {
            let mut circuit = self.breaker.circuit.lock();
            if circuit.era == self.era {
                circuit.probing = false;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use super::*;
    use crate::clock::ManualClock;
    use crate::config::{Profile, Settings};

    fn breaker() -> (Breaker, Arc<ManualClock>) {
        let clock = Arc::new(ManualClock::at(1_000_000_000));
        let settings = Settings::of_profile(Profile::Standard).breaker;
        (Breaker::new(settings, clock.clone()), clock)
    }

    async fn end(
        breaker: &Breaker,
        result: Result<u8, &'static str>,
    ) -> Result<u8, CallError<&'static str>> {
        breaker.call(ready(result)).await
    }

    async fn open(breaker: &Breaker) {
        for _ in 0..5 {
            let _failed = end(breaker, Err("down")).await;
        }
        assert_eq!(breaker.snapshot().state, State::Open);
    }

    #[tokio::test]
    async fn only_failures_in_a_row_open_it() {
        let (breaker, _) = breaker();
        for _ in 0..4 {
            assert_eq!(
                end(&breaker, Err("down")).await,
                Err(CallError::Failed("down"))
            );
        }
        assert_eq!(end(&breaker, Ok(1)).await, Ok(1));
        for _ in 0..4 {
            let _failed = end(&breaker, Err("down")).await;
        }
        assert_eq!(breaker.snapshot().state, State::Closed);
        let _failed = end(&breaker, Err("down")).await;
        assert_eq!(breaker.snapshot().state, State::Open);
    }

    #[tokio::test]
    async fn an_open_circuit_makes_no_call_and_says_when_to_try_again() {
        let (breaker, clock) = breaker();
        open(&breaker).await;
        clock.advance_millis(29_000);
        let refused = breaker
            .call(async { panic!("called") as Result<u8, &str> })
            .await;
        assert_eq!(
            refused,
            Err(CallError::Open {
                retry_after_ms: 1_000
            })
        );
        assert_eq!(breaker.snapshot().refused, 1);
        assert_eq!(breaker.snapshot().retry_at_micros, Some(1_030_000_000));
    }

    #[tokio::test]
    async fn half_open_lets_one_call_through_and_its_success_closes() {
        let (breaker, clock) = breaker();
        open(&breaker).await;
        clock.advance_millis(30_000);
        assert_eq!(breaker.snapshot().state, State::HalfOpen);
        let mut probe = Box::pin(breaker.call(pending::<Result<u8, &str>>()));
        assert!(futures::poll!(&mut probe).is_pending());
        assert!(matches!(
            end(&breaker, Ok(1)).await,
            Err(CallError::Open { .. })
        ));
        drop(probe);
        assert_eq!(end(&breaker, Ok(1)).await, Ok(1));
        assert_eq!(breaker.snapshot().state, State::Closed);
        assert_eq!(breaker.snapshot().opened, 1);
    }

    #[tokio::test]
    async fn a_failed_probe_opens_again_for_the_whole_time() {
        let (breaker, clock) = breaker();
        open(&breaker).await;
        clock.advance_millis(31_000);
        let _failed = end(&breaker, Err("still down")).await;
        assert_eq!(breaker.snapshot().state, State::Open);
        clock.advance_millis(29_999);
        assert!(matches!(
            end(&breaker, Ok(1)).await,
            Err(CallError::Open { .. })
        ));
        clock.advance_millis(1);
        assert_eq!(end(&breaker, Ok(1)).await, Ok(1));
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_that_takes_too_long_has_failed() {
        let (breaker, _) = breaker();
        let slow = breaker.call(pending::<Result<u8, &str>>()).await;
        assert_eq!(slow, Err(CallError::Timeout { timeout_ms: 5_000 }));
        assert_eq!(breaker.snapshot().failures_in_a_row, 1);
    }

    #[tokio::test]
    async fn a_call_from_before_the_circuit_opened_changes_nothing_after() {
        let (breaker, _) = breaker();
        let (answer, late) = futures::channel::oneshot::channel::<u8>();
        let mut call = Box::pin(breaker.call(late));
        assert!(futures::poll!(&mut call).is_pending());
        open(&breaker).await;
        answer.send(1).expect("awaited");
        assert!(call.await.is_ok());
        assert_eq!(breaker.snapshot().state, State::Open);
    }

    #[tokio::test]
    async fn a_clock_that_steps_back_does_not_keep_it_open() {
        let (breaker, clock) = breaker();
        open(&breaker).await;
        clock.advance_millis(-900_000);
        assert!(matches!(
            end(&breaker, Ok(1)).await,
            Err(CallError::Open {
                retry_after_ms: 30_000
            })
        ));
        clock.advance_millis(30_000);
        assert_eq!(end(&breaker, Ok(1)).await, Ok(1));
    }
}
