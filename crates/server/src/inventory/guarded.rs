//! An inventory service behind a circuit breaker and a timeout, so that a service that is down delays no orders.

use std::sync::Arc;

use async_trait::async_trait;

use super::{Availability, Demand, Inventory, InventoryError};
use crate::resilience::breaker::{Breaker, CallError, Snapshot};

pub struct Guarded {
    inner: Arc<dyn Inventory>,
    breaker: Breaker,
}

impl Guarded {
    #[must_use]
    pub fn new(inner: Arc<dyn Inventory>, breaker: Breaker) -> Self {
        Self { inner, breaker }
    }

    /// For health and metrics.
    #[must_use]
    pub fn breaker(&self) -> Snapshot {
        self.breaker.snapshot()
    }
}

#[async_trait]
impl Inventory for Guarded {
    async fn check(&self, demands: Vec<Demand>) -> Result<Vec<Availability>, InventoryError> {
        let asked = demands.len();
        let ask = async {
            let answers = self.inner.check(demands).await?;
            // An answer that does not fit its question is a failure of the service, not of the order.
            if answers.len() == asked {
                Ok(answers)
            } else {
                let text = format!("{} answers to {asked} questions", answers.len());
                Err(InventoryError::Failed(text))
            }
        };
        self.breaker.call(ask).await.map_err(|error| match error {
            CallError::Open { retry_after_ms } => InventoryError::Open { retry_after_ms },
            CallError::Timeout { timeout_ms } => InventoryError::Timeout { timeout_ms },
            CallError::Failed(error) => error,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;
    use crate::config::{Profile, Settings};
    use crate::resilience::breaker::State;

    /// An inventory service that fails, hangs, or leaves answers out, depending on the sku.
    struct Unreliable;

    #[async_trait]
    impl Inventory for Unreliable {
        async fn check(&self, demands: Vec<Demand>) -> Result<Vec<Availability>, InventoryError> {
            match demands[0].sku.as_str() {
                "fails" => Err(InventoryError::Failed("down".into())),
                "hangs" => std::future::pending().await,
                _ => Ok(Vec::new()),
            }
        }
    }

    fn guarded() -> Guarded {
        let settings = Settings::of_profile(Profile::Standard).breaker;
        let breaker = Breaker::new(settings, Arc::new(ManualClock::at(0)));
        Guarded::new(Arc::new(Unreliable), breaker)
    }

    fn demand(sku: &str) -> Vec<Demand> {
        vec![Demand {
            sku: sku.into(),
            quantity: 1,
        }]
    }

    #[tokio::test(start_paused = true)]
    async fn failures_timeouts_and_wrong_answers_open_the_circuit() {
        let guarded = guarded();
        for sku in ["fails", "nonsense", "fails", "nonsense"] {
            let error = guarded.check(demand(sku)).await.expect_err("no answer");
            assert!(matches!(error, InventoryError::Failed(_)), "{error}");
        }
        let error = guarded.check(demand("hangs")).await.expect_err("no answer");
        assert_eq!(error, InventoryError::Timeout { timeout_ms: 5_000 });
        assert_eq!(guarded.breaker().state, State::Open);
        let error = guarded.check(demand("hangs")).await.expect_err("not asked");
        assert_eq!(
            error,
            InventoryError::Open {
                retry_after_ms: 30_000
            }
        );
    }
}
