//! A reservation: stock reserved for one line of an order, its states, and what moves its units.
//!
//! The decision about the order says which units move ([`ReservationMove`]). The reservation and the stock row after a
//! move are decided here, once for both drivers; a driver locks the rows, calls this, and writes the result.

use crate::status::named_enum;
use crate::text::{Sku, Vendor};
use crate::time::Time;
use std::sync::Arc;

named_enum!(
    /// The state of a reservation.
    ReservationState {
        /// Set aside while its vendor is asked; expires by itself.
        Held = "held",
        /// Promised to the order without expiry.
        Committed = "committed",
        /// Every unit has left the warehouse or was released, and at least one has left.
        Consumed = "consumed",
        /// It was not committed before it expired.
        Expired = "expired",
        /// Every unit was released.
        Released = "released",
    }
);

use ReservationState::{Committed, Consumed, Expired, Held, Released};

/// All steps of a reservation, and the condition of each.
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

/// A number of units above zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Units(i64);

impl Units {
    /// `None` for zero and below.
    #[must_use]
    pub fn new(units: i64) -> Option<Self> {
        (units > 0).then_some(Self(units))
    }

    /// How many; above zero.
    #[must_use]
    pub fn get(self) -> i64 {
        self.0
    }
}

/// Units of one line of an order, in the stock row of a vendor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReservedUnits {
    pub line: u16,
    pub sku: Sku,
    pub vendor: Vendor,
    /// Which of the line's reservations at this vendor, counted from 1. `None` is the first that is open; a new one is
    /// the first.
    pub attempt: Option<u16>,
    pub units: Units,
}

/// How a reservation ends to which its vendor has not agreed for the order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeldEnd {
    /// The vendor has taken nothing out of its stock.
    NotTaken,
    /// The vendor agreed, but the order does not want the units any more: they are given back.
    GivenBack { at: Time },
    /// The vendor may have taken them out of its stock; only its next figures tell.
    Unknown { at: Time },
}

/// A move of units that a line reserves or has reserved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReservationMove {
    /// The units are reserved for the line in our own stock; this makes its reservation.
    Reserve(ReservedUnits),
    /// The units are set aside while their vendor is asked; this makes the reservation.
    Hold {
        units: ReservedUnits,
        /// When the order does not wait for the vendor any longer.
        expires_at: Time,
        /// Why this vendor was chosen, for people.
        reason: Arc<str>,
    },
    /// The vendor has agreed and taken the units out of its stock.
    Agree { units: ReservedUnits, at: Time },
    /// The order does not want the units any more while their vendor is asked. They stay reserved until the call has
    /// ended.
    GiveUp(ReservedUnits),
    /// The call to the vendor has ended without an agreement for the order.
    End {
        units: ReservedUnits,
        end: HeldEnd,
        /// Whether it ends because its time has passed.
        expired: bool,
    },
    /// The units leave the warehouse.
    Consume(ReservedUnits),
    /// The units are released. Our own can be sold again; a vendor's are given back to it.
    Release(ReservedUnits),
    /// The vendor was asked to take the units back, and nobody knows whether it did.
    Doubt(ReservedUnits),
}

/// The differences that a move adds to a stock row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StockEffect {
    pub on_hand: i64,
    pub reserved: i64,
}

impl std::ops::AddAssign for StockEffect {
    fn add_assign(&mut self, other: Self) {
        self.on_hand += other.on_hand;
        self.reserved += other.reserved;
    }
}

impl ReservationMove {
    /// The units that move.
    #[must_use]
    pub fn units(&self) -> &ReservedUnits {
        match self {
            Self::Reserve(units)
            | Self::Hold { units, .. }
            | Self::Agree { units, .. }
            | Self::GiveUp(units)
            | Self::End { units, .. }
            | Self::Consume(units)
            | Self::Release(units)
            | Self::Doubt(units) => units,
        }
    }

    /// The differences for the stock row of its sku and vendor. A vendor's units leave its row when it agrees, and not
    /// again when they ship.
    #[must_use]
    pub fn effect(&self) -> StockEffect {
        let moved = self.units();
        let is_ours = moved.vendor.as_str() == Vendor::LOCAL;
        let units = moved.units.get();
        let (on_hand, reserved) = match self {
            Self::Reserve(_) | Self::Hold { .. } => (0, units),
            Self::Consume(_) if is_ours => (-units, -units),
            Self::Release(_) if is_ours => (0, -units),
            Self::Agree { .. } => (-units, -units),
            Self::End { end, .. } => match end {
                HeldEnd::NotTaken => (0, -units),
                HeldEnd::GivenBack { .. } | HeldEnd::Unknown { .. } => (-units, -units),
            },
            Self::Consume(_) | Self::Release(_) | Self::GiveUp(_) | Self::Doubt(_) => (0, 0),
        };
        StockEffect { on_hand, reserved }
    }

    /// The reservation that the move makes; `None` for the moves that change an existing one.
    #[must_use]
    pub fn makes(&self) -> Option<(&ReservedUnits, Reservation)> {
        match self {
            Self::Reserve(units) => Some((units, Reservation::committed(units.units))),
            Self::Hold {
                units, expires_at, ..
            } => Some((units, Reservation::held(units.units, *expires_at))),
            Self::Agree { .. }
            | Self::GiveUp(_)
            | Self::End { .. }
            | Self::Consume(_)
            | Self::Release(_)
            | Self::Doubt(_) => None,
        }
    }

    /// Why the vendor was chosen, for a move that makes a reservation.
    #[must_use]
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Hold { reason, .. } => Some(reason),
            _ => None,
        }
    }

    /// The reservation after the move; `before` is the one that the move names, if there is one.
    ///
    /// # Errors
    /// [`MoveRefusal`]; nothing is to be written then.
    pub fn after(&self, before: Option<Reservation>) -> Result<Reservation, MoveRefusal> {
        let units = self.units().units;
        if let Some((_, made)) = self.makes() {
            // An attempt that is named is new; without one, the line must have no open reservation.
            let is_there = match self.units().attempt {
                Some(_) => before.is_some(),
                None => before.is_some_and(|reservation| reservation.open() > 0),
            };
            return if is_there {
                Err(MoveRefusal::AlreadyReserved)
            } else {
                Ok(made)
            };
        }
        if let Self::Doubt(_) = self {
            let reservation = before.ok_or(MoveRefusal::NothingReserved)?;
            return Ok(Reservation {
                uncertain: true,
                ..reservation
            });
        }
        let open = before.filter(|reservation| reservation.open() > 0);
        let mut reservation = open.ok_or(MoveRefusal::NothingReserved)?;
        match self {
            Self::Consume(_) => {
                reservation.consumed += units.get();
                return reservation.ended(units);
            }
            Self::Release(_) => {
                reservation.released += units.get();
                return reservation.ended(units);
            }
            _ if reservation.state != Held => return Err(MoveRefusal::NotHeld),
            Self::Agree { at, .. } => {
                reservation.state = Committed;
                reservation.agreed_at = Some(*at);
            }
            Self::End { end, expired, .. } => {
                reservation.released = reservation.quantity;
                reservation.state = if *expired { Expired } else { Released };
                reservation.uncertain = matches!(end, HeldEnd::Unknown { .. });
                reservation.agreed_at = match end {
                    HeldEnd::NotTaken => None,
                    HeldEnd::GivenBack { at } | HeldEnd::Unknown { at } => Some(*at),
                };
            }
            _ => reservation.ending = true,
        }
        Ok(reservation)
    }
}

/// Why a move is impossible.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MoveRefusal {
    #[error("the line has units of this vendor reserved already")]
    AlreadyReserved,
    /// The line has no open reservation at this vendor.
    #[error("the line has no units of this vendor reserved")]
    NothingReserved,
    /// Its vendor has answered already.
    #[error("the reservation waits for no vendor")]
    NotHeld,
    #[error("{asked} units were to leave a reservation that has {open}")]
    TooMany { asked: i64, open: i64 },
}

/// A reservation's state and units. `consumed + released <= quantity`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reservation {
    pub state: ReservationState,
    /// Units it began with; above zero.
    pub quantity: i64,
    /// Units that have left the warehouse.
    pub consumed: i64,
    /// Units that were given back.
    pub released: i64,
    /// When the order does not wait for the vendor any longer; `None` for our own stock.
    pub expires_at: Option<Time>,
    /// The order does not want it any more, and it ends with the call to its vendor.
    pub ending: bool,
    /// When the vendor has taken the units out of its stock, or may have.
    pub agreed_at: Option<Time>,
    /// Nobody knows whether the vendor has the units.
    pub uncertain: bool,
}

impl Reservation {
    /// A new one in our own warehouse, which agrees at once.
    #[must_use]
    pub fn committed(units: Units) -> Self {
        Self {
            state: Committed,
            quantity: units.get(),
            consumed: 0,
            released: 0,
            expires_at: None,
            ending: false,
            agreed_at: None,
            uncertain: false,
        }
    }

    /// A new one at a vendor that is asked for the units.
    #[must_use]
    pub fn held(units: Units, expires_at: Time) -> Self {
        Self {
            state: Held,
            expires_at: Some(expires_at),
            ..Self::committed(units)
        }
    }

    /// Units that are still reserved.
    #[must_use]
    pub fn open(&self) -> i64 {
        match self.state {
            Held | Committed => self.quantity - self.consumed - self.released,
            Consumed | Expired | Released => 0,
        }
    }

    /// Ends it once no unit is left: consumed if at least one unit left the warehouse, else released. `moved` have just
    /// left it.
    fn ended(mut self, moved: Units) -> Result<Self, MoveRefusal> {
        let left = self.open();
        if left < 0 {
            return Err(MoveRefusal::TooMany {
                asked: moved.get(),
                open: left + moved.get(),
            });
        }
        if left == 0 {
            self.state = if self.consumed > 0 {
                Consumed
            } else {
                Released
            };
        }
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn units(n: i64) -> ReservedUnits {
        ReservedUnits {
            line: 1,
            sku: Sku::stored("A"),
            vendor: Vendor::local(),
            attempt: None,
            units: Units::new(n).expect("above zero"),
        }
    }

    fn reserve(n: i64) -> ReservationMove {
        ReservationMove::Reserve(units(n))
    }

    fn consume(n: i64) -> ReservationMove {
        ReservationMove::Consume(units(n))
    }

    fn release(n: i64) -> ReservationMove {
        ReservationMove::Release(units(n))
    }

    fn run(moves: &[ReservationMove]) -> Result<Reservation, MoveRefusal> {
        let mut reservation = None;
        for step in moves {
            reservation = Some(step.after(reservation)?);
        }
        reservation.ok_or(MoveRefusal::NothingReserved)
    }

    #[test]
    fn units_are_above_zero() {
        assert_eq!(Units::new(0), None);
        assert_eq!(Units::new(-1), None);
        assert_eq!(Units::new(i64::MIN), None);
        assert_eq!(Units::new(1).map(Units::get), Some(1));
    }

    #[test]
    fn a_reservation_ends_with_its_last_unit_as_consumed_if_one_has_left() {
        for (moves, state, open) in [
            (vec![], Committed, 3),
            (vec![consume(1)], Committed, 2),
            (vec![release(2)], Committed, 1),
            (vec![consume(3)], Consumed, 0),
            (vec![release(3)], Released, 0),
            (vec![release(1), release(2)], Released, 0),
            (vec![consume(1), release(2)], Consumed, 0),
            (vec![release(2), consume(1)], Consumed, 0),
        ] {
            let all: Vec<_> = std::iter::once(reserve(3)).chain(moves).collect();
            let after = run(&all).expect("allowed");
            assert_eq!((after.state, after.open()), (state, open), "{all:?}");
            let taken_steps = STEPS.iter();
            let from_committed: Vec<_> = taken_steps
                .filter(|(from, ..)| *from == Committed)
                .collect();
            assert!(
                state == Committed || from_committed.iter().any(|(_, to, _)| *to == state),
                "{state} is no step of a committed reservation"
            );
        }
    }

    #[test]
    fn no_more_leaves_than_is_reserved_and_nothing_after_the_end() {
        let many = Err(MoveRefusal::TooMany { asked: 2, open: 1 });
        assert_eq!(run(&[reserve(3), consume(2), consume(2)]), many);
        assert_eq!(run(&[reserve(3), release(2), consume(2)]), many);
        let ended = Err(MoveRefusal::NothingReserved);
        assert_eq!(run(&[consume(1)]), ended);
        assert_eq!(run(&[reserve(3), consume(3), release(1)]), ended);
        assert_eq!(run(&[reserve(3), release(3), consume(1)]), ended);
        let expired = Reservation {
            state: Expired,
            ..Reservation::committed(units(3).units)
        };
        assert_eq!(consume(1).after(Some(expired)), ended);
        let held = Err(MoveRefusal::AlreadyReserved);
        assert_eq!(run(&[reserve(3), reserve(1)]), held);
    }

    #[test]
    fn a_held_reservation_keeps_its_state_until_its_last_unit() {
        let held = Reservation {
            state: Held,
            ..Reservation::committed(units(2).units)
        };
        let one_left = release(1).after(Some(held)).expect("allowed");
        assert_eq!((one_left.state, one_left.open()), (Held, 1));
        let none_left = release(1).after(Some(one_left)).expect("allowed");
        assert_eq!(none_left.state, Released);
    }

    #[test]
    fn only_what_leaves_the_warehouse_lowers_what_is_on_hand() {
        let effect = |on_hand, reserved| StockEffect { on_hand, reserved };
        assert_eq!(reserve(3).effect(), effect(0, 3));
        assert_eq!(consume(3).effect(), effect(-3, -3));
        assert_eq!(release(3).effect(), effect(0, -3));
    }

    fn at_vendor(n: i64) -> ReservedUnits {
        ReservedUnits {
            vendor: Vendor::stored("North"),
            attempt: Some(1),
            ..units(n)
        }
    }

    fn hold(n: i64) -> ReservationMove {
        ReservationMove::Hold {
            units: at_vendor(n),
            expires_at: Time(9),
            reason: "the only one".into(),
        }
    }

    fn agree(n: i64) -> ReservationMove {
        ReservationMove::Agree {
            units: at_vendor(n),
            at: Time(5),
        }
    }

    fn end(n: i64, end: HeldEnd) -> ReservationMove {
        ReservationMove::End {
            units: at_vendor(n),
            end,
            expired: false,
        }
    }

    #[test]
    fn a_vendors_units_leave_its_row_once() {
        let life = [
            hold(3),
            agree(3),
            ReservationMove::Consume(at_vendor(2)),
            ReservationMove::Release(at_vendor(1)),
        ];
        let mut sum = StockEffect::default();
        for step in &life {
            sum += step.effect();
        }
        let expected = StockEffect {
            on_hand: -3,
            reserved: 0,
        };
        assert_eq!(sum, expected);
        let after = run(&life).expect("allowed");
        assert_eq!((after.state, after.agreed_at), (Consumed, Some(Time(5))));
    }

    #[test]
    fn what_a_vendor_may_have_taken_leaves_its_row_and_what_it_has_not_stays() {
        for (how, on_hand, uncertain) in [
            (HeldEnd::NotTaken, 0, false),
            (HeldEnd::GivenBack { at: Time(5) }, -3, false),
            (HeldEnd::Unknown { at: Time(5) }, -3, true),
        ] {
            let life = [hold(3), ReservationMove::GiveUp(at_vendor(3)), end(3, how)];
            let mut sum = StockEffect::default();
            for step in &life {
                sum += step.effect();
            }
            let reserved = 0;
            assert_eq!(sum, StockEffect { on_hand, reserved }, "{how:?}");
            let after = run(&life).expect("allowed");
            assert_eq!((after.state, after.open()), (Released, 0));
            assert_eq!(after.uncertain, uncertain, "{how:?}");
        }
    }

    #[test]
    fn a_vendor_that_has_answered_is_not_answered_for_again() {
        let not_held = Err(MoveRefusal::NotHeld);
        assert_eq!(run(&[hold(3), agree(3), agree(3)]), not_held);
        assert_eq!(
            run(&[hold(3), agree(3), end(3, HeldEnd::NotTaken)]),
            not_held
        );
        let ended = Err(MoveRefusal::NothingReserved);
        assert_eq!(run(&[hold(3), end(3, HeldEnd::NotTaken), agree(3)]), ended);
        assert_eq!(run(&[hold(3), hold(3)]), Err(MoveRefusal::AlreadyReserved));
    }

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
