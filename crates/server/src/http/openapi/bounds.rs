//! Writes the limits of the settings into the schemas that they apply to, so that clients can check them beforehand.

use serde_json::Value;

use super::shape::operations;
use crate::config::Limits;

/// Adds them.
pub fn add(document: &mut Value, limits: &Limits) {
    for (_, _, operation) in operations(document) {
        let parameters = operation
            .get_mut("parameters")
            .and_then(Value::as_array_mut);
        for parameter in parameters.into_iter().flatten() {
            bound(parameter, limits);
        }
    }
    let mut member = |schema: &str, name: &str, bound: &str, value: u32| {
        let place = format!("/components/schemas/{schema}/properties/{name}");
        // The schema is missing in a process whose roles do not use it.
        if let Some(member) = document.pointer_mut(&place) {
            member[bound] = value.into();
        }
    };
    member("NewOrder", "lines", "minItems", 1);
    member("NewOrder", "lines", "maxItems", limits.lines);
    member("NewLine", "quantity", "maximum", limits.quantity);
    member("NewSalesOrder", "items", "maxItems", limits.lines);
}

fn bound(parameter: &mut Value, limits: &Limits) {
    let name = parameter["name"].as_str().unwrap_or_default().to_owned();
    let schema = &mut parameter["schema"];
    match name.as_str() {
        "limit" => {
            schema["minimum"] = 1.into();
            schema["maximum"] = limits.page_max.into();
            schema["default"] = limits.page_default.min(limits.page_max).into();
        }
        "Idempotency-Key" => {
            schema["minLength"] = 1.into();
            schema["maxLength"] = limits.key_chars.into();
        }
        _ => {}
    }
}
