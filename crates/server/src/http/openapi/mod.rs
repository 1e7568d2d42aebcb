//! `/openapi.json`: the specification, made of the routes themselves, so that the two cannot differ.
//!
//! Every route is mounted together with its description (`routes!`). This module adds what all routes share: problems,
//! security, bounds.

mod answers;
mod bounds;
mod shape;

use axum::response::{IntoResponse, Response};
use utoipa::OpenApi;
use utoipa::openapi::OpenApi as Specification;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};

use super::dialects::aggregator::schemas::AggregatorProblem;
use super::dialects::sales::schemas::SalesProblem;
use super::dialects::services::schemas::{ServicesProblem, TokenProblem};
use super::json;
use super::v1::problem_body::{Code, ProblemBody};
use crate::auth::Scope;
use crate::config::Limits;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Waybill",
        description = "Takes orders in, holds the stock and sees every order through to the customer's door.\n\nAmounts are decimal strings. Lists go on by opaque cursors (`next`, `after`). Every change takes `If-Match`. An `Idempotency-Key` is that of one client (the subject and tenant of the token), bare or in the double quotes of a structured field; keys of orders and keys of commands are apart, and among the commands of a client a key is for one request. Unknown fields and parameters are refused. The paths of the *sales dialect*, the *services dialect* and the *aggregator dialect* are for clients that speak it already.",
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
        contact(name = "The operator of this server"),
    ),
    servers((url = "/", description = "This server")),
    components(schemas(ProblemBody, Code, AggregatorProblem, SalesProblem, ServicesProblem, TokenProblem)),
    tags(
        (name = "orders", description = "Placing, reading, following, cancelling and holding orders"),
        (name = "events", description = "Everything that happens, to be followed by cursor"),
        (name = "stock", description = "What is on hand"),
        (name = "shipments", description = "What is on its way"),
        (name = "dead letters", description = "Events that could not be applied"),
        (name = "vendors", description = "Whose stock orders may draw on, and reading that stock"),
        (name = "clients", description = "Who may ask for tokens"),
        (name = "relay", description = "What this store publishes to others"),
        (name = "samples", description = "What all processes counted, for graphs"),
        (name = "sales dialect", description = "A wire format that clients already speak"),
        (name = "services dialect", description = "A wire format that clients of an order and a delivery service already speak, with their tokens"),
        (name = "aggregator dialect", description = "A wire format that clients of an order aggregator already speak; `/api/orders` is shared with the sales dialect"),
        (name = "health", description = "Health and figures"),
    ),
)]
struct Base;

/// The document without routes.
#[must_use]
pub fn base() -> Specification {
    Base::openapi()
}

/// The specification as text, with what holds for all routes added.
#[must_use]
pub fn complete(mut specification: Specification, limits: &Limits) -> String {
    let scopes: Vec<&str> = Scope::ALL.iter().map(|scope| scope.name()).collect();
    let description = format!(
        "A JWT, HS256. Scopes: {}; admin may do everything.",
        scopes.join(", ")
    );
    let mut http = Http::new(HttpAuthScheme::Bearer);
    http.bearer_format = Some("JWT".into());
    http.description = Some(description);
    let components = specification
        .components
        .get_or_insert_with(Default::default);
    components.add_security_scheme("token", SecurityScheme::Http(http));
    let mut document = serde_json::to_value(&specification)
        .expect("a specification has string keys and no fallible fields");
    shape::tidy(&mut document);
    bounds::add(&mut document, limits);
    answers::add(&mut document);
    document.to_string()
}

/// Answers the specification; its text is made once, at start-up.
pub fn answer(text: &str) -> Response {
    json::Raw(text.to_owned()).into_response()
}
