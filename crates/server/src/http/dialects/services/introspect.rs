//! `POST /auth/introspect`: what a token stands for (RFC 7662).

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;

use super::api::TokensApi;
use super::schemas::InspectionAnswer;
use super::token_client::{self, NotAnswered};
use crate::http::json;
use crate::http::v1::problem::Problem;

/// Says whether a token would be accepted, and what it may do. Outside `demo` only for clients with their secret.
#[utoipa::path(
    post, path = "/auth/introspect", operation_id = "introspectToken", tag = "services dialect",
    request_body(description = "Also as application/x-www-form-urlencoded", content = super::schemas::Inspection),
    responses((status = 200, description = "What it stands for", body = InspectionAnswer, example = json!({"active": true, "client_id": "demo-client", "exp": 1777975200, "iat": 1777888800, "scope": "order:create order:read"})), (status = 400, description = "There is no token, or the request cannot be read"), (status = 401, description = "invalid_client", body = super::schemas::TokenProblem), (status = 429, description = "This address asks too often, or sent too many wrong secrets", body = super::schemas::TokenProblem)),
)]
pub async fn introspect(
    State(api): State<Arc<TokensApi>>,
    request: Request,
) -> Result<Response, Problem> {
    token_client::answer(inspect(&api, request).await)
}

async fn inspect(api: &TokensApi, request: Request) -> Result<Response, NotAnswered> {
    let request = token_client::read(api, request).await?;
    if !api.is_inspection_open {
        request.client(api).await?;
    }
    let Some(token) = request.parameters.get("token") else {
        let body = json::Raw("{\"error\":\"Missing token\"}".into());
        return Ok((StatusCode::BAD_REQUEST, body).into_response());
    };
    let access = &api.requests.access;
    let found = access.verifier.inspect(token, access.now().0).ok();
    let answer = found.map_or_else(InspectionAnswer::default, |found| InspectionAnswer {
        active: true,
        client_id: Some(found.identity.subject),
        exp: found.exp_s,
        iat: found.iat_s,
        scope: Some(found.identity.scopes.to_string()),
    });
    Ok(json::of(&answer).into_response())
}
