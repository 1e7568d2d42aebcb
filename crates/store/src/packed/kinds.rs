//! The types of a row's events as a set of bits, so that SQL can pass over rows that a reader does not want.

use waybill_domain::event::{AggregateKind, EventKind, NewEvent};

/// The number of a type: its bit, and its name in a packed row. Numbers are stored, so a new type goes to the end.
pub fn number(kind: EventKind) -> u8 {
    kind as u8
}

/// The type with a number; `None` for one that a newer version wrote.
pub fn of_number(number: u8) -> Option<EventKind> {
    EventKind::ALL.get(usize::from(number)).copied()
}

/// As [`number`], of the kind of thing that an event belongs to.
pub fn aggregate_number(kind: AggregateKind) -> u8 {
    kind as u8
}

/// As [`of_number`].
pub fn aggregate_of_number(number: u8) -> Option<AggregateKind> {
    AggregateKind::ALL.get(usize::from(number)).copied()
}

/// The bit of a type.
pub fn bit(kind: EventKind) -> i64 {
    1 << number(kind)
}

/// The bits of the types of some events.
#[must_use]
pub fn kinds_of(events: &[&NewEvent]) -> i64 {
    events.iter().fold(0, |bits, event| bits | bit(event.kind))
}

/// The types that a reader wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WantedKinds {
    bits: i64,
}

impl WantedKinds {
    /// Every type.
    pub const ALL: Self = Self { bits: -1 };

    #[must_use]
    pub fn of(kinds: &[EventKind]) -> Self {
        let bits = kinds.iter().fold(0, |bits, kind| bits | bit(*kind));
        Self { bits }
    }

    #[must_use]
    pub fn has(self, kind: EventKind) -> bool {
        self.bits & bit(kind) != 0
    }

    /// The bits of the rows to read: the wanted types, and those that this version does not know, which a reader must
    /// not pass over.
    #[must_use]
    pub fn or_unknown(self) -> i64 {
        let known = EventKind::ALL
            .iter()
            .fold(0, |bits, kind| bits | bit(*kind));
        self.bits | !known
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is stored under a number must stay readable: this list only grows, at its end.
    const STORED: [&str; 31] = [
        "order.created",
        "order.confirmed",
        "order.backordered",
        "order.failed",
        "order.cancelled",
        "order.cancel_requested",
        "order.cancel_rejected",
        "order.processing",
        "order.partially_shipped",
        "order.shipped",
        "order.delivered",
        "order.retried",
        "order.line_cancelled",
        "order.lines_changed",
        "order.lines_released",
        "order.hold_placed",
        "order.hold_released",
        "order.note_added",
        "shipment.created",
        "shipment.shipped",
        "shipment.delivered",
        "shipment.cancelled",
        "shipment.failed",
        "shipment.delivery_failed",
        "shipment.returned",
        "shipment.lost",
        "shipment.updated",
        "delivery.cancel_agreed",
        "delivery.cancel_refused",
        "stock.adjusted",
        "stock.shortage",
    ];

    #[test]
    fn numbers_stay_what_they_are() {
        for (at, name) in (0u8..).zip(STORED) {
            assert_eq!(of_number(at).map(EventKind::as_str), Some(name));
        }
        let all: Vec<u8> = EventKind::ALL.iter().map(|kind| number(*kind)).collect();
        assert_eq!(
            all,
            (0..31).collect::<Vec<u8>>(),
            "a type without a line here"
        );
        let aggregates = ["order", "shipment", "delivery", "stock"];
        for (at, name) in (0u8..).zip(aggregates) {
            let kind = aggregate_of_number(at);
            assert_eq!(kind.map(AggregateKind::as_str), Some(name));
            assert_eq!(kind.map(aggregate_number), Some(at));
        }
        assert_eq!(AggregateKind::ALL.len(), aggregates.len());
    }

    #[test]
    fn a_row_with_a_wanted_type_or_one_of_a_newer_version_is_read() {
        let wanted = WantedKinds::of(&[EventKind::OrderConfirmed, EventKind::StockShortage]);
        let read = |bits: i64| bits & wanted.or_unknown() != 0;
        assert!(read(1 << 1) && read(1 << 30) && read(1 << 1 | 1));
        assert!(!read(1) && !read(1 << 29));
        assert!(read(1 << 31) && read(1 << 62), "types to come");
    }
}
