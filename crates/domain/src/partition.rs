//! Which partition of the log new rows go to. Orders of one moment share a partition: their events come together later, and
//! a transaction writes one partition, so it takes many of them. Moments take the partitions in turn, which spreads the
//! work over those who share it.

use crate::ids::OrderId;
use crate::time::Time;

/// How long a moment is.
const MOMENT_MS: u64 = 100;

/// The partition of a moment; processes with different offsets have different ones at the same time.
#[must_use]
pub fn of_moment(now: Time, offset: u32, partitions: u16) -> u16 {
    // No error: a time before 1970 is in the first moment.
    let ms = u64::try_from(now.0 / 1_000).unwrap_or(0);
    in_turn((ms / MOMENT_MS).wrapping_add(u64::from(offset)), partitions)
}

/// The partition of this store for an order of another one, of which it has no rows yet: by the time in the order's id
/// (RFC 9562, version 7), and by its low bits when it has none. Never the sender's partition: that store may have another
/// number of them.
#[must_use]
pub fn of_order(order: OrderId, partitions: u16) -> u16 {
    let bits = order.0.as_u128();
    if order.0.get_version_num() == 7 {
        // The time is in the first 48 bits.
        in_turn((bits >> 80) as u64 / MOMENT_MS, partitions)
    } else {
        in_turn(bits as u64, partitions)
    }
}

fn in_turn(turn: u64, partitions: u16) -> u16 {
    // The remainder is below a u16.
    (turn % u64::from(partitions.max(1))) as u16
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use uuid::Uuid;

    fn placed_at(ms: u128) -> OrderId {
        OrderId(Uuid::from_u128((ms << 80) | (7 << 76) | (1 << 63) | 0xabcd))
    }

    #[test]
    fn orders_of_a_moment_are_together_and_moments_take_the_partitions_in_turn() {
        let of = |ms| of_order(placed_at(ms), 16);
        assert_eq!(of(1_800_000_000_000), of(1_800_000_000_099));
        let turns: BTreeSet<u16> = (0..16).map(|n| of(1_800_000_000_000 + n * 100)).collect();
        assert_eq!(turns.len(), 16);
        let at = |ms: i64, offset| of_moment(Time(ms * 1_000), offset, 16);
        assert_eq!(at(1_800_000_000_000, 0), of(1_800_000_000_000));
        assert_ne!(at(1_800_000_000_000, 0), at(1_800_000_000_000, 1));
        assert_eq!(at(-5, 0), 0);
    }

    #[test]
    fn ids_without_a_time_are_spread() {
        let of = |id, partitions| of_order(OrderId(Uuid::from_u128(id)), partitions);
        assert_eq!((of(5, 1), of(u128::MAX, 1), of(5, 0)), (0, 0, 0));
        let spread: BTreeSet<u16> = (0..64).map(|id| of(id, 16)).collect();
        assert_eq!(spread, (0..16).collect());
    }
}
