//! What is stuck: an order that could go on by itself and has not moved for long, and a consumer that is far behind.
//!
//! An order that is done, waits for stock or is on hold is not stuck, however long it stands still. A store searches by
//! what an order's row says ([`is_candidate`], or [`statuses`] and a time as values in SQL); holds are checked on the
//! orders that it found ([`is_stuck`]).

use crate::order::Order;
use crate::status::OrderStatus;
use crate::time::Time;

/// The age of the oldest event that a consumer has not processed, in milliseconds, above which the consumer is behind.
/// The alert `WaybillConsumerLag` has the same bound.
pub const LAG_LIMIT_MS: i64 = 30_000;

/// Whether a consumer is behind; `lag_ms` is the age of its oldest event that waits, 0 for none.
#[must_use]
pub fn is_behind(lag_ms: i64) -> bool {
    lag_ms > LAG_LIMIT_MS
}

/// An order that has not changed since before this time has stood still for longer than `patience_ms` milliseconds.
#[must_use]
pub fn still_since(now: Time, patience_ms: i64) -> Time {
    now.plus_ms(-patience_ms)
}

/// Whether orders of this status go on by themselves.
#[must_use]
pub fn goes_on(status: OrderStatus) -> bool {
    // A backordered order waits for stock to arrive.
    !status.is_terminal() && status != OrderStatus::Backordered
}

/// The statuses whose orders go on by themselves.
pub fn statuses() -> impl Iterator<Item = OrderStatus> {
    OrderStatus::ALL
        .iter()
        .copied()
        .filter(|status| goes_on(*status))
}

/// Whether an order with this status and last change may be stuck; `before` is of [`still_since`]. Whether it is on
/// hold is left to [`is_stuck`].
#[must_use]
pub fn is_candidate(status: OrderStatus, updated_at: Time, before: Time) -> bool {
    goes_on(status) && updated_at < before
}

/// Whether an order is stuck; `before` is of [`still_since`].
#[must_use]
pub fn is_stuck(order: &Order, before: Time) -> bool {
    is_candidate(order.status, order.updated_at, before)
        && order.open_holds().is_empty()
        && !waits_for_stock(order)
}

/// Whether an order that ships what is there has shipped it and waits for the rest.
fn waits_for_stock(order: &Order) -> bool {
    let totals = order.totals();
    let has_shipped = totals.reserved + totals.in_shipment + totals.under_way() == 0;
    let mut lines = order.lines.iter();
    let is_short = lines.any(|line| line.missing() > 0);
    order.may_wait() && !order.flags.sourcing && has_shipped && is_short
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{HoldId, OrderId};
    use crate::order::{Hold, HoldReason};
    use crate::status::{AllocationPolicy, Flags};
    use crate::text::Tenant;
    use OrderStatus::{
        Backordered, Cancelled, Cancelling, Confirmed, Delivered, Failed, PartiallyShipped,
        Pending, Processing, Shipped,
    };
    use uuid::Uuid;

    const BEFORE: Time = Time(10);

    fn order(status: OrderStatus, updated_at: i64) -> Order {
        Order {
            id: OrderId(Uuid::nil()),
            tenant: Tenant::parse("default").expect("a name"),
            partition: 0,
            version: 1,
            status,
            flags: Flags::default(),
            policy: AllocationPolicy::Reject,
            lines: vec![],
            holds: vec![],
            shipments: vec![],
            created_at: Time(0),
            updated_at: Time(updated_at),
            completed_at: None,
            cancelled_at: None,
            cancel_reason: None,
            promised_by: None,
        }
    }

    fn hold(released_at: Option<Time>) -> Hold {
        Hold {
            id: HoldId(Uuid::nil()),
            reason: HoldReason::Manual,
            placed_at: Time(0),
            placed_by: "someone".into(),
            note: None,
            released_at,
        }
    }

    #[test]
    fn an_order_is_stuck_in_every_status_that_goes_on_by_itself_and_in_no_other() {
        let going_on = [
            Pending,
            Confirmed,
            Processing,
            PartiallyShipped,
            Shipped,
            Cancelling,
        ];
        assert_eq!(statuses().collect::<Vec<_>>(), going_on);
        for status in OrderStatus::ALL {
            let is_one = going_on.contains(status);
            assert_eq!(is_stuck(&order(*status, 9), BEFORE), is_one, "{status}");
        }
        for status in [Backordered, Delivered, Cancelled, Failed] {
            assert!(!is_candidate(status, Time(i64::MIN), BEFORE), "{status}");
        }
    }

    #[test]
    fn an_order_that_moved_at_the_limit_is_not_stuck_yet() {
        for (updated_at, expected) in [(i64::MIN, true), (9, true), (10, false), (11, false)] {
            let found = is_stuck(&order(Confirmed, updated_at), BEFORE);
            assert_eq!(found, expected, "at {updated_at}");
        }
    }

    #[test]
    fn only_an_open_hold_explains_why_an_order_stands_still() {
        let mut held = order(Confirmed, 9);
        held.holds = vec![hold(Some(Time(3)))];
        assert!(is_stuck(&held, BEFORE), "the hold was released");
        held.holds.push(hold(None));
        assert!(!is_stuck(&held, BEFORE));
        assert!(is_candidate(held.status, held.updated_at, BEFORE));
    }

    #[test]
    fn an_order_that_ships_in_parts_and_waits_for_the_rest_is_not_stuck() {
        let mut waits = order(PartiallyShipped, 9);
        waits.policy = AllocationPolicy::ShipPartial;
        let line = crate::order::Line {
            id: 1,
            sku: crate::text::Sku::stored("A"),
            vendor: None,
            sources: vec![],
            requires_shipping: true,
            quantities: crate::quantities::Quantities {
                ordered: 2,
                shipped: 1,
                delivered: 1,
                backordered: 1,
                ..crate::quantities::Quantities::default()
            },
            given_up: 0,
        };
        waits.lines = vec![line];
        assert!(!is_stuck(&waits, BEFORE));
        waits.flags.sourcing = true;
        assert!(is_stuck(&waits, BEFORE), "nobody has looked for sources");
        waits.flags.sourcing = false;
        waits.lines[0].quantities.delivered = 0;
        assert!(is_stuck(&waits, BEFORE), "its parcel is on its way");
    }

    #[test]
    fn patience_is_counted_back_from_now_and_does_not_overflow() {
        assert_eq!(still_since(Time(5_000), 2), Time(3_000));
        assert_eq!(still_since(Time(5_000), 0), Time(5_000));
        assert_eq!(still_since(Time(i64::MIN), 1), Time(i64::MIN));
    }

    #[test]
    fn a_consumer_is_behind_above_the_limit() {
        let lags = [0, LAG_LIMIT_MS, LAG_LIMIT_MS + 1, i64::MAX];
        assert_eq!(lags.map(is_behind), [false, false, true, true]);
    }
}
