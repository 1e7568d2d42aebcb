//! The documents of the services dialect that are only read, for the specification.

use serde::Serialize;
use utoipa::ToSchema;
use waybill_domain::text::{Sku, TEXT_CHARS};

use super::answer::ServicesOrderTaken;
use super::token_request::PARAMETER_CHARS;
use crate::config::Limits;
use crate::http::dialects::item_order::CUSTOMER_CHARS;
use crate::http::dialects::sales::schemas::{NewSalesOrder, SalesOrderAnswer};
use crate::http::v1::bounds::{MemberBound, bound, text};

/// An order as it is sent. Ids may be whole numbers. Fields that are not known are ignored.
#[derive(Serialize, ToSchema)]
pub struct NewServicesOrder {
    /// The customer's id at the caller.
    #[schema(example = "customer-123")]
    customer_id: String,
    /// What is ordered.
    items: Vec<NewServicesItem>,
}

/// One product.
#[derive(Serialize, ToSchema)]
pub struct NewServicesItem {
    /// The product.
    #[schema(example = "product-456")]
    product_id: String,
    /// Units.
    #[schema(example = 2)]
    quantity: i64,
    /// Price of one unit, in USD; above 0.
    #[schema(example = 29.99)]
    unit_price: f64,
}

/// An order of this dialect, or of the sales dialect.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub enum NewOrderOfEither {
    Services(NewServicesOrder),
    Sales(NewSalesOrder),
}

/// The answer to an order, in the dialect of the order.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub enum TakenOfEither {
    Services(ServicesOrderTaken),
    Sales(Box<SalesOrderAnswer>),
}

/// The bounds of bodies as they are sent.
#[must_use]
pub fn bounds(limits: &Limits) -> Vec<MemberBound> {
    let items = vec![bound("minItems", 1), bound("maxItems", limits.lines)];
    let units = vec![bound("minimum", 1), bound("maximum", limits.quantity)];
    let of = [
        ("NewServicesOrder", "customer_id", text(1, CUSTOMER_CHARS)),
        ("NewServicesOrder", "items", items),
        ("NewServicesItem", "product_id", text(1, Sku::MAX_CHARS)),
        ("NewServicesItem", "quantity", units),
        (
            "NewServicesItem",
            "unit_price",
            vec![bound("exclusiveMinimum", 0)],
        ),
        ("NewServicesStep", "tracking_number", text(0, TEXT_CHARS)),
        ("NewServicesStep", "carrier", text(0, TEXT_CHARS)),
        ("TokenRequest", "client_id", text(0, PARAMETER_CHARS)),
        ("TokenRequest", "client_secret", text(0, PARAMETER_CHARS)),
        ("TokenRequest", "grant_type", text(0, PARAMETER_CHARS)),
        ("TokenRequest", "scope", text(0, PARAMETER_CHARS)),
        ("Inspection", "token", text(0, PARAMETER_CHARS)),
        ("Inspection", "client_id", text(0, PARAMETER_CHARS)),
        ("Inspection", "client_secret", text(0, PARAMETER_CHARS)),
    ];
    let each = of.into_iter().flat_map(|(schema, member, bounds)| {
        bounds.into_iter().map(move |bound| MemberBound {
            schema,
            member,
            bound,
        })
    });
    each.collect()
}

/// A step that can be reported.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum ServicesStep {
    Processing,
    Shipped,
    Delivered,
}

/// Why a request was not done.
#[derive(Serialize, ToSchema)]
pub struct ServicesProblem {
    /// The kind of problem, for programs.
    #[schema(example = "VALIDATION_ERROR")]
    error: String,
    /// What is wrong, in words.
    message: String,
}

/// Who asks for a token, and what for.
#[derive(Serialize, ToSchema)]
pub struct TokenRequest {
    /// The client, unless the header Authorization names it.
    #[schema(example = "demo-client", required = false, nullable = false)]
    client_id: Option<String>,
    /// Its secret, unless the header Authorization has it.
    #[schema(example = "demo-secret", required = false, nullable = false)]
    client_secret: Option<String>,
    /// Always `client_credentials`.
    #[schema(example = "client_credentials")]
    grant_type: String,
    /// Scopes, by spaces; `order:create order:read` without it.
    #[schema(required = false, nullable = false)]
    scope: Option<String>,
}

/// A token.
#[derive(Serialize, ToSchema)]
pub struct TokenAnswer {
    /// The token, for the header Authorization.
    pub access_token: String,
    /// Always `Bearer`.
    pub token_type: &'static str,
    /// Seconds that it lives.
    pub expires_in: i64,
    /// What it may do.
    pub scope: String,
}

/// Why there is no token (RFC 6749 section 5.2).
#[derive(Serialize, ToSchema)]
pub struct TokenProblem {
    /// The kind of problem, for programs.
    #[schema(example = "invalid_client")]
    error: String,
    /// What is wrong, in words.
    #[schema(required = false, nullable = false)]
    error_description: Option<String>,
    /// What is wrong, in words, where no path of this kind is there.
    #[schema(required = false, nullable = false)]
    message: Option<String>,
}

/// A token to be inspected. Where inspection is not open, with the client's id and secret, or the header Authorization.
#[derive(Serialize, ToSchema)]
pub struct Inspection {
    /// The token.
    token: String,
    /// The client that asks.
    #[schema(required = false, nullable = false)]
    client_id: Option<String>,
    /// Its secret.
    #[schema(required = false, nullable = false)]
    client_secret: Option<String>,
}

/// What a token stands for; of one that is not good only that it is not.
#[derive(Default, Serialize, ToSchema)]
pub struct InspectionAnswer {
    /// Whether the token would be accepted now.
    pub active: bool,
    /// Whom it names.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub client_id: Option<String>,
    /// When it ends, in seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub exp: Option<i64>,
    /// When it was made, in seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub iat: Option<i64>,
    /// What it may do.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub scope: Option<String>,
}
