//! The figures of `GET /api/metrics`, for the specification.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

use crate::http::v1::schemas::Timestamp;

/// Figures of this process; with `metrics:read` also what is counted over all tenants.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SalesMetrics {
    /// Now.
    #[schema(value_type = Timestamp)]
    timestamp: String,
    /// Connections to the database.
    database: DatabaseFigures,
    /// Memory of this process.
    memory: MemoryFigures,
    /// Seconds since the start.
    uptime: i64,
    /// This process.
    process: ProcessFigures,
    /// The breaker before the inventory service; null without one.
    circuit_breaker: Option<BreakerFigures>,
    /// How far readers of the log are behind; with `metrics:read` only.
    #[schema(nullable = false)]
    outbox: Option<OutboxFigures>,
    /// Orders by status, and `total`; with `metrics:read` only.
    #[schema(nullable = false)]
    orders: Option<BTreeMap<String, i64>>,
    /// Requests since the start; with `metrics:read` only.
    #[schema(nullable = false)]
    requests: Option<RequestFigures>,
}

/// Connections to the database.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct DatabaseFigures {
    /// Open ones.
    total_connections: u64,
    /// Those that wait for work.
    idle_connections: u64,
    /// Jobs that wait for one.
    waiting_count: u64,
}

/// Memory.
#[derive(Serialize, ToSchema)]
struct MemoryFigures {
    /// MiB of this process.
    used: u64,
    /// MiB of the machine.
    total: u64,
    /// The one in percent of the other.
    #[schema(example = "42%")]
    usage: String,
}

/// A process.
#[derive(Serialize, ToSchema)]
struct ProcessFigures {
    /// Its id.
    pid: u32,
    /// The version of Waybill.
    version: String,
}

/// A circuit breaker.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct BreakerFigures {
    /// `closed` lets calls through, `open` refuses them, `half_open` lets one try.
    state: String,
    /// Failures since the last success.
    failures_in_a_row: u64,
    /// Times it opened.
    opened: u64,
    /// Calls it refused.
    refused: u64,
    /// Calls that failed.
    failed: u64,
    /// Calls that succeeded.
    succeeded: u64,
}

/// Readers of the log.
#[derive(Serialize, ToSchema)]
struct OutboxFigures {
    /// Places that the slowest reader has not passed.
    pending: i64,
    /// The same by reader.
    lag: BTreeMap<String, i64>,
    /// Events that wait for a retry or a person.
    parked: i64,
    /// Events that no retry is left for.
    dead: i64,
}

/// Requests.
#[derive(Serialize, ToSchema)]
struct RequestFigures {
    /// All.
    total: u64,
    /// Answered with 2xx.
    succeeded: u64,
    /// Answered with 4xx.
    refused: u64,
    /// Answered with 5xx.
    failed: u64,
}
