//! When an order may leave: the same conditions on both databases.

use crate::encoding::terminal_statuses;
use std::sync::LazyLock;
use waybill_domain::shipment::ShipmentStatus;

/// The consumers whose effects are in this store: an event leaves only when they have read it.
const READERS: [&str; 2] = ["delivery", "status"];

/// True of an order `o` that is finished and that nothing has happened to since `$1`: nothing of it is under way, is
/// parked, holds units or was not read by a consumer.
static LEAVES: LazyLock<String> = LazyLock::new(|| {
    let finished = terminal_statuses();
    let open = ShipmentStatus::ALL.iter().filter(|s| !is_over(**s));
    let open = list(open);
    let (count, readers) = (READERS.len(), list(READERS.iter()));
    // A relay reads here only where there is one.
    let last =
        "(SELECT MAX(e.position) FROM events e WHERE e.tenant = o.tenant AND e.order_id = o.id)";
    format!(
        "o.updated_at <= $1 AND o.status IN ({finished}) AND NOT o.sourcing \
         AND NOT EXISTS (SELECT 1 FROM shipments s WHERE s.order_id = o.id \
         AND (s.updated_at > $1 OR s.due_at IS NOT NULL OR s.status IN ({open}))) \
         AND NOT EXISTS (SELECT 1 FROM reservations r WHERE r.order_id = o.id AND (r.state = 'held' OR r.ending \
         OR r.vendor = 'local' AND r.state = 'committed' AND r.quantity > r.consumed + r.released)) \
         AND NOT EXISTS (SELECT 1 FROM parked p WHERE p.order_id = o.id) \
         AND NOT EXISTS (SELECT 1 FROM work w WHERE w.order_id = o.id) \
         AND o.id NOT IN (SELECT h.key FROM inbox_held h) \
         AND {count} = (SELECT COUNT(*) FROM cursors c WHERE c.part = o.part AND c.consumer IN ({readers}) AND c.position >= {last}) \
         AND NOT EXISTS (SELECT 1 FROM cursors c WHERE c.part = o.part AND c.consumer = 'relay' AND c.position < {last})"
    )
});

/// The next orders by number: whether each may leave, and whether it was made too late to be looked at. Parameters: the
/// time, the number reached, how many.
///
/// SQLite numbers `$1` to `$3` by where they first stand, so they first stand in their order.
pub static CANDIDATES: LazyLock<String> = LazyLock::new(|| {
    let leaves = LEAVES.as_str();
    format!(
        "/* archive::candidates */ SELECT o.n, o.id, o.created_at > $1, {leaves} FROM orders o WHERE o.n > $2 ORDER BY o.n LIMIT $3"
    )
});

/// The order `$2`, if it may leave.
pub static MAY_LEAVE: LazyLock<String> = LazyLock::new(|| {
    let leaves = LEAVES.as_str();
    format!("/* archive::may_leave */ SELECT 1 FROM orders o WHERE {leaves} AND o.id = $2")
});

/// Those of the orders `$2` that may leave.
pub static MAY_ALL_LEAVE: LazyLock<String> = LazyLock::new(|| {
    let leaves = LEAVES.as_str();
    format!(
        "/* archive::may_all_leave */ SELECT o.n, o.id, o.tenant, o.status FROM orders o WHERE {leaves} AND o.id = ANY($2)"
    )
});

/// Nothing more happens to such a shipment by itself.
fn is_over(status: ShipmentStatus) -> bool {
    match status {
        ShipmentStatus::Delivered
        | ShipmentStatus::Returned
        | ShipmentStatus::Lost
        | ShipmentStatus::Cancelled
        | ShipmentStatus::Failed => true,
        ShipmentStatus::Processing | ShipmentStatus::Shipped | ShipmentStatus::DeliveryFailed => {
            false
        }
    }
}

/// Words as SQL has them.
fn list(words: impl Iterator<Item = impl ToString>) -> String {
    let quoted: Vec<String> = words
        .map(|word| format!("'{}'", word.to_string()))
        .collect();
    quoted.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_finished_orders_leave_and_only_with_shipments_that_are_over() {
        assert!(LEAVES.contains("o.status IN ('delivered', 'cancelled', 'failed')"));
        assert!(LEAVES.contains("s.status IN ('processing', 'shipped', 'delivery_failed')"));
    }
}
