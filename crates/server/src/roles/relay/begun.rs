//! Which orders the relay leaves out because they began before its start.
//!
//! Invariant: an order is published whole or not at all. It is published if the first event of the order in this
//! store's log, of its shipments and delivery too, lies after the start. Events of stock rows belong to no order and
//! are published from the start on.

use std::collections::{HashMap, HashSet};

use waybill_domain::event::{EventKind, LoggedEvent};
use waybill_domain::ids::OrderId;
use waybill_domain::text::Tenant;
use waybill_store::{Error as StoreError, RelayStore};

/// Orders whose beginning is remembered.
const REMEMBERED: usize = 10_000;

/// What is known of orders with events after the start of a partition.
pub struct Begun {
    partition: u16,
    start: i64,
    /// Whether they began before the start.
    known: HashMap<OrderId, bool>,
}

impl Begun {
    /// For a partition in which the relay began after `start`.
    pub fn new(partition: u16, start: i64) -> Self {
        Self {
            partition,
            start,
            known: HashMap::new(),
        }
    }

    /// The position after which the relay began.
    pub fn start(&self) -> i64 {
        self.start
    }

    /// The orders of these events, all after the start, that began before it.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn before_start(
        &mut self,
        store: &dyn RelayStore,
        events: &[LoggedEvent],
    ) -> Result<HashSet<OrderId>, StoreError> {
        if self.start == 0 {
            return Ok(HashSet::new());
        }
        if self.known.len() > REMEMBERED {
            self.known.clear();
        }
        let mut ask: HashMap<OrderId, Tenant> = HashMap::new();
        for logged in events {
            let event = &logged.event;
            let Some(order) = event.order_id.filter(|id| !self.known.contains_key(id)) else {
                continue;
            };
            // An order's first event; what follows it in the batch need not be looked up.
            if event.kind == EventKind::OrderCreated {
                self.known.insert(order, false);
            } else {
                ask.insert(order, event.tenant.clone());
            }
        }
        if !ask.is_empty() {
            let orders = ask.iter().map(|(id, tenant)| (tenant.clone(), *id));
            let old = store
                .orders_begun_by(self.partition, self.start, orders.collect())
                .await?;
            self.known.extend(ask.into_keys().map(|id| (id, false)));
            self.known.extend(old.into_iter().map(|id| (id, true)));
        }
        let orders = events.iter().filter_map(|event| event.event.order_id);
        let old = orders.filter(|id| self.known.get(id) == Some(&true));
        Ok(old.collect())
    }
}
