//! A consumer's batch in three steps, for a store that others write too: load, decide, write under guards.

use crate::consume::{BatchDecision, Consumed, Known, Needs};
use crate::error::Result;
use crate::store::Store;

impl Known {
    /// Loads rows; what is parked is left empty.
    ///
    /// # Errors
    /// As [`Store::orders`].
    pub async fn load<S: Store + ?Sized>(store: &S, needs: Needs) -> Result<Self> {
        let mut known = Self::default();
        if !needs.orders.is_empty() {
            known.orders = store.orders(needs.orders).await?;
        }
        if !needs.deliveries.is_empty() {
            known.deliveries = store.deliveries(needs.deliveries).await?;
        }
        Ok(known)
    }
}

/// Loads, decides and writes in three steps, for a store that others write too.
///
/// # Errors
/// As [`Store::consume`].
pub(crate) async fn in_three_steps<S: Store + ?Sized>(
    store: &S,
    batch: &dyn BatchDecision,
) -> Result<Consumed> {
    let mut known = Known::load(store, batch.needs()).await?;
    if batch.may_be_parked() {
        known.parked = store
            .parked_orders(batch.consumer(), batch.order_ids())
            .await?;
    }
    let decided = batch.decide(&known);
    let consumed = Consumed::of(&decided);
    store.apply_batch(decided).await?;
    Ok(consumed)
}
