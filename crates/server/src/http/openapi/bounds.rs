//! Writes the bounds of requests into the schemas that they apply to, so that clients can check them beforehand.

use serde_json::Value;

use super::shape::operations;
use crate::config::Limits;
use crate::http::dialects::{aggregator, sales, services};
use crate::http::v1::bounds::{self, Bound};

/// Adds them.
pub fn add(document: &mut Value, limits: &Limits) {
    for (path, _, operation) in operations(document) {
        let is_numbered = path == "/api/orders";
        let parameters = operation
            .get_mut("parameters")
            .and_then(Value::as_array_mut);
        for parameter in parameters.into_iter().flatten() {
            let text = |member: &str| parameter[member].as_str().unwrap_or_default();
            let is_list = parameter["schema"]["items"].is_object();
            let numbered = aggregator::schemas::of_parameter(text("name"), limits);
            let bounds = numbered
                .filter(|_| is_numbered)
                .unwrap_or_else(|| bounds::of_parameter(text("name"), text("in"), is_list, limits));
            write(&mut parameter["schema"], bounds);
        }
    }
    let of_aggregator = aggregator::schemas::bounds(limits);
    let of_sales = sales::schemas::bounds(limits);
    let of_services = services::schemas::bounds(limits);
    let all = bounds::of_bodies(limits).into_iter();
    for of in all.chain(of_aggregator).chain(of_sales).chain(of_services) {
        let place = format!("/components/schemas/{}/properties/{}", of.schema, of.member);
        // The schema is missing in a process whose roles do not use it.
        if let Some(member) = document.pointer_mut(&place) {
            write(member, vec![of.bound]);
        }
    }
}

fn write(schema: &mut Value, bounds: Vec<Bound>) {
    for Bound { keyword, value } in bounds {
        schema[keyword] = value;
    }
}
