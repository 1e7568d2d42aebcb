//! Why a request was not done: a stable code, the field, what was expected and what was found.
//!
//! A handler of any dialect makes a [`Problem`]; the edge, which knows the correlation id, writes it ([`write()`]) in
//! the words of the dialect. `/v1` has problem+json (RFC 9457). The edge logs a cause meant for the operator, once.
//! Which problem each error is: `errors.rs`.

use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use waybill_domain::echo::sentence;
use waybill_domain::retry_after::RetryAfter;

use super::codes;
use super::kinds::{self, Kind};
use super::member::Member;
use crate::http::json;
use crate::http::worded::Worded;

/// A request that was not done, and why.
#[derive(Clone, Debug)]
pub struct Problem(Box<ProblemParts>);

#[derive(Clone, Debug)]
struct ProblemParts {
    kind: &'static Kind,
    detail: String,
    field: Option<String>,
    /// Further members, as JSON.
    members: Vec<(Member, String)>,
    retry_after: Option<RetryAfter>,
    challenge: Option<String>,
    headers: Vec<(HeaderName, HeaderValue)>,
    /// Logged, never answered.
    cause: Option<String>,
}

impl Problem {
    /// A problem of this code, see [`codes`] and [`kinds`].
    pub fn new(code: &str, detail: impl Into<String>) -> Self {
        Self(Box::new(ProblemParts {
            kind: kinds::kind(code),
            detail: sentence(detail.into()),
            field: None,
            members: vec![],
            retry_after: None,
            challenge: None,
            headers: vec![],
            cause: None,
        }))
    }

    /// Names the field, as `lines[0].quantity`.
    #[must_use]
    pub fn of(mut self, field: impl Into<String>) -> Self {
        let field: String = field.into();
        self.0.field = Some(sentence(field)).filter(|field| !field.is_empty());
        self
    }

    /// Sets a further member.
    #[must_use]
    pub fn with<T: serde::Serialize>(mut self, member: Member, value: &T) -> Self {
        self.0.members.retain(|(set, _)| *set != member);
        self.0.members.push((member, json::of(value).0));
        self
    }

    /// Says when to ask again.
    #[must_use]
    pub fn retry_after(mut self, wait: RetryAfter) -> Self {
        self.0.retry_after = Some(wait);
        self
    }

    /// Sets a header of the answer.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.headers.push((name, value));
        self
    }

    /// Sets headers of the answer.
    #[must_use]
    pub fn headers(mut self, headers: HeaderMap) -> Self {
        let named = headers.into_iter();
        self.0
            .headers
            .extend(named.filter_map(|(name, value)| name.map(|name| (name, value))));
        self
    }

    /// Sets the cause, which is logged and never answered.
    #[must_use]
    pub fn caused_by(mut self, cause: &waybill_store::Error) -> Self {
        self.0.cause = Some(waybill_store::with_sources(cause));
        self
    }

    /// The scheme and its parameters of `WWW-Authenticate` (RFC 6750).
    #[must_use]
    pub fn challenge(mut self, parameters: &str) -> Self {
        self.0.challenge = Some(format!("Bearer realm=\"waybill\"{parameters}"));
        self
    }

    /// The stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.0.kind.code
    }

    /// Its status, unless a dialect has another.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.0.kind.status()
    }

    /// What was expected and what was found.
    #[must_use]
    pub fn detail(&self) -> &str {
        &self.0.detail
    }

    /// The path of the field at fault; empty for none.
    #[must_use]
    pub fn field(&self) -> &str {
        self.0.field.as_deref().unwrap_or("")
    }

    /// A further member, as JSON.
    #[must_use]
    pub fn member(&self, member: Member) -> Option<&str> {
        let mut members = self.0.members.iter();
        let found = members.find(|(name, _)| *name == member);
        found.map(|(_, value)| value.as_str())
    }

    fn body(&self, correlation: &str) -> String {
        let Kind {
            code,
            status,
            title,
            ..
        } = self.0.kind;
        let mut body = format!(
            "{{\"type\":\"{}\",\"title\":{},\"status\":{status},\"code\":\"{code}\",\"detail\":{}",
            self.0.kind.page(),
            json::text(title),
            json::text(&self.0.detail),
        );
        if let Some(field) = &self.0.field {
            body.push_str(",\"field\":");
            body.push_str(&json::text(field));
        }
        for (member, value) in &self.0.members {
            body.push_str(&format!(",\"{}\":{value}", member.name()));
        }
        body.push_str(",\"correlationId\":");
        body.push_str(&json::text(correlation));
        body.push('}');
        body
    }
}

/// An empty answer that carries the problem to the edge.
impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.0.kind.status().into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// Puts a problem into the words of a dialect; the second argument is the correlation id.
pub type Words = fn(&Problem, &str) -> Worded;

/// Problem+json (RFC 9457).
pub fn words(problem: &Problem, correlation: &str) -> Worded {
    Worded {
        status: problem.status(),
        content_type: "application/problem+json",
        body: problem.body(correlation),
    }
}

/// Statuses after which a retry can succeed; their answers have `Retry-After`.
const NOT_NOW: [StatusCode; 3] = [
    StatusCode::REQUEST_TIMEOUT,
    StatusCode::TOO_MANY_REQUESTS,
    StatusCode::SERVICE_UNAVAILABLE,
];

/// Writes the problem that an answer carries, in the words of a dialect; the framework's own error answers become
/// problems too.
#[must_use]
pub fn write(mut response: Response, words: Words, correlation: &str) -> Response {
    let status = response.status();
    if !status.is_client_error() && !status.is_server_error() {
        return response;
    }
    let carried = response.extensions_mut().remove::<Problem>();
    let Some(problem) = carried.or_else(|| of_framework(&response)) else {
        return response;
    };
    if let Some(cause) = &problem.0.cause {
        tracing::error!(code = problem.0.kind.code, %cause, correlation_id = correlation, "a request could not be done");
    }
    let Worded {
        status,
        content_type,
        body,
    } = words(&problem, correlation);
    let content_type = HeaderValue::from_static(content_type);
    let mut written = (status, [(header::CONTENT_TYPE, content_type)], body).into_response();
    let headers = written.headers_mut();
    headers.extend(problem.0.headers.iter().cloned());
    let unless_said = NOT_NOW.contains(&status).then_some(RetryAfter::Soon);
    if let Some(wait) = problem.0.retry_after.or(unless_said) {
        headers
            .entry(header::RETRY_AFTER)
            .or_insert(HeaderValue::from(wait.seconds()));
    }
    let challenge = problem.0.challenge.as_deref().map(HeaderValue::from_str);
    if let Some(Ok(challenge)) = challenge {
        headers.insert(header::WWW_AUTHENTICATE, challenge);
    }
    for (name, value) in response.headers() {
        let kept = [header::CONTENT_TYPE, header::CONTENT_LENGTH];
        if !kept.contains(name) {
            headers.entry(name).or_insert_with(|| value.clone());
        }
    }
    written
}

/// The problem of an answer that has no JSON of its own: an unknown path, a method a path does not have.
fn of_framework(response: &Response) -> Option<Problem> {
    let is_json = response
        .headers()
        .get(header::CONTENT_TYPE)
        .and_then(|v| v.to_str().ok())
        .is_some_and(|v| v.contains("json"));
    if is_json {
        return None;
    }
    match response.status() {
        StatusCode::NOT_FOUND => Some(Problem::new(
            codes::NOT_FOUND,
            "there is nothing at this path; /openapi.json lists what there is",
        )),
        StatusCode::METHOD_NOT_ALLOWED => Some(Problem::new(
            codes::METHOD_NOT_ALLOWED,
            "this path does not have this method; see the header Allow",
        )),
        status if status.is_client_error() => Some(Problem::new(
            codes::INVALID_PATH,
            "the path or the head of the request cannot be read",
        )),
        _ => None,
    }
}
