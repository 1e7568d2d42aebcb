//! Health: whether the process runs, whether it can commit, and the state of its dependencies. Never rate-limited.

mod api;
mod findings;

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::{IntoParams, ToSchema};
use waybill_domain::service::Service;

pub use self::api::HealthApi;
use self::findings::{Findings, in_time};
use super::json;

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
    /// Why it is unhealthy, which store's events are not taken, how many vendors' stock cannot be read, and what is away, with `; ` between them.
    #[schema(nullable = false)]
    reason: Option<String>,
    /// `up` or `down`, by service; a database that can only be read is `read-only`.
    services: BTreeMap<String, String>,
    /// Whether it is there, by dependency.
    dependencies: BTreeMap<String, bool>,
    /// `closed`, `open` or `half_open`, by dependency.
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

/// Health in one document for all dialects. 503 only when this process cannot commit.
#[utoipa::path(
    get, path = "/health", operation_id = "getHealth", tag = "health",
    responses((status = 200, description = "Healthy or degraded", body = Health, example = json!({"status": "healthy", "timestamp": "2026-05-04T10:00:00Z", "uptime": 17, "version": "0.1.0", "service": "waybill", "services": {"database": "up", "api": "up"}, "dependencies": {"database": true}})), (status = 503, description = "This process cannot commit", body = Health)),
)]
pub async fn details(State(api): State<Arc<HealthApi>>) -> Response {
    let found = Findings::of(&api).await;
    let can_commit = found.storage.is_writable();
    let mut body = json!({
        "status": found.status(),
        "timestamp": api.contexts.now(),
        "uptime": api.contexts.now().ms_since(api.started_at) / 1_000,
        "version": env!("CARGO_PKG_VERSION"),
        "service": api.service.map_or("waybill", Service::as_str),
        "services": {"database": found.storage.word(), "api": "up"},
        "dependencies": {"database": can_commit},
    });
    if let Some(reason) = found.reason() {
        body["reason"] = reason.into();
    }
    if api.inbox.is_some() {
        body["dependencies"]["inbox"] = found.stopped_source.is_none().into();
    }
    if let Some(silent) = found.silent_vendors {
        body["dependencies"]["vendors"] = (silent == 0).into();
    }
    for beside in &found.beside {
        let name = beside.name;
        body["services"][name] = if beside.is_up { "up" } else { "down" }.into();
        body["dependencies"][name] = beside.is_up.into();
        if let Some(circuit) = beside.circuit {
            body["circuitBreakers"][name] = circuit.name().into();
        }
    }
    let code = if can_commit {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (code, json::of(&body)).into_response()
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
