//! The shape of problem+json, for the specification; [`super::problem`] writes it.

use serde::Serialize;
use utoipa::openapi::schema::{ObjectBuilder, SchemaType, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use super::codes::KINDS;

/// Why a request was not done (RFC 9457).
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Problem)]
pub struct ProblemBody {
    #[serde(rename = "type")]
    #[schema(example = "/problems/total-mismatch")]
    kind: String,
    title: String,
    status: u16,
    #[schema(value_type = Code)]
    code: String,
    /// What was expected and what was found.
    detail: String,
    /// The path of the field at fault.
    #[schema(example = "lines[0].quantity")]
    field: Option<String>,
    correlation_id: String,
    /// On `invalid_transition`: where it may go instead.
    allowed: Option<Vec<String>>,
    /// On `insufficient_stock`: per sku, what was asked and what there is.
    shortages: Option<Vec<Shortage>>,
}

/// A sku that is short.
#[derive(Serialize, ToSchema)]
pub struct Shortage {
    sku: String,
    requested: i64,
    available: i64,
}

/// Every code there is, from the one list of them.
pub struct Code;

impl PartialSchema for Code {
    fn schema() -> RefOr<Schema> {
        let told: Vec<String> = KINDS
            .iter()
            .map(|kind| format!("- `{}` ({}): {}", kind.code, kind.status, kind.title))
            .collect();
        ObjectBuilder::new()
            .schema_type(SchemaType::new(Type::String))
            .enum_values(Some(KINDS.iter().map(|kind| kind.code)))
            .description(Some(told.join("\n")))
            .into()
    }
}

impl ToSchema for Code {}
