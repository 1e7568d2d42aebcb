//! The part of an order that changes: decisions read it and return its next state.

use crate::event::{Aggregate, AggregateKind, body};
use crate::ids::{HoldId, OrderId};
use crate::quantities::Quantities;
use crate::reservation::{Reservation, ReservationMove, ReservationState};
use crate::shipment::ShipmentCopy;
use crate::status::{self, AllocationPolicy, Flags, OrderStatus, named_enum};
use crate::text::{Sku, Tenant, Vendor};
use crate::time::Time;
use std::sync::Arc;

/// The most holds that one order may have, released ones included.
pub const MAX_HOLDS: usize = 20;

named_enum!(
    /// Why an order is held.
    HoldReason {
        AwaitingPayment = "awaiting_payment",
        FraudReview = "fraud_review",
        IncorrectAddress = "incorrect_address",
        Manual = "manual",
    }
);

/// A hold on an order: while one is open, delivery does not start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    pub id: HoldId,
    pub reason: HoldReason,
    pub placed_at: Time,
    pub placed_by: String,
    /// Personal data, stored in `order_personal`; `None` where it was not loaded.
    pub note: Option<String>,
    pub released_at: Option<Time>,
}

/// Units of a line at one vendor: a reservation, by which the vendor was or is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    pub vendor: Vendor,
    /// Counted from 1 for each vendor of a line.
    pub attempt: u16,
    pub reservation: Reservation,
    /// Why the vendor was chosen, for people; `None` where nothing was to choose.
    pub reason: Option<Arc<str>>,
}

impl Source {
    /// The source that a move makes; `None` for a move that makes no reservation.
    #[must_use]
    pub fn opened(step: &ReservationMove) -> Option<Self> {
        let (units, reservation) = step.makes()?;
        Some(Self {
            vendor: units.vendor.clone(),
            // No error: a reservation whose attempt is not named is the first.
            attempt: units.attempt.unwrap_or(1),
            reservation,
            reason: step.reason().map(Arc::from),
        })
    }

    /// Units that the vendor has agreed to and that have neither left nor been given back.
    #[must_use]
    pub fn agreed(&self) -> i64 {
        match self.reservation.state {
            ReservationState::Committed => self.reservation.open(),
            ReservationState::Held
            | ReservationState::Consumed
            | ReservationState::Expired
            | ReservationState::Released => 0,
        }
    }

    /// Units that the order counts on or has had from the vendor: asked for, agreed to, or gone to the customer.
    #[must_use]
    pub fn counted_on(&self) -> i64 {
        match self.reservation.state {
            ReservationState::Held if self.reservation.ending => 0,
            ReservationState::Held | ReservationState::Committed | ReservationState::Consumed => {
                self.reservation.quantity - self.reservation.released
            }
            ReservationState::Expired | ReservationState::Released => 0,
        }
    }

    /// Whether the vendor is being asked and the order wants the units.
    #[must_use]
    pub fn is_asked(&self) -> bool {
        self.reservation.state == ReservationState::Held && !self.reservation.ending
    }
}

/// The present state of one line of an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// 1, 2, 3, … in the order the caller gave; a sku may repeat, an id does not.
    pub id: u16,
    pub sku: Sku,
    /// Where all the line's units come from at once: our own stock or the inventory service. `None` for a line that
    /// vendors are asked for.
    pub vendor: Option<Vendor>,
    /// Every reservation that was ever made for a line that vendors are asked for, in the order of their vendors; empty
    /// for a line with `vendor`, whose one reservation no decision needs to know.
    pub sources: Vec<Source>,
    pub requires_shipping: bool,
    pub quantities: Quantities,
    /// Cancelled units that the order lost because it failed, and not because anyone asked for it. A retry sources them
    /// again.
    pub given_up: i64,
}

/// The present state of an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    pub id: OrderId,
    pub tenant: Tenant,
    /// The partition of the log for all events of the order and its shipments; chosen when the order was accepted.
    pub partition: u16,
    /// The number of its events; the `seq` of the last one.
    pub version: i64,
    pub status: OrderStatus,
    pub flags: Flags,
    pub policy: AllocationPolicy,
    pub lines: Vec<Line>,
    pub holds: Vec<Hold>,
    /// Copies of its shipments, as of the last shipment event that was applied; sorted by creation time, oldest first.
    pub shipments: Vec<ShipmentCopy>,
    pub created_at: Time,
    pub updated_at: Time,
    pub completed_at: Option<Time>,
    pub cancelled_at: Option<Time>,
    /// The caller's reason for the cancellation. Personal data, stored in `order_personal`; `None` where it was not
    /// loaded.
    pub cancel_reason: Option<String>,
    pub promised_by: Option<Time>,
}

impl Line {
    /// Where its units come from, for people: its only source, or the first that has agreed or is being asked.
    #[must_use]
    pub fn first_vendor(&self) -> Option<&Vendor> {
        let open = |source: &&Source| source.reservation.open() > 0;
        let sources = || self.sources.iter();
        let known = sources().find(open).or_else(|| sources().next());
        self.vendor
            .as_ref()
            .or_else(|| known.map(|source| &source.vendor))
    }

    /// Whether the line still waits for the units that a vendor is asked for. Reservations are written without a new
    /// version of the order, so one may have been made while the order ended.
    #[must_use]
    pub fn waits_for(&self, source: &Source) -> bool {
        source.is_asked() && source.reservation.open() <= self.quantities.backordered
    }

    /// Units that wait and that no source is asked for.
    #[must_use]
    pub fn missing(&self) -> i64 {
        let asked = self.sources.iter().filter(|source| self.waits_for(source));
        let asked: i64 = asked.map(|source| source.reservation.open()).sum();
        (self.quantities.backordered - asked).max(0)
    }

    /// Whether the inventory service has to agree to its units.
    #[must_use]
    pub fn is_of_inventory(&self) -> bool {
        let vendor = self.vendor.as_ref();
        vendor.is_some_and(|vendor| vendor.as_str() == Vendor::INVENTORY)
    }

    /// Units that are reserved for the line beyond those that its quantities have: the order ended, by a version that does not
    /// know of them.
    #[must_use]
    pub fn forgotten(&self) -> i64 {
        let agreed: i64 = self.sources.iter().map(Source::agreed).sum();
        (agreed - self.quantities.reserved - self.quantities.in_shipment).max(0)
    }

    /// The units that vendors have agreed to, by vendor.
    pub(crate) fn agreed(&self) -> Vec<body::Source> {
        self.summed(Source::agreed)
    }

    /// The units that the line counts on or has had, by vendor; empty for a line with `vendor`.
    #[must_use]
    pub fn by_vendor(&self) -> Vec<body::Source> {
        self.summed(Source::counted_on)
    }

    /// The units of its sources, summed by vendor; without vendors that have none.
    fn summed(&self, units: impl Fn(&Source) -> i64) -> Vec<body::Source> {
        let mut sums: Vec<body::Source> = vec![];
        for source in &self.sources {
            let quantity = units(source);
            match sums.iter_mut().find(|of| of.vendor == source.vendor) {
                _ if quantity <= 0 => {}
                Some(of) => of.quantity += quantity,
                None => sums.push(body::Source {
                    vendor: source.vendor.clone(),
                    quantity,
                }),
            }
        }
        sums
    }
}

impl Order {
    /// The aggregate of the order's events.
    #[must_use]
    pub fn aggregate(&self) -> Aggregate {
        Aggregate {
            kind: AggregateKind::Order,
            id: self.id.0,
        }
    }

    /// Quantities summed over its lines.
    #[must_use]
    pub fn totals(&self) -> Quantities {
        Quantities::sum(self.lines.iter().map(|l| &l.quantities))
    }

    /// Whether units that are short may wait for stock; otherwise the order fails.
    #[must_use]
    pub fn may_wait(&self) -> bool {
        self.policy != AllocationPolicy::Reject
    }

    /// The tenant among whose waiting orders it is found; `None` if it may not wait.
    #[must_use]
    pub fn waits_in(&self) -> Option<&Tenant> {
        Some(&self.tenant).filter(|_| self.may_wait())
    }

    /// Whether a vendor is being asked for units of it.
    #[must_use]
    pub fn is_asking(&self) -> bool {
        let mut lines = self.lines.iter();
        lines.any(|line| line.sources.iter().any(|source| line.waits_for(source)))
    }

    /// The status that follows from its quantities and flags.
    #[must_use]
    pub fn derived_status(&self) -> OrderStatus {
        status::derive(&self.totals(), self.flags, self.policy)
    }

    /// The holds that keep delivery from starting.
    #[must_use]
    pub fn open_holds(&self) -> Vec<HoldId> {
        self.holds
            .iter()
            .filter(|h| h.released_at.is_none())
            .map(|h| h.id)
            .collect()
    }

    /// Its lines as events carry them; with skus and vendors where a reader needs them to act.
    #[must_use]
    pub fn event_lines(&self, in_full: bool) -> Vec<body::Line> {
        let line = |l: &Line| body::Line {
            id: l.id,
            sku: in_full.then(|| l.sku.clone()),
            vendor: l.vendor.clone().filter(|_| in_full),
            sources: if in_full { l.agreed() } else { vec![] },
            requires_shipping: l.requires_shipping || !in_full,
            released: 0,
            quantities: l.quantities,
        };
        self.lines.iter().map(line).collect()
    }

    /// Whether the rules that hold for every order at every commit hold.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.lines.iter().all(|l| l.quantities.adds_up()) && self.status == self.derived_status()
    }
}
