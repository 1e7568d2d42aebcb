//! The client of a request about tokens: its request, its id and secret, and how often it may be wrong.

use std::net::{IpAddr, SocketAddr};

use axum::extract::{ConnectInfo, Request};
use axum::response::{IntoResponse, Response};
use http::HeaderMap;
use http::request::Parts;

use super::TOKENS;
use super::api::TokensApi;
use super::token_request::{Credentials, Parameters, Refused};
use crate::auth::KnownClient;
use crate::http::v1::codes;
use crate::http::v1::problem::Problem;
use crate::resilience::shared_limit::Client;

/// A request about tokens.
pub struct TokenRequest {
    headers: HeaderMap,
    /// The caller's address; tests use routers without one.
    peer: Option<IpAddr>,
    pub parameters: Parameters,
}

/// Why a request about tokens is not answered: in the words of RFC 6749, or a problem that every route may have.
pub enum NotAnswered {
    Refused(Refused),
    Problem(Problem),
}

impl From<Refused> for NotAnswered {
    fn from(refused: Refused) -> Self {
        Self::Refused(refused)
    }
}

impl From<Problem> for NotAnswered {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

/// What a handler gives back.
pub fn answer(answered: Result<Response, NotAnswered>) -> Result<Response, Problem> {
    match answered {
        Ok(response) => Ok(response),
        Err(NotAnswered::Refused(refused)) => Ok(refused.into_response()),
        Err(NotAnswered::Problem(problem)) => Err(problem),
    }
}

/// Reads a request.
///
/// # Errors
/// The address asks too often, or the body did not come or cannot be read.
pub async fn read(api: &TokensApi, request: Request) -> Result<TokenRequest, NotAnswered> {
    let (head, body) = request.into_parts();
    let peer = within_rate(api, &head).await?;
    let body = api
        .requests
        .body_of(&TOKENS, peer, &head.headers, body)
        .await?;
    let parameters = Parameters::read(&head.headers, &body)?;
    Ok(TokenRequest {
        headers: head.headers,
        peer,
        parameters,
    })
}

/// Counts a request by the caller's address, right or wrong, so that one address cannot keep the store busy.
async fn within_rate(api: &TokensApi, head: &Parts) -> Result<Option<IpAddr>, Problem> {
    let peer = head.extensions.get::<ConnectInfo<SocketAddr>>();
    let peer = peer.map(|peer| peer.0.ip());
    let Some(limiter) = &api.limiter else {
        return Ok(peer);
    };
    let now = api.requests.access.now().0;
    let decision = limiter.ask(Client::Address(peer), now).await;
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

impl TokenRequest {
    /// The client whose id and secret were sent.
    ///
    /// # Errors
    /// None were sent, or they are wrong, or were wrong too often at this address; the store's.
    pub async fn client(&self, api: &TokensApi) -> Result<KnownClient, NotAnswered> {
        let Credentials { id, secret } = self.parameters.credentials(&self.headers)?;
        let now = api.requests.access.now().0;
        let wrong = api.wrong_secrets.as_ref();
        if let Some(refused) = wrong.and_then(|wrong| wrong.refusal(&id, self.peer, now)) {
            let detail =
                "too many wrong secrets came from this address (auth.wrong_secrets_per_minute)";
            let problem = Problem::new(codes::RATE_LIMITED, detail);
            return Err(problem.retry_after(refused.retry_after()).into());
        }
        let known = api.clients.recognise(&id, &secret).await;
        if let Some(known) = known.map_err(Problem::from)? {
            return Ok(known);
        }
        if let Some(wrong) = wrong {
            wrong.count(&id, self.peer, now);
        }
        Err(Refused::invalid_client().into())
    }
}
