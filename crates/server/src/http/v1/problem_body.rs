//! The shape of problem+json, for the specification; [`super::problem`] writes it.

use serde::Serialize;
use utoipa::openapi::schema::{ObjectBuilder, SchemaType, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use super::kinds;

/// Why a request was not done (RFC 9457).
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Problem)]
pub struct ProblemBody {
    /// The page that explains this kind of problem.
    #[serde(rename = "type")]
    #[schema(example = "/problems/total-mismatch")]
    kind: String,
    /// The kind of problem, in words.
    title: String,
    /// The HTTP status.
    status: u16,
    /// The kind of problem, for programs: it never changes its meaning.
    #[schema(value_type = Code)]
    code: String,
    /// What was expected and what was found.
    detail: String,
    /// The path of the field at fault.
    #[schema(nullable = false, example = "lines[0].quantity")]
    field: Option<String>,
    /// Finds the request in the server's log; absent where the connection itself was refused.
    #[schema(nullable = false)]
    correlation_id: Option<String>,
    /// On `invalid_transition`: where it may go instead.
    #[schema(nullable = false)]
    allowed: Option<Vec<String>>,
    /// On `invalid_transition`: the status it has.
    #[schema(nullable = false)]
    from: Option<String>,
    /// On `hold_too_late` and `line_too_late`: the status of the order.
    #[schema(nullable = false)]
    order_status: Option<String>,
    /// The bound that was passed.
    #[schema(nullable = false)]
    limit: Option<i64>,
    /// On `idempotency_key_reused`, `reference_taken` and `number_taken`: the order that has it.
    #[schema(value_type = Option<super::schemas::Id>, nullable = false)]
    order_id: Option<String>,
    /// On `insufficient_scope`: the scope that the token lacks.
    #[schema(nullable = false)]
    scope: Option<String>,
    /// On `unknown_sku`: the skus.
    #[schema(nullable = false)]
    skus: Option<Vec<String>>,
    /// On `version_mismatch`: the version it has.
    #[schema(nullable = false)]
    version: Option<i64>,
    /// On `insufficient_stock`: per sku, what was asked and what there is.
    #[schema(nullable = false)]
    shortages: Option<Vec<Shortage>>,
}

/// A sku that is short.
#[derive(Serialize, ToSchema)]
pub struct Shortage {
    /// The sku.
    sku: String,
    /// Units asked for.
    requested: i64,
    /// Units that could be given.
    available: i64,
}

/// Every code there is, from the one list of them.
pub struct Code;

impl PartialSchema for Code {
    fn schema() -> RefOr<Schema> {
        let told: Vec<String> = kinds::all()
            .map(|kind| format!("- `{}` ({}): {}", kind.code, kind.status, kind.title))
            .collect();
        ObjectBuilder::new()
            .schema_type(SchemaType::new(Type::String))
            .enum_values(Some(kinds::all().map(|kind| kind.code)))
            .description(Some(told.join("\n")))
            .into()
    }
}

impl ToSchema for Code {}
