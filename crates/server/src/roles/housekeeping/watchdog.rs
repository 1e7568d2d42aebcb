//! The watchdog of `housekeeping`: unfinished orders that wait for nothing and have not moved for long.
//!
//! The store's search looks at a bounded number of orders per round. So an order that was found is remembered and
//! checked in every round until it moves; otherwise the figures would lose it while the search is elsewhere. Invariant:
//! at most [`REMEMBERED`] orders are remembered, including those that have not moved for longest.

use std::collections::BTreeSet;

use waybill_domain::ids::OrderId;
use waybill_domain::order::Order;
use waybill_domain::stuck::is_stuck;
use waybill_domain::time::Time;
use waybill_store::{Error as StoreError, OrderStore};

use super::figures::Figures;

/// Orders remembered at most; the figure of stuck orders that reaches it means "at least".
const REMEMBERED: usize = 100;

/// The orders known to be stuck, the longest first.
#[derive(Default)]
pub struct Watchdog {
    standing: BTreeSet<(Time, OrderId)>,
}

impl Watchdog {
    /// Searches the next orders and checks the known ones again; logs the orders that it finds for the first time.
    ///
    /// # Errors
    /// The store cannot be read now.
    pub async fn look(
        &mut self,
        store: &dyn OrderStore,
        before: Time,
        limit: usize,
    ) -> Result<(), StoreError> {
        let found = store.stuck_orders(before, limit).await?;
        let known: BTreeSet<OrderId> = self.standing.iter().map(|(_, id)| *id).collect();
        let mut ids = known.clone();
        ids.extend(found.into_iter().map(|(id, _)| id));
        let orders = store.orders(ids.into_iter().collect()).await?;
        self.remember(&orders, before);
        for (since, order_id) in &self.standing {
            if !known.contains(order_id) {
                tracing::warn!(%order_id, %since, "nothing has happened to this order for long; see its events");
            }
        }
        Ok(())
    }

    /// Sets the figures.
    pub fn show(&self, figures: &Figures, now: Time) {
        let oldest = self.standing.first();
        let oldest_ms = oldest.map_or(0, |(since, _)| now.ms_since(*since));
        let count = crate::observe::figures::gauge(self.standing.len());
        figures.stuck_orders.set(count);
        figures.oldest_unfinished.set(oldest_ms as f64 / 1e3);
    }

    /// Resets the figures of a process that no longer has the lease.
    pub fn end(self, figures: &Figures) {
        Self::default().show(figures, Time(0));
    }

    fn remember(&mut self, orders: &[Order], before: Time) {
        let still = orders.iter().filter(|o| is_stuck(o, before));
        self.standing = still.map(|o| (o.updated_at, o.id)).collect();
        while self.standing.len() > REMEMBERED {
            self.standing.pop_last();
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;
    use waybill_domain::status::{AllocationPolicy, Flags, OrderStatus};
    use waybill_domain::text::Tenant;

    use super::*;

    fn order(n: u128, status: OrderStatus, updated_at: i64) -> Order {
        Order {
            id: OrderId(Uuid::from_u128(n)),
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

    #[test]
    fn an_order_that_has_moved_is_forgotten_and_one_that_stands_still_is_kept() {
        let mut watchdog = Watchdog::default();
        let standing = |watchdog: &Watchdog| -> Vec<u128> {
            let ids = watchdog.standing.iter();
            ids.map(|(_, id)| id.0.as_u128()).collect()
        };
        let orders = [1, 2].map(|n| order(n, OrderStatus::Confirmed, 1));
        watchdog.remember(&orders, Time(10));
        assert_eq!(standing(&watchdog), [1, 2]);
        let moved = [
            order(1, OrderStatus::Confirmed, 1),
            order(2, OrderStatus::Processing, 50),
        ];
        watchdog.remember(&moved, Time(10));
        assert_eq!(standing(&watchdog), [1]);
    }

    #[test]
    fn of_many_the_ones_that_stood_longest_are_remembered() {
        let orders: Vec<Order> = (0..3 * REMEMBERED as i64)
            .map(|n| order(n as u128, OrderStatus::Processing, 1_000 - n))
            .collect();
        let mut watchdog = Watchdog::default();
        watchdog.remember(&orders, Time(10_000));
        assert_eq!(watchdog.standing.len(), REMEMBERED);
        let oldest = watchdog.standing.first().map(|(since, _)| since.0);
        assert_eq!(oldest, Some(1_001 - 3 * REMEMBERED as i64));
    }
}
