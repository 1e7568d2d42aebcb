//! `POST /auth/token`: the grant `client_credentials` of OAuth 2.0 (RFC 6749 section 4.4).

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;

use super::api::TokensApi;
use super::schemas::TokenAnswer;
use super::token_client::{self, NotAnswered};
use super::token_request::{Parameters, Refused};
use crate::auth::{KnownClient, NewToken, Scopes, mint};
use crate::clock::MICROS_PER_SECOND;
use crate::http::json;
use crate::http::v1::codes;
use crate::http::v1::problem::Problem;

/// Gives a client a token for its id and secret, which stand in the body (JSON or a form) or in a Basic header. The token
/// is of the client's tenant and has the client's scopes, or those of them that `scope` names.
#[utoipa::path(
    post, path = "/auth/token", operation_id = "issueToken", tag = "services dialect",
    request_body(description = "Also as application/x-www-form-urlencoded", content = super::schemas::TokenRequest, example = json!({"client_id": "demo-client", "client_secret": "demo-secret", "grant_type": "client_credentials"})),
    responses((status = 200, description = "The token", body = TokenAnswer, example = json!({"access_token": "eyJ…", "token_type": "Bearer", "expires_in": 86400, "scope": "order:create order:read"})), (status = 400, description = "invalid_request, unsupported_grant_type or invalid_scope"), (status = 401, description = "invalid_client", body = super::schemas::TokenProblem), (status = 429, description = "This address asks too often, or sent too many wrong secrets", body = super::schemas::TokenProblem)),
)]
pub async fn issue(
    State(api): State<Arc<TokensApi>>,
    request: Request,
) -> Result<Response, Problem> {
    token_client::answer(issued(&api, request).await)
}

async fn issued(api: &TokensApi, request: Request) -> Result<Response, NotAnswered> {
    let request = token_client::read(api, request).await?;
    let client = request.client(api).await?;
    let scopes = granted(&client, &request.parameters)?;
    let lifetime = api.auth.token_lifetime_ms;
    let new = NewToken {
        subject: &client.id,
        tenant: client.tenant.as_str(),
        scopes,
        lifetime,
    };
    let now = api.requests.access.now();
    let access_token = mint(&api.auth, &new, now.0)
        .map_err(|error| Problem::new(codes::INTERNAL, error.to_string()))?;
    let answer = TokenAnswer {
        access_token,
        token_type: "Bearer",
        expires_in: lifetime.micros() / MICROS_PER_SECOND,
        scope: scopes.to_string(),
    };
    Ok((StatusCode::OK, json::of(&answer)).into_response())
}

/// What the client's token may do.
fn granted(client: &KnownClient, asked: &Parameters) -> Result<Scopes, Refused> {
    match asked.get("grant_type") {
        Some("client_credentials") => {}
        Some(_) if asked.is_form => {
            return Err(Refused {
                status: StatusCode::BAD_REQUEST,
                error: "unsupported_grant_type",
                description: "grant_type must be client_credentials".into(),
            });
        }
        _ => {
            return Err(Refused::invalid_request(
                "grant_type must be client_credentials",
            ));
        }
    }
    let Some(wanted) = asked.get("scope") else {
        return Ok(client.default_scopes);
    };
    match Scopes::parse(wanted) {
        Ok(scopes) if client.scopes.cover(scopes) => Ok(scopes),
        Ok(_) | Err(_) => Err(invalid_scope(client.scopes, asked.is_form)),
    }
}

fn invalid_scope(most: Scopes, is_form: bool) -> Refused {
    let description = format!("This client may have {most}");
    if !is_form {
        return Refused::invalid_request(description);
    }
    Refused {
        status: StatusCode::BAD_REQUEST,
        error: "invalid_scope",
        description,
    }
}
