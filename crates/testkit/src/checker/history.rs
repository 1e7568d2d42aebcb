//! I7, I9, I11, I12: the steps of each order, and that it reached a final status.

use std::collections::BTreeMap;

use serde_json::Value;
use waybill_domain::event::EventKind;
use waybill_domain::status::OrderStatus;
use waybill_domain::transitions::TABLE;

use super::{Evidence, Verdict};

/// Steps that an order or a shipment takes at most once.
const ONCE: [&str; 11] = [
    "order.created",
    "order.confirmed",
    "order.processing",
    "order.shipped",
    "order.delivered",
    "order.cancel_requested",
    "order.cancelled",
    "shipment.created",
    "shipment.shipped",
    "shipment.delivered",
    "shipment.cancelled",
];

pub(super) fn check(evidence: &Evidence, verdict: &mut Verdict) {
    for (id, order) in &evidence.orders {
        let flaws = flaws_of(order, evidence.events.get(id).map_or(&[], Vec::as_slice));
        for (invariant, what) in flaws {
            verdict.add(invariant, format!("order {id}: {what}"));
        }
        match order["status"].as_str().and_then(OrderStatus::parse) {
            Some(OrderStatus::Delivered) => verdict.count("orders delivered", 1),
            Some(OrderStatus::Cancelled) => verdict.count("orders cancelled", 1),
            _ => {}
        }
    }
}

fn flaws_of(order: &Value, events: &[Value]) -> Vec<(&'static str, String)> {
    let mut flaws = Vec::new();
    let Some(status) = order["status"].as_str().and_then(OrderStatus::parse) else {
        return vec![("I7", format!("no such status: {}", order["status"]))];
    };
    if !status.is_terminal() {
        flaws.push(("I12", format!("is still {status}")));
    } else if status == OrderStatus::Failed {
        flaws.push((
            "I12",
            "failed, and nothing in this run makes an order fail".into(),
        ));
    }
    let mut aggregates: BTreeMap<String, Vec<&Value>> = BTreeMap::new();
    for event in events {
        aggregates
            .entry(aggregate_of(event))
            .or_default()
            .push(event);
    }
    for (aggregate, events) in &aggregates {
        flaws.extend(sequence_flaw(aggregate, events).map(|what| ("I7", what)));
        flaws.extend(repeated(aggregate, events).map(|what| ("I9", what)));
    }
    let own: Vec<&Value> = events
        .iter()
        .filter(|e| kind(e).is_some_and(EventKind::is_order))
        .collect();
    flaws.extend(steps_flaw(&own, status).map(|what| ("I7", what)));
    if order["version"].as_u64() != Some(own.len() as u64) {
        flaws.push((
            "I7",
            format!(
                "is at version {} after {} events",
                order["version"],
                own.len()
            ),
        ));
    }
    flaws.extend(
        quantity_flaws(order, status)
            .into_iter()
            .map(|what| ("I7", what)),
    );
    flaws.extend(effect_flaw(order, status, events).map(|what| ("I11", what)));
    flaws
}

/// Its type and id.
fn aggregate_of(event: &Value) -> String {
    let part = |name: &str| event["aggregate"][name].as_str().unwrap_or("?");
    format!("{} {}", part("type"), part("id"))
}

fn kind(event: &Value) -> Option<EventKind> {
    event["type"].as_str().and_then(EventKind::parse)
}

/// 1, 2, 3, … without a gap.
fn sequence_flaw(aggregate: &str, events: &[&Value]) -> Option<String> {
    let mut seqs: Vec<u64> = events
        .iter()
        .map(|e| e["sequence"].as_u64().unwrap_or(0))
        .collect();
    seqs.sort_unstable();
    let whole = seqs.iter().zip(1..).all(|(seq, n)| *seq == n);
    (!whole).then(|| format!("{aggregate} has the sequence {seqs:?}"))
}

fn repeated(aggregate: &str, events: &[&Value]) -> Option<String> {
    let twice = ONCE
        .iter()
        .find(|once| events.iter().filter(|e| e["type"] == **once).count() > 1)?;
    Some(format!("{twice} happened twice to {aggregate}"))
}

/// Follows the events through the table. After a refused cancellation the order is back at one of
/// several places, so a set of possible places is carried along.
fn steps_flaw(events: &[&Value], status: OrderStatus) -> Option<String> {
    let mut places: Vec<Option<OrderStatus>> = vec![None];
    for event in events {
        let Some(kind) = kind(event) else {
            return Some(format!("unknown event {}", event["type"]));
        };
        if !TABLE.iter().any(|row| row.event == kind) {
            continue; // within a status
        }
        let next: Vec<_> = TABLE
            .iter()
            .filter(|row| row.event == kind && places.contains(&row.from))
            .map(|row| Some(row.to))
            .collect();
        if next.is_empty() {
            return Some(format!("{kind} is not allowed from {places:?}"));
        }
        places = next;
    }
    (!places.contains(&Some(status))).then(|| format!("is {status}, its events lead to {places:?}"))
}

fn quantity_flaws(order: &Value, status: OrderStatus) -> Vec<String> {
    let lines = order["lines"].as_array().map_or(&[][..], Vec::as_slice);
    lines
        .iter()
        .filter_map(|line| quantity_flaw(line, status).map(|what| format!("{what}: {line}")))
        .collect()
}

fn quantity_flaw(line: &Value, status: OrderStatus) -> Option<&'static str> {
    let n = |name: &str| line[name].as_u64().unwrap_or(0);
    let in_shipment = n("inShipment");
    if n("ordered")
        != n("cancelled") + n("backordered") + n("reserved") + in_shipment + n("shipped")
    {
        return Some("a line does not add up");
    }
    match status {
        OrderStatus::Delivered
            if n("delivered") != n("shipped") || n("shipped") != n("ordered") - n("cancelled") =>
        {
            Some("delivered, but not all of it")
        }
        OrderStatus::Cancelled if n("cancelled") != n("ordered") => {
            Some("cancelled, but not all of it")
        }
        _ => None,
    }
}

/// A delivered order was shipped once and delivered once, unit by unit; a cancelled one never.
fn effect_flaw(order: &Value, status: OrderStatus, events: &[Value]) -> Option<String> {
    let count = |kind: &str| events.iter().filter(|e| e["type"] == kind).count();
    let (shipped, delivered) = (count("shipment.shipped"), count("shipment.delivered"));
    let shipments = order["shipments"].as_array().map_or(&[][..], Vec::as_slice);
    let live = shipments
        .iter()
        .filter(|s| !["cancelled", "failed"].contains(&s["status"].as_str().unwrap_or("")))
        .count();
    match status {
        OrderStatus::Delivered if live == 0 || shipped != live || delivered != live => {
            Some(format!(
                "delivered with {live} shipments, of which {shipped} shipped and {delivered} arrived"
            ))
        }
        OrderStatus::Cancelled if shipped + delivered > 0 => {
            Some("cancelled, yet it was shipped".into())
        }
        _ => None,
    }
}
