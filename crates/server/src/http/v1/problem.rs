//! How `/v1` says no: problem+json (RFC 9457) with a stable code, the field, and what would be right.
//!
//! Owns the list of codes, which is part of the wire contract. A handler makes a [`Problem`]; the edge, which knows
//! the correlation id, writes it ([`write()`]). What is nobody's business outside is logged there, once.

use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use waybill_domain::echo::sentence;
use waybill_domain::intake::ClaimKind;
use waybill_domain::precondition::Unmet;
use waybill_domain::problem::{Problem as Invalid, code};
use waybill_domain::refusal::{Refusal, Shortage};
use waybill_domain::stock::AdjustmentRefusal;
use waybill_store::Error as StoreError;

use super::codes::{self, Kind};
use super::member::{self, Member};
use crate::auth::TokenError;
use crate::http::access::Denied;
use crate::http::body_error::BodyError;
use crate::http::idempotency_key::{self, KeyError};
use crate::http::json;
use crate::http::worded::Worded;
use crate::intake::IntakeError;
use crate::intake::place::PlaceError;
use crate::inventory::InventoryError;

/// A request that was not done, and why.
#[derive(Clone, Debug)]
pub struct Problem(Box<Told>);

#[derive(Clone, Debug)]
struct Told {
    kind: &'static Kind,
    detail: String,
    field: Option<String>,
    /// Further members, as JSON.
    members: Vec<(Member, String)>,
    retry_after_s: Option<u32>,
    challenge: Option<String>,
    headers: Vec<(HeaderName, HeaderValue)>,
    /// For the log alone.
    cause: Option<String>,
}

impl Problem {
    /// A problem of this code, see [`codes`].
    pub fn new(code: &str, detail: impl Into<String>) -> Self {
        Self(Box::new(Told {
            kind: codes::kind(code),
            detail: sentence(detail.into()),
            field: None,
            members: vec![],
            retry_after_s: None,
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
    pub fn retry_after(mut self, seconds: u32) -> Self {
        self.0.retry_after_s = Some(seconds);
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

    fn caused_by(mut self, cause: &StoreError) -> Self {
        self.0.cause = Some(waybill_store::with_sources(cause));
        self
    }

    /// The scheme and its parameters of `WWW-Authenticate` (RFC 6750).
    fn challenge(mut self, parameters: &str) -> Self {
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

/// Statuses that say: not now. Each says when to ask again.
const NOT_NOW: [StatusCode; 3] = [
    StatusCode::REQUEST_TIMEOUT,
    StatusCode::TOO_MANY_REQUESTS,
    StatusCode::SERVICE_UNAVAILABLE,
];

/// Writes the problem that an answer carries, in the words of a dialect; answers that the framework made on its own
/// become problems too.
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
    let after = problem.0.retry_after_s;
    if let Some(seconds) = after.or(NOT_NOW.contains(&status).then_some(1)) {
        headers
            .entry(header::RETRY_AFTER)
            .or_insert(HeaderValue::from(seconds));
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

impl From<Invalid> for Problem {
    fn from(invalid: Invalid) -> Self {
        Self::new(invalid.code, invalid.detail).of(invalid.field)
    }
}

impl From<Denied> for Problem {
    fn from(denied: Denied) -> Self {
        match denied {
            Denied::Token(missing @ TokenError::Missing) => {
                Self::new(missing.code(), missing.to_string()).challenge("")
            }
            Denied::Token(bad) => {
                let told = format!(", error=\"invalid_token\", error_description=\"{bad}\"");
                Self::new(bad.code(), bad.to_string()).challenge(&told)
            }
            Denied::Scope(scope) => {
                let told = format!(", error=\"insufficient_scope\", scope=\"{scope}\"");
                let detail = format!("the token lacks the scope {scope}");
                Self::new(codes::INSUFFICIENT_SCOPE, detail)
                    .with(member::SCOPE, &scope.name())
                    .challenge(&told)
            }
        }
    }
}

impl From<KeyError> for Problem {
    fn from(error: KeyError) -> Self {
        Self::new(code::KEY_INVALID, error.to_string()).of(idempotency_key::FIELD)
    }
}

impl From<BodyError> for Problem {
    fn from(error: BodyError) -> Self {
        let detail = error.to_string();
        match error {
            BodyError::TooLarge { limit } => {
                Self::new(codes::BODY_TOO_LARGE, detail).with(member::LIMIT, &limit)
            }
            BodyError::Timeout { .. } => Self::new(codes::REQUEST_TIMEOUT, detail).retry_after(1),
            BodyError::NoRoom { .. } | BodyError::NoShare { .. } => {
                Self::new(codes::TOO_MANY_BODIES, detail).retry_after(1)
            }
            BodyError::Broken => Self::new(codes::BODY_BROKEN, detail),
        }
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let detail = refusal.to_string();
        match refusal {
            Refusal::InvalidTransition { from, allowed, .. } => {
                Self::new(codes::INVALID_TRANSITION, detail)
                    .with(member::FROM, &from)
                    .with(member::ALLOWED, &allowed)
            }
            Refusal::InvalidShipmentTransition { from, allowed, .. } => {
                Self::new(codes::INVALID_TRANSITION, detail)
                    .with(member::FROM, &from)
                    .with(member::ALLOWED, &allowed)
            }
            Refusal::Unmet(unmet) => unmet.into(),
            Refusal::HoldTooLate { status } => {
                Self::new(codes::HOLD_TOO_LATE, detail).with(member::ORDER_STATUS, &status)
            }
            Refusal::NoSuchHold => Self::new(codes::HOLD_NOT_FOUND, detail),
            Refusal::TooManyHolds { limit } => {
                Self::new(codes::TOO_MANY_HOLDS, detail).with(member::LIMIT, &limit)
            }
        }
    }
}

impl From<Unmet> for Problem {
    fn from(unmet: Unmet) -> Self {
        let (code, field) = match unmet {
            Unmet::OtherVersion { .. } | Unmet::Missing => (codes::VERSION_MISMATCH, "If-Match"),
            Unmet::Excluded { .. } => (codes::PRECONDITION_FAILED, "If-None-Match"),
        };
        let problem = Self::new(code, unmet.to_string()).of(field);
        // What is not there has no version.
        match unmet.found() {
            Some(version) => problem.with(member::VERSION, &version),
            None => problem,
        }
    }
}

impl From<AdjustmentRefusal> for Problem {
    fn from(refusal: AdjustmentRefusal) -> Self {
        let detail = refusal.to_string();
        match refusal {
            AdjustmentRefusal::BelowReserved { reserved, wanted } => {
                Self::new(codes::BELOW_RESERVED, detail)
                    .of("onHand")
                    .with(member::RESERVED, &reserved)
                    .with(member::WANTED, &wanted)
            }
            AdjustmentRefusal::OutOfRange { .. } => {
                Self::new(codes::STOCK_OUT_OF_RANGE, detail).of("onHand")
            }
            AdjustmentRefusal::SafetyOutOfRange { .. } => {
                Self::new(codes::STOCK_OUT_OF_RANGE, detail).of("safety")
            }
            AdjustmentRefusal::Unmet(unmet) => unmet.into(),
            AdjustmentRefusal::KeyUsed => Self::new(codes::UNAVAILABLE, detail).retry_after(1),
        }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match &error {
            StoreError::DiskFull => Self::new(
                codes::INSUFFICIENT_STORAGE,
                "the disk is full; nothing was stored",
            )
            .retry_after(5),
            StoreError::OutcomeUnknown => {
                Self::new(codes::OUTCOME_UNKNOWN, error.to_string()).retry_after(1)
            }
            other if other.is_retryable() => {
                Self::new(codes::UNAVAILABLE, other.to_string()).retry_after(1)
            }
            other => Self::new(
                codes::INTERNAL,
                "this is a defect; it was logged with this correlation id",
            )
            .caused_by(other),
        }
    }
}

impl From<IntakeError> for Problem {
    fn from(error: IntakeError) -> Self {
        let detail = error.to_string();
        match error {
            IntakeError::TimedOut { .. } => Self::new(
                codes::REQUEST_TIMEOUT,
                format!("{detail}; nothing was stored"),
            )
            .retry_after(1),
            IntakeError::Full { .. } => Self::new(codes::OVERLOADED, detail).retry_after(1),
            IntakeError::Closed => Self::new(codes::UNAVAILABLE, detail).retry_after(1),
            IntakeError::Store(store) => store.into(),
        }
    }
}

impl From<PlaceError> for Problem {
    fn from(error: PlaceError) -> Self {
        match error {
            PlaceError::Taken { kind, order_id } => {
                let (code, field, what) = match kind {
                    ClaimKind::Key | ClaimKind::Duplicate => {
                        (codes::KEY_REUSED, "Idempotency-Key", "this key")
                    }
                    ClaimKind::Reference => {
                        (codes::REFERENCE_TAKEN, "clientReference", "this reference")
                    }
                    ClaimKind::Number => (codes::NUMBER_TAKEN, "orderNumber", "this number"),
                };
                Self::new(code, format!("{what} was used before for another order"))
                    .of(field)
                    .with(member::ORDER_ID, &order_id)
            }
            PlaceError::Short(shortages) => insufficient_stock(&shortages),
            PlaceError::UnknownSkus(skus) => {
                let skus: Vec<&str> = skus.iter().map(waybill_domain::text::Sku::as_str).collect();
                Self::new(
                    codes::UNKNOWN_SKU,
                    format!("not tracked here: {}", skus.join(", ")),
                )
                .of("lines")
                .with(member::SKUS, &skus)
            }
            PlaceError::Inventory(error) => {
                let after = match error {
                    InventoryError::Open { retry_after_ms } => {
                        u32::try_from(retry_after_ms.div_ceil(1_000)).unwrap_or(u32::MAX)
                    }
                    InventoryError::Failed(_) | InventoryError::Timeout { .. } => 1,
                };
                Self::new(codes::INVENTORY_UNAVAILABLE, error.to_string()).retry_after(after.max(1))
            }
            PlaceError::Intake(error) => error.into(),
        }
    }
}

fn insufficient_stock(shortages: &[Shortage]) -> Problem {
    let told: Vec<serde_json::Value> = shortages
        .iter()
        .map(|s| serde_json::json!({"sku": s.sku, "requested": s.requested, "available": s.available}))
        .collect();
    let detail: Vec<String> = shortages
        .iter()
        .map(|s| {
            format!(
                "{}: {} asked, {} available",
                s.sku, s.requested, s.available
            )
        })
        .collect();
    Problem::new(codes::INSUFFICIENT_STOCK, detail.join("; "))
        .of("lines")
        .with(member::SHORTAGES, &told)
}
