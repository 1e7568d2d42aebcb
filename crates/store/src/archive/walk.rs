//! One look at orders that may leave: what is taken of them, and where the next look goes on.

use super::Archiving;
use waybill_domain::ids::OrderId;

/// Orders looked at for each one that may be moved: most of those that are old enough may.
const LOOKED_AT_FOR_EACH: usize = 16;

/// An order that a look passes.
#[derive(Clone, Copy, Debug)]
pub struct Passed {
    pub number: i64,
    pub id: OrderId,
    /// Made too late to be looked at, and with it all that follow.
    pub too_young: bool,
    pub leaves: bool,
}

/// A look in progress.
#[derive(Debug)]
pub struct Look {
    which: Archiving,
    leaving: Vec<OrderId>,
    reached: i64,
    looked_at: usize,
    ended: bool,
}

impl Look {
    #[must_use]
    pub fn new(which: Archiving) -> Self {
        Self {
            which,
            leaving: vec![],
            reached: which.after,
            looked_at: 0,
            ended: false,
        }
    }

    /// How many orders are looked at, at most.
    #[must_use]
    pub fn scan(&self) -> usize {
        // No error: more orders than can be counted are all of them.
        self.which.limit.saturating_mul(LOOKED_AT_FOR_EACH)
    }

    /// Takes the next order; returns whether to go on.
    pub fn pass(&mut self, order: Passed) -> bool {
        if order.too_young {
            self.ended = true;
            return false;
        }
        if order.leaves {
            self.leaving.push(order.id);
        }
        self.reached = order.number;
        self.looked_at += 1;
        self.leaving.len() < self.which.limit
    }

    /// The orders that may leave, and the number that the next look goes on after.
    #[must_use]
    pub fn end(self) -> (Vec<OrderId>, Option<i64>) {
        let is_full = self.leaving.len() >= self.which.limit;
        let is_last = self.ended || (self.looked_at < self.scan() && !is_full);
        (self.leaving, Some(self.reached).filter(|_| !is_last))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;
    use waybill_domain::time::Time;

    fn look(limit: usize) -> Look {
        Look::new(Archiving {
            after: 3,
            before: Time(0),
            limit,
        })
    }

    fn passed(number: i64, leaves: bool) -> Passed {
        Passed {
            number,
            id: OrderId(Uuid::from_u128(number.unsigned_abs().into())),
            too_young: false,
            leaves,
        }
    }

    #[test]
    fn a_look_ends_with_enough_orders_and_goes_on_after_the_last_of_them() {
        let mut look = look(2);
        assert!(look.pass(passed(4, true)) && look.pass(passed(5, false)));
        assert!(!look.pass(passed(6, true)));
        let (leaving, reached) = look.end();
        assert_eq!((leaving.len(), reached), (2, Some(6)));
    }

    #[test]
    fn a_look_at_many_that_stay_goes_on_and_one_at_the_last_begins_anew() {
        let mut many = look(1);
        for number in 4..4 + i64::try_from(many.scan()).expect("few") {
            assert!(many.pass(passed(number, false)));
        }
        assert_eq!(many.end().1, Some(3 + 16));
        let mut last = look(1);
        assert!(last.pass(passed(4, false)));
        assert_eq!(last.end(), (vec![], None));
    }

    #[test]
    fn a_look_that_reaches_a_young_order_begins_anew() {
        let mut look = look(5);
        assert!(look.pass(passed(4, true)));
        let young = Passed {
            too_young: true,
            ..passed(5, true)
        };
        assert!(!look.pass(young));
        assert_eq!(look.end(), (vec![passed(4, true).id], None));
    }
}
