//! Makes the inputs of cases: rising ids and pseudo-random numbers, both from a seed.

use crate::model::StockChange;
use parking_lot::Mutex;
use std::sync::Arc;
use uuid::Uuid;
use waybill_domain::claim::{Claim, ClaimKind};
use waybill_domain::context::EventMeta;
use waybill_domain::ids::{EventId, HoldId, OrderId};
use waybill_domain::intake::{NewLine, NewOrder};
use waybill_domain::order::{Hold, HoldReason};
use waybill_domain::precondition::Preconditions;
use waybill_domain::status::AllocationPolicy;
use waybill_domain::stock::Adjustment;
use waybill_domain::text::{Sku, Tenant, Vendor};
use waybill_domain::time::Time;

use super::driver::ManualClock;

/// The source of a case's ids, numbers, orders and claims.
#[derive(Clone)]
pub struct Factory {
    clock: ManualClock,
    state: Arc<Mutex<State>>,
}

struct State {
    random: u64,
    made: u64,
}

impl Factory {
    /// Two factories with the same seed make the same values.
    #[must_use]
    pub fn new(clock: ManualClock, seed: u64) -> Self {
        let state = State {
            random: seed,
            made: 0,
        };
        Self {
            clock,
            state: Arc::new(Mutex::new(state)),
        }
    }

    /// A version 7 id, greater than all before it.
    #[must_use]
    pub fn id(&self) -> Uuid {
        let mut state = self.state.lock();
        state.made += 1;
        let ms = u128::from(self.clock.now().0.unsigned_abs() / 1_000);
        let (version, variant) = (7 << 76, 2 << 62);
        Uuid::from_u128(ms << 80 | version | variant | u128::from(state.made))
    }

    /// A number below `limit` (SplitMix64).
    #[must_use]
    pub fn below(&self, limit: u64) -> u64 {
        let mut state = self.state.lock();
        state.random = state.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = state.random;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ z >> 31) % limit
    }

    /// A claim that no other order has and that expires in a day.
    #[must_use]
    pub fn key(&self) -> Claim {
        Claim {
            kind: ClaimKind::Key,
            hash: self.id().into_bytes(),
            expires_at: Some(self.clock.now().plus_ms(86_400_000)),
        }
    }

    /// A claim of a kind, without expiry.
    #[must_use]
    pub fn claim(&self, kind: ClaimKind) -> Claim {
        Claim {
            kind,
            expires_at: None,
            ..self.key()
        }
    }

    /// An order of these units, with a key and a body of its own.
    #[must_use]
    pub fn order(&self, lines: &[(&str, i64)]) -> NewOrder {
        NewOrder {
            id: OrderId(self.id()),
            tenant: Tenant::default(),
            created_at: self.clock.now(),
            dialect: "v1",
            claims: vec![self.key()],
            body_hash: self.id().into_bytes(),
            policy: AllocationPolicy::Reject,
            lines: lines
                .iter()
                .map(|(sku, quantity)| NewLine {
                    sku: Sku::stored(sku),
                    quantity: *quantity,
                    requires_shipping: true,
                })
                .collect(),
            holds: vec![],
            customer_id: None,
            caller_number: None,
            promised_by: None,
            sourced_by: self.clock.now().plus_ms(900_000),
            placed_at: None,
            content: "{\"currency\":\"EUR\",\"total\":100,\"lines\":[]}".into(),
            personal: None,
            event_ids: [EventId(self.id()), EventId(self.id())],
            meta: self.meta(),
            inventory: None,
        }
    }

    /// The same request sent again: another attempt, the same key and body.
    #[must_use]
    pub fn again(&self, order: &NewOrder) -> NewOrder {
        NewOrder {
            id: OrderId(self.id()),
            event_ids: [EventId(self.id()), EventId(self.id())],
            ..order.clone()
        }
    }

    /// An order of another tenant.
    #[must_use]
    pub fn order_of(&self, tenant: &str, lines: &[(&str, i64)]) -> NewOrder {
        NewOrder {
            tenant: Tenant::stored(tenant),
            ..self.order(lines)
        }
    }

    /// A hold that was asked for with the order.
    #[must_use]
    pub fn hold(&self, note: Option<&str>) -> Hold {
        Hold {
            id: HoldId(self.id()),
            reason: HoldReason::FraudReview,
            placed_at: self.clock.now(),
            placed_by: "client:c-1".into(),
            note: note.map(str::to_owned),
            released_at: None,
        }
    }

    /// A change of stock of the default tenant's own warehouse.
    #[must_use]
    pub fn stock(&self, sku: &str, adjustment: Adjustment) -> StockChange {
        StockChange {
            tenant: Tenant::default(),
            sku: Sku::stored(sku),
            vendor: Vendor::local(),
            adjustment,
            safety: None,
            preconditions: Preconditions::default(),
            claim: None,
            reason: Some("count".into()),
            reference: Some("sheet-1".into()),
            event_id: self.id(),
            meta: self.meta(),
            at: self.clock.now(),
        }
    }

    /// The metadata of events, with every field set, so that a case notices when one is lost.
    #[must_use]
    pub fn meta(&self) -> EventMeta {
        EventMeta {
            actor: "client:c-1".into(),
            correlation_id: Some("corr-1".into()),
            causation_id: Some(EventId(self.id())),
            traceparent: Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".into()),
        }
    }

    /// A time from now.
    #[must_use]
    pub fn in_ms(&self, ms: i64) -> Time {
        self.clock.now().plus_ms(ms)
    }
}
