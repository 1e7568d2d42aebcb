//! A simulated inventory service, for `demo`, examples and tests.
//!
//! A sku that contains `out-of-stock` has no units, one that contains `limited` has 1 to 5, every other has as many as
//! are asked for. The number for a `limited` sku is derived from its name: asking twice gives the same answer, as a
//! real inventory would, and an example can be repeated. Asking takes nothing away. Failures and delays are random at
//! each call.

use std::sync::Arc;

use async_trait::async_trait;
use sha2::{Digest, Sha256};

use super::{Availability, Demand, Inventory, InventoryError};
use crate::config::{self, MillisRange};
use crate::random::Entropy;

pub struct Simulated {
    /// Share of calls that fail, 0 to 1.
    failure_share: f64,
    latency: MillisRange,
    entropy: Arc<Entropy>,
}

impl Simulated {
    #[must_use]
    pub fn new(settings: &config::Inventory, entropy: Arc<Entropy>) -> Self {
        Self {
            failure_share: settings.failure_rate / 100.0,
            latency: settings.latency_ms,
            entropy,
        }
    }
}

#[async_trait]
impl Inventory for Simulated {
    async fn check(&self, demands: Vec<Demand>) -> Result<Vec<Availability>, InventoryError> {
        let latency = self.latency.pick(&self.entropy);
        if latency.get() > 0 {
            tokio::time::sleep(latency.duration()).await;
        }
        if self.failure_share > 0.0 && self.entropy.fraction() < self.failure_share {
            return Err(InventoryError::Failed("a simulated failure".into()));
        }
        let answer = |Demand { sku, quantity }| {
            let available = available(&sku).unwrap_or(quantity);
            Availability {
                sku,
                requested: quantity,
                available,
            }
        };
        Ok(demands.into_iter().map(answer).collect())
    }
}

/// Units of a sku; `None` for as many as anyone wants.
fn available(sku: &str) -> Option<u64> {
    if sku.contains("out-of-stock") {
        Some(0)
    } else if sku.contains("limited") {
        Some(1 + u64::from(Sha256::digest(sku.as_bytes())[0]) % 5)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Profile, Settings};

    fn simulated(failure_rate: f64, latency: &str) -> Simulated {
        let mut settings = Settings::of_profile(Profile::Demo).inventory;
        settings.failure_rate = failure_rate;
        settings.latency_ms = MillisRange::parse(latency).expect("a range");
        Simulated::new(&settings, Arc::new(Entropy::from_seed(7)))
    }

    fn demand(sku: &str, quantity: u64) -> Vec<Demand> {
        vec![Demand {
            sku: sku.into(),
            quantity,
        }]
    }

    async fn units(inventory: &Simulated, sku: &str) -> u64 {
        inventory
            .check(demand(sku, 1_000))
            .await
            .expect("an answer")[0]
            .available
    }

    #[tokio::test]
    async fn a_sku_says_by_its_name_what_there_is_of_it() {
        let inventory = simulated(0.0, "0");
        assert_eq!(units(&inventory, "mug-out-of-stock-1").await, 0);
        assert_eq!(units(&inventory, "mug").await, 1_000);
        let mut seen = [false; 6];
        for number in 0..200 {
            let sku = format!("mug-limited-{number}");
            let first = units(&inventory, &sku).await;
            assert_eq!(first, units(&inventory, &sku).await);
            seen[usize::try_from(first).expect("small")] = true;
        }
        assert_eq!(seen, [false, true, true, true, true, true]);
    }

    #[tokio::test]
    async fn as_many_calls_fail_as_the_rate_says_in_percent() {
        let inventory = simulated(20.0, "0");
        let mut failed = 0;
        for _ in 0..2_000 {
            failed += u32::from(inventory.check(demand("mug", 1)).await.is_err());
        }
        assert!((300..500).contains(&failed), "{failed} of 2000 failed");
        assert!(simulated(100.0, "0").check(demand("mug", 1)).await.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_takes_as_long_as_the_range_says() {
        let inventory = simulated(0.0, "50-150");
        for _ in 0..50 {
            let start = tokio::time::Instant::now();
            inventory.check(demand("mug", 1)).await.expect("an answer");
            let took = start.elapsed().as_millis();
            assert!((50..=151).contains(&took), "{took} ms");
        }
    }
}
