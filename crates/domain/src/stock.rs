//! A stock row and the changes it allows.

use crate::event::{Aggregate, AggregateKind};
use crate::text::{Sku, Tenant, Vendor};
use crate::time::Time;
use uuid::Uuid;

/// One row: a sku at a vendor. For `local`, `0 <= reserved <= on_hand` at every commit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StockLevel {
    pub on_hand: i64,
    pub reserved: i64,
    /// Units kept back from sale (safety stock).
    pub safety: i64,
    /// Units that `on_hand` counts and that were not found: a count found fewer than orders have reserved.
    pub shortfall: i64,
    /// The number of the row's events; reservations do not change it.
    pub version: i64,
}

/// The most units that one row may have.
pub const MAX_UNITS: i64 = 1_000_000_000_000;

impl StockLevel {
    /// Units that can be reserved; never negative.
    #[must_use]
    pub fn available(&self) -> i64 {
        (self.counted() - self.reserved - self.safety).max(0)
    }

    /// Units that are there by the last count and what has changed since. A row that is short has fewer than orders have
    /// reserved.
    #[must_use]
    pub fn counted(&self) -> i64 {
        self.on_hand - self.shortfall
    }

    /// Units that orders have reserved and that are not there.
    #[must_use]
    pub fn short(&self) -> i64 {
        (self.reserved - self.counted()).max(0).min(self.shortfall)
    }
}

/// A stock row with its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StockRow {
    pub tenant: Tenant,
    pub sku: Sku,
    pub vendor: Vendor,
    pub level: StockLevel,
    pub synced_at: Time,
}

/// A change of `on_hand` through the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Adjustment {
    /// Set `on_hand` to the units that were counted.
    Count(i64),
    /// Add to `on_hand`; negative when units left.
    Delta(i64),
    /// The row is made to agree with its ledger, see [`reconcile`].
    Reconcile,
    /// Set `on_hand` to what a vendor says it has. It knows nothing of what orders reserve here, so this may be less
    /// than that.
    Snapshot {
        units: i64,
        /// When it was asked. What it has agreed to since then may not be in its figure, and counts as not in it.
        asked_at: Time,
    },
}

/// Why an adjustment is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AdjustmentRefusal {
    #[error("a row counts from 0 to {MAX_UNITS} units; it would be {wanted}")]
    OutOfRange { wanted: i128 },
    #[error("safety stock is a number from 0 to {MAX_UNITS}; found {wanted}")]
    SafetyOutOfRange { wanted: i64 },
    /// A row that is to be reconciled agrees with its ledger: there is nothing to write.
    #[error("the row agrees with its movements and reservations")]
    AddsUp,
    /// Neither a row, nor movements, nor reservations.
    #[error("there is no such stock row, and there never was one")]
    NeverCounted,
    #[error(
        "lines of orders hold {promised} units of it and have shipped {shipped}, their reservations say {held} and {consumed}: \
         an order is damaged. `waybill verify` names it; mend that order first, or the same units may be sold twice"
    )]
    OrdersDisagree {
        promised: i64,
        shipped: i64,
        held: i64,
        consumed: i64,
    },
    #[error(
        "orders hold {held} units and only {on_hand} are on hand. Set on hand to {held} with a reason \
         (`waybill stock set SKU {held}`), reconcile, cancel the orders that cannot be sent, then count again"
    )]
    MoreHeldThanOnHand { held: i64, on_hand: i64 },
    #[error(
        "the row is gone, and its movements leave {on_hand} units on hand where orders hold {held}: \
         what was there cannot be told from the tables; restore the row from a backup"
    )]
    RowLost { held: i64, on_hand: i64 },
    /// The caller's condition on the row's version does not hold.
    #[error(transparent)]
    Unmet(#[from] crate::precondition::Unmet),
    /// Another request with the same key committed first; its outcome is the answer.
    #[error("the key was used meanwhile")]
    KeyUsed,
}

/// What movements, reservations and order lines say about one stock row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ledger {
    /// How many movements there are. Each was one event of the row, so it is also the row's version.
    pub movements: i64,
    /// Their sum, in units.
    pub moved: i64,
    /// Units that left the warehouse, by the reservations.
    pub consumed: i64,
    /// Units that open reservations hold.
    pub held: i64,
    /// Units reserved or in a shipment, by the lines of orders.
    pub promised: i64,
    /// Units shipped, by the lines of orders.
    pub shipped: i64,
    /// Units that the vendor has agreed to, or may have, since it was asked for its figure; only for
    /// [`Adjustment::Snapshot`].
    pub agreed_meanwhile: i64,
}

impl Ledger {
    /// What is on hand by the ledger; saturates where a damaged row holds an absurd number.
    #[must_use]
    pub fn on_hand(&self) -> i64 {
        // No error: a sum beyond 64 bits is shown at its limit, and `reconcile` refuses it.
        self.moved.saturating_sub(self.consumed)
    }

    /// Takes in a movement that is about to be written.
    pub fn book(&mut self, delta: i64) {
        self.movements += 1;
        // No error: a sum beyond 64 bits stays at its limit, and `reconcile` refuses it.
        self.moved = self.moved.saturating_add(delta);
    }
}

/// A row and its ledger, on one snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Books {
    /// `None` where there is no row.
    pub row: Option<StockLevel>,
    pub ledger: Ledger,
}

/// Decides how a stock row and its ledger are made to agree: the level after it, and the movement to book.
///
/// Of `reserved` the ledger is believed. Open reservations are what customers were promised; a row that says less would
/// let their units be sold again. Of `on_hand` the row is believed: every promise was made on it, and every count was
/// booked as the difference to it, so the row says what was last counted. It stays, and the difference is booked as a
/// movement. So mending never makes more units available than open reservations leave of what is on hand.
///
/// A row that is gone (`row.version` is 0) is made again from the ledger; its safety stock is lost.
///
/// # Errors
/// [`AdjustmentRefusal::AddsUp`] when there is nothing to do, `NeverCounted`, `OrdersDisagree`, `MoreHeldThanOnHand`,
/// `RowLost`, `OutOfRange`; nothing is to be written then.
pub fn reconcile(row: StockLevel, ledger: &Ledger) -> Result<(StockLevel, i64), AdjustmentRefusal> {
    let is_lost = row.version == 0;
    if is_lost && *ledger == Ledger::default() {
        return Err(AdjustmentRefusal::NeverCounted);
    }
    if (ledger.promised, ledger.shipped) != (ledger.held, ledger.consumed) {
        return Err(AdjustmentRefusal::OrdersDisagree {
            promised: ledger.promised,
            shipped: ledger.shipped,
            held: ledger.held,
            consumed: ledger.consumed,
        });
    }
    let on_hand = if is_lost {
        ledger.on_hand()
    } else {
        row.on_hand
    };
    if !is_lost && !(0..=MAX_UNITS).contains(&on_hand) {
        let wanted = i128::from(on_hand);
        return Err(AdjustmentRefusal::OutOfRange { wanted });
    }
    let held = ledger.held;
    if on_hand > MAX_UNITS || !(0..=on_hand).contains(&held) {
        return Err(if is_lost {
            AdjustmentRefusal::RowLost { held, on_hand }
        } else {
            AdjustmentRefusal::MoreHeldThanOnHand { held, on_hand }
        });
    }
    let counted = i128::from(on_hand) - i128::from(row.shortfall);
    let exact = counted - (i128::from(ledger.moved) - i128::from(ledger.consumed));
    let booked =
        i64::try_from(exact).map_err(|_| AdjustmentRefusal::OutOfRange { wanted: exact })?;
    if !is_lost && booked == 0 && row.reserved == held {
        return Err(AdjustmentRefusal::AddsUp);
    }
    let before = if is_lost {
        ledger.movements
    } else {
        row.version
    };
    let after = StockLevel {
        on_hand,
        reserved: held,
        safety: row.safety,
        shortfall: row.shortfall,
        version: before + 1,
    };
    Ok((after, booked))
}

/// Decides an adjustment: the level after it and the change of `on_hand`. `ledger` is needed to reconcile, and is not
/// looked at otherwise, but for what a vendor has agreed to since it was asked for its figure.
///
/// A count below what orders have reserved leaves `on_hand` at what is reserved, and the difference is the row's
/// shortfall: those units are taken back from orders that are not confirmed, and the others are settled by a
/// cancellation, a shipment that fails, or another count.
///
/// # Errors
/// [`AdjustmentRefusal`].
pub fn adjust(
    level: StockLevel,
    adjustment: Adjustment,
    safety: Option<i64>,
    ledger: &Ledger,
) -> Result<(StockLevel, i64), AdjustmentRefusal> {
    let wanted = match adjustment {
        Adjustment::Count(count) => i128::from(count),
        Adjustment::Snapshot { units, .. } if (0..=MAX_UNITS).contains(&units) => {
            // No error: a figure that has those units left out already is put right by the next one.
            i128::from(units.saturating_sub(ledger.agreed_meanwhile).max(0))
        }
        Adjustment::Snapshot { units, .. } => i128::from(units),
        // The sum of two 64-bit numbers fits into 128 bits.
        Adjustment::Delta(delta) => i128::from(level.counted()) + i128::from(delta),
        Adjustment::Reconcile => return reconcile(level, ledger),
    };
    // A row from which more has left than a count had found is below zero, and rises with what comes.
    let least = match adjustment {
        Adjustment::Delta(delta) if delta >= 0 => level.counted().min(0),
        _ => 0,
    };
    let units = i64::try_from(wanted).ok();
    let units = units.filter(|units| (least..=MAX_UNITS).contains(units));
    let wanted = units.ok_or(AdjustmentRefusal::OutOfRange { wanted })?;
    let is_snapshot = matches!(adjustment, Adjustment::Snapshot { .. });
    if is_snapshot && wanted == level.on_hand && level.version > 0 {
        return Err(AdjustmentRefusal::AddsUp);
    }
    // A vendor's figure may be less than orders reserve there: the vendor refuses what it has not.
    let on_hand = if is_snapshot {
        wanted
    } else {
        wanted.max(level.reserved)
    };
    let safety = safety.unwrap_or(level.safety);
    if !(0..=MAX_UNITS).contains(&safety) {
        return Err(AdjustmentRefusal::SafetyOutOfRange { wanted: safety });
    }
    let after = StockLevel {
        on_hand,
        reserved: level.reserved,
        safety,
        shortfall: on_hand - wanted,
        version: level.version + 1,
    };
    Ok((after, wanted - level.counted()))
}

/// The aggregate of a stock row's events. Its id is a hash of the row's key (FNV-1a, 128 bits), so every process
/// computes the same one.
#[must_use]
pub fn aggregate(tenant: &Tenant, sku: &Sku, vendor: &Vendor) -> Aggregate {
    let key = [tenant.as_str(), sku.as_str(), vendor.as_str()].join("\0");
    Aggregate {
        kind: AggregateKind::Stock,
        id: Uuid::from_u128(fnv_128(key.as_bytes())),
    }
}

/// The hash FNV-1a of 128 bits.
pub(crate) fn fnv_128(bytes: &[u8]) -> u128 {
    const OFFSET: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
    const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;
    bytes.iter().fold(OFFSET, |hash, byte| {
        (hash ^ u128::from(*byte)).wrapping_mul(PRIME)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEVEL: StockLevel = StockLevel {
        on_hand: 10,
        reserved: 4,
        safety: 1,
        shortfall: 0,
        version: 7,
    };

    #[test]
    fn a_count_below_what_is_reserved_leaves_a_shortfall_that_a_later_count_ends() {
        let adjusted = |level, adjustment| adjust(level, adjustment, None, &NO_LEDGER);
        for adjustment in [Adjustment::Count(3), Adjustment::Delta(-7)] {
            let (short, delta) = adjusted(LEVEL, adjustment).expect("taken");
            assert_eq!((short.on_hand, short.reserved, short.shortfall), (4, 4, 1));
            assert_eq!((short.counted(), short.short(), delta), (3, 1, -7));
            assert_eq!(short.available(), 0);
            // One unit is released: it is the one that is not there.
            let released = StockLevel {
                reserved: 3,
                ..short
            };
            assert_eq!((released.short(), released.available()), (0, 0));
            // All that is reserved ships although it was not found; what comes then is taken in.
            let gone = StockLevel {
                on_hand: 0,
                reserved: 0,
                ..short
            };
            assert_eq!((gone.counted(), gone.available()), (-1, 0));
            let (more, delta) = adjusted(gone, Adjustment::Delta(3)).expect("taken");
            assert_eq!((more.on_hand, more.shortfall, delta), (2, 0, 3));
            assert!(adjusted(gone, Adjustment::Delta(-1)).is_err());
            assert!(adjusted(gone, Adjustment::Delta(0)).is_ok());
            let (found, delta) = adjusted(short, Adjustment::Count(6)).expect("taken");
            assert_eq!((found.on_hand, found.shortfall, delta), (6, 0, 3));
        }
        let (after, delta) = adjusted(LEVEL, Adjustment::Count(4)).expect("taken");
        assert_eq!((after.on_hand, after.shortfall, delta), (4, 0, -6));
    }

    #[test]
    fn what_a_vendor_says_may_be_less_than_orders_reserve() {
        let (after, delta) = adjust(LEVEL, says(1), None, &NO_LEDGER).expect("taken");
        assert_eq!((after.on_hand, after.reserved, delta), (1, 4, -9));
        assert_eq!(after.available(), 0);
    }

    fn says(units: i64) -> Adjustment {
        Adjustment::Snapshot {
            units,
            asked_at: Time(5),
        }
    }

    #[test]
    fn what_a_vendor_agreed_to_while_it_was_asked_counts_as_not_in_its_figure() {
        let ledger = Ledger {
            agreed_meanwhile: 3,
            ..NO_LEDGER
        };
        let on_hand =
            |units| adjust(LEVEL, says(units), None, &ledger).map(|(after, _)| after.on_hand);
        assert_eq!(on_hand(20), Ok(17));
        assert_eq!(on_hand(2), Ok(0));
        assert_eq!(on_hand(13), Err(AdjustmentRefusal::AddsUp));
        assert!(matches!(
            on_hand(-1),
            Err(AdjustmentRefusal::OutOfRange { .. })
        ));
    }

    #[test]
    fn a_count_out_of_range_is_refused_and_never_overflows() {
        for bad in [
            Adjustment::Count(-1),
            Adjustment::Count(MAX_UNITS + 1),
            Adjustment::Delta(i64::MAX),
            Adjustment::Delta(i64::MIN),
        ] {
            assert!(
                matches!(
                    adjust(LEVEL, bad, None, &NO_LEDGER),
                    Err(AdjustmentRefusal::OutOfRange { .. })
                ),
                "{bad:?}"
            );
        }
        assert!(matches!(
            adjust(LEVEL, Adjustment::Delta(0), Some(-1), &NO_LEDGER),
            Err(AdjustmentRefusal::SafetyOutOfRange { .. })
        ));
    }

    const NO_LEDGER: Ledger = Ledger {
        movements: 0,
        moved: 0,
        consumed: 0,
        held: 0,
        promised: 0,
        shipped: 0,
        agreed_meanwhile: 0,
    };

    /// What [`LEVEL`] adds up to.
    const LEDGER: Ledger = Ledger {
        movements: 7,
        moved: 12,
        consumed: 2,
        held: 4,
        promised: 4,
        shipped: 2,
        agreed_meanwhile: 0,
    };

    #[test]
    fn a_row_that_adds_up_is_left_alone() {
        assert_eq!(reconcile(LEVEL, &LEDGER), Err(AdjustmentRefusal::AddsUp));
    }

    #[test]
    fn the_row_is_believed_for_what_is_on_hand_and_the_difference_is_booked() {
        for (moved, booked) in [(13, -1), (11, 1), (-50, 62)] {
            let ledger = Ledger { moved, ..LEDGER };
            let version = LEVEL.version + 1;
            let after = StockLevel { version, ..LEVEL };
            assert_eq!(reconcile(LEVEL, &ledger), Ok((after, booked)));
            let mut now = ledger;
            now.book(booked);
            assert_eq!(reconcile(after, &now), Err(AdjustmentRefusal::AddsUp));
        }
    }

    #[test]
    fn reservations_are_believed_for_what_is_reserved() {
        for reserved in [0, 3, 5, 11, -1] {
            let row = StockLevel { reserved, ..LEVEL };
            let (after, booked) = reconcile(row, &LEDGER).expect("mended");
            assert_eq!((after.reserved, after.on_hand, booked), (4, 10, 0));
        }
    }

    #[test]
    fn what_is_on_hand_never_falls_below_what_orders_hold() {
        let row = StockLevel {
            on_hand: 3,
            reserved: 3,
            ..LEVEL
        };
        let refused = AdjustmentRefusal::MoreHeldThanOnHand {
            held: 4,
            on_hand: 3,
        };
        assert_eq!(reconcile(row, &LEDGER), Err(refused));
        let row = StockLevel { on_hand: 4, ..row };
        let (after, _) = reconcile(row, &LEDGER).expect("just enough");
        assert_eq!(after.available(), 0);
    }

    #[test]
    fn nothing_is_mended_on_orders_that_disagree_with_their_reservations() {
        for ledger in [
            Ledger {
                promised: 5,
                ..LEDGER
            },
            Ledger { held: 3, ..LEDGER },
            Ledger {
                shipped: 1,
                ..LEDGER
            },
            Ledger {
                consumed: 3,
                ..LEDGER
            },
        ] {
            let refused = reconcile(LEVEL, &ledger);
            assert!(
                matches!(refused, Err(AdjustmentRefusal::OrdersDisagree { .. })),
                "{ledger:?}: {refused:?}"
            );
        }
    }

    #[test]
    fn a_row_that_is_gone_is_made_again_with_the_version_after_its_last_event() {
        let gone = StockLevel::default();
        let made = StockLevel {
            on_hand: 10,
            reserved: 4,
            safety: 0,
            shortfall: 0,
            version: 8,
        };
        assert_eq!(reconcile(gone, &LEDGER), Ok((made, 0)));
        assert_eq!(
            reconcile(gone, &NO_LEDGER),
            Err(AdjustmentRefusal::NeverCounted)
        );
        let short = Ledger { moved: 5, ..LEDGER };
        let lost = AdjustmentRefusal::RowLost {
            held: 4,
            on_hand: 3,
        };
        assert_eq!(reconcile(gone, &short), Err(lost));
    }

    #[test]
    fn absurd_numbers_of_a_damaged_row_neither_overflow_nor_are_taken_over() {
        let ledger = Ledger {
            moved: i64::MIN,
            ..LEDGER
        };
        // The difference to the row has no 64-bit number, so no movement could book it.
        let wanted =
            i128::from(LEVEL.on_hand) - (i128::from(i64::MIN) - i128::from(LEDGER.consumed));
        assert_eq!(
            reconcile(LEVEL, &ledger),
            Err(AdjustmentRefusal::OutOfRange { wanted })
        );
        for on_hand in [-1, MAX_UNITS + 1, i64::MAX, i64::MIN] {
            let row = StockLevel { on_hand, ..LEVEL };
            let refused = reconcile(row, &LEDGER);
            assert_eq!(
                refused,
                Err(AdjustmentRefusal::OutOfRange {
                    wanted: on_hand.into()
                })
            );
        }
    }

    #[test]
    fn availability_is_never_negative() {
        assert_eq!(LEVEL.available(), 5);
        assert_eq!(
            StockLevel {
                safety: 50,
                ..LEVEL
            }
            .available(),
            0
        );
    }
}
