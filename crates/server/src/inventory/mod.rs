//! Asks an inventory service about skus that the store does not track: are there enough units?
//!
//! Owns the question and its answers. Invariant: it is asked outside of any transaction, before the batch, and asking
//! reserves nothing. The caller decides what a "no" means: it is a result, not an error.

use std::sync::Arc;

use async_trait::async_trait;
use waybill_domain::intake::InventoryAnswer;
use waybill_domain::text::Sku;

mod guarded;
mod simulated;

pub use guarded::Guarded;
pub use simulated::Simulated;

use crate::clock::Clock;
use crate::config::{InventoryMode, Settings};
use crate::random::Entropy;
use crate::resilience::breaker::Breaker;
use crate::resilience::circuit_log::CircuitLog;

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

/// What the service has of skus, each with the units that are wanted of it.
///
/// # Errors
/// [`InventoryError`]; also for an answer that is no possible number of units.
pub async fn answers(
    service: &Guarded,
    wanted: Vec<(Sku, i64)>,
) -> Result<Vec<InventoryAnswer>, InventoryError> {
    let demands = wanted.iter().map(|(sku, units)| Demand {
        sku: sku.as_str().to_owned(),
        quantity: units.unsigned_abs(),
    });
    let answers = service.check(demands.collect()).await?;
    let answer = |answer: &Availability| {
        Ok(InventoryAnswer {
            sku: Sku::stored(&answer.sku),
            available: units(answer)?,
        })
    };
    answers.iter().map(answer).collect()
}

/// The units of a sku that the inventory service says it has.
fn units(answer: &Availability) -> Result<i64, InventoryError> {
    i64::try_from(answer.available).map_err(|_| {
        let (sku, available) = (&answer.sku, answer.available);
        InventoryError::Failed(format!(
            "it says that {available} units of {sku} are available"
        ))
    })
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
    circuits: &Arc<CircuitLog>,
) -> Option<Guarded> {
    match settings.inventory.mode {
        InventoryMode::None => None,
        InventoryMode::Simulated => {
            let simulated = Simulated::new(&settings.inventory, entropy);
            let breaker = Breaker::new(settings.breaker.clone(), clock);
            let breaker = breaker.noted_as("inventory", circuits);
            Some(Guarded::new(Arc::new(simulated), breaker))
        }
    }
}
