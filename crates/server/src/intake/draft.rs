//! A checked order as a dialect passes it on, and the order that is made of it for the store.

use waybill_domain::claim::{Claim, ClaimKind};
use waybill_domain::content::{Content, Personal};
use waybill_domain::context::EventMeta;
use waybill_domain::ids::{EventId, HoldId, OrderId};
use waybill_domain::intake::{NewLine, NewOrder};
use waybill_domain::money::Minor;
use waybill_domain::order::{Hold, HoldReason};
use waybill_domain::text::Tenant;
use waybill_domain::time::Time;

use super::claims::{self, ClientKey};
use super::stored::json;
use crate::auth::Identity;
use crate::random::Entropy;

/// Everything a dialect has read and checked.
pub struct Draft {
    /// Part of the body's hash: the same key in another dialect is another body. The order keeps it.
    pub dialect: &'static str,
    pub content: Content,
    pub personal: Personal,
    pub holds: Vec<HoldReason>,
    /// The total that is part of the body's hash for idempotency: the stated one, else the sum with half-even rounding,
    /// independent of the setting.
    pub compared_total: Minor,
    pub key: Option<ClientKey>,
    /// How long the key is remembered.
    pub key_window_ms: i64,
    /// For how long an order without a key is the same one as an earlier one of its customer with the same lines, in
    /// milliseconds; 0 makes every one a new order.
    pub duplicate_window_ms: i64,
    /// Whether the inventory service is asked about skus that nobody has a stock row of; they are refused otherwise.
    pub asks_inventory: bool,
    pub meta: EventMeta,
}

impl Draft {
    /// Makes ids, hashes and texts once, so that repeated tries make the same order.
    #[must_use]
    pub fn into_new_order(
        self,
        identity: &Identity,
        entropy: &Entropy,
        now: Time,
        sourcing_ms: i64,
    ) -> (NewOrder, Content, Personal) {
        let content = json(&self.content);
        let personal = (!self.personal.is_empty()).then(|| json(&self.personal));
        let mut compared = self.content.canonical_metadata();
        if self.compared_total != self.content.total {
            let compared = compared.get_or_insert_with(|| self.content.clone());
            compared.total = self.compared_total;
        }
        let compared = compared.map(|content| json(&content));
        let body_hash = claims::order_body(
            self.dialect,
            compared.as_deref().unwrap_or(&content),
            personal.as_deref(),
            &self.holds,
        );
        let claims = self.claims(identity, now);
        let new = NewOrder {
            id: OrderId(entropy.uuid_v7(now.0)),
            tenant: Tenant::stored(&identity.tenant),
            created_at: now,
            dialect: self.dialect,
            claims,
            body_hash,
            policy: self.content.allocation_policy,
            lines: self.content.lines.iter().map(new_line).collect(),
            holds: self
                .holds
                .iter()
                .map(|reason| new_hold(*reason, identity, entropy, now))
                .collect(),
            customer_id: self.content.customer_id.as_deref().map(Into::into),
            caller_number: self.content.order_number.as_deref().map(Into::into),
            promised_by: self.content.promised_by,
            sourced_by: now.plus_ms(sourcing_ms),
            placed_at: self.content.placed_at,
            content,
            personal,
            event_ids: [
                EventId(entropy.uuid_v7(now.0)),
                EventId(entropy.uuid_v7(now.0)),
            ],
            meta: self.meta,
            inventory: None,
        };
        (new, self.content, self.personal)
    }

    /// The claims in the order in which they are checked: the idempotency key first.
    fn claims(&self, identity: &Identity, now: Time) -> Vec<Claim> {
        let mut all = vec![];
        for text in self.key.iter().flat_map(ClientKey::texts) {
            let hash = claims::key(&identity.subject, text);
            all.push(Claim {
                kind: ClaimKind::Key,
                hash,
                expires_at: Some(now.plus_ms(self.key_window_ms)),
            });
        }
        if self.key.is_none() && self.duplicate_window_ms > 0 {
            all.push(Claim {
                kind: ClaimKind::Duplicate,
                hash: claims::duplicate(&self.content),
                expires_at: Some(now.plus_ms(self.duplicate_window_ms)),
            });
        }
        for (kind, value) in [
            (ClaimKind::Reference, &self.content.client_reference),
            (ClaimKind::Number, &self.content.order_number),
        ] {
            if let Some(value) = value {
                all.push(Claim {
                    kind,
                    hash: claims::named(kind, value),
                    expires_at: None,
                });
            }
        }
        all
    }
}

fn new_line(line: &waybill_domain::content::LineContent) -> NewLine {
    NewLine {
        sku: line.sku.clone(),
        quantity: line.quantity,
        requires_shipping: line.requires_shipping.unwrap_or(true),
    }
}

fn new_hold(reason: HoldReason, identity: &Identity, entropy: &Entropy, now: Time) -> Hold {
    let id = HoldId(entropy.uuid_v7(now.0));
    Hold {
        id,
        reason,
        placed_at: now,
        placed_by: identity.subject.to_string(),
        note: None,
        released_at: None,
    }
}
