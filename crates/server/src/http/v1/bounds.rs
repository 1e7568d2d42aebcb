//! The bounds of what a request may hold, for the specification. They are the constants and settings that the checks of
//! a request go by; descriptions of bodies and routes name none themselves, so that the two cannot differ.

use serde_json::Value;
use waybill_domain::client::ClientId;
use waybill_domain::order::MAX_HOLDS;
use waybill_domain::stock::MAX_UNITS;
use waybill_domain::text::{Sku, TEXT_CHARS, Vendor};

use super::feed::LONGEST_WAIT_MS;
use super::order_request::{CHARGES, NAME_CHARS};
use super::samples::PROCESS_CHARS;
use super::stock::SKUS;
use crate::auth::Scope;
use crate::config::Limits;

/// A keyword of JSON Schema with a number.
pub struct Bound {
    pub keyword: &'static str,
    pub value: Value,
}

/// A bound of a member of a body, by the body's name in the specification.
pub struct MemberBound {
    pub schema: &'static str,
    pub member: &'static str,
    pub bound: Bound,
}

/// A bound of this value.
#[must_use]
pub fn bound(keyword: &'static str, value: impl Into<Value>) -> Bound {
    Bound {
        keyword,
        value: value.into(),
    }
}

/// Names and codes: not empty.
const NAMES: [(&str, &[&str]); 4] = [
    (
        "NewOrder",
        &[
            "orderNumber",
            "clientReference",
            "channel",
            "paymentStatus",
            "paymentReference",
        ],
    ),
    ("NewCustomer", &["id"]),
    ("NewDeliveryMethod", &["code"]),
    ("NewCharge", &["code"]),
];

/// Free texts and references: they may be empty.
const TEXTS: [(&str, &[&str]); 11] = [
    ("PauseBody", &["reason"]),
    ("NewOrder", &["notes"]),
    ("NewCustomer", &["email", "phone", "locale"]),
    (
        "NewAddress",
        &[
            "name",
            "company",
            "address1",
            "address2",
            "city",
            "region",
            "postalCode",
        ],
    ),
    ("NewDeliveryMethod", &["name", "serviceLevel"]),
    ("NewLine", &["name"]),
    ("StockBody", &["reason", "reference"]),
    ("ReconcileBody", &["reason", "reference"]),
    ("CancelBody", &["reason"]),
    ("HoldBody", &["note"]),
    ("StepBody", &["trackingNumber", "carrier"]),
];

/// Of the bodies of `/v1`.
#[must_use]
pub fn of_bodies(limits: &Limits) -> Vec<MemberBound> {
    let mut all = vec![];
    let mut of = |schema, member, bounds: Vec<Bound>| {
        all.extend(bounds.into_iter().map(|bound| MemberBound {
            schema,
            member,
            bound,
        }));
    };
    for (schema, members) in NAMES {
        members
            .iter()
            .for_each(|member| of(schema, member, text(1, NAME_CHARS)));
    }
    for (schema, members) in TEXTS {
        members
            .iter()
            .for_each(|member| of(schema, member, text(0, TEXT_CHARS)));
    }
    let lines = vec![bound("minItems", 1), bound("maxItems", limits.lines)];
    of("NewOrder", "lines", lines);
    for member in ["shippingLines", "fees"] {
        of("NewOrder", member, vec![bound("maxItems", CHARGES)]);
    }
    of("NewOrder", "holds", vec![bound("maxItems", MAX_HOLDS)]);
    for schema in ["NewOrder", "NewLine"] {
        let keys = bound("maxProperties", limits.metadata_keys);
        of(schema, "metadata", vec![keys]);
    }
    of("NewLine", "sku", text(1, Sku::MAX_CHARS));
    let units = vec![bound("minimum", 1), bound("maximum", limits.quantity)];
    of("NewLine", "quantity", units);
    for member in ["onHand", "safety"] {
        let units = vec![bound("minimum", 0), bound("maximum", MAX_UNITS)];
        of("StockBody", member, units);
    }
    let lines = vec![bound("minItems", 1), bound("maxItems", SKUS)];
    of("SourcingBody", "lines", lines);
    of("SourcingLine", "sku", text(1, Sku::MAX_CHARS));
    let units = vec![bound("minimum", 1), bound("maximum", limits.quantity)];
    of("SourcingLine", "quantity", units);
    of("ReconcileBody", "vendor", text(1, Vendor::MAX_CHARS));
    of("ClientRequest", "id", text(1, ClientId::MAX_CHARS));
    let scopes = vec![bound("minItems", 1), bound("maxItems", Scope::ALL.len())];
    of("ClientRequest", "scopes", scopes);
    all
}

/// Of a text, in characters.
#[must_use]
pub fn text(least: usize, most: usize) -> Vec<Bound> {
    let least = (least > 0).then(|| bound("minLength", least));
    least
        .into_iter()
        .chain([bound("maxLength", most)])
        .collect()
}

/// Of a parameter, by its name and where it stands (`path`, `query`, `header`).
#[must_use]
pub fn of_parameter(name: &str, place: &str, is_list: bool, limits: &Limits) -> Vec<Bound> {
    match (name, place) {
        ("limit", "query") => vec![
            bound("minimum", 1),
            bound("maximum", limits.page_max),
            bound("default", limits.page_default.min(limits.page_max)),
        ],
        ("wait_ms", "query") => vec![bound("minimum", 0), bound("maximum", LONGEST_WAIT_MS)],
        ("process", "query") => text(1, PROCESS_CHARS),
        ("sku", "path") => text(1, Sku::MAX_CHARS),
        ("sku", "query") if is_list => vec![bound("maxItems", SKUS)],
        ("Idempotency-Key", "header") => text(1, limits.key_chars as usize),
        _ => vec![],
    }
}
