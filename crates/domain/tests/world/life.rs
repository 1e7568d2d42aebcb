//! One order under test: after each action every rule is checked.

use super::{Deed, World};
use waybill_domain::change::{Change, OrderEffect};
use waybill_domain::command::{self, Command};
use waybill_domain::event::{EventKind, NewEvent};
use waybill_domain::fact::{self, Fact};
use waybill_domain::history::OrderHistory;
use waybill_domain::ids::HoldId;
use waybill_domain::order::Order;
use waybill_domain::refusal::Refusal;
use waybill_domain::reservation::ReservationMove;
use waybill_domain::status::OrderStatus;
use waybill_domain::text::Vendor;
use waybill_domain::transitions;

/// An order with its history and its reserved units.
pub struct Life {
    pub order: Order,
    pub history: OrderHistory,
    /// The kinds of all its events so far.
    pub kinds: Vec<EventKind>,
    /// Events that are not in a log yet.
    pub unlogged: Vec<NewEvent>,
    /// Per line, the units of its reservation, computed from the moves alone.
    held: Vec<i64>,
}

impl Life {
    /// Begins with `order.created`.
    pub fn new(order: Order) -> Self {
        let mut history = OrderHistory::default();
        history.take(1, EventKind::OrderCreated, "{}");
        let held = vec![0; order.lines.len()];
        assert!(order.is_sound(), "{order:?}");
        let kinds = vec![EventKind::OrderCreated];
        Self {
            order,
            history,
            kinds,
            unlogged: vec![],
            held,
        }
    }

    /// Runs one action on the order; returns whether anything changed.
    pub fn meet(&mut self, deed: &Deed, world: &mut World) -> bool {
        match deed {
            Deed::Command(command) => self.ask(command, world).is_ok(),
            Deed::ReleaseHold(n) => {
                let missing = HoldId(uuid::Uuid::nil());
                let hold = self.order.holds.get(*n).map_or(missing, |h| h.id);
                self.ask(&Command::ReleaseHold { hold }, world).is_ok()
            }
            Deed::Fact(fact) => self.apply(fact, world),
        }
    }

    /// Runs a command, and checks that a refusal is correct and lists what is allowed.
    pub fn ask(&mut self, command: &Command, world: &mut World) -> Result<(), Refusal> {
        let from = self.order.status;
        let asked = |to| {
            transitions::find(from, to).is_some_and(|t| t.cause == transitions::Cause::Command)
        };
        let allowed = match command {
            Command::Cancel { .. } => {
                asked(OrderStatus::Cancelling) || asked(OrderStatus::Cancelled)
            }
            Command::Retry => asked(OrderStatus::Pending) && self.order.totals().shipped == 0,
            Command::PlaceHold { .. }
            | Command::ReleaseHold { .. }
            | Command::CancelLine { .. }
            | Command::AddNote => true,
        };
        let decided = command::decide(&self.order, command, &mut world.context());
        match decided {
            Ok(None) => {
                let cancelled = matches!(from, OrderStatus::Cancelling | OrderStatus::Cancelled);
                let again = matches!(
                    command,
                    Command::ReleaseHold { .. } | Command::CancelLine { .. }
                ) || matches!(command, Command::Cancel { .. }) && cancelled;
                assert!(again, "{command:?} of an order that is {from} did nothing");
                Ok(())
            }
            Ok(Some(change)) => {
                assert!(
                    allowed,
                    "{command:?} of an order that is {from} is not in the table"
                );
                if let Command::CancelLine { line } = command {
                    let units = |order: &Order| {
                        let mut lines = order.lines.iter();
                        let line = lines.find(|of| of.id == *line).expect("it was there");
                        line.quantities.cancelled
                    };
                    assert!(units(&change.effect.order.after) > units(&self.order));
                }
                self.take(&change, world, *command == Command::Retry, 0);
                Ok(())
            }
            Err(refusal) => {
                if let Refusal::InvalidTransition { from, allowed, .. } = &refusal {
                    assert_eq!(*from, self.order.status);
                    assert_eq!(*allowed, transitions::allowed(*from));
                } else if let Refusal::HoldTooLate { status } = &refusal {
                    assert_eq!(*status, self.order.status);
                    let shipping = transitions::allowed(*status).contains(&OrderStatus::Shipped);
                    assert!(!shipping || *status == OrderStatus::Cancelling, "{refusal}");
                } else if let Refusal::LineTooLate { line, status } = &refusal {
                    assert_eq!(*status, self.order.status);
                    let mut lines = self.order.lines.iter();
                    let line = lines.find(|of| of.id == *line).expect("it is there");
                    let waits = line.quantities.backordered > 0;
                    let is_open = !status.is_terminal() && *status != OrderStatus::Cancelling;
                    assert!(!waits || !is_open, "{refusal}");
                } else {
                    assert!(allowed, "{refusal} says nothing about what is allowed");
                }
                Err(refusal)
            }
        }
    }

    /// Applies a fact and checks that the order does not step back; returns whether anything changed.
    pub fn apply(&mut self, fact: &Fact, world: &mut World) -> bool {
        let before = self.order.clone();
        let Some(change) = fact::apply(&self.order, fact, &mut world.context()) else {
            return false;
        };
        assert!(
            !before.status.is_terminal(),
            "{fact:?} changed an order that was {}",
            before.status
        );
        let filled = matches!(fact, Fact::UnitsReserved(_));
        self.take(&change, world, false, i64::from(filled));
        let (from, to) = (stage(&before), stage(&self.order));
        assert!(
            from <= to,
            "{fact:?} led back from {} to {}",
            before.status,
            self.order.status
        );
        if let Fact::CancelAgreed | Fact::CancelRefused = fact {
            assert_eq!(before.status, OrderStatus::Cancelling, "answered unasked");
            assert_eq!(
                self.order.flags.cancelling_from, None,
                "an answer ends the question"
            );
        } else {
            assert_eq!(
                before.flags.cancelling_from,
                self.order.flags.cancelling_from
            );
        }
        true
    }

    fn take(&mut self, change: &Change<OrderEffect>, world: &World, retried: bool, filled: i64) {
        let written = &change.effect.order;
        let (before, after) = (&self.order, &written.after);
        assert_eq!(written.expected_version, before.version);
        assert!(after.is_sound(), "{after:?}");
        assert_eq!(after.updated_at, world.now());
        let ended = matches!(after.status, OrderStatus::Delivered | OrderStatus::Failed);
        assert_eq!(after.completed_at.is_some(), ended, "{after:?}");
        assert_eq!(
            after.cancelled_at.is_some(),
            after.status == OrderStatus::Cancelled
        );
        if before.status.is_terminal() && !retried {
            assert_eq!(before.status, after.status);
        }
        self.check_lines(written.changed_lines.as_slice(), after, retried);
        self.check_reservations(change, after, filled);
        for event in &change.events {
            self.history.take(event.seq, event.kind, &event.body);
            self.kinds.push(event.kind);
            self.unlogged.push(event.clone());
        }
        assert_eq!(self.history.faults, Vec::<String>::new());
        assert_eq!(self.history.version, after.version);
        assert_eq!(self.history.status, Some(after.status));
        for line in &after.lines {
            assert_eq!(
                self.history.lines.get(&line.id),
                Some(&line.quantities),
                "told by events"
            );
        }
        self.order = written.after.clone();
    }

    fn check_lines(&self, changed: &[usize], after: &Order, retried: bool) {
        for (index, (old, new)) in self.order.lines.iter().zip(&after.lines).enumerate() {
            let (b, a) = (old.quantities, new.quantities);
            assert_eq!(changed.contains(&index), old != new, "line {index}");
            assert_eq!(b.ordered, a.ordered);
            assert!(b.cancelled <= a.cancelled || retried, "{b:?} {a:?}");
            assert!(b.backordered >= a.backordered || retried, "{b:?} {a:?}");
            assert!(
                b.shipped <= a.shipped
                    && b.delivered <= a.delivered
                    && b.returned <= a.returned
                    && b.lost <= a.lost,
                "what has left does not come back: {b:?} {a:?}"
            );
        }
    }

    /// Checks that each reserved unit is consumed, released or still reserved, and only one of these.
    fn check_reservations(&mut self, change: &Change<OrderEffect>, after: &Order, filled: i64) {
        for (index, line) in after.lines.iter().enumerate() {
            let before = &self.order.lines[index].quantities;
            let q = &line.quantities;
            if line.vendor.is_none() {
                // After a retry its units may come from several sources; the tests of `allocation` follow those.
                self.held[index] = q.reserved + q.in_shipment;
                continue;
            }
            let of_line = |m: &&ReservationMove| m.units().line == line.id;
            let (mut consumed, mut released) = (0, 0);
            for moved in change.effect.reservations.iter().filter(of_line) {
                let units = moved.units();
                assert_eq!(
                    (&units.sku, Some(&units.vendor)),
                    (&line.sku, line.vendor.as_ref())
                );
                match moved {
                    ReservationMove::Reserve(_)
                    | ReservationMove::Hold { .. }
                    | ReservationMove::Agree { .. }
                    | ReservationMove::GiveUp(_)
                    | ReservationMove::End { .. }
                    | ReservationMove::Doubt(_) => panic!("{moved:?} of a line without vendors"),
                    ReservationMove::Consume(_) => consumed += units.units.get(),
                    ReservationMove::Release(_) => released += units.units.get(),
                }
            }
            if line
                .vendor
                .as_ref()
                .is_some_and(|v| v.as_str() == Vendor::INVENTORY)
            {
                assert_eq!(
                    (consumed, released),
                    (0, 0),
                    "the inventory service holds nothing of ours"
                );
                continue;
            }
            assert_eq!(
                consumed,
                q.shipped - before.shipped,
                "what leaves the house leaves the stock"
            );
            let found = filled * (before.backordered - q.backordered);
            self.held[index] += found - consumed - released;
            assert_eq!(
                self.held[index],
                q.reserved + q.in_shipment,
                "line {index}: {q:?}"
            );
        }
    }
}

/// The stage of an order, which must not fall; of an order that is being cancelled, the stage before the request.
fn stage(order: &Order) -> u8 {
    match order.flags.cancelling_from.unwrap_or(order.status) {
        OrderStatus::Pending => 0,
        OrderStatus::Backordered => 1,
        OrderStatus::Confirmed => 2,
        OrderStatus::Processing => 3,
        OrderStatus::PartiallyShipped => 4,
        OrderStatus::Shipped => 5,
        OrderStatus::Delivered
        | OrderStatus::Cancelling
        | OrderStatus::Cancelled
        | OrderStatus::Failed => 6,
    }
}
