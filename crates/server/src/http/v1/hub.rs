//! The waiting streams, by order, so that an event wakes only the streams of its order.
//!
//! [`super::follower`] reads the log and wakes them. A wake-up is a hint: a stream reads what it sends from the store.
//! Invariant: at most `limit` streams wait at a time.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::Notify;
use waybill_domain::ids::OrderId;

/// Watchers by order.
pub struct Hub {
    watchers: Mutex<Watchers>,
    /// Rings when somebody begins to watch.
    begun: Notify,
    limit: usize,
}

#[derive(Default)]
struct Watchers {
    by_order: HashMap<OrderId, Vec<(u64, Arc<Notify>)>>,
    count: usize,
    next: u64,
}

impl Hub {
    /// A hub for at most `limit` watchers.
    pub fn new(limit: usize) -> Self {
        Self {
            watchers: Mutex::default(),
            begun: Notify::new(),
            limit,
        }
    }

    /// Watches an order; `None` when there are too many watchers already.
    pub fn watch(self: &Arc<Self>, order: OrderId) -> Option<Watch> {
        let mut watchers = self.watchers.lock();
        if watchers.count >= self.limit {
            return None;
        }
        watchers.count += 1;
        self.begun.notify_one();
        watchers.next += 1;
        let id = watchers.next;
        let wake = Arc::new(Notify::new());
        let of_order = watchers.by_order.entry(order).or_default();
        of_order.push((id, wake.clone()));
        Some(Watch {
            hub: self.clone(),
            order,
            id,
            wake,
        })
    }

    /// Watchers now, for metrics.
    #[must_use]
    pub fn count(&self) -> usize {
        self.watchers.lock().count
    }

    /// Waits until somebody watches.
    pub(super) async fn watched(&self) {
        while self.count() == 0 {
            self.begun.notified().await;
        }
    }

    pub(super) fn wake(&self, orders: impl Iterator<Item = OrderId>) {
        let watchers = self.watchers.lock();
        for order in orders {
            let of_order = watchers.by_order.get(&order);
            of_order
                .into_iter()
                .flatten()
                .for_each(|(_, wake)| wake.notify_one());
        }
    }

    pub(super) fn wake_all(&self) {
        let watchers = self.watchers.lock();
        let all = watchers.by_order.values().flatten();
        all.for_each(|(_, wake)| wake.notify_one());
    }
}

/// One watcher; it is forgotten when this is dropped.
pub struct Watch {
    hub: Arc<Hub>,
    order: OrderId,
    id: u64,
    wake: Arc<Notify>,
}

impl Watch {
    /// Waits until something may have happened since the last call; what happens between two calls is not missed.
    pub async fn changed(&self) {
        self.wake.notified().await;
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let mut watchers = self.hub.watchers.lock();
        watchers.count -= 1;
        let Some(of_order) = watchers.by_order.get_mut(&self.order) else {
            return;
        };
        of_order.retain(|(id, _)| *id != self.id);
        if of_order.is_empty() {
            watchers.by_order.remove(&self.order);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(n: u128) -> OrderId {
        OrderId(uuid::Uuid::from_u128(n))
    }

    fn hub(limit: usize) -> Arc<Hub> {
        Arc::new(Hub::new(limit))
    }

    #[tokio::test]
    async fn only_who_watches_an_order_is_woken_and_a_wake_is_kept() {
        let hub = hub(9);
        let (mine, other) = (hub.watch(order(1)).unwrap(), hub.watch(order(2)).unwrap());
        hub.wake([order(1)].into_iter());
        mine.changed().await;
        let woken = futures::FutureExt::now_or_never(other.changed());
        assert!(woken.is_none(), "nothing happened to the other order");
        hub.wake_all();
        other.changed().await;
    }

    #[test]
    fn watchers_are_bounded_and_forgotten() {
        let hub = hub(2);
        let first = hub.watch(order(1)).unwrap();
        let _second = hub.watch(order(1)).unwrap();
        assert!(hub.watch(order(3)).is_none());
        drop(first);
        assert!(hub.watch(order(3)).is_some());
        assert_eq!((hub.count(), hub.watchers.lock().by_order.len()), (1, 1));
    }
}
