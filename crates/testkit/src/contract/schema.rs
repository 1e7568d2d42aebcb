//! JSON Schema, as much of it as our specification uses. Stricter than the standard in two ways: a member that is not
//! described is a fault, and so is a keyword that is not understood here.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use regex::Regex;
use serde_json::{Map, Value};

/// Keywords that describe and demand nothing.
const ANNOTATIONS: [&str; 5] = ["description", "title", "examples", "default", "deprecated"];

/// Says where a value differs from its schema.
pub fn check(whole: &Value, schema: &Value, value: &Value, at: &str) -> Result<(), String> {
    let Some(keywords) = schema.as_object() else {
        return Err(format!("{at}: no schema"));
    };
    for (keyword, demand) in keywords {
        let fits = match keyword.as_str() {
            "$ref" => refers(whole, demand, value, at),
            "type" => is_of_type(demand, value),
            "enum" => among(demand, value),
            "oneOf" => one_of(whole, demand, value, at, true),
            "anyOf" => one_of(whole, demand, value, at, false),
            "required" => has_all(demand, value),
            "properties" => members(whole, keywords, value, at),
            "additionalProperties" => further(whole, keywords, value, at),
            "items" => each(whole, demand, value, at),
            "minimum" => bound(value.as_f64(), demand, |found, demand| found >= demand),
            "maximum" => bound(value.as_f64(), demand, |found, demand| found <= demand),
            "minLength" => bound(characters(value), demand, |found, demand| found >= demand),
            "maxLength" => bound(characters(value), demand, |found, demand| found <= demand),
            "minItems" => bound(length(value), demand, |found, demand| found >= demand),
            "maxItems" => bound(length(value), demand, |found, demand| found <= demand),
            "pattern" => matches(demand, value),
            "format" => is_formatted(demand, value),
            known if ANNOTATIONS.contains(&known) => Ok(()),
            unknown => Err(format!("the keyword {unknown} is not understood")),
        };
        fits.map_err(|fault| match fault.starts_with('/') {
            true => fault,
            false => format!("{at}/: {fault}"),
        })?;
    }
    Ok(())
}

fn refers(whole: &Value, reference: &Value, value: &Value, at: &str) -> Result<(), String> {
    let place = reference.as_str().and_then(|text| text.strip_prefix('#'));
    let schema = place.and_then(|place| whole.pointer(place));
    let schema = schema.ok_or_else(|| format!("{reference} leads nowhere"))?;
    check(whole, schema, value, at)
}

fn is_of_type(demand: &Value, value: &Value) -> Result<(), String> {
    let is = |name: &Value| match name.as_str() {
        Some("null") => value.is_null(),
        Some("boolean") => value.is_boolean(),
        Some("string") => value.is_string(),
        Some("array") => value.is_array(),
        Some("object") => value.is_object(),
        Some("number") => value.is_number(),
        Some("integer") => value.as_f64().is_some_and(|number| number.fract() == 0.0),
        _ => false,
    };
    let fits = match demand {
        Value::Array(names) => names.iter().any(is),
        name => is(name),
    };
    ensure(fits, || {
        format!("expected {demand}, found {}", shown(value))
    })
}

fn among(demand: &Value, value: &Value) -> Result<(), String> {
    let names = demand.as_array();
    let fits = names.is_some_and(|names| names.contains(value));
    ensure(fits, || format!("{} is none of {demand}", shown(value)))
}

fn one_of(
    whole: &Value,
    demand: &Value,
    value: &Value,
    at: &str,
    alone: bool,
) -> Result<(), String> {
    let tried: Vec<Result<(), String>> = demand
        .as_array()
        .into_iter()
        .flatten()
        .map(|schema| check(whole, schema, value, at))
        .collect();
    let fitting = tried.iter().filter(|outcome| outcome.is_ok()).count();
    if fitting == 1 || (fitting > 1 && !alone) {
        return Ok(());
    }
    let faults: Vec<String> = tried.into_iter().filter_map(Result::err).collect();
    Err(format!(
        "{fitting} of the alternatives fit: {}",
        faults.join("; ")
    ))
}

fn has_all(demand: &Value, value: &Value) -> Result<(), String> {
    let Some(members) = value.as_object() else {
        return Ok(());
    };
    let names = demand.as_array().into_iter().flatten();
    let mut names = names.filter_map(Value::as_str);
    let missing = names.find(|name| !members.contains_key(*name));
    missing.map_or(Ok(()), |name| Err(format!("{name} is missing")))
}

fn members(
    whole: &Value,
    schema: &Map<String, Value>,
    value: &Value,
    at: &str,
) -> Result<(), String> {
    let Some(members) = value.as_object() else {
        return Ok(());
    };
    for (name, member) in members {
        match schema["properties"].get(name) {
            Some(described) => check(whole, described, member, &format!("{at}/{name}"))?,
            None if schema.contains_key("additionalProperties") => {}
            None => return Err(format!("the member {name} is not described")),
        }
    }
    Ok(())
}

/// The members that are not named.
fn further(
    whole: &Value,
    schema: &Map<String, Value>,
    value: &Value,
    at: &str,
) -> Result<(), String> {
    let named = schema.get("properties");
    let is_named = |name: &str| named.is_some_and(|named| named.get(name).is_some());
    let members = value.as_object().into_iter().flatten();
    for (name, member) in members.filter(|(name, _)| !is_named(name)) {
        match &schema["additionalProperties"] {
            Value::Bool(true) => {}
            Value::Bool(false) => return Err(format!("the member {name} is not allowed")),
            described => check(whole, described, member, &format!("{at}/{name}"))?,
        }
    }
    Ok(())
}

fn each(whole: &Value, demand: &Value, value: &Value, at: &str) -> Result<(), String> {
    let items = value.as_array().into_iter().flatten().enumerate();
    for (index, item) in items {
        check(whole, demand, item, &format!("{at}/{index}"))?;
    }
    Ok(())
}

/// A bound does not concern values of another type.
fn bound(found: Option<f64>, demand: &Value, fits: fn(f64, f64) -> bool) -> Result<(), String> {
    let (Some(found), Some(demand)) = (found, demand.as_f64()) else {
        return Ok(());
    };
    ensure(fits(found, demand), || {
        format!("{found} is beyond the bound {demand}")
    })
}

fn characters(value: &Value) -> Option<f64> {
    value.as_str().map(|text| text.chars().count() as f64)
}

fn length(value: &Value) -> Option<f64> {
    value.as_array().map(|items| items.len() as f64)
}

fn matches(demand: &Value, value: &Value) -> Result<(), String> {
    /// Compiling one takes far longer than matching it.
    static COMPILED: Mutex<BTreeMap<String, Regex>> = Mutex::new(BTreeMap::new());
    let (Some(pattern), Some(text)) = (demand.as_str(), value.as_str()) else {
        return Ok(());
    };
    let mut compiled = COMPILED.lock().unwrap_or_else(PoisonError::into_inner);
    if !compiled.contains_key(pattern) {
        let new = Regex::new(pattern).map_err(|why| why.to_string())?;
        compiled.insert(pattern.to_owned(), new);
    }
    ensure(compiled[pattern].is_match(text), || {
        format!("{} is not of the form {demand}", shown(value))
    })
}

fn is_formatted(demand: &Value, value: &Value) -> Result<(), String> {
    let Some(text) = value.as_str() else {
        return Ok(());
    };
    let fits = match demand.as_str() {
        Some("uuid") => is_uuid(text),
        Some("date-time") => is_utc_time(text),
        _ => return Err(format!("the format {demand} is not understood")),
    };
    ensure(fits, || format!("{} is no {demand}", shown(value)))
}

fn is_uuid(text: &str) -> bool {
    let parts: Vec<usize> = text.split('-').map(str::len).collect();
    parts == [8, 4, 4, 4, 12] && text.bytes().all(|b| b == b'-' || b.is_ascii_hexdigit())
}

/// RFC 3339 in UTC, as we always write it.
fn is_utc_time(text: &str) -> bool {
    let form = "0000-00-00T00:00:00";
    let (Some(whole), Some(rest)) = (text.get(..form.len()), text.get(form.len()..)) else {
        return false;
    };
    let same = |(a, b): (u8, u8)| {
        if b == b'0' {
            a.is_ascii_digit()
        } else {
            a == b
        }
    };
    let fraction = rest
        .strip_suffix('Z')
        .map(|f| f.strip_prefix('.').unwrap_or(f));
    whole.bytes().zip(form.bytes()).all(same)
        && fraction.is_some_and(|digits| digits.bytes().all(|b| b.is_ascii_digit()))
}

fn ensure(fits: bool, fault: impl FnOnce() -> String) -> Result<(), String> {
    if fits { Ok(()) } else { Err(fault()) }
}

fn shown(value: &Value) -> String {
    value.to_string().chars().take(80).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn order() -> Value {
        json!({"components": {"schemas": {
            "Order": {
                "type": "object",
                "required": ["id", "status", "lines", "note"],
                "properties": {
                    "id": {"type": "string", "format": "uuid"},
                    "status": {"$ref": "#/components/schemas/Status"},
                    "lines": {"type": "array", "minItems": 1, "items": {"type": "integer", "minimum": 1}},
                    "note": {"type": ["string", "null"], "maxLength": 5},
                    "total": {"type": "string", "pattern": "^[0-9]+$"},
                },
            },
            "Status": {"type": "string", "enum": ["open", "done"]},
        }}})
    }

    fn fault(value: &Value) -> Option<String> {
        let whole = order();
        let schema = json!({"$ref": "#/components/schemas/Order"});
        check(&whole, &schema, value, "").err()
    }

    fn good() -> Value {
        json!({"id": "0198c0de-0000-7000-8000-000000000001", "status": "open", "lines": [1, 2.0], "note": null})
    }

    #[test]
    fn what_is_as_described_passes() {
        assert_eq!(fault(&good()), None);
    }

    #[test]
    fn every_kind_of_mismatch_is_found_where_it_is() {
        for (member, value, place) in [
            ("id", json!("no uuid"), "/id/"),
            ("status", json!("lost"), "/status/"),
            ("lines", json!([]), "/lines/"),
            ("lines", json!([1, 0]), "/lines/1/"),
            ("lines", json!([1.5]), "/lines/0/"),
            ("note", json!(7), "/note/"),
            ("note", json!("too long"), "/note/"),
            ("total", json!("1.5"), "/total/"),
            ("surprise", json!(1), "/: the member surprise"),
        ] {
            let mut bad = good();
            bad[member] = value;
            let fault = fault(&bad).unwrap_or_else(|| panic!("{bad} was taken"));
            assert!(fault.starts_with(place), "{fault}");
        }
        let mut bad = good();
        bad.as_object_mut().expect("an object").remove("note");
        assert!(fault(&bad).is_some_and(|fault| fault.contains("note is missing")));
    }

    #[test]
    fn a_keyword_that_is_not_understood_is_a_fault() {
        let schema = json!({"type": "string", "contentEncoding": "base64"});
        assert!(check(&order(), &schema, &json!("x"), "").is_err());
    }
}
