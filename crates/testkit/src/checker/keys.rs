//! I1, I2, I3, I14: clients' requests and answers, compared with the stored orders.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Evidence, Verdict};
use crate::journal::{Dialect, Entry, Outcome, Request};

/// One attempt to place, with its answer; without one it is unknown.
struct Attempt<'a> {
    /// Its places in the journal: an attempt that begins after another's answer must agree with that answer.
    begun: usize,
    answered: usize,
    dialect: Dialect,
    body: &'a Value,
    outcome: Outcome,
    status: u16,
    replayed: bool,
    answer: &'a Value,
}

pub(super) fn check(evidence: &Evidence, verdict: &mut Verdict) {
    let keys = attempts_by_key(&evidence.entries);
    count_entries(&evidence.entries, verdict);
    verdict.count("keys used", keys.len());
    verdict.count("orders stored", evidence.orders.len());
    let mut orders_by_key: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (id, order) in &evidence.orders {
        match key_of(order) {
            Some(key) => orders_by_key.entry(key).or_default().push(id),
            None => verdict.add("I2", format!("order {id} was never asked for: {order}")),
        }
    }
    for (key, ids) in &orders_by_key {
        if ids.len() > 1 {
            verdict.add(
                "I3",
                format!("key {key} made {} orders: {}", ids.len(), ids.join(", ")),
            );
        }
        check_was_asked_for(
            key,
            ids[0],
            &evidence.orders[ids[0]],
            keys.get(key),
            verdict,
        );
    }
    for (key, attempts) in &keys {
        check_answers(key, attempts, evidence, verdict);
    }
}

fn attempts_by_key(entries: &[Entry]) -> BTreeMap<&str, Vec<Attempt<'_>>> {
    let mut answers = BTreeMap::new();
    for (at, entry) in entries.iter().enumerate() {
        if let Entry::Answer {
            number,
            outcome,
            status,
            replayed,
            body,
        } = entry
        {
            answers.insert(*number, (at, *outcome, *status, *replayed, body));
        }
    }
    let mut keys: BTreeMap<&str, Vec<Attempt>> = BTreeMap::new();
    for (begun, entry) in entries.iter().enumerate() {
        let Entry::Attempt {
            number,
            request: Request::Place { dialect, key, body },
            ..
        } = entry
        else {
            continue;
        };
        let nothing = (usize::MAX, Outcome::Unknown, 0, false, &Value::Null);
        let (answered, outcome, status, replayed, answer) =
            answers.get(number).copied().unwrap_or(nothing);
        keys.entry(key).or_default().push(Attempt {
            begun,
            answered,
            dialect: *dialect,
            body,
            outcome,
            status,
            replayed,
            answer,
        });
    }
    keys
}

fn count_entries(entries: &[Entry], verdict: &mut Verdict) {
    for entry in entries {
        match entry {
            Entry::Begin { .. } => {}
            Entry::Attempt { .. } => verdict.count("requests", 1),
            Entry::Answer {
                outcome,
                status,
                body,
                ..
            } => {
                let name = match outcome {
                    Outcome::Ok => "answered ok",
                    Outcome::Refused => "refused",
                    Outcome::Unknown => "unknown",
                    Outcome::Unsent => "not sent",
                };
                verdict.count(name, 1);
                if *status >= 500 && ![503, 507].contains(status) {
                    verdict.add("no server error", format!("{status}: {body}"));
                }
            }
            Entry::Fault { in_flight, .. } => {
                verdict.count("faults", 1);
                verdict.count(
                    "faults while requests were in flight",
                    usize::from(*in_flight > 0),
                );
            }
        }
    }
}

/// I2: a client asked for exactly this order, and was not refused.
fn check_was_asked_for(
    key: &str,
    id: &str,
    order: &Value,
    attempts: Option<&Vec<Attempt>>,
    verdict: &mut Verdict,
) {
    let mut fitting = attempts
        .into_iter()
        .flatten()
        .filter(|a| content_differs(a, order).is_none())
        .peekable();
    if fitting.peek().is_none() {
        verdict.add(
            "I2",
            format!("order {id} of key {key} is not what anybody asked for: {order}"),
        );
    } else if !fitting.any(|a| matches!(a.outcome, Outcome::Ok | Outcome::Unknown)) {
        verdict.add(
            "I2",
            format!("order {id} of key {key} is there, but every attempt was refused"),
        );
    }
}

/// I1 and I3 for one key: every acknowledgement names the one order, and that order is there.
fn check_answers(key: &str, attempts: &[Attempt], evidence: &Evidence, verdict: &mut Verdict) {
    let mut acknowledged: Vec<&Attempt> = attempts
        .iter()
        .filter(|a| a.outcome == Outcome::Ok)
        .collect();
    acknowledged.sort_by_key(|a| a.answered);
    let Some(first) = acknowledged.first() else {
        return;
    };
    verdict.count("orders acknowledged", 1);
    let Some(id) = first.dialect.order_id(first.answer) else {
        return verdict.add(
            "I1",
            format!("key {key}: acknowledged without an id: {}", first.answer),
        );
    };
    match evidence.orders.get(id) {
        None => verdict.add(
            "I1",
            format!("order {id} of key {key} was acknowledged and is gone"),
        ),
        Some(order) => {
            if let Some(field) = content_differs(first, order) {
                verdict.add("I1", format!("order {id} of key {key}: {field}"));
            }
        }
    }
    for other in &acknowledged[1..] {
        verdict.count("replays answered", 1);
        if other.body != first.body {
            verdict.add("I3", format!("key {key} was acknowledged for two bodies"));
        } else if without_correlation(other.answer) != without_correlation(first.answer) {
            verdict.add(
                "I3",
                format!(
                    "key {key}: the replay says {}, the first answer {}",
                    other.answer, first.answer
                ),
            );
        } else if other.begun > first.answered && !other.replayed {
            verdict.add("I3", format!("key {key}: a replay that does not say so"));
        }
    }
    for attempt in attempts
        .iter()
        .filter(|a| a.begun > first.answered && a.outcome == Outcome::Refused)
    {
        if attempt.body == first.body && ![429, 503, 507].contains(&attempt.status) {
            verdict.add(
                "I3",
                format!(
                    "key {key}: acknowledged, and then refused with {}",
                    attempt.answer
                ),
            );
        }
        if attempt.body != first.body && ![422, 429, 503, 507].contains(&attempt.status) {
            verdict.add(
                "I3",
                format!(
                    "key {key}: another body got {} {}",
                    attempt.status, attempt.answer
                ),
            );
        }
    }
}

fn without_correlation(answer: &Value) -> Value {
    let mut answer = answer.clone();
    if let Some(fields) = answer.as_object_mut() {
        fields.remove("correlationId");
    }
    answer
}

/// The key an order was placed with, as the traffic writes it into every order.
fn key_of(order: &Value) -> Option<&str> {
    let customer = || order["customer"]["id"].as_str();
    order["metadata"]["key"].as_str().or_else(customer)
}

/// What of the content that was asked for is not in the order; fields the order adds are fine.
fn content_differs(attempt: &Attempt, order: &Value) -> Option<String> {
    match attempt.dialect {
        Dialect::V1 => v1_differs(attempt.body, order),
        Dialect::Sales => v1_differs(&sales_as_v1(attempt.body), order),
    }
}

fn sales_as_v1(body: &Value) -> Value {
    let items = body["items"]
        .as_array()
        .map_or(&[][..], Vec::as_slice)
        .iter();
    let lines = items.map(|item| {
        let price = item["price"].as_f64().map(|price| format!("{price:.2}"));
        json!({"sku": item["productId"], "quantity": item["quantity"], "unitPrice": price})
    });
    json!({"currency": "USD", "customer": {"id": body["customerId"]}, "lines": lines.collect::<Vec<_>>()})
}

fn v1_differs(asked: &Value, order: &Value) -> Option<String> {
    for (name, wanted) in asked.as_object()? {
        let differs = match name.as_str() {
            "lines" => lines_differ(wanted, &order["lines"]),
            _ => (!contains(&order[name], wanted))
                .then(|| format!("is {}, was asked for {wanted}", order[name])),
        };
        if let Some(how) = differs {
            return Some(format!("{name}: {how}"));
        }
    }
    None
}

fn lines_differ(asked: &Value, lines: &Value) -> Option<String> {
    let (Some(asked), Some(lines)) = (asked.as_array(), lines.as_array()) else {
        return Some(format!("not a list: {lines}"));
    };
    if asked.len() != lines.len() {
        return Some(format!(
            "{} lines, {} were asked for",
            lines.len(),
            asked.len()
        ));
    }
    asked.iter().zip(lines).find_map(|(asked, line)| {
        let same = line["sku"] == asked["sku"]
            && line["ordered"] == asked["quantity"]
            && line["unitPrice"] == asked["unitPrice"];
        (!same).then(|| format!("{line}, was asked for {asked}"))
    })
}

/// Whether `there` holds everything `wanted` does.
fn contains(there: &Value, wanted: &Value) -> bool {
    match (there, wanted) {
        (Value::Object(there), Value::Object(wanted)) => wanted
            .iter()
            .all(|(name, wanted)| there.get(name).is_some_and(|there| contains(there, wanted))),
        _ => there == wanted,
    }
}
