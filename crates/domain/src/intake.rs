//! Decides whether an order is accepted, inside the batch that writes it and while its stock rows are locked.

use crate::claim::Claim;
use crate::context::EventMeta;
use crate::event::{Aggregate, AggregateKind, EventKind, NewEvent, SCHEMA_VERSION, body, encode};
use crate::ids::{EventId, OrderId, readable_number};
use crate::order::{Hold, Line, Order};
use crate::quantities::Quantities;
use crate::refusal::Shortage;
use crate::reservation::{ReservationMove, ReservedUnits, Units};
use crate::status::{AllocationPolicy, Flags, OrderStatus};
use crate::stock::StockLevel;
use crate::text::{Sku, Tenant, Vendor};
use crate::time::Time;
use std::collections::HashMap;
use std::sync::Arc;

/// The part of a line that intake needs; the other fields are in the content.
#[derive(Clone, Debug)]
pub struct NewLine {
    pub sku: Sku,
    pub quantity: i64,
    pub requires_shipping: bool,
}

/// The inventory service's answer about a sku that is not tracked here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InventoryAnswer {
    pub sku: Sku,
    pub available: i64,
}

/// A checked order that is ready for the store. All its ids are made already, so that a retry stores the same ones.
#[derive(Clone, Debug)]
pub struct NewOrder {
    pub id: OrderId,
    pub tenant: Tenant,
    pub created_at: Time,
    pub claims: Vec<Claim>,
    /// The first 16 bytes of the SHA-256 of dialect, route and body.
    pub body_hash: [u8; 16],
    pub policy: AllocationPolicy,
    pub lines: Vec<NewLine>,
    pub holds: Vec<Hold>,
    pub customer_id: Option<Arc<str>>,
    pub caller_number: Option<Arc<str>>,
    pub promised_by: Option<Time>,
    /// When the customer placed the order, if the caller gives it.
    pub placed_at: Option<Time>,
    /// JSON of [`crate::content::Content`].
    pub content: Arc<str>,
    /// JSON of [`crate::content::Personal`], if there is any.
    pub personal: Option<Arc<str>>,
    /// The ids of `order.created` and `order.confirmed`.
    pub event_ids: [EventId; 2],
    pub meta: EventMeta,
    /// The inventory service's answers; `None` when it was not asked.
    pub inventory: Option<Vec<InventoryAnswer>>,
}

/// An order that will be written.
#[derive(Clone, Debug)]
pub struct AcceptedOrder {
    pub order: Order,
    pub number: i64,
    pub events: Vec<NewEvent>,
    /// The units that the order reserves in our own stock rows, per line.
    pub reserved: Vec<ReservationMove>,
}

/// What intake decides about one order.
#[derive(Clone, Debug)]
pub enum Decision {
    Accept(Box<AcceptedOrder>),
    /// Stock is short. Nothing is reserved, and the order is refused: no other allocation policy is accepted yet.
    Short(Vec<Shortage>),
    /// These skus are not tracked here; the inventory service must be asked first. Nothing is reserved.
    AskInventory(Vec<Sku>),
}

/// Stock of one tenant's `local` vendor as the batch sees it: loaded once, changed in memory.
pub type StockView = HashMap<Sku, StockLevel>;

/// Decides one order against `stock`, and takes from it what the order reserves.
///
/// `number` is its readable number, `partition` the partition of the log its batch goes to.
#[must_use]
pub fn decide(new: &NewOrder, number: i64, partition: u16, stock: &mut StockView) -> Decision {
    let mut missing = vec![];
    let mut shortages: Vec<Shortage> = vec![];
    for (sku, requested) in demand(&new.lines) {
        let available = match (stock.get(sku), &new.inventory) {
            (Some(level), _) => level.available(),
            (None, Some(answers)) => match answers.iter().find(|a| a.sku == *sku) {
                Some(answer) => answer.available,
                None => {
                    missing.push(sku.clone());
                    continue;
                }
            },
            (None, None) => {
                missing.push(sku.clone());
                continue;
            }
        };
        if available < requested {
            shortages.push(Shortage {
                sku: sku.clone(),
                requested,
                available,
            });
        }
    }
    if !missing.is_empty() {
        return Decision::AskInventory(missing);
    }
    if !shortages.is_empty() {
        return Decision::Short(shortages);
    }
    Decision::Accept(Box::new(accept(new, number, partition, stock)))
}

/// Demand summed per sku, in the order the skus first appear.
fn demand(lines: &[NewLine]) -> Vec<(&Sku, i64)> {
    let mut sums: Vec<(&Sku, i64)> = Vec::with_capacity(lines.len());
    if lines.len() > 16 {
        let mut by_sku: HashMap<&Sku, usize> = HashMap::with_capacity(lines.len());
        for line in lines {
            let next = sums.len();
            let at = *by_sku.entry(&line.sku).or_insert(next);
            if at == next {
                sums.push((&line.sku, line.quantity));
            } else {
                sums[at].1 += line.quantity;
            }
        }
        return sums;
    }
    for line in lines {
        match sums.iter_mut().find(|(sku, _)| **sku == line.sku) {
            Some((_, sum)) => *sum += line.quantity,
            None => sums.push((&line.sku, line.quantity)),
        }
    }
    sums
}

fn accept(new: &NewOrder, number: i64, partition: u16, stock: &mut StockView) -> AcceptedOrder {
    let mut reserved = vec![];
    let mut lines = Vec::with_capacity(new.lines.len());
    for (line, id) in new.lines.iter().zip(1_u16..) {
        let vendor = match stock.get_mut(&line.sku) {
            Some(level) => {
                level.reserved += line.quantity;
                reserved.extend(Units::new(line.quantity).map(|units| {
                    ReservationMove::Reserve(ReservedUnits {
                        line: id,
                        sku: line.sku.clone(),
                        vendor: Vendor::local(),
                        units,
                    })
                }));
                Vendor::local()
            }
            None => Vendor::stored(Vendor::INVENTORY),
        };
        lines.push(Line {
            id,
            sku: line.sku.clone(),
            vendor: Some(vendor),
            requires_shipping: line.requires_shipping,
            quantities: Quantities::all_reserved(line.quantity),
        });
    }
    let order = Order {
        id: new.id,
        tenant: new.tenant.clone(),
        partition,
        version: 2,
        status: OrderStatus::Confirmed,
        flags: Flags::default(),
        policy: new.policy,
        lines,
        holds: new.holds.clone(),
        shipments: vec![],
        created_at: new.created_at,
        updated_at: new.created_at,
        completed_at: None,
        cancelled_at: None,
        cancel_reason: None,
        promised_by: new.promised_by,
    };
    let events = vec![created(new, number, &order), confirmed(new, &order)];
    AcceptedOrder {
        order,
        number,
        events,
        reserved,
    }
}

fn event(new: &NewOrder, seq: u8, kind: EventKind, body: Arc<str>) -> NewEvent {
    NewEvent {
        id: new.event_ids[usize::from(seq) - 1],
        schema_version: SCHEMA_VERSION,
        kind,
        aggregate: Aggregate {
            kind: AggregateKind::Order,
            id: new.id.0,
        },
        seq: i64::from(seq),
        order_id: Some(new.id),
        tenant: new.tenant.clone(),
        occurred_at: new.created_at,
        body,
        meta: new.meta.clone(),
    }
}

/// `order.created`: the number, then everything of the content.
fn created(new: &NewOrder, number: i64, order: &Order) -> NewEvent {
    let number = match &new.caller_number {
        Some(given) => serde_json::Value::from(&**given).to_string(),
        None => format!("\"{}\"", readable_number(number)),
    };
    let content = new.content.strip_prefix('{').unwrap_or("}");
    let separator = if content == "}" { "" } else { "," };
    let holds = if order.holds.is_empty() {
        ""
    } else {
        "\"onHold\":true,"
    };
    let body = format!("{{\"status\":\"pending\",{holds}\"number\":{number}{separator}{content}");
    event(new, 1, EventKind::OrderCreated, body.into())
}

fn confirmed(new: &NewOrder, order: &Order) -> NewEvent {
    let body = body::OrderStep {
        status: OrderStatus::Confirmed,
        previous_status: Some(OrderStatus::Pending),
        reason: None,
        hold_id: None,
        open_holds: order.open_holds(),
        lines: order.event_lines(true),
    };
    event(new, 2, EventKind::OrderConfirmed, encode(&body))
}

/// The order's state at its creation, from which a replay renders the first answer again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Birth {
    pub status: OrderStatus,
    pub version: i64,
    /// The vendor and the quantities of each line.
    pub lines: Vec<(Option<Vendor>, Quantities)>,
}

impl Birth {
    /// Records the birth of an order that was just created.
    #[must_use]
    pub fn of(order: &Order) -> Self {
        let line = |l: &Line| (l.vendor.clone(), l.quantities);
        Self {
            status: order.status,
            version: order.version,
            lines: order.lines.iter().map(line).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn sku(text: &str) -> Sku {
        Sku::parse(text).unwrap()
    }

    fn new(lines: &[(&str, i64)]) -> NewOrder {
        NewOrder {
            id: OrderId(Uuid::from_u128(7)),
            tenant: Tenant::default(),
            created_at: Time(1),
            claims: vec![],
            body_hash: [0; 16],
            policy: AllocationPolicy::Reject,
            lines: lines
                .iter()
                .map(|(s, quantity)| NewLine {
                    sku: sku(s),
                    quantity: *quantity,
                    requires_shipping: true,
                })
                .collect(),
            holds: vec![],
            customer_id: None,
            caller_number: None,
            promised_by: None,
            placed_at: None,
            content: "{\"currency\":\"USD\"}".into(),
            personal: None,
            event_ids: [EventId(Uuid::from_u128(8)), EventId(Uuid::from_u128(9))],
            meta: EventMeta::default(),
            inventory: None,
        }
    }

    fn stock(on_hand: i64, reserved: i64) -> StockView {
        HashMap::from([(
            sku("A"),
            StockLevel {
                on_hand,
                reserved,
                safety: 0,
                version: 1,
            },
        )])
    }

    #[test]
    fn a_sku_that_repeats_is_counted_once_in_sum() {
        let mut view = stock(5, 0);
        let Decision::Short(shortages) = decide(&new(&[("A", 3), ("A", 3)]), 1, 0, &mut view)
        else {
            panic!("accepted")
        };
        assert_eq!(
            shortages,
            [Shortage {
                sku: sku("A"),
                requested: 6,
                available: 5
            }]
        );
        assert_eq!(view[&sku("A")].reserved, 0, "a refused order holds nothing");
        let many: Vec<_> = (0..20).map(|_| ("A", 1)).collect();
        assert!(
            matches!(decide(&new(&many), 1, 0, &mut view), Decision::Short(s) if s[0].requested == 20)
        );
    }

    #[test]
    fn the_last_unit_is_sold_once() {
        let mut view = stock(1, 0);
        assert!(matches!(
            decide(&new(&[("A", 1)]), 1, 0, &mut view),
            Decision::Accept(_)
        ));
        assert!(matches!(
            decide(&new(&[("A", 1)]), 2, 0, &mut view),
            Decision::Short(_)
        ));
        assert_eq!(view[&sku("A")].reserved, 1);
    }

    #[test]
    fn an_unknown_sku_is_asked_for_before_anything_is_held() {
        let mut view = stock(10, 0);
        let mut order = new(&[("A", 2), ("B", 1)]);
        assert!(
            matches!(decide(&order, 1, 0, &mut view), Decision::AskInventory(skus) if skus == [sku("B")])
        );
        assert_eq!(view[&sku("A")].reserved, 0);
        order.inventory = Some(vec![InventoryAnswer {
            sku: sku("B"),
            available: 1,
        }]);
        let Decision::Accept(accepted) = decide(&order, 1, 0, &mut view) else {
            panic!("refused")
        };
        assert!(accepted.order.is_sound());
        assert_eq!(
            accepted.reserved.len(),
            1,
            "what the inventory agreed to has no reservation of ours"
        );
        assert_eq!(
            accepted.events.iter().map(|e| e.seq).collect::<Vec<_>>(),
            [1, 2]
        );
    }

    #[test]
    fn the_created_event_is_json_with_the_number_in_it() {
        let Decision::Accept(accepted) = decide(&new(&[("A", 1)]), 42, 0, &mut stock(1, 0)) else {
            panic!("refused")
        };
        let body: serde_json::Value = serde_json::from_str(&accepted.events[0].body).unwrap();
        assert_eq!(
            (body["number"].as_str(), body["currency"].as_str()),
            (Some("WB-000042"), Some("USD"))
        );
        let mut given = new(&[("A", 1)]);
        given.caller_number = Some("my \"own\"".into());
        let Decision::Accept(accepted) = decide(&given, 42, 0, &mut stock(1, 0)) else {
            panic!("refused")
        };
        let body: serde_json::Value = serde_json::from_str(&accepted.events[0].body).unwrap();
        assert_eq!(body["number"].as_str(), Some("my \"own\""));
    }
}
