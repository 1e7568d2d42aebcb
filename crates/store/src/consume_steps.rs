//! A consumer's batch in three steps, for a store that other processes write too: load, decide, write under guards.

use crate::caught::caught;
use crate::consume::{BatchDecision, Consumed, Known};
use crate::error::Result;
use crate::traits::{Effect, EffectStore, LogStore};

/// Loads, decides and writes in three steps, for a store that other processes write too.
///
/// # Errors
/// As [`EffectStore::consume`].
pub(crate) async fn in_three_steps<E, S>(
    store: &S,
    batch: &dyn BatchDecision<E>,
) -> Result<Consumed>
where
    E: Effect,
    S: EffectStore<E> + LogStore,
{
    let mut known = Known {
        rows: store.load(batch.needs()).await?,
        parked: vec![],
    };
    if batch.may_be_parked() {
        known.parked = store
            .parked_orders(batch.consumer(), batch.order_ids())
            .await?;
    }
    let decided = caught(|| batch.decide(&known))?;
    let consumed = Consumed::of(&decided);
    store.apply_batch(decided).await?;
    Ok(consumed)
}
