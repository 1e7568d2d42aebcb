//! The answers that many routes have alike: refusals and what a busy server says, per status, worded as the dialect of
//! the route words them. Which of them a route has follows from its description: whether it asks for a token, takes a
//! body, names something in its path.

use serde_json::{Map, Value, json};

use super::shape::operations;
use crate::http::dialects;
use crate::http::v1::kinds;

/// Adds them to every operation.
pub fn add(document: &mut Value) {
    for (path, method, operation) in operations(document) {
        let dialect = dialects::of_path(dialects::ALL, path).name;
        let worded = match (dialect, path) {
            ("aggregator", _) => aggregator,
            ("sales", "/api/orders" | "/api/orders/{order_id}/cancel") => sales_or_aggregator,
            ("sales", _) => sales,
            ("services", "/orders") => services_or_sales,
            ("services", _) => services,
            ("services-tokens", _) => tokens,
            _ => canonical,
        };
        let statuses = statuses(path, method, operation);
        let Some(responses) = operation["responses"].as_object_mut() else {
            continue;
        };
        for status in statuses {
            refuse(responses, status, worded);
        }
        responses.values_mut().for_each(with_correlation);
    }
}

fn statuses(path: &str, method: &str, operation: &Value) -> Vec<u16> {
    let takes = |name: &str| {
        let parameters = operation["parameters"].as_array();
        parameters.is_some_and(|all| all.iter().any(|one| one["name"] == name))
    };
    let guarded = operation["security"]
        .as_array()
        .is_some_and(|all| !all.is_empty());
    let changes = method != "get";
    let has_body = operation["requestBody"].is_object();
    // A route that changes something reads a body, so it can answer the body's errors. It is 404 in a process that does
    // not run its role.
    let of = [
        (true, vec![400, 408, 417, 421, 500, 503]),
        (guarded, vec![401, 403, 429]),
        (path.contains('{') || changes, vec![404]),
        (changes, vec![409, 413, 415, 422, 501, 507]),
        (has_body, vec![411]),
        (takes("If-Match") || takes("If-None-Match"), vec![412]),
        (takes("after") || takes("Last-Event-ID"), vec![410]),
        // The order, or that of a key that was used before, may be in the archive.
        (
            path.starts_with("/v1/orders/{id}") || changes && path.ends_with("/orders"),
            vec![410],
        ),
        (operation["responses"]["101"].is_object(), vec![426]),
    ];
    let there = of.into_iter().filter(|(has, _)| *has);
    there
        .flat_map(|(_, statuses)| statuses)
        .filter(|status| has_codes(*status))
        .collect()
}

/// Whether any problem has this status; a status without problems is never answered.
fn has_codes(status: u16) -> bool {
    kinds::all().any(|kind| kind.status == status)
}

/// A refusal in the words of a dialect.
struct Refusal {
    content_type: &'static str,
    schema: Value,
    description: String,
}

fn canonical(status: u16) -> Refusal {
    let codes: Vec<String> = kinds::all()
        .filter(|kind| kind.status == status)
        .map(|kind| format!("`{}`", kind.code))
        .collect();
    Refusal {
        content_type: "application/problem+json",
        schema: of("Problem"),
        description: format!("Not done; the code is one of {}", codes.join(", ")),
    }
}

fn sales(status: u16) -> Refusal {
    let description = match status {
        401 => "There is no token",
        403 => "The token is not accepted, or may not do this",
        408 | 429 | 503 => "Not done now; try again after the seconds in Retry-After",
        _ => "Not done; the error says why",
    };
    Refusal {
        content_type: "application/json",
        schema: of("SalesProblem"),
        description: description.into(),
    }
}

fn aggregator(status: u16) -> Refusal {
    Refusal {
        schema: of("AggregatorProblem"),
        ..sales(status)
    }
}

/// Of paths below the sales dialect's at which the aggregator dialect is spoken.
fn sales_or_aggregator(status: u16) -> Refusal {
    Refusal {
        schema: json!({"anyOf": [of("SalesProblem"), of("AggregatorProblem")]}),
        ..sales(status)
    }
}

fn services(status: u16) -> Refusal {
    let description = match status {
        401 => {
            "UNAUTHORIZED without a token, INVALID_TOKEN with a bad one, TOKEN_EXPIRED with an old one"
        }
        408 | 429 | 503 => "Not done now; try again after the seconds in Retry-After",
        _ => "Not done; the message says why",
    };
    Refusal {
        content_type: "application/json",
        schema: of("ServicesProblem"),
        description: description.into(),
    }
}

/// Of the path that both dialects place orders at.
fn services_or_sales(status: u16) -> Refusal {
    Refusal {
        schema: json!({"anyOf": [of("ServicesProblem"), of("SalesProblem")]}),
        ..services(status)
    }
}

fn tokens(status: u16) -> Refusal {
    Refusal {
        schema: of("TokenProblem"),
        ..services(status)
    }
}

fn of(schema: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{schema}")})
}

/// Adds a refusal of this status, unless the route describes one itself.
fn refuse(responses: &mut Map<String, Value>, status: u16, worded: fn(u16) -> Refusal) {
    let refusal = worded(status);
    let response = responses
        .entry(status.to_string())
        .or_insert_with(|| json!({"description": refusal.description}));
    if response["content"].is_null() {
        response["content"] = json!({refusal.content_type: {"schema": refusal.schema}});
    }
    let headers = match status {
        401 => &[(
            "WWW-Authenticate",
            "How to authenticate (RFC 6750)",
            "string",
        )][..],
        408 | 503 | 507 => &[("Retry-After", "Seconds after which to try again", "integer")],
        426 => &[("Upgrade", "The protocol to speak (RFC 9110)", "string")],
        429 => &[
            ("Retry-After", "Seconds after which to try again", "integer"),
            (
                "RateLimit-Policy",
                "The limit, and its window in seconds",
                "string",
            ),
            (
                "RateLimit",
                "What is left of the limit, and for how many seconds",
                "string",
            ),
        ],
        _ => &[],
    };
    for (name, description, kind) in headers {
        response["headers"][*name] = json!({"description": description, "schema": {"type": kind}});
    }
}

fn with_correlation(response: &mut Value) {
    response["headers"]["X-Correlation-Id"] = json!({
        "description": "Finds the request in the server's log; as it was sent, or a new one",
        "schema": {"type": "string"},
    });
}
