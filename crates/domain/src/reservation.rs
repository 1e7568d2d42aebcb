//! The states of a reservation: stock reserved for one line of an order.
//!
//! Owns only the states and their steps. The store owns the rows, their expiry and their units; the decision about the
//! order says which units move ([`crate::change::ReservationMove`]).

use crate::status::named_enum;

named_enum!(
    /// Where a reservation stands.
    ReservationState {
        /// Set aside while its vendor is asked; expires by itself.
        Held = "held",
        /// Promised to the order for good.
        Committed = "committed",
        /// Every unit has left the house or was given back, and at least one has left.
        Consumed = "consumed",
        /// Nobody committed it in time.
        Expired = "expired",
        /// Given back.
        Released = "released",
    }
);

use ReservationState::{Committed, Consumed, Expired, Held, Released};

/// All steps of a reservation, and when they are taken.
pub const STEPS: &[(ReservationState, ReservationState, &str)] = &[
    (Held, Committed, "its vendor agreed"),
    (
        Held,
        Expired,
        "it expired, and no call to the vendor is under way",
    ),
    (
        Held,
        Released,
        "the order was cancelled or failed, or another vendor provides the units",
    ),
    (Committed, Consumed, "its units have left the warehouse"),
    (
        Committed,
        Released,
        "its units were cancelled before they left",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reservation_never_both_expires_and_commits() {
        let ends = [Consumed, Expired, Released];
        assert!(
            STEPS.iter().all(|(from, _, _)| !ends.contains(from)),
            "{STEPS:?}"
        );
        assert!(
            STEPS
                .iter()
                .all(|(from, to, _)| *to != Expired || *from == Held)
        );
    }
}
