//! The JSON schema that a set of values has in common.

use serde_json::{Map, Value, json};
use uuid::Uuid;
use waybill_domain::time::Time;

/// The schema of all of `values`: a member that one of them lacks is not required. `describe` gives what is to be said
/// of the member at a path such as `data.lines[].sku`: a description, and further keywords.
pub fn of(values: &[&Value], path: &str, describe: &mut impl FnMut(&str) -> Value) -> Value {
    let (nulls, there): (Vec<&Value>, Vec<&Value>) =
        values.iter().partition(|value| value.is_null());
    let mut schema = match &there[..] {
        [Value::Object(_), ..] => object(&there, path, describe),
        [Value::Array(_), ..] => {
            let items = there.iter().filter_map(|value| value.as_array());
            let items: Vec<&Value> = items.flatten().collect();
            json!({"type": "array", "items": of(&items, &format!("{path}[]"), describe)})
        }
        [first, ..] => leaf(first),
        [] => panic!("{path} has no sample"),
    };
    if !nulls.is_empty() {
        schema["type"] = json!([schema["type"], "null"]);
    }
    if !path.is_empty() && !path.ends_with("[]") {
        let said = describe(path);
        let keywords = said.as_object().expect("keywords").clone();
        schema.as_object_mut().expect("a schema").extend(keywords);
    }
    schema
}

fn object(values: &[&Value], path: &str, describe: &mut impl FnMut(&str) -> Value) -> Value {
    let objects: Vec<&Map<String, Value>> = values
        .iter()
        .map(|value| value.as_object().expect("all samples are objects"))
        .collect();
    let mut names: Vec<&String> = objects.iter().flat_map(|object| object.keys()).collect();
    names.sort();
    names.dedup();
    let (mut properties, mut required) = (Map::new(), vec![]);
    for name in names {
        let there: Vec<&Value> = objects
            .iter()
            .filter_map(|object| object.get(name))
            .collect();
        if there.len() == objects.len() {
            required.push(name.clone());
        }
        // What members the caller chose, the caller knows.
        let schema = if name == "metadata" {
            let mut schema = json!({"type": "object"});
            let said = describe(&joined(path, name));
            schema
                .as_object_mut()
                .expect("a schema")
                .extend(said.as_object().expect("keywords").clone());
            schema
        } else {
            of(&there, &joined(path, name), describe)
        };
        properties.insert(name.clone(), schema);
    }
    json!({"type": "object", "properties": properties, "required": required})
}

fn joined(path: &str, name: &str) -> String {
    if path.is_empty() {
        name.to_owned()
    } else {
        format!("{path}.{name}")
    }
}

fn leaf(value: &Value) -> Value {
    match value {
        Value::Bool(_) => json!({"type": "boolean"}),
        Value::Number(number) if number.is_i64() => json!({"type": "integer"}),
        Value::Number(_) => json!({"type": "number"}),
        Value::String(text) if Uuid::parse_str(text).is_ok() => {
            json!({"type": "string", "format": "uuid"})
        }
        Value::String(text) if Time::parse(text).is_some() => {
            json!({"type": "string", "format": "date-time"})
        }
        Value::String(_) => json!({"type": "string"}),
        Value::Null | Value::Array(_) | Value::Object(_) => {
            unreachable!("they are handled before")
        }
    }
}
