//! The waiting streams, by order, and the waiting long polls of the feed, by tenant, so that an event wakes only those
//! that it concerns.
//!
//! [`super::follower`] reads the log and wakes them. A wake-up is a hint: what is sent is read from the store.
//! Invariant: at most `limit` streams and as many long polls wait at a time.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::Notify;
use waybill_domain::event::LoggedEvent;
use waybill_domain::ids::OrderId;
use waybill_domain::text::Tenant;

/// Watchers by what they watch.
pub struct Hub {
    watchers: Mutex<Watchers>,
    /// Notified when a watch begins.
    begun: Notify,
    limit: usize,
}

#[derive(Default)]
struct Watchers {
    by_order: HashMap<OrderId, Vec<(u64, Arc<Notify>)>>,
    by_tenant: HashMap<Tenant, Vec<(u64, Arc<Notify>)>>,
    streams: usize,
    polls: usize,
    next: u64,
}

impl Hub {
    /// A hub for at most `limit` streams and as many long polls.
    pub fn new(limit: usize) -> Self {
        Self {
            watchers: Mutex::default(),
            begun: Notify::new(),
            limit,
        }
    }

    /// Watches an order; `None` when there are too many watchers already.
    pub fn watch(self: &Arc<Self>, order: OrderId) -> Option<Watch> {
        self.begin(Topic::Order(order))
    }

    /// Watches everything of a tenant; `None` when there are too many watchers already.
    pub fn watch_tenant(self: &Arc<Self>, tenant: &Tenant) -> Option<Watch> {
        self.begin(Topic::Tenant(tenant.clone()))
    }

    fn begin(self: &Arc<Self>, topic: Topic) -> Option<Watch> {
        let watchers = &mut *self.watchers.lock();
        let count = match topic {
            Topic::Order(_) => &mut watchers.streams,
            Topic::Tenant(_) => &mut watchers.polls,
        };
        if *count >= self.limit {
            return None;
        }
        *count += 1;
        self.begun.notify_one();
        watchers.next += 1;
        let id = watchers.next;
        let wake = Arc::new(Notify::new());
        let place = match &topic {
            Topic::Order(order) => watchers.by_order.entry(*order).or_default(),
            Topic::Tenant(tenant) => watchers.by_tenant.entry(tenant.clone()).or_default(),
        };
        place.push((id, wake.clone()));
        Some(Watch {
            hub: self.clone(),
            topic,
            id,
            wake,
        })
    }

    /// Streams now, for metrics.
    #[must_use]
    pub fn count(&self) -> usize {
        self.watchers.lock().streams
    }

    /// Whether there is any watcher.
    pub(super) fn is_watched(&self) -> bool {
        let watchers = self.watchers.lock();
        watchers.streams + watchers.polls > 0
    }

    /// Waits until there is a watcher.
    pub(super) async fn watched(&self) {
        while !self.is_watched() {
            self.begun.notified().await;
        }
    }

    pub(super) fn wake(&self, events: &[LoggedEvent]) {
        let watchers = self.watchers.lock();
        for event in events {
            let order = event.event.order_id.as_ref();
            let of_order = order.and_then(|order| watchers.by_order.get(order));
            let of_tenant = watchers.by_tenant.get(&event.event.tenant);
            let woken = of_order.into_iter().chain(of_tenant).flatten();
            woken.for_each(|(_, wake)| wake.notify_one());
        }
    }

    pub(super) fn wake_all(&self) {
        let watchers = self.watchers.lock();
        let of_orders = watchers.by_order.values().flatten();
        let all = of_orders.chain(watchers.by_tenant.values().flatten());
        all.for_each(|(_, wake)| wake.notify_one());
    }
}

/// What is watched.
enum Topic {
    Order(OrderId),
    Tenant(Tenant),
}

/// One watcher; dropping it ends the watch.
pub struct Watch {
    hub: Arc<Hub>,
    topic: Topic,
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
        match &self.topic {
            Topic::Order(order) => {
                watchers.streams -= 1;
                forget(&mut watchers.by_order, order, self.id);
            }
            Topic::Tenant(tenant) => {
                watchers.polls -= 1;
                forget(&mut watchers.by_tenant, tenant, self.id);
            }
        }
    }
}

fn forget<K: Eq + Hash>(of: &mut HashMap<K, Vec<(u64, Arc<Notify>)>>, key: &K, id: u64) {
    let Some(place) = of.get_mut(key) else { return };
    place.retain(|(of, _)| *of != id);
    if place.is_empty() {
        of.remove(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use waybill_domain::context::EventMeta;
    use waybill_domain::event::{Aggregate, AggregateKind, EventKind, NewEvent, SCHEMA_VERSION};
    use waybill_domain::ids::EventId;
    use waybill_domain::time::Time;

    fn order(n: u128) -> OrderId {
        OrderId(uuid::Uuid::from_u128(n))
    }

    fn event(of: u128, tenant: &str) -> LoggedEvent {
        let aggregate = Aggregate {
            kind: AggregateKind::Order,
            id: order(of).0,
        };
        let event = NewEvent {
            id: EventId(order(of).0),
            schema_version: SCHEMA_VERSION,
            kind: EventKind::OrderCreated,
            aggregate,
            seq: 1,
            order_id: Some(order(of)),
            tenant: Tenant::stored(tenant),
            occurred_at: Time(0),
            body: "{}".into(),
            meta: EventMeta::default(),
        };
        LoggedEvent {
            partition: 0,
            position: 1,
            recorded_at: Time(0),
            event,
        }
    }

    fn hub(limit: usize) -> Arc<Hub> {
        Arc::new(Hub::new(limit))
    }

    #[tokio::test]
    async fn only_who_watches_an_order_is_woken_and_a_wake_is_kept() {
        let hub = hub(9);
        let (mine, other) = (hub.watch(order(1)).unwrap(), hub.watch(order(2)).unwrap());
        hub.wake(&[event(1, "mine")]);
        mine.changed().await;
        let woken = futures::FutureExt::now_or_never(other.changed());
        assert!(woken.is_none(), "nothing happened to the other order");
        hub.wake_all();
        other.changed().await;
    }

    #[tokio::test]
    async fn a_long_poll_is_woken_by_its_tenants_events_and_by_no_others() {
        let hub = hub(9);
        let (mine, other) = (Tenant::stored("mine"), Tenant::stored("other"));
        let mine = hub.watch_tenant(&mine).unwrap();
        let other = hub.watch_tenant(&other).unwrap();
        hub.wake(&[event(1, "mine")]);
        mine.changed().await;
        let woken = futures::FutureExt::now_or_never(other.changed());
        assert!(woken.is_none(), "nothing of the other tenant happened");
        drop((mine, other));
        assert!(!hub.is_watched() && hub.watchers.lock().by_tenant.is_empty());
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
