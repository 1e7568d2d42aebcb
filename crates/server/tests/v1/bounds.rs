//! Every bound in the specification is the server's: a value at it is taken, and one just beyond it is refused.

use std::collections::BTreeMap;

use http::Method;
use serde_json::{Map, Value, json};
use waybill_testkit::http::Answer;

use crate::shop::{NEVER, Shop, id, small};

/// A bounded value of a request.
struct Bounded {
    /// Where it stands in a body, as a JSON pointer, or the name of a parameter.
    place: String,
    schema: Value,
}

/// The schema that one refers to; of one that may be null, the other; of a body of two dialects, the first.
fn resolved<'d>(document: &'d Value, schema: &'d Value) -> &'d Value {
    if let Some(place) = schema["$ref"].as_str() {
        let place = place.trim_start_matches('#');
        return resolved(document, document.pointer(place).expect("it leads there"));
    }
    let alternatives = schema["oneOf"].as_array().into_iter().flatten();
    let mut filled = alternatives.filter(|one| one["type"] != "null");
    match (filled.next(), filled.next()) {
        (Some(one), None) => resolved(document, one),
        (Some(one), Some(other)) if one["$ref"].is_string() && other["$ref"].is_string() => {
            resolved(document, one)
        }
        _ => schema,
    }
}

/// Every bounded value below a schema; a text without a bound is a fault.
fn bounded(document: &Value, schema: &Value, place: &str, found: &mut Vec<Bounded>) {
    let schema = resolved(document, schema);
    let is_text = schema["type"] == "string" || schema["type"] == json!(["string", "null"]);
    if is_text {
        let ends = ["maxLength", "enum", "format", "pattern"];
        let has_end = ends.iter().any(|keyword| !schema[*keyword].is_null());
        assert!(has_end, "{place} has no bound: {schema}");
    }
    if !attempts(schema, &json!(["manual"])).is_empty() {
        found.push(Bounded {
            place: place.to_owned(),
            schema: schema.clone(),
        });
    }
    for (name, member) in schema["properties"].as_object().into_iter().flatten() {
        bounded(document, member, &format!("{place}/{name}"), found);
    }
    if schema["items"].is_object() {
        bounded(document, &schema["items"], &format!("{place}/0"), found);
    }
}

/// For each bound of a schema, a value at it and one beyond it. Lists repeat what stands there.
fn attempts(schema: &Value, there: &Value) -> Vec<(Value, Value)> {
    let text = |n: usize| Value::from("x".repeat(n));
    let list = |n: usize| Value::from(vec![there[0].clone(); n]);
    let members = |n: usize| {
        let members = (0..n).map(|n| (format!("k{n}"), json!(n)));
        Value::Object(members.collect::<Map<_, _>>())
    };
    let mut attempts = vec![];
    for (keyword, value) in schema.as_object().into_iter().flatten() {
        let n = value.as_i64().unwrap_or_default();
        let size = usize::try_from(n).unwrap_or_default();
        attempts.push(match keyword.as_str() {
            "minimum" => (json!(n), json!(n - 1)),
            "maximum" => (json!(n), json!(n + 1)),
            "minLength" => (text(size), text(size - 1)),
            "maxLength" => (text(size), text(size + 1)),
            "minItems" => (list(size), list(size - 1)),
            "maxItems" => (list(size), list(size + 1)),
            "maxProperties" => (members(size), members(size + 1)),
            "pattern" => (schema["examples"][0].clone(), json!("?")),
            _ => continue,
        });
    }
    attempts
}

/// A request that is taken.
struct Known {
    path: String,
    body: Value,
}

/// A request of each operation that has a body with bounds.
async fn known(shop: &Shop) -> BTreeMap<&'static str, Known> {
    let held = id(&shop.placed("held", &small("a", 1)).await);
    let cancelled = id(&shop.placed("cancelled", &small("a", 1)).await);
    // The body is read before the shipment is looked for.
    let nowhere = "019a0000-0000-7000-8000-000000000000";
    let address = json!({"city": "Ulm"});
    let charge = json!([{"code": "a", "price": "1", "tax": "0"}]);
    let order = json!({
        "currency": "EUR", "customer": {"id": "c"}, "shippingAddress": address, "billingAddress": address,
        "deliveryMethod": {"code": "dhl"}, "shippingLines": charge, "fees": charge, "holds": ["manual"],
        "lines": [{"sku": "a", "quantity": 1, "unitPrice": "1"}]});
    let sales =
        json!({"customerId": "c", "items": [{"productId": "p", "quantity": 1, "price": 1}]});
    let services =
        json!({"customer_id": "c", "items": [{"product_id": "p", "quantity": 1, "unit_price": 1}]});
    let all = [
        ("placeServicesOrder", "/orders".to_owned(), services),
        (
            "moveServicesShipment",
            format!("/delivery/shipment/{nowhere}/status"),
            json!({"status": "SHIPPED"}),
        ),
        ("placeOrder", "/v1/orders".to_owned(), order),
        ("setStock", "/v1/stock/b".into(), json!({"onHand": 1})),
        (
            "reconcileStock",
            "/v1/stock/b/reconcile".into(),
            json!({"dryRun": true}),
        ),
        (
            "cancelOrder",
            format!("/v1/orders/{cancelled}/cancel"),
            json!({}),
        ),
        (
            "placeHold",
            format!("/v1/orders/{held}/holds"),
            json!({"reason": "manual"}),
        ),
        (
            "moveShipment",
            format!("/v1/shipments/{nowhere}/status"),
            json!({"status": "shipped"}),
        ),
        (
            "pauseRelay",
            "/v1/relay/pause".into(),
            json!({"reason": "x"}),
        ),
        (
            "replayRelay",
            "/v1/relay/replay".into(),
            json!({"from": 1, "partition": 0, "replace": true}),
        ),
        (
            "simulateSourcing",
            "/v1/sourcing/simulate".into(),
            json!({"lines": [{"sku": "a", "quantity": 1}]}),
        ),
        ("placeSalesOrder", "/api/orders".into(), sales),
    ];
    let all = all.into_iter().chain(of_clients());
    let all = all.chain(of_the_aggregator(nowhere));
    let all = all.map(|(name, path, body)| (name, Known { path, body }));
    all.collect()
}

/// Those of the aggregator dialect alone.
fn of_the_aggregator(order: &str) -> [(&'static str, String, Value); 2] {
    let short = json!({"customerId": "c", "productId": "a", "quantity": 1});
    let cancel = format!("/api/orders/{order}/cancel");
    [
        ("placeShortOrder", "/order".to_owned(), short),
        ("cancelApiOrder", cancel, json!({"reason": "x"})),
    ]
}

/// Those about clients and their tokens.
fn of_clients() -> [(&'static str, String, Value); 3] {
    let client = json!({"id": "c", "scopes": ["order:read"]});
    let asking =
        json!({"client_id": "c", "client_secret": "s", "grant_type": "client_credentials"});
    let token = json!({"token": "t"});
    [
        ("createClient", "/v1/clients".to_owned(), client),
        ("issueToken", "/auth/token".into(), asking),
        ("introspectToken", "/auth/introspect".into(), token),
    ]
}

/// Writes a value into a body.
fn put(body: &mut Value, pointer: &str, value: Value) {
    let (parent, name) = pointer.rsplit_once('/').expect("a pointer");
    let parent = body.pointer_mut(parent).expect("the request has it");
    match name.parse::<usize>() {
        Ok(index) => parent[index] = value,
        Err(_) => parent[name] = value,
    }
}

/// Whether an answer refuses this value: `/v1` names it as `lines[0].sku`, sales as `["items",0,"price"]`, the aggregator
/// in its details, services at the beginning of the message.
fn refuses(answer: &Answer, place: &str) -> bool {
    if ![400, 422].contains(&answer.status.as_u16()) {
        return false;
    }
    let body: Value = answer.json();
    if body["error"].is_object() {
        let parts = place
            .split('/')
            .skip(1)
            .map(|part| match part.parse::<u64>() {
                Ok(index) => json!(index),
                Err(_) => json!(part),
            });
        return body["error"]["details"][0]["path"] == parts.collect::<Value>();
    }
    let message = [&body["message"], &body["error_description"]];
    let message = message.into_iter().find_map(Value::as_str);
    let detailed = body["details"][0]["field"].as_str();
    let named = message.and_then(|message| message.split_once(": "));
    let field = match detailed.or(named.map(|(field, _)| field)) {
        Some(field) => field,
        None if message.is_some() => return false,
        None => body["field"].as_str().expect("the field"),
    };
    let pointer = field.replace('[', "/").replace(']', "").replace('.', "/");
    pointer == place.trim_start_matches('/')
}

#[tokio::test]
async fn a_value_of_a_body_is_taken_up_to_its_bound_and_refused_beyond() {
    let shop = Shop::open(NEVER).await;
    let document: Value = shop.get("/openapi.json").await.json();
    let known = known(&shop).await;
    let mut tried = 0;
    for item in document["paths"].as_object().expect("paths").values() {
        for (method, operation) in item.as_object().expect("operations") {
            let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
            let mut all = vec![];
            bounded(&document, schema, "", &mut all);
            let name = operation["operationId"].as_str().expect("a name");
            let method = Method::from_bytes(method.to_uppercase().as_bytes()).expect("a method");
            for Bounded { place, schema } in all {
                let known = known.get(name);
                let known = known.unwrap_or_else(|| panic!("a request of {name} with {place}"));
                let there = known.body.pointer(&place).unwrap_or(&Value::Null);
                for (within, beyond) in attempts(&schema, there) {
                    for (value, is_beyond) in [(beyond, true), (within, false)] {
                        tried += 1;
                        let mut body = known.body.clone();
                        put(&mut body, &place, value);
                        let headers = [("idempotency-key", &*tried.to_string())];
                        let answer = shop.ask_with(method.clone(), &known.path, &headers, &body);
                        let answer = answer.await;
                        assert_eq!(
                            refuses(&answer, &place),
                            is_beyond,
                            "{name} {place} {schema}: {}",
                            answer.text()
                        );
                    }
                }
            }
        }
    }
    assert!(tried > 140, "only {tried} values were tried");
}

/// Sends a request with this value of a parameter, and whether it was refused for it.
async fn is_refused(
    shop: &Shop,
    (method, path): (&Method, &str),
    (name, place): (&str, &str),
    value: &Value,
) -> bool {
    let plain = |value: &Value| value.as_str().map_or(value.to_string(), str::to_owned);
    let mut path = path.to_owned();
    let mut key = "k".to_owned();
    match place {
        "path" => path = path.replace("/b", &format!("/{}", plain(value))),
        "header" => key = plain(value),
        _ => {
            let one = std::slice::from_ref(value);
            let values = value.as_array().map_or(one, Vec::as_slice);
            let pairs: Vec<String> = values
                .iter()
                .map(|v| format!("{name}={}", plain(v)))
                .collect();
            path = format!("{path}?{}", pairs.join("&"));
        }
    }
    let (headers, body) = ([("idempotency-key", &*key)], json!({}));
    let answer = shop.ask_with(method.clone(), &path, &headers, &body).await;
    // A key that another request had is refused for that.
    if answer.text().to_lowercase().contains("key_reused") {
        return false;
    }
    refuses(&answer, name) || answer.status == 400 && answer.text().contains(name)
}

#[tokio::test]
async fn a_value_of_a_parameter_is_taken_up_to_its_bound_and_refused_beyond() {
    let shop = Shop::open(NEVER).await;
    let order = id(&shop.placed("k", &small("a", 1)).await);
    let document: Value = shop.get("/openapi.json").await.json();
    let mut tried = 0;
    for (path, item) in document["paths"].as_object().expect("paths") {
        let path = path
            .replace("{id}", &order)
            .replace("{sku}", "b")
            .replace("{hold}", &order);
        for (method, operation) in item.as_object().expect("operations") {
            let method = Method::from_bytes(method.to_uppercase().as_bytes()).expect("a method");
            for parameter in operation["parameters"].as_array().into_iter().flatten() {
                let text = |member: &str| parameter[member].as_str().expect("a text");
                for (within, beyond) in attempts(&parameter["schema"], &json!(["a"])) {
                    // A path without a segment is another path.
                    if (text("in"), &beyond) == ("path", &json!("")) {
                        continue;
                    }
                    for (value, is_beyond) in [(within, false), (beyond, true)] {
                        tried += 1;
                        let named = (text("name"), text("in"));
                        assert_eq!(
                            is_refused(&shop, (&method, &path), named, &value).await,
                            is_beyond,
                            "{method} {path} {named:?} {value}"
                        );
                    }
                }
            }
        }
    }
    assert!(tried > 60, "only {tried} values were tried");
}
