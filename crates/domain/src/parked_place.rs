//! Where a list of dead letters goes on: the place that a cursor holds.
//!
//! The list shows the first parked event of each order, by consumer and then by order. A place is the last one shown.

use crate::ids::OrderId;
use std::fmt;
use uuid::Uuid;

/// A place in a list of dead letters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParkedPlace {
    consumer: String,
    order: OrderId,
}

impl ParkedPlace {
    /// The place of the parked events of an order.
    #[must_use]
    pub fn of(consumer: &str, order: OrderId) -> Self {
        Self {
            consumer: consumer.to_owned(),
            order,
        }
    }

    /// The place after which a list begins with this order, if its events are parked; `None` for the id that is zero,
    /// which no order has.
    #[must_use]
    pub fn just_before(consumer: &str, order: OrderId) -> Option<Self> {
        let before = order.0.as_u128().checked_sub(1)?;
        Some(Self::of(consumer, OrderId(Uuid::from_u128(before))))
    }

    /// Reads the text that [`fmt::Display`] writes; `None` for any other text.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (consumer, order) = text.split_once('/')?;
        let order = OrderId::parse(order)?;
        (!consumer.is_empty()).then(|| Self::of(consumer, order))
    }

    /// The consumer and order after which a list goes on; the whole list comes after the empty name that `None` gives.
    #[must_use]
    pub fn sort_key(after: Option<&Self>) -> (&str, OrderId) {
        after.map_or(("", OrderId(Uuid::nil())), |place| {
            (place.consumer.as_str(), place.order)
        })
    }
}

impl fmt::Display for ParkedPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.consumer, self.order)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(n: u128) -> OrderId {
        OrderId(Uuid::from_u128(n))
    }

    #[test]
    fn a_place_reads_back_as_it_was_written() {
        let place = ParkedPlace::of("status", order(7));
        let text = place.to_string();
        assert_eq!(text, "status/00000000-0000-0000-0000-000000000007");
        let read = ParkedPlace::parse(&text);
        let key = ParkedPlace::sort_key(read.as_ref());
        assert_eq!(key, ("status", order(7)));
        assert_eq!(read, Some(place));
    }

    #[test]
    fn a_text_without_a_consumer_and_an_order_is_no_place() {
        let nameless = format!("/{}", order(7));
        for bad in ["", "status", "status/", "status/7", "status/x/y", &nameless] {
            assert_eq!(ParkedPlace::parse(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn the_place_just_before_an_order_is_below_it_and_above_every_lower_one() {
        let before = ParkedPlace::just_before("status", order(7)).expect("above zero");
        let key = ParkedPlace::sort_key(Some(&before));
        assert!(key < ("status", order(7)) && key >= ("status", order(6)));
        assert_eq!(ParkedPlace::just_before("status", order(0)), None);
        let last = ParkedPlace::just_before("status", order(u128::MAX));
        assert!(ParkedPlace::sort_key(last.as_ref()) < ("status", order(u128::MAX)));
    }

    #[test]
    fn without_a_place_a_list_begins_before_its_first_row() {
        assert!(ParkedPlace::sort_key(None) < ("a", order(0)));
    }
}
