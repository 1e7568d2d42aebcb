//! What the circuit breakers of this process did since somebody looked. A look at intervals would miss a circuit that
//! opened and closed in between.

use std::sync::Arc;

use parking_lot::Mutex;
use waybill_domain::sample::{Circuit, Transition, Transitions};
use waybill_domain::time::Time;

/// Changes of circuits; of many, the newest.
#[derive(Default)]
pub struct CircuitLog(Mutex<Transitions>);

impl CircuitLog {
    fn note(&self, transition: Transition) {
        let one = Transitions::of(vec![transition], 0);
        self.0.lock().merge(&one);
    }

    /// Those since the last call.
    #[must_use]
    pub fn take(&self) -> Transitions {
        std::mem::take(&mut *self.0.lock())
    }
}

/// One circuit as its changes are noted.
pub struct NotedCircuit {
    name: String,
    log: Arc<CircuitLog>,
    last: Mutex<Circuit>,
}

impl NotedCircuit {
    /// A circuit that is closed.
    #[must_use]
    pub fn new(name: String, log: Arc<CircuitLog>) -> Self {
        Self {
            name,
            log,
            last: Mutex::new(Circuit::Closed),
        }
    }

    /// Notes where the circuit is now, if that has changed.
    pub fn is(&self, now: Circuit, at_micros: i64) {
        let from = std::mem::replace(&mut *self.last.lock(), now);
        if from != now {
            self.log.note(Transition {
                at: Time(at_micros),
                name: self.name.clone(),
                from,
                to: now,
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;
    use crate::config::{Profile, Settings};
    use crate::resilience::breaker::Breaker;

    #[tokio::test]
    async fn every_change_of_a_circuit_is_noted_once() {
        let clock = Arc::new(ManualClock::at(0));
        let log: Arc<CircuitLog> = Arc::default();
        let settings = Settings::of_profile(Profile::Standard).breaker;
        let breaker = Breaker::new(settings, clock.clone()).noted_as("it", &log);
        let call = async |result: Result<(), &'static str>| {
            let a_millisecond = async {
                clock.advance_millis(1);
                result
            };
            let _answer = breaker.call(a_millisecond).await;
        };
        call(Ok(())).await;
        for _ in 0..9 {
            call(Err("down")).await;
        }
        clock.advance_millis(31_000);
        call(Err("still down")).await;
        clock.advance_millis(31_000);
        call(Ok(())).await;
        call(Ok(())).await;
        let told = log.take();
        let steps = told.kept().iter().map(|t| (t.at.0 / 1_000, t.from, t.to));
        use Circuit::{Closed, HalfOpen, Open};
        let expected = [
            (6, Closed, Open),
            (31_006, Open, HalfOpen),
            (31_007, HalfOpen, Open),
            (62_007, Open, HalfOpen),
            (62_008, HalfOpen, Closed),
        ];
        assert_eq!(steps.collect::<Vec<_>>(), expected);
        assert_eq!(log.take(), Transitions::default(), "they were taken");
    }
}
