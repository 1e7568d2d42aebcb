//! `POST /auth/token`: the grant `client_credentials` of OAuth 2.0 (RFC 6749 section 4.4).

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::{ConnectInfo, Request, State};
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use http::{HeaderMap, StatusCode};

use super::TOKENS;
use super::api::TokensApi;
use super::schemas::TokenAnswer;
use super::token_request::{Credentials, Parameters, Refused};
use crate::auth::{NewToken, Scopes, mint};
use crate::clock::MICROS_PER_SECOND;
use crate::http::json;
use crate::http::v1::codes;
use crate::http::v1::problem::Problem;
use crate::resilience::shared_limit::Client;

/// Gives a client a token for its id and secret, which stand in the body (JSON or a form) or in a Basic header.
#[utoipa::path(
    post, path = "/auth/token", operation_id = "issueToken", tag = "services dialect",
    request_body(description = "Also as application/x-www-form-urlencoded", content = super::schemas::TokenRequest, example = json!({"client_id": "demo-client", "client_secret": "demo-secret", "grant_type": "client_credentials"})),
    responses((status = 200, description = "The token", body = TokenAnswer, example = json!({"access_token": "eyJ…", "token_type": "Bearer", "expires_in": 86400, "scope": "order:create order:read"})), (status = 400, description = "invalid_request, unsupported_grant_type or invalid_scope"), (status = 401, description = "invalid_client", body = super::schemas::TokenProblem), (status = 429, description = "This address asks too often", body = super::schemas::TokenProblem)),
)]
pub async fn issue(
    State(api): State<Arc<TokensApi>>,
    request: Request,
) -> Result<Response, Problem> {
    let (headers, read) = parameters(&api, request).await?;
    let granted = read.and_then(|asked| Ok((granted(&api, &headers, &asked)?, asked)));
    let ((client, scopes), _) = match granted {
        Ok(granted) => granted,
        Err(refused) => return Ok(refused.into_response()),
    };
    let lifetime = api.auth.token_lifetime_ms;
    let new = NewToken {
        subject: &client,
        tenant: "default",
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

/// The parameters of a request, and its headers.
///
/// # Errors
/// The client asks too often, or the body did not come.
pub async fn parameters(
    api: &TokensApi,
    request: Request,
) -> Result<(HeaderMap, Result<Parameters, Refused>), Problem> {
    let (head, body) = request.into_parts();
    let peer = within_rate(api, &head).await?;
    let body = api
        .requests
        .body_of(&TOKENS, peer, &head.headers, body)
        .await?;
    let read = Parameters::read(&head.headers, &body);
    Ok((head.headers, read))
}

/// Counts a request by the caller's address, right or wrong, so that secrets cannot be tried quickly.
async fn within_rate(api: &TokensApi, head: &Parts) -> Result<Option<std::net::IpAddr>, Problem> {
    let peer = head.extensions.get::<ConnectInfo<SocketAddr>>();
    let peer = peer.map(|peer| peer.0.ip());
    let Some(limiter) = &api.limiter else {
        return Ok(peer);
    };
    let decision = limiter
        .ask(Client::Address(peer), api.requests.access.now().0)
        .await;
    if decision.allowed {
        return Ok(peer);
    }
    let detail =
        "this address asks for tokens more often than it may (auth.token_requests_per_minute)";
    let mut headers = HeaderMap::new();
    limiter.write_headers(decision, &mut headers);
    let refused = Problem::new(codes::RATE_LIMITED, detail).retry_after(decision.retry_after());
    Err(refused.headers(headers))
}

/// The client, and what its token may do.
fn granted(
    api: &TokensApi,
    headers: &HeaderMap,
    asked: &Parameters,
) -> Result<(String, Scopes), Refused> {
    let client = client(api, headers, asked)?;
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
        return Ok((client, Scopes::OF_NEW_TOKENS));
    };
    match Scopes::parse(wanted) {
        Ok(scopes) if Scopes::OF_CLIENTS.have_all(scopes) => Ok((client, scopes)),
        Ok(_) | Err(_) => Err(invalid_scope(asked.is_form)),
    }
}

fn invalid_scope(is_form: bool) -> Refused {
    let description = format!("A client may have {}", Scopes::OF_CLIENTS);
    if !is_form {
        return Refused::invalid_request(description);
    }
    Refused {
        status: StatusCode::BAD_REQUEST,
        error: "invalid_scope",
        description,
    }
}

/// The client whose id and secret were sent.
///
/// # Errors
/// None were sent, or they are wrong.
pub fn client(api: &TokensApi, headers: &HeaderMap, asked: &Parameters) -> Result<String, Refused> {
    let Credentials { id, secret } = asked.credentials(headers)?;
    if api.clients.know(&id, &secret) {
        Ok(id)
    } else {
        Err(Refused::invalid_client())
    }
}
