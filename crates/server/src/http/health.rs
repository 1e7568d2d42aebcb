//! Health: is the process there, can it commit, what is it made of. Never rate-limited.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde_json::json;

use super::json;
use crate::app::App;
use crate::resilience::breaker;

/// How long a commit may take before health calls it impossible.
const COMMIT_PATIENCE: Duration = Duration::from_secs(2);

async fn can_commit(app: &App) -> bool {
    matches!(
        tokio::time::timeout(COMMIT_PATIENCE, app.store.check_writable()).await,
        Ok(Ok(()))
    )
}

/// `GET /health`: one superset for all dialects. 503 only when this process cannot commit.
#[utoipa::path(
    get, path = "/health", operation_id = "getHealth", tag = "health",
    responses((status = 200, description = "Healthy or degraded", body = serde_json::Value, example = json!({"status": "healthy", "services": {"database": "up", "api": "up"}, "dependencies": {"database": true}})), (status = 503, description = "This process cannot commit")),
)]
pub async fn details(State(app): State<Arc<App>>) -> Response {
    let database = can_commit(&app).await;
    let inventory = app.inventory.as_ref().map(|i| i.breaker().state);
    let degraded = inventory.is_some_and(|state| state == breaker::State::Open);
    let status = match (database, degraded) {
        (false, _) => "unhealthy",
        (true, true) => "degraded",
        (true, false) => "healthy",
    };
    let mut body = json!({
        "status": status,
        "timestamp": app.now(),
        "uptime": app.now().ms_since(app.started_at) / 1_000,
        "version": env!("CARGO_PKG_VERSION"),
        "service": "waybill",
        "services": {"database": if database { "up" } else { "down" }, "api": "up"},
        "dependencies": {"database": database},
    });
    if let Some(state) = inventory {
        body["services"]["inventory"] = if degraded { "down".into() } else { "up".into() };
        body["dependencies"]["inventory"] = (!degraded).into();
        body["circuitBreakers"] = json!({"inventory": state.name()});
    }
    let code = if database {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (code, json::of(&body)).into_response()
}

/// `GET /health/live`: looks at the process only.
#[utoipa::path(
    get, path = "/health/live", operation_id = "getLiveness", tag = "health",
    responses((status = 200, description = "The process is there", body = serde_json::Value, example = json!({"status": "alive"}))),
)]
pub async fn live() -> json::Raw {
    json::Raw("{\"status\":\"alive\"}".into())
}

/// `GET /health/ready`: 503 while stopping or when nothing can be committed.
#[utoipa::path(
    get, path = "/health/ready", operation_id = "getReadiness", tag = "health",
    responses((status = 200, description = "Orders can be taken", body = serde_json::Value, example = json!({"status": "ready"})), (status = 503, description = "Stopping, or nothing can be committed")),
)]
pub async fn ready(State(app): State<Arc<App>>) -> Response {
    if !app.stopping.is_cancelled() && can_commit(&app).await {
        json::Raw("{\"status\":\"ready\"}".into()).into_response()
    } else {
        (
            StatusCode::SERVICE_UNAVAILABLE,
            json::Raw("{\"status\":\"not ready\"}".into()),
        )
            .into_response()
    }
}
