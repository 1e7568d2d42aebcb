//! Health: whether the process runs, whether it can commit, and the state of its dependencies. Never rate-limited.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio_util::sync::CancellationToken;
use utoipa::{IntoParams, ToSchema};
use waybill_broker::link::Link;
use waybill_domain::service::Service;
use waybill_domain::time::Time;
use waybill_store::{Error as StoreError, InboxStore, StoreBase};

use super::json;
use crate::context::ContextSource;
use crate::inventory::Guarded;
use crate::redis::Redis;
use crate::resilience::breaker;

/// What the health routes check.
pub struct HealthApi {
    pub store: Arc<dyn StoreBase>,
    pub inventory: Option<Arc<Guarded>>,
    /// Which of two services that exchange events this process is.
    pub service: Option<Service>,
    /// The connection to a broker.
    pub broker: Option<Arc<Link>>,
    pub redis: Option<Redis>,
    /// There where events of other stores are taken.
    pub inbox: Option<Arc<dyn InboxStore>>,
    pub contexts: ContextSource,
    pub started_at: Time,
    /// Cancelled when the process is asked to stop.
    pub stopping: CancellationToken,
}

/// How this process is.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Health {
    /// `unhealthy` when this process cannot commit, `degraded` when something beside is away.
    #[schema(example = "healthy", pattern = "^(healthy|degraded|unhealthy)$")]
    status: String,
    /// Now.
    #[schema(value_type = super::v1::schemas::Timestamp)]
    timestamp: String,
    /// Seconds since the start.
    uptime: i64,
    /// The version of Waybill.
    version: String,
    /// `order-service` or `delivery-service` where each has a store of its own, else `waybill`.
    service: String,
    /// Why it is unhealthy, what is away, or which store's events are not taken.
    #[schema(nullable = false)]
    reason: Option<String>,
    /// `up` or `down`, by service; a database that can only be read is `read-only`.
    services: BTreeMap<String, String>,
    /// Whether it is there, by dependency.
    dependencies: BTreeMap<String, bool>,
    /// `closed`, `open` or `half-open`, by dependency.
    #[schema(nullable = false)]
    circuit_breakers: Option<BTreeMap<String, String>>,
}

/// The process is there.
#[derive(Serialize, ToSchema)]
struct Liveness {
    /// Always `alive`.
    status: String,
}

/// Whether orders can be taken.
#[derive(Serialize, ToSchema)]
struct Readiness {
    /// `ready` or `not ready`.
    #[schema(pattern = "^(not )?ready$")]
    status: String,
}

/// How long a test commit may take before health reports that commits fail.
const COMMIT_PATIENCE: Duration = Duration::from_secs(2);

/// Whether this process can read and write its store now.
enum Storage {
    Writable,
    /// Reads work and commits fail; with the reason.
    ReadOnly(String),
    /// Reads and commits fail; with the reason.
    Away(String),
}

impl Storage {
    async fn of(store: &dyn StoreBase) -> Self {
        let Err(why) = in_time(store.check_writable()).await else {
            return Self::Writable;
        };
        match in_time(store.check_readable()).await {
            Ok(()) => Self::ReadOnly(why),
            Err(_) => Self::Away(why),
        }
    }

    fn word(&self) -> &'static str {
        match self {
            Self::Writable => "up",
            Self::ReadOnly(_) => "read-only",
            Self::Away(_) => "down",
        }
    }

    fn reason(&self) -> Option<&str> {
        match self {
            Self::Writable => None,
            Self::ReadOnly(why) | Self::Away(why) => Some(why),
        }
    }
}

async fn in_time(asked: impl Future<Output = Result<(), StoreError>>) -> Result<(), String> {
    match tokio::time::timeout(COMMIT_PATIENCE, asked).await {
        Ok(answer) => answer.map_err(|error| error.to_string()),
        Err(_) => Err(format!(
            "the store did not answer within {} ms",
            COMMIT_PATIENCE.as_millis()
        )),
    }
}

/// Health in one document for all dialects. 503 only when this process cannot commit.
#[utoipa::path(
    get, path = "/health", operation_id = "getHealth", tag = "health",
    responses((status = 200, description = "Healthy or degraded", body = Health, example = json!({"status": "healthy", "timestamp": "2026-05-04T10:00:00Z", "uptime": 17, "version": "0.1.0", "service": "waybill", "services": {"database": "up", "api": "up"}, "dependencies": {"database": true}})), (status = 503, description = "This process cannot commit", body = Health)),
)]
pub async fn details(State(api): State<Arc<HealthApi>>) -> Response {
    let storage = Storage::of(&*api.store).await;
    let database = matches!(storage, Storage::Writable);
    let inventory = api.inventory.as_ref().map(|i| i.breaker().state);
    let no_inventory = inventory.is_some_and(|state| state == breaker::State::Open);
    let broker = api.broker.as_ref();
    let broker = broker.map(|link| (link.broker(), link.problem().map(|p| p.text)));
    let redis = api.redis.as_ref();
    let redis_problem = redis.map(|redis| ("redis", redis.problem()));
    let beside: Vec<_> = broker.into_iter().chain(redis_problem).collect();
    let one_is_away = beside.iter().any(|(_, problem)| problem.is_some());
    let stopped = match &api.inbox {
        Some(inbox) if database => stopped_source(&**inbox).await,
        Some(_) | None => None,
    };
    let status = match (database, no_inventory || one_is_away || stopped.is_some()) {
        (false, _) => "unhealthy",
        (true, true) => "degraded",
        (true, false) => "healthy",
    };
    let mut body = json!({
        "status": status,
        "timestamp": api.contexts.now(),
        "uptime": api.contexts.now().ms_since(api.started_at) / 1_000,
        "version": env!("CARGO_PKG_VERSION"),
        "service": api.service.map_or("waybill", Service::as_str),
        "services": {"database": storage.word(), "api": "up"},
        "dependencies": {"database": database},
    });
    if let Some(reason) = storage.reason() {
        body["reason"] = reason.into();
    }
    if api.inbox.is_some() {
        body["dependencies"]["inbox"] = stopped.is_none().into();
    }
    if let Some(why) = stopped {
        body["reason"] = why.into();
    }
    if let Some(state) = inventory {
        body["services"]["inventory"] = word(!no_inventory).into();
        body["dependencies"]["inventory"] = (!no_inventory).into();
        body["circuitBreakers"]["inventory"] = state.name().into();
    }
    if let Some(redis) = redis {
        body["circuitBreakers"]["redis"] = redis.breaker.snapshot().state.name().into();
    }
    for (name, problem) in beside {
        body["services"][name] = word(problem.is_none()).into();
        body["dependencies"][name] = problem.is_none().into();
        if let (Some(problem), true) = (problem, database) {
            body["reason"] = problem.into();
        }
    }
    let code = if database {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (code, json::of(&body)).into_response()
}

fn word(up: bool) -> &'static str {
    if up { "up" } else { "down" }
}

/// Why events of another store are not taken until a person adopts its generation; `None` while all are taken, or when
/// the store does not say so in time.
async fn stopped_source(inbox: &dyn InboxStore) -> Option<String> {
    let seen = tokio::time::timeout(COMMIT_PATIENCE, inbox.inbox_generations()).await;
    let seen = seen.ok()?.ok()?;
    let stopped = seen.iter().find(|of| of.number.is_none())?;
    Some(format!(
        "events of store {} are not taken: it goes on under generation {}, as after a restore; look at both stores, then run waybill inbox adopt",
        stopped.store_id, stopped.generation
    ))
}

/// Whether the process is there.
#[utoipa::path(
    get, path = "/health/live", operation_id = "getLiveness", tag = "health",
    responses((status = 200, description = "The process is there", body = Liveness, example = json!({"status": "alive"}))),
)]
pub async fn live() -> json::Raw {
    json::Raw("{\"status\":\"alive\"}".into())
}

/// What a caller of `/health/ready` is about to send.
#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum ReadyFor {
    /// Everything: 503 when nothing can be committed.
    Orders,
    /// Requests that only read: 503 when nothing can be read.
    Reads,
}

/// The query of `/health/ready`.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Ready {
    /// `orders` (the default), or `reads`
    #[serde(default, rename = "for")]
    #[param(inline)]
    what: Option<ReadyFor>,
}

/// Whether what it is asked for can be done: 503 while stopping, or when it cannot.
#[utoipa::path(
    get, path = "/health/ready", operation_id = "getReadiness", tag = "health", params(Ready),
    responses((status = 200, description = "Orders can be taken", body = Readiness, example = json!({"status": "ready"})), (status = 400, description = "Not a question it knows"), (status = 503, description = "Stopping, or nothing can be committed (`for=reads`: or read)", body = Readiness)),
)]
pub async fn ready(State(api): State<Arc<HealthApi>>, Query(asked): Query<Ready>) -> Response {
    let possible = match asked.what.unwrap_or(ReadyFor::Orders) {
        ReadyFor::Orders => in_time(api.store.check_writable()).await,
        ReadyFor::Reads => in_time(api.store.check_readable()).await,
    };
    if !api.stopping.is_cancelled() && possible.is_ok() {
        json::Raw("{\"status\":\"ready\"}".into()).into_response()
    } else {
        (
            StatusCode::SERVICE_UNAVAILABLE,
            json::Raw("{\"status\":\"not ready\"}".into()),
        )
            .into_response()
    }
}
