//! The nine counters of an order line, and the sums that always hold between them.

use serde::{Deserialize, Serialize};
use std::fmt;

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "the signature serde asks for"
)]
pub(crate) fn is_zero(n: &i64) -> bool {
    *n == 0
}

/// Units of one line (or, summed, of an order) by where they are.
///
/// Invariant ([`Quantities::adds_up`]): `ordered = cancelled + backordered + reserved + in_shipment + shipped`
/// and `delivered + returned + lost <= shipped`, none negative.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Quantities {
    pub ordered: i64,
    #[serde(skip_serializing_if = "is_zero")]
    pub cancelled: i64,
    /// Waiting for stock, or being sourced.
    #[serde(skip_serializing_if = "is_zero")]
    pub backordered: i64,
    /// Reserved for this order, or agreed to by the inventory service.
    #[serde(skip_serializing_if = "is_zero")]
    pub reserved: i64,
    #[serde(skip_serializing_if = "is_zero")]
    pub in_shipment: i64,
    /// Units that left the warehouse, including those delivered, returned or lost since.
    #[serde(skip_serializing_if = "is_zero")]
    pub shipped: i64,
    #[serde(skip_serializing_if = "is_zero")]
    pub delivered: i64,
    #[serde(skip_serializing_if = "is_zero")]
    pub returned: i64,
    #[serde(skip_serializing_if = "is_zero")]
    pub lost: i64,
}

/// Shows `ordered`, and the other counters that are not 0: `ordered 3, reserved 2, shipped 1`.
impl fmt::Display for Quantities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ordered {}", self.ordered)?;
        for (name, units) in [
            ("cancelled", self.cancelled),
            ("backordered", self.backordered),
            ("reserved", self.reserved),
            ("in shipment", self.in_shipment),
            ("shipped", self.shipped),
            ("delivered", self.delivered),
            ("returned", self.returned),
            ("lost", self.lost),
        ] {
            if units != 0 {
                write!(f, ", {name} {units}")?;
            }
        }
        Ok(())
    }
}

impl Quantities {
    /// All units reserved.
    #[must_use]
    pub fn all_reserved(ordered: i64) -> Self {
        Self {
            ordered,
            reserved: ordered,
            ..Self::default()
        }
    }

    /// Whether the invariant holds.
    #[must_use]
    pub fn adds_up(&self) -> bool {
        let parts = [
            self.cancelled,
            self.backordered,
            self.reserved,
            self.in_shipment,
            self.shipped,
        ];
        let none_negative = parts
            .iter()
            .chain([self.delivered, self.returned, self.lost].iter())
            .all(|n| *n >= 0);
        // No error: a sum that overflows cannot equal `ordered`.
        let sum = |units: &[i64]| units.iter().try_fold(0_i64, |sum, n| sum.checked_add(*n));
        none_negative
            && sum(&parts) == Some(self.ordered)
            && sum(&[self.delivered, self.returned, self.lost]).is_some_and(|n| n <= self.shipped)
    }

    /// Units that left and are not delivered, returned or lost.
    #[must_use]
    pub fn under_way(&self) -> i64 {
        self.shipped - self.delivered - self.returned - self.lost
    }

    /// Units that have not left and are not cancelled.
    #[must_use]
    pub fn waiting(&self) -> i64 {
        self.backordered + self.reserved + self.in_shipment
    }

    /// The sum over lines.
    #[must_use]
    pub fn sum<'a>(lines: impl Iterator<Item = &'a Self>) -> Self {
        lines.fold(Self::default(), |a, b| Self {
            ordered: a.ordered + b.ordered,
            cancelled: a.cancelled + b.cancelled,
            backordered: a.backordered + b.backordered,
            reserved: a.reserved + b.reserved,
            in_shipment: a.in_shipment + b.in_shipment,
            shipped: a.shipped + b.shipped,
            delivered: a.delivered + b.delivered,
            returned: a.returned + b.returned,
            lost: a.lost + b.lost,
        })
    }
}
