//! Compares what a vendor says it has with our copy, and decides which rows change.

use crate::stock::{MAX_UNITS, StockLevel};
use crate::text::Sku;
use std::collections::{BTreeMap, BTreeSet};

/// A row of a vendor's answer that is not taken, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedRow {
    /// As the vendor wrote it, cut.
    pub sku: String,
    pub why: &'static str,
}

/// What a vendor says it has: units by sku, each checked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    units: BTreeMap<Sku, i64>,
    /// Skus that are in the answer, and whose quantity was not taken. Our copy of them stays as it is.
    unclear: BTreeSet<Sku>,
    pub refused: Vec<RefusedRow>,
    /// How many rows were refused; [`Snapshot::refused`] has the first ones.
    pub refused_count: usize,
}

/// Refused rows that are kept to be shown.
const SHOWN: usize = 20;
/// Characters of a sku that is shown.
const SHOWN_CHARS: usize = 60;

impl Snapshot {
    /// Takes a row; `units` is none where the quantity is no whole number.
    pub fn add(&mut self, sku: &str, units: Option<i64>) {
        let Ok(known) = Sku::parse(sku) else {
            self.refuse(sku, "this is no sku");
            return;
        };
        let Some(units) = units.filter(|units| (0..=MAX_UNITS).contains(units)) else {
            self.units.remove(&known);
            self.unclear.insert(known);
            self.refuse(
                sku,
                "its quantity is no whole number from 0 to 1,000,000,000,000",
            );
            return;
        };
        if self.unclear.contains(&known) {
            self.refuse(sku, "it stands there more than once");
            return;
        }
        match self.units.get(&known) {
            None => {
                self.units.insert(known, units);
            }
            // The same number twice says one thing.
            Some(before) if *before == units => {}
            Some(_) => {
                self.units.remove(&known);
                self.unclear.insert(known);
                self.refuse(sku, "it stands there twice, with different quantities");
            }
        }
    }

    fn refuse(&mut self, sku: &str, why: &'static str) {
        self.refused_count += 1;
        if self.refused.len() < SHOWN {
            let sku = sku.chars().take(SHOWN_CHARS).collect();
            self.refused.push(RefusedRow { sku, why });
        }
    }

    /// Skus whose quantity was taken.
    #[must_use]
    pub fn len(&self) -> usize {
        self.units.len()
    }

    /// Whether no quantity was taken.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.units.is_empty()
    }

    /// The rows in which the vendor differs from our copy: the sku and the units to set. A sku that the vendor does not
    /// name any more has none there.
    #[must_use]
    pub fn differences(&self, copy: &BTreeMap<Sku, StockLevel>) -> Vec<(Sku, i64)> {
        let changed = self
            .units
            .iter()
            .filter(|(sku, units)| copy.get(*sku).is_none_or(|level| level.on_hand != **units))
            .map(|(sku, units)| (sku.clone(), *units));
        let gone = copy.iter().filter(|(sku, level)| {
            level.on_hand != 0 && !self.units.contains_key(*sku) && !self.unclear.contains(*sku)
        });
        changed
            .chain(gone.map(|(sku, _)| (sku.clone(), 0)))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sku(text: &str) -> Sku {
        Sku::stored(text)
    }

    fn copy(rows: &[(&str, i64)]) -> BTreeMap<Sku, StockLevel> {
        let level = |on_hand| StockLevel {
            on_hand,
            version: 1,
            ..StockLevel::default()
        };
        rows.iter().map(|(s, n)| (sku(s), level(*n))).collect()
    }

    fn snapshot(rows: &[(&str, Option<i64>)]) -> Snapshot {
        let mut snapshot = Snapshot::default();
        for (sku, units) in rows {
            snapshot.add(sku, *units);
        }
        snapshot
    }

    #[test]
    fn only_rows_that_differ_change_and_a_sku_that_is_gone_has_none() {
        let said = snapshot(&[("A", Some(5)), ("B", Some(7)), ("NEW", Some(0))]);
        let ours = copy(&[("A", 5), ("B", 6), ("GONE", 3), ("EMPTY", 0)]);
        let expected = [(sku("B"), 7), (sku("NEW"), 0), (sku("GONE"), 0)];
        assert_eq!(said.differences(&ours), expected);
        let ours = copy(&[("A", 5), ("B", 7), ("NEW", 0)]);
        assert_eq!(said.differences(&ours), []);
    }

    #[test]
    fn a_row_that_cannot_be_true_is_refused_and_our_copy_of_it_stays() {
        let said = snapshot(&[
            ("A", Some(-5)),
            ("B", None),
            ("C", Some(MAX_UNITS + 1)),
            ("", Some(1)),
            ("D", Some(4)),
        ]);
        assert_eq!((said.len(), said.refused_count), (1, 4));
        let ours = copy(&[("A", 1), ("B", 2), ("C", 3), ("D", 4)]);
        assert_eq!(said.differences(&ours), []);
    }

    #[test]
    fn a_sku_that_stands_there_with_two_quantities_has_none_of_them() {
        let said = snapshot(&[
            ("A", Some(5)),
            ("A", Some(1)),
            ("A", Some(5)),
            ("B", Some(2)),
            ("B", Some(2)),
        ]);
        assert_eq!((said.len(), said.refused_count), (1, 2));
        assert_eq!(said.differences(&copy(&[("A", 9), ("B", 2)])), []);
    }

    #[test]
    fn many_refused_rows_are_counted_and_the_first_ones_shown() {
        let mut said = Snapshot::default();
        for number in 0..1_000 {
            said.add(&format!("{number}-{}", "x".repeat(80)), None);
        }
        assert_eq!((said.refused_count, said.refused.len()), (1_000, SHOWN));
        assert!(said.refused.iter().all(|row| row.sku.len() == SHOWN_CHARS));
    }
}
