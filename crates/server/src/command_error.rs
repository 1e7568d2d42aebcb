//! Why a command was not done.

use waybill_domain::ids::OrderId;
use waybill_domain::refusal::Refusal;
use waybill_domain::stock::AdjustmentRefusal;
use waybill_store::Error as StoreError;

/// Why a command was not done.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    #[error("there is no such thing")]
    NotFound,
    #[error("the order {0} is in the archive")]
    Archived(OrderId),
    #[error("the key was used before for another request")]
    KeyReused,
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error(transparent)]
    Stock(#[from] AdjustmentRefusal),
    #[error(transparent)]
    Store(#[from] StoreError),
}
