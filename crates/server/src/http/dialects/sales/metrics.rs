//! `GET /api/metrics`: figures as JSON, with the fields that existing clients read, and more.
//!
//! Existing clients have tokens for orders only. So `order:read` is enough for the figures of the process, which are
//! the ones they read; sums over the orders of all tenants need `metrics:read`.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::HeaderMap;
use serde_json::{Map, Value, json};
use waybill_store::Stats;

use super::api::SalesFigures;
use crate::auth::Scope;
use crate::consumers::lag;
use crate::http::json as body;
use crate::http::v1::problem::Problem;
use crate::observe::process;

const MIB: u64 = 1 << 20;

/// Figures of this process. With `metrics:read` also what is counted over all tenants: `outbox`, `orders` and
/// `requests`.
#[utoipa::path(
    get, path = "/api/metrics", operation_id = "getSalesMetrics", tag = "sales dialect",
    responses((status = 200, description = "Figures", body = super::metrics_schemas::SalesMetrics)),
    security(("token" = ["metrics:read"]), ("token" = ["order:read"])),
)]
pub async fn read(
    State(api): State<Arc<SalesFigures>>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let sees_all = api.access.caller(&headers, Scope::MetricsRead).is_ok();
    if !sees_all {
        api.access.caller(&headers, Scope::OrderRead)?;
    }
    let stats = api.store.stats().await?;
    let mut figures = of_process(&api, &stats);
    if sees_all {
        figures.extend(of_all_tenants(&api, &stats));
    }
    Ok(body::of(&figures).into_response())
}

fn of_process(api: &SalesFigures, stats: &Stats) -> Map<String, Value> {
    let memory = process::memory();
    // A machine whose memory size is unknown shows 0%.
    let percent = (memory.used_bytes * 100)
        .checked_div(memory.total_bytes)
        .unwrap_or(0);
    object(json!({
        "timestamp": api.contexts.now(),
        "database": {
            "totalConnections": stats.readers + 1,
            "idleConnections": stats.readers_idle,
            "waitingCount": stats.queue_foreground + stats.queue_background,
        },
        "memory": {
            "used": memory.used_bytes / MIB,
            "total": memory.total_bytes / MIB,
            "usage": format!("{percent}%"),
        },
        "uptime": api.contexts.now().ms_since(api.started_at) / 1_000,
        "process": {"pid": std::process::id(), "version": env!("CARGO_PKG_VERSION")},
        "circuitBreaker": api.inventory.as_ref().map(|inventory| {
            let breaker = inventory.breaker();
            json!({
                "state": breaker.state.name(),
                "failuresInARow": breaker.failures_in_a_row,
                "opened": breaker.opened,
                "refused": breaker.refused,
                "failed": breaker.failed,
                "succeeded": breaker.succeeded,
            })
        }),
    }))
}

fn of_all_tenants(api: &SalesFigures, stats: &Stats) -> Map<String, Value> {
    let [_, _, ok, _, refused, failed] = api.metrics.answers();
    let total: u64 = api.metrics.answers().iter().sum();
    object(json!({
        "outbox": outbox(api, stats),
        "orders": orders(stats),
        "requests": {"total": total, "succeeded": ok, "refused": refused, "failed": failed},
    }))
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}

/// How far each reader of the log is behind.
fn outbox(api: &SalesFigures, stats: &Stats) -> Value {
    let lag = lag::events(&api.metrics, &stats.log_positions).into_iter();
    let lag: Map<String, Value> = lag
        .map(|(consumer, behind)| (consumer.to_owned(), behind.into()))
        .collect();
    let pending = lag.values().filter_map(Value::as_i64).max().unwrap_or(0);
    json!({"pending": pending, "lag": lag, "parked": stats.parked, "dead": stats.dead})
}

fn orders(stats: &Stats) -> Value {
    let mut counts = Map::new();
    for (status, count) in &stats.orders_by_status {
        counts.insert(status.as_str().to_owned(), (*count).into());
    }
    let total: i64 = stats.orders_by_status.iter().map(|(_, count)| count).sum();
    counts.insert("total".into(), total.into());
    Value::Object(counts)
}
