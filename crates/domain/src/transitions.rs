//! The table of order transitions. Decisions follow it; tests compare decisions and documentation with it.

use crate::event::EventKind;
use crate::status::OrderStatus::{
    self, Backordered, Cancelled, Cancelling, Confirmed, Delivered, Failed, PartiallyShipped,
    Pending, Processing, Shipped,
};

/// What causes a transition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// A request.
    Command,
    /// An event.
    Fact,
}

/// One row of the table.
#[derive(Clone, Copy, Debug)]
pub struct Transition {
    /// `None`: the order does not exist yet.
    pub from: Option<OrderStatus>,
    pub to: OrderStatus,
    pub event: EventKind,
    pub cause: Cause,
    pub when: &'static str,
}

const fn row(
    from: OrderStatus,
    to: OrderStatus,
    event: EventKind,
    cause: Cause,
    when: &'static str,
) -> Transition {
    Transition {
        from: Some(from),
        to,
        event,
        cause,
        when,
    }
}

const REFUSED: &str = "delivery refuses: something has left the warehouse; the rest is cancelled in the same transaction";
const ASKED_EARLY: &str = "requested; reservations are released in the same transaction";
const ASKED_LATE: &str = "requested; only delivery knows what has left the warehouse";

/// All allowed steps. One step, one event.
pub const TABLE: &[Transition] = &[
    Transition {
        from: None,
        to: Pending,
        event: EventKind::OrderCreated,
        cause: Cause::Command,
        when: "accepted",
    },
    row(
        Pending,
        Confirmed,
        EventKind::OrderConfirmed,
        Cause::Fact,
        "every line is reserved, and its vendor agreed",
    ),
    row(
        Pending,
        Backordered,
        EventKind::OrderBackordered,
        Cause::Fact,
        "stock is short, and the policy allows waiting",
    ),
    row(
        Pending,
        Failed,
        EventKind::OrderFailed,
        Cause::Fact,
        "stock is short, the vendor refused, no source is left, or the deadline passed; reservations are released",
    ),
    row(
        Pending,
        Cancelled,
        EventKind::OrderCancelled,
        Cause::Command,
        ASKED_EARLY,
    ),
    row(
        Backordered,
        Confirmed,
        EventKind::OrderConfirmed,
        Cause::Fact,
        "every line is filled; waiting orders are filled in arrival order",
    ),
    row(
        Backordered,
        Processing,
        EventKind::OrderProcessing,
        Cause::Fact,
        "policy ship_partial: the reserved units ship",
    ),
    row(
        Backordered,
        Failed,
        EventKind::OrderFailed,
        Cause::Fact,
        "the promise date passed",
    ),
    row(
        Backordered,
        Cancelled,
        EventKind::OrderCancelled,
        Cause::Command,
        ASKED_EARLY,
    ),
    row(
        Confirmed,
        Processing,
        EventKind::OrderProcessing,
        Cause::Fact,
        "the first shipment was created",
    ),
    row(
        Confirmed,
        Cancelling,
        EventKind::OrderCancelRequested,
        Cause::Command,
        ASKED_LATE,
    ),
    row(
        Processing,
        PartiallyShipped,
        EventKind::OrderPartiallyShipped,
        Cause::Fact,
        "some units not cancelled have shipped",
    ),
    row(
        Processing,
        Shipped,
        EventKind::OrderShipped,
        Cause::Fact,
        "all units not cancelled have shipped",
    ),
    row(
        Processing,
        Failed,
        EventKind::OrderFailed,
        Cause::Fact,
        "nothing has shipped and no source is left",
    ),
    row(
        Processing,
        Cancelling,
        EventKind::OrderCancelRequested,
        Cause::Command,
        ASKED_LATE,
    ),
    row(
        PartiallyShipped,
        Shipped,
        EventKind::OrderShipped,
        Cause::Fact,
        "all units not cancelled have shipped",
    ),
    row(
        PartiallyShipped,
        Cancelling,
        EventKind::OrderCancelRequested,
        Cause::Command,
        ASKED_LATE,
    ),
    row(
        Shipped,
        Delivered,
        EventKind::OrderDelivered,
        Cause::Fact,
        "every shipped unit delivered, returned or lost, at least one delivered",
    ),
    row(
        Shipped,
        Failed,
        EventKind::OrderFailed,
        Cause::Fact,
        "every unit lost or returned to sender",
    ),
    row(
        Cancelling,
        Cancelled,
        EventKind::OrderCancelled,
        Cause::Fact,
        "delivery agrees: nothing has left the warehouse, and nothing will",
    ),
    row(
        Cancelling,
        Confirmed,
        EventKind::OrderCancelRejected,
        Cause::Fact,
        REFUSED,
    ),
    row(
        Cancelling,
        Processing,
        EventKind::OrderCancelRejected,
        Cause::Fact,
        REFUSED,
    ),
    row(
        Cancelling,
        PartiallyShipped,
        EventKind::OrderCancelRejected,
        Cause::Fact,
        REFUSED,
    ),
    row(
        Failed,
        Pending,
        EventKind::OrderRetried,
        Cause::Command,
        "an operator retries, only if nothing has shipped; stock is reserved again",
    ),
];

/// The row for one step, if it is allowed.
#[must_use]
pub fn find(from: OrderStatus, to: OrderStatus) -> Option<&'static Transition> {
    TABLE.iter().find(|t| t.from == Some(from) && t.to == to)
}

/// The statuses that may follow `from`, in the table's order.
#[must_use]
pub fn allowed(from: OrderStatus) -> Vec<OrderStatus> {
    TABLE
        .iter()
        .filter(|t| t.from == Some(from))
        .map(|t| t.to)
        .collect()
}

/// The statuses that a caller's command may lead to from `from`.
#[must_use]
pub fn allowed_commands(from: OrderStatus) -> Vec<OrderStatus> {
    TABLE
        .iter()
        .filter(|t| t.from == Some(from) && t.cause == Cause::Command)
        .map(|t| t.to)
        .collect()
}

/// The shortest sequence of forward steps from `from` to `to`; empty when they are equal, `None` when there is no path.
/// Steps into and out of `cancelling`, and retries, are never part of it.
#[must_use]
pub fn forward_path(from: OrderStatus, to: OrderStatus) -> Option<Vec<&'static Transition>> {
    let mut frontier: Vec<Vec<&'static Transition>> = vec![vec![]];
    let end = |path: &[&'static Transition]| path.last().map_or(from, |t| t.to);
    // The forward part of the table has no cycle and at most five steps in a row.
    for _ in 0..=5 {
        if let Some(found) = frontier.iter().find(|path| end(path) == to) {
            return Some(found.clone());
        }
        frontier = frontier
            .iter()
            .flat_map(|path| {
                let here = end(path);
                let forward = move |t: &&'static Transition| {
                    t.from == Some(here)
                        && t.cause == Cause::Fact
                        && here != OrderStatus::Cancelling
                };
                TABLE
                    .iter()
                    .filter(forward)
                    .map(move |t| path.iter().copied().chain([t]).collect())
            })
            .collect();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_stands_in_the_table_once() {
        for (i, a) in TABLE.iter().enumerate() {
            assert!(
                TABLE[i + 1..]
                    .iter()
                    .all(|b| (a.from, a.to) != (b.from, b.to)),
                "{a:?}"
            );
        }
    }

    #[test]
    fn every_status_is_reached_and_only_terminal_ones_end() {
        for status in OrderStatus::ALL {
            assert!(
                TABLE.iter().any(|t| t.to == *status),
                "{status} is never reached"
            );
            assert_eq!(
                TABLE
                    .iter()
                    .all(|t| t.from != Some(*status) || t.event == EventKind::OrderRetried),
                status.is_terminal(),
                "{status}"
            );
        }
    }

    #[test]
    fn a_path_passes_every_step_between() {
        let names =
            |from, to| forward_path(from, to).map(|p| p.iter().map(|t| t.to).collect::<Vec<_>>());
        assert_eq!(
            names(Confirmed, Delivered),
            Some(vec![Processing, Shipped, Delivered])
        );
        assert_eq!(names(Confirmed, Confirmed), Some(vec![]));
        assert_eq!(names(Shipped, Processing), None);
        assert_eq!(names(Delivered, Failed), None);
    }
}
