//! Whether an event from another store is the next one of its aggregate.
//!
//! A store that is restored from a backup goes on under a new generation and may number other events as it numbered the
//! lost ones. So a watermark holds the generation too, as the number under which it was adopted here: 1 for the first.

use crate::ids::OrderId;

/// How far a consumer has got with one aggregate of another store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Watermark {
    /// The number of the generation that the last taken event was written in.
    pub generation: i64,
    /// The number of the last taken event in its aggregate: 1, 2, 3, …
    pub seq: i64,
}

/// What a consumer does with an event that arrives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// It is the next one.
    Next,
    /// It was taken before, or its generation has ended for this aggregate.
    Duplicate,
    /// Events between the watermark and this one are missing; the first of them has this number.
    Gap { missing: i64 },
}

/// Compares an event's place with the watermark of its aggregate, which is `None` before the first event.
///
/// The first event of a new generation is the next one wherever it branches off what was taken: its number is at most
/// one above the watermark.
#[must_use]
pub fn arrival(seen: Option<Watermark>, event: Watermark) -> Arrival {
    let taken = seen.map_or(0, |seen| seen.seq);
    let same_generation = seen.is_none_or(|seen| seen.generation == event.generation);
    if seen.is_some_and(|seen| event.generation < seen.generation) {
        return Arrival::Duplicate;
    }
    if same_generation && event.seq <= taken {
        return Arrival::Duplicate;
    }
    // No error: nothing comes after the last number, so there is no gap before it either.
    let next = taken.saturating_add(1);
    if event.seq > next {
        return Arrival::Gap { missing: next };
    }
    Arrival::Next
}

/// The partition of this store for an order of which it has no rows yet: by the order's id, never the sender's, whose
/// store may have another number of partitions. The low bits of an id are random.
#[must_use]
pub fn partition_of(order: OrderId, partitions: u16) -> u16 {
    let low = order.0.as_u128() % u128::from(partitions.max(1));
    // The remainder is below a u16.
    low as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(generation: i64, seq: i64) -> Watermark {
        Watermark { generation, seq }
    }

    #[test]
    fn an_aggregate_begins_with_its_first_event() {
        assert_eq!(arrival(None, mark(1, 1)), Arrival::Next);
        assert_eq!(arrival(None, mark(1, 2)), Arrival::Gap { missing: 1 });
        assert_eq!(arrival(None, mark(1, 0)), Arrival::Duplicate);
    }

    #[test]
    fn within_a_generation_each_number_is_taken_once_and_in_order() {
        let seen = Some(mark(1, 4));
        assert_eq!(arrival(seen, mark(1, 1)), Arrival::Duplicate);
        assert_eq!(arrival(seen, mark(1, 4)), Arrival::Duplicate);
        assert_eq!(arrival(seen, mark(1, 5)), Arrival::Next);
        assert_eq!(arrival(seen, mark(1, 6)), Arrival::Gap { missing: 5 });
        assert_eq!(
            arrival(seen, mark(1, i64::MAX)),
            Arrival::Gap { missing: 5 }
        );
    }

    #[test]
    fn a_new_generation_branches_off_at_any_number_that_was_taken_or_comes_next() {
        let seen = Some(mark(1, 4));
        assert_eq!(arrival(seen, mark(2, 3)), Arrival::Next);
        assert_eq!(arrival(seen, mark(2, 5)), Arrival::Next);
        assert_eq!(arrival(seen, mark(2, 6)), Arrival::Gap { missing: 5 });
    }

    #[test]
    fn orders_are_spread_over_the_partitions_that_there_are() {
        let of =
            |id: u128, partitions| partition_of(OrderId(uuid::Uuid::from_u128(id)), partitions);
        assert_eq!((of(5, 1), of(u128::MAX, 1), of(5, 0)), (0, 0, 0));
        let spread: std::collections::BTreeSet<u16> = (0..64).map(|id| of(id, 16)).collect();
        assert_eq!(spread, (0..16).collect());
    }

    #[test]
    fn what_is_left_of_an_older_generation_is_not_taken() {
        assert_eq!(arrival(Some(mark(2, 3)), mark(1, 4)), Arrival::Duplicate);
        assert_eq!(arrival(Some(mark(2, 3)), mark(1, 9)), Arrival::Duplicate);
    }
}
