//! How units leave a reservation, and the units of a source as a move names them.

use crate::order::{Line, Source};
use crate::reservation::{ReservationMove, ReservedUnits, Units};

/// How units leave their reservation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Leaving {
    Shipped,
    /// Given back, whether they were in a shipment or not.
    GivenBack,
    /// Given back; units that are in a shipment are not touched.
    Unpacked,
}

impl Leaving {
    pub(super) fn of(self, units: ReservedUnits) -> ReservationMove {
        match self {
            Self::Shipped => ReservationMove::Consume(units),
            Self::GivenBack | Self::Unpacked => ReservationMove::Release(units),
        }
    }
}

/// Units of a source of a line.
pub(crate) fn units_of(line: &Line, source: &Source, units: Units) -> ReservedUnits {
    ReservedUnits {
        line: line.id,
        sku: line.sku.clone(),
        vendor: source.vendor.clone(),
        attempt: Some(source.attempt),
        units,
    }
}
