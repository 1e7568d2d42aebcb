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
    /// The number of the row's events; reservations do not change it.
    pub version: i64,
}

/// The most units that one row may have.
pub const MAX_UNITS: i64 = 1_000_000_000_000;

impl StockLevel {
    /// Units that can be reserved; never negative.
    #[must_use]
    pub fn available(&self) -> i64 {
        (self.on_hand - self.reserved - self.safety).max(0)
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
}

/// Why an adjustment is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AdjustmentRefusal {
    #[error(
        "{reserved} units are reserved by orders; the count must not fall below that, it would be {wanted}"
    )]
    BelowReserved { reserved: i64, wanted: i64 },
    #[error("a row counts from 0 to {MAX_UNITS} units; it would be {wanted}")]
    OutOfRange { wanted: i128 },
    #[error("safety stock is a number from 0 to {MAX_UNITS}; found {wanted}")]
    SafetyOutOfRange { wanted: i64 },
    /// The caller's condition on the row's version does not hold.
    #[error(transparent)]
    Unmet(#[from] crate::precondition::Unmet),
    /// Another request with the same key committed first; its outcome is the answer.
    #[error("the key was used meanwhile")]
    KeyUsed,
}

/// Decides an adjustment: the level after it and the change of `on_hand`.
///
/// # Errors
/// [`AdjustmentRefusal`]; until sourcing exists nothing is taken back from orders.
pub fn adjust(
    level: StockLevel,
    adjustment: Adjustment,
    safety: Option<i64>,
) -> Result<(StockLevel, i64), AdjustmentRefusal> {
    let wanted = match adjustment {
        Adjustment::Count(count) => i128::from(count),
        // The sum of two 64-bit numbers fits into 128 bits.
        Adjustment::Delta(delta) => i128::from(level.on_hand) + i128::from(delta),
    };
    let units = i64::try_from(wanted).ok();
    let units = units.filter(|units| (0..=MAX_UNITS).contains(units));
    let wanted = units.ok_or(AdjustmentRefusal::OutOfRange { wanted })?;
    if wanted < level.reserved {
        return Err(AdjustmentRefusal::BelowReserved {
            reserved: level.reserved,
            wanted,
        });
    }
    let safety = safety.unwrap_or(level.safety);
    if !(0..=MAX_UNITS).contains(&safety) {
        return Err(AdjustmentRefusal::SafetyOutOfRange { wanted: safety });
    }
    let after = StockLevel {
        on_hand: wanted,
        reserved: level.reserved,
        safety,
        version: level.version + 1,
    };
    Ok((after, wanted - level.on_hand))
}

/// The aggregate of a stock row's events. Its id is a hash of the row's key (FNV-1a, 128 bits), so every process
/// computes the same one.
#[must_use]
pub fn aggregate(tenant: &Tenant, sku: &Sku, vendor: &Vendor) -> Aggregate {
    const OFFSET: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
    const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;
    let key = [tenant.as_str(), sku.as_str(), vendor.as_str()].join("\0");
    let id = key.bytes().fold(OFFSET, |hash, byte| {
        (hash ^ u128::from(byte)).wrapping_mul(PRIME)
    });
    Aggregate {
        kind: AggregateKind::Stock,
        id: Uuid::from_u128(id),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEVEL: StockLevel = StockLevel {
        on_hand: 10,
        reserved: 4,
        safety: 1,
        version: 7,
    };

    #[test]
    fn a_count_below_what_is_reserved_is_refused() {
        assert_eq!(
            adjust(LEVEL, Adjustment::Count(3), None),
            Err(AdjustmentRefusal::BelowReserved {
                reserved: 4,
                wanted: 3
            })
        );
        assert_eq!(
            adjust(LEVEL, Adjustment::Delta(-7), None),
            Err(AdjustmentRefusal::BelowReserved {
                reserved: 4,
                wanted: 3
            })
        );
        assert_eq!(
            adjust(LEVEL, Adjustment::Count(4), None),
            Ok((
                StockLevel {
                    on_hand: 4,
                    version: 8,
                    ..LEVEL
                },
                -6
            ))
        );
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
                    adjust(LEVEL, bad, None),
                    Err(AdjustmentRefusal::OutOfRange { .. })
                ),
                "{bad:?}"
            );
        }
        assert!(matches!(
            adjust(LEVEL, Adjustment::Delta(0), Some(-1)),
            Err(AdjustmentRefusal::SafetyOutOfRange { .. })
        ));
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
