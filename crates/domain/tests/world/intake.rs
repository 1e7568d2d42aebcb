//! New orders for intake, and stock for them.

use super::World;
use uuid::Uuid;
use waybill_domain::context::EventMeta;
use waybill_domain::ids::{EventId, OrderId};
use waybill_domain::intake::{NewLine, NewOrder, StockView};
use waybill_domain::status::AllocationPolicy;
use waybill_domain::stock::StockLevel;
use waybill_domain::text::{Sku, Tenant};

/// An order of these skus and quantities; its ids are made from `n`.
pub fn new_order(n: u128, lines: &[(&str, i64)], content: &str) -> NewOrder {
    let line = |(sku, quantity): &(&str, i64)| NewLine {
        sku: Sku::stored(sku),
        quantity: *quantity,
        requires_shipping: true,
    };
    NewOrder {
        id: OrderId(Uuid::from_u128(10 * n)),
        tenant: Tenant::default(),
        created_at: World::default().now(),
        dialect: "v1",
        claims: vec![],
        body_hash: [0; 16],
        policy: AllocationPolicy::Reject,
        lines: lines.iter().map(line).collect(),
        holds: vec![],
        customer_id: None,
        caller_number: None,
        promised_by: None,
        sourced_by: World::default().now(),
        placed_at: None,
        content: content.into(),
        personal: None,
        event_ids: [1, 2].map(|id| EventId(Uuid::from_u128(10 * n + id))),
        meta: EventMeta::default(),
        inventory: None,
    }
}

pub fn stock(levels: &[(&str, i64)]) -> StockView {
    let level = |(sku, on_hand): &(&str, i64)| {
        let level = StockLevel {
            on_hand: *on_hand,
            version: 1,
            ..StockLevel::default()
        };
        (Sku::stored(sku), level)
    };
    StockView {
        local: levels.iter().map(level).collect(),
        ..StockView::default()
    }
}
