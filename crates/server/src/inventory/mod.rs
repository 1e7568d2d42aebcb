//! Asks an inventory service about skus that the store does not track: are there enough units?
//!
//! Owns the question and its answers. Invariant: it is asked outside of any transaction, before the batch, and asking
//! reserves nothing. The caller decides what a "no" means: it is a result, not an error.

use std::sync::Arc;

use async_trait::async_trait;

mod guarded;
mod simulated;

pub use guarded::Guarded;
pub use simulated::Simulated;

use crate::clock::Clock;
use crate::config::{InventoryMode, Settings};
use crate::random::Entropy;

/// One sku and how many units of it are wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Demand {
    pub sku: String,
    pub quantity: u64,
}

/// What the inventory says about one sku.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Availability {
    pub sku: String,
    pub requested: u64,
    pub available: u64,
}

impl Availability {
    #[must_use]
    pub fn is_enough(&self) -> bool {
        self.available >= self.requested
    }
}

/// Why there is no answer; the availability of the skus is unknown.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InventoryError {
    #[error("the inventory service failed: {0}")]
    Failed(String),
    #[error("the inventory service gave no answer within {timeout_ms} ms")]
    Timeout { timeout_ms: u64 },
    /// It was not asked, because it failed several times in a row.
    #[error(
        "the inventory service is not asked for another {retry_after_ms} ms, after several failures"
    )]
    Open { retry_after_ms: u64 },
}

/// A source of availability.
#[async_trait]
pub trait Inventory: Send + Sync {
    /// One answer per demand, in their order.
    async fn check(&self, demands: Vec<Demand>) -> Result<Vec<Availability>, InventoryError>;
}

/// The inventory of the settings, behind its breaker; `None` when untracked skus are to be refused.
#[must_use]
pub fn of_settings(
    settings: &Settings,
    clock: Arc<dyn Clock>,
    entropy: Arc<Entropy>,
) -> Option<Guarded> {
    match settings.inventory.mode {
        InventoryMode::None => None,
        InventoryMode::Simulated => {
            let simulated = Simulated::new(&settings.inventory, entropy);
            Some(Guarded::new(
                Arc::new(simulated),
                settings.breaker.clone(),
                clock,
            ))
        }
    }
}
