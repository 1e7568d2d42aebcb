//! The units that a mock vendor has of each sku.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use waybill_domain::stock::MAX_UNITS;
use waybill_domain::text::Sku;

use super::operation::Operation;
use crate::random::Entropy;

/// By how many units a fluctuation changes a sku at most.
const FLUCTUATION: u64 = 5;

/// Why no units were moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotMoved {
    /// The vendor does not have the sku.
    UnknownSku,
    /// It has fewer units, or the sum would be more than a row counts.
    Insufficient,
}

/// Quantities by sku, never negative.
pub struct Shelves(BTreeMap<Sku, i64>);

impl Shelves {
    pub fn of(stock: impl IntoIterator<Item = (Sku, i64)>) -> Self {
        Self(stock.into_iter().collect())
    }

    pub fn quantity(&self, sku: &Sku) -> Option<i64> {
        self.0.get(sku).copied()
    }

    pub fn iter(&self) -> impl Iterator<Item = (&Sku, i64)> {
        self.0.iter().map(|(sku, quantity)| (sku, *quantity))
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The quantity after a change, without making it.
    pub fn try_change(&self, operation: Operation, sku: &Sku, units: i64) -> Result<i64, NotMoved> {
        let now = self.quantity(sku).ok_or(NotMoved::UnknownSku)?;
        let after = match operation {
            Operation::Reduce => now.checked_sub(units),
            Operation::Restore | Operation::Set => now.checked_add(units),
        };
        let counted: RangeInclusive<i64> = 0..=MAX_UNITS;
        after
            .filter(|after| counted.contains(after))
            .ok_or(NotMoved::Insufficient)
    }

    /// Moves units; the quantity after it.
    pub fn change(&mut self, operation: Operation, sku: &Sku, units: i64) -> Result<i64, NotMoved> {
        let after = self.try_change(operation, sku, units)?;
        self.0.insert(sku.clone(), after);
        Ok(after)
    }

    /// Sets what there is of a sku; the difference to before.
    pub fn set(&mut self, sku: Sku, quantity: i64) -> i64 {
        let before = self.0.insert(sku, quantity).unwrap_or_default();
        quantity - before
    }

    /// Changes about half of the skus by a few units, as a shop elsewhere would; the changes.
    pub fn fluctuate(&mut self, entropy: &Entropy) -> Vec<(Sku, i64)> {
        let mut changes = vec![];
        for (sku, quantity) in &mut self.0 {
            if entropy.fraction() < 0.5 {
                continue;
            }
            let drawn = i64::try_from(entropy.range(0..2 * FLUCTUATION + 1)).expect("at most 10");
            let after = (*quantity + drawn - FLUCTUATION as i64).clamp(0, MAX_UNITS);
            if after != *quantity {
                changes.push((sku.clone(), after - *quantity));
                *quantity = after;
            }
        }
        changes
    }
}
