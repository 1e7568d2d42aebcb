//! Brings the generated document into the shape that readers and generators of clients expect.

use serde_json::{Map, Value, json};

/// Names the schemas of pages, marks members that are always present as required, and removes impossible nulls.
pub fn tidy(document: &mut Value) {
    let schemas = document["components"]["schemas"].as_object_mut();
    let Some(schemas) = schemas else { return };
    name_pages(schemas);
    schemas.values_mut().for_each(require_nullable);
    schemas.values_mut().for_each(spell_out);
    rename_pages(document);
    let operations = operations(document);
    operations.for_each(|(_, _, operation)| tidy_operation(operation));
}

/// Every operation with its path and method.
pub fn operations(document: &mut Value) -> impl Iterator<Item = (&str, &str, &mut Value)> {
    let paths = document["paths"].as_object_mut();
    paths.into_iter().flatten().flat_map(|(path, item)| {
        let methods = item.as_object_mut();
        methods
            .into_iter()
            .flatten()
            .map(move |(method, operation)| (path.as_str(), method.as_str(), operation))
    })
}

const GENERIC: &str = "Page_";

/// Replaces the schema of a page's items, which the generator repeats, by a reference.
fn name_pages(schemas: &mut Map<String, Value>) {
    let generated: Vec<String> = schemas
        .keys()
        .filter(|name| name.starts_with(GENERIC))
        .cloned()
        .collect();
    for name in generated {
        let Some(mut page) = schemas.remove(&name) else {
            continue;
        };
        let of = name.trim_start_matches(GENERIC);
        page["properties"]["items"]["items"] = json!({"$ref": reference(of)});
        schemas.insert(format!("{of}Page"), page);
    }
}

fn reference(schema: &str) -> String {
    format!("#/components/schemas/{schema}")
}

fn rename_pages(value: &mut Value) {
    match value {
        Value::Object(members) => {
            if let Some(Value::String(text)) = members.get_mut("$ref")
                && let Some(of) = text.strip_prefix(&reference(GENERIC))
            {
                *text = reference(&format!("{of}Page"));
            }
            members.values_mut().for_each(rename_pages);
        }
        Value::Array(items) => items.iter_mut().for_each(rename_pages),
        _ => {}
    }
}

/// Marks nullable members of answers as required, because answers always write them. Schemas of request bodies allow no
/// other members, and in them a nullable member may also be missing.
fn require_nullable(schema: &mut Value) {
    if schema["additionalProperties"] == json!(false) {
        return;
    }
    let Some(properties) = schema["properties"].as_object() else {
        return;
    };
    let mut required: Vec<String> = properties
        .iter()
        .filter(|(_, property)| may_be_null(property))
        .map(|(name, _)| name.clone())
        .collect();
    let named = schema["required"].as_array().cloned().unwrap_or_default();
    required.extend(named.iter().filter_map(Value::as_str).map(str::to_owned));
    required.sort_unstable();
    required.dedup();
    if !required.is_empty() {
        schema["required"] = required.into();
    }
}

fn may_be_null(schema: &Value) -> bool {
    let listed = |list: &Value| {
        let list = list.as_array();
        list.is_some_and(|list| {
            list.iter()
                .any(|one| one == "null" || one["type"] == "null")
        })
    };
    listed(&schema["type"]) || listed(&schema["oneOf"]) || listed(&schema["anyOf"])
}

/// Writes `example` as JSON Schema's list `examples`, lets objects without named members have any, and removes
/// `propertyNames` that only say that names are strings.
fn spell_out(schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            if let Some(example) = members.remove("example") {
                members.insert("examples".into(), json!([example]));
            }
            members.remove("propertyNames");
            hoist_description(members);
            if is_open(members) {
                members.insert("additionalProperties".into(), json!(true));
            }
            members.values_mut().for_each(spell_out);
        }
        Value::Array(items) => items.iter_mut().for_each(spell_out),
        _ => {}
    }
}

/// Moves the description of a nullable member from its alternative to the member itself.
fn hoist_description(schema: &mut Map<String, Value>) {
    let alternatives = schema.get_mut("oneOf").and_then(Value::as_array_mut);
    let described = alternatives.into_iter().flatten().find_map(|alternative| {
        let alternative = alternative.as_object_mut()?;
        alternative.get("$ref")?;
        alternative.remove("description")
    });
    if let Some(description) = described {
        schema.entry("description").or_insert(description);
    }
}

fn is_open(schema: &Map<String, Value>) -> bool {
    let is_object = match schema.get("type") {
        Some(Value::Array(types)) => types.iter().any(|one| one == "object"),
        Some(name) => name == "object",
        None => false,
    };
    is_object && !schema.contains_key("properties") && !schema.contains_key("additionalProperties")
}

fn tidy_operation(operation: &mut Value) {
    let parameters = operation
        .get_mut("parameters")
        .and_then(Value::as_array_mut);
    for parameter in parameters.into_iter().flatten() {
        without_null(parameter);
    }
    let responses = operation
        .get_mut("responses")
        .and_then(Value::as_object_mut);
    for response in responses
        .into_iter()
        .flatten()
        .map(|(_, response)| response)
    {
        let headers = response.get_mut("headers").and_then(Value::as_object_mut);
        headers
            .into_iter()
            .flatten()
            .for_each(|(_, header)| without_null(header));
    }
    describe(operation);
}

/// A parameter or header is there or not; it is never null.
fn without_null(parameter: &mut Value) {
    let Some(schema) = parameter.get_mut("schema") else {
        return;
    };
    for (list, is_null) in [
        ("type", (|one| one == "null") as fn(&Value) -> bool),
        ("oneOf", |one| one["type"] == "null"),
    ] {
        let Some(all) = schema.get_mut(list).and_then(Value::as_array_mut) else {
            continue;
        };
        all.retain(|one| !is_null(one));
        if let [one] = all.as_slice() {
            let one = one.clone();
            if list == "type" {
                schema["type"] = one;
            } else {
                *schema = one;
            }
        }
    }
}

/// Makes the first sentence the summary, and names the route's scope in the description.
fn describe(operation: &mut Value) {
    let scopes: Vec<String> = operation["security"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|one| one["token"][0].as_str())
        .map(|scope| format!("`{scope}`"))
        .collect();
    let needs = if scopes.is_empty() {
        operation["security"] = json!([]);
        "Needs no token.".to_owned()
    } else {
        format!("Needs a token with the scope {}.", scopes.join(" or "))
    };
    let summary = operation["summary"].as_str().unwrap_or_default();
    let summary = summary.replace('\n', " ");
    let (first, rest) = summary.split_once(". ").unwrap_or((&summary, ""));
    let first = first.trim_end_matches('.').to_owned();
    let told = [
        rest,
        operation["description"].as_str().unwrap_or_default(),
        &needs,
    ];
    let told: Vec<&str> = told.into_iter().filter(|text| !text.is_empty()).collect();
    operation["description"] = told.join("\n\n").into();
    operation["summary"] = first.into();
}
