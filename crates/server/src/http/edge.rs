//! What happens to every request before and after its handler: correlation, limits, headers, counting, one line of
//! log.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::{ConnectInfo, MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use waybill_domain::context::EventMeta;
use waybill_domain::retry_after::RetryAfter;
use waybill_domain::trace::{self, TraceParent};

use crate::auth::Identity;
use crate::config::{self, Profile};
use crate::http::access::{self, Access};
use crate::http::dialect::Dialect;
use crate::http::dialects::{self, Dialects};
use crate::http::head::{self, Head, Names};
use crate::http::spare::HealthOnly;
use crate::http::v1::codes;
use crate::http::v1::problem::{self, Problem};
use crate::http::{cors, token_end};
use crate::observe::figures;
use crate::observe::metrics::Metrics;
use crate::random::Entropy;
use crate::resilience::shared_limit::{Client, Limiter};

/// The ids of a request for logs and events; stored in the request's extensions.
#[derive(Clone, Debug)]
pub struct Correlation {
    pub id: Arc<str>,
    /// W3C Trace Context: what the caller sent if that is valid, else a new trace. `None` only where a test calls a
    /// router without the edge.
    pub traceparent: Option<Arc<str>>,
}

impl Correlation {
    /// The meta of events that a caller's command causes.
    #[must_use]
    pub fn meta(&self, identity: &Identity) -> EventMeta {
        EventMeta {
            actor: format!("client:{}", identity.subject).into(),
            correlation_id: Some(self.id.clone()),
            causation_id: None,
            traceparent: self.traceparent.clone(),
        }
    }
}

static CORRELATION_ID: HeaderName = HeaderName::from_static("x-correlation-id");
static TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// The methods that routes have.
pub const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, POST, PUT, OPTIONS");

/// The longest correlation id taken from a caller.
const ID_CHARS: usize = 128;

/// What the edge needs for each request.
pub struct Edge {
    pub access: Access,
    pub limiter: Option<Limiter>,
    pub dialects: Dialects,
    pub profile: Profile,
    pub server: config::Server,
    /// The longest that an order waits for its batch, or a command for its turn.
    pub queue_time: Duration,
    pub entropy: Arc<Entropy>,
    pub metrics: Arc<Metrics>,
}

/// Wraps every route.
pub async fn edge(State(edge): State<Arc<Edge>>, mut request: Request, next: Next) -> Response {
    let started = Instant::now();
    let dialect = dialects::of_path(edge.dialects, request.uri().path());
    let correlation = correlation(&edge.entropy, request.headers());
    let method = method_name(request.method());
    let route = request.extensions().get::<MatchedPath>().cloned();
    let route = route.as_ref().map_or("unmatched", MatchedPath::as_str);
    let origin = cors::allowed(&edge.server.cors_origins, request.headers());
    let may_ask = origin.is_some();
    let admitted = match admit(&edge, &request, route) {
        Ok(Some(caller)) => within_rate(&edge, &caller).await,
        Ok(None) => Ok(()),
        Err(refused) => Err(refused),
    };
    let response = if let Err(refused) = admitted {
        refused.into_response()
    } else if let Some(told) =
        cors::preflight(request.method(), request.headers()).filter(|_| may_ask)
    {
        told
    } else if *request.method() == Method::OPTIONS && request.uri().path() == "*" {
        // `OPTIONS *` asks about the server, not about a path (RFC 9110 section 9.3.7).
        (StatusCode::NO_CONTENT, [(header::ALLOW, METHODS)]).into_response()
    } else {
        request.extensions_mut().insert(correlation.clone());
        request.extensions_mut().insert(dialect);
        in_time(&edge, dialect, request, next).await
    };
    // A handler of a path that two dialects share says which one it answers in.
    let spoken = response.extensions().get::<&'static Dialect>();
    let words = spoken.map_or(dialect.words, |spoken| spoken.words);
    let mut response = problem::write(response, words, &correlation.id);
    if let Some(origin) = origin {
        cors::mark(response.headers_mut(), origin);
    }
    let took = started.elapsed();
    let status = response.status().as_u16();
    edge.metrics
        .answered(method, route, status, took.as_secs_f64());
    tracing::debug!(
        method,
        route,
        status,
        took_us = figures::micros(took),
        correlation_id = &*correlation.id,
        trace_id = correlation.traceparent.as_deref().map(trace::trace_id),
        "answered"
    );
    finish(response, &correlation)
}

/// Checks before the handler: the connection is within the bound, the head is valid. Returns who the request is counted
/// for, if it is.
fn admit(edge: &Edge, request: &Request, route: &str) -> Result<Option<Caller>, Problem> {
    let is_health = route.starts_with("/health");
    if request.extensions().get::<HealthOnly>().is_some() && !is_health {
        let detail = "this server, or this client's share of it, has no connection left; try again in a second";
        return Err(Problem::new(codes::TOO_MANY_CONNECTIONS, detail)
            .retry_after(RetryAfter::Soon)
            .header(header::CONNECTION, HeaderValue::from_static("close")));
    }
    let names = match edge.profile {
        Profile::Demo => Names::Loopback,
        Profile::Standard => Names::Any,
    };
    let head = Head {
        method: request.method(),
        uri: request.uri(),
        version: request.version(),
        headers: request.headers(),
    };
    head::check(&head, names)?;
    let is_counted = edge.limiter.is_some() && !is_health;
    Ok(is_counted.then(|| Caller::of(&edge.access, request)))
}

/// Bounds the time until a handler begins its answer. A handler that changes something bounds its own waits (for the
/// body, in the intake's queue, for its turn at an order), so its bound includes them; when it is exceeded, whether the
/// change was committed is unknown. A stream has to begin in time, and may then last longer.
async fn in_time(edge: &Edge, dialect: &Dialect, request: Request, next: Next) -> Response {
    let bounds = (dialect.bounds)(&edge.server);
    let limit = bounds.answer_time;
    if request.method().is_safe() {
        let token_end = token_end::of(&edge.access, request.headers(), request.uri());
        let answer = token_end::within(&edge.access.clock, token_end, next.run(request));
        return tokio::time::timeout(limit, answer)
            .await
            .unwrap_or_else(|_| {
                let detail = format!("no answer within {} ms", limit.as_millis());
                Problem::new(codes::REQUEST_TIMEOUT, detail).into_response()
            });
    }
    let waiting = bounds.body_time + edge.queue_time;
    tokio::time::timeout(limit + waiting, next.run(request))
        .await
        .unwrap_or_else(|_| Problem::from(waybill_store::Error::OutcomeUnknown).into_response())
}

fn method_name(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        Method::PATCH => "PATCH",
        Method::OPTIONS => "OPTIONS",
        Method::HEAD => "HEAD",
        _ => "other",
    }
}

/// The caller's correlation id if it is short and plain, else a fresh one; likewise its trace.
fn correlation(entropy: &Entropy, headers: &HeaderMap) -> Correlation {
    let plain = |text: &&str| {
        !text.is_empty() && text.len() <= ID_CHARS && text.bytes().all(|b| b.is_ascii_graphic())
    };
    let given = headers.get(&CORRELATION_ID).and_then(|v| v.to_str().ok());
    let id = given.filter(plain).map(Arc::from);
    let id = id.unwrap_or_else(|| entropy.uuid_v4().to_string().into());
    let trace = given_trace(headers).unwrap_or_else(|| TraceParent::begin(entropy.bytes()));
    Correlation {
        id,
        traceparent: Some(trace.to_string().into()),
    }
}

/// The trace that the caller names. Of two headers none counts, as of one that is invalid.
fn given_trace(headers: &HeaderMap) -> Option<TraceParent> {
    let mut given = headers.get_all(&TRACEPARENT).iter();
    let only = given.next().filter(|_| given.next().is_none())?;
    TraceParent::parse(only.to_str().ok()?)
}

fn finish(mut response: Response, correlation: &Correlation) -> Response {
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::from_str(&correlation.id) {
        headers.insert(CORRELATION_ID.clone(), id);
    }
    headers
        .entry(header::X_CONTENT_TYPE_OPTIONS)
        .or_insert(HeaderValue::from_static("nosniff"));
    headers
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    headers
        .entry(header::CONTENT_SECURITY_POLICY)
        .or_insert(HeaderValue::from_static(
            "default-src 'none'; frame-ancestors 'none'",
        ));
    response
}

/// Who a request is counted for: the bearer of its token, else its address.
struct Caller {
    identity: Option<Arc<Identity>>,
    peer: Option<IpAddr>,
}

impl Caller {
    fn of(access: &Access, request: &Request) -> Self {
        let token = access::in_header(request.headers());
        let peer = request.extensions().get::<ConnectInfo<SocketAddr>>();
        Self {
            identity: token.and_then(|token| access.verify(token).ok()),
            peer: peer.map(|peer| peer.0.ip()),
        }
    }

    fn client(&self) -> Client<'_> {
        match &self.identity {
            Some(identity) => Client::Subject {
                tenant: &identity.tenant,
                subject: &identity.subject,
            },
            None => Client::Address(self.peer),
        }
    }
}

/// Counts a request.
async fn within_rate(edge: &Edge, caller: &Caller) -> Result<(), Problem> {
    let Some(limiter) = &edge.limiter else {
        return Ok(());
    };
    let now = edge.access.now().0;
    let decision = limiter.ask(caller.client(), now).await;
    if decision.allowed {
        return Ok(());
    }
    let detail = "this client asks more often than it may; see the RateLimit headers";
    let mut headers = HeaderMap::new();
    limiter.write_headers(decision, &mut headers);
    let refused = Problem::new(codes::RATE_LIMITED, detail).retry_after(decision.retry_after());
    Err(refused.headers(headers))
}
