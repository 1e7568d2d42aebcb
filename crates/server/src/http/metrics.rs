//! `GET /metrics` in OpenMetrics text: the process's counters, and gauges that are read at each scrape.
//!
//! Needs a token with `metrics:read`, except in `demo`, which listens on loopback only.

mod guards;
mod named;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, header};
use prometheus_client::encoding::text::{encode_eof, encode_registry};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;
use waybill_broker::log_cache::LogCache;
use waybill_domain::inbox::HeldReason;
use waybill_domain::time::Time;
use waybill_store::{LogStore, Stats, StoreBase};

use self::named::{Named, named};
use super::access::Access;
use super::serve::Connections;
use super::v1::hub::Hub;
use super::v1::problem::Problem;
use crate::auth::Scope;
use crate::consumers::lag;
use crate::context::ContextSource;
use crate::intake::Intake;
use crate::inventory::Guarded;
use crate::observe::figures;
use crate::observe::metrics::Metrics;
use crate::observe::process;
use crate::redis::Redis;
use crate::resilience::budget::BodyBudget;

/// What a scrape shows, and whether it needs a token.
pub struct MetricsApi {
    pub access: Access,
    /// No token is needed.
    pub is_open: bool,
    pub metrics: Arc<Metrics>,
    pub store: Arc<dyn LogStore>,
    /// The folder of the embedded store; none where a database has the data.
    pub data: Option<PathBuf>,
    pub log_cache: Arc<LogCache>,
    pub intake: Arc<Intake>,
    pub inventory: Option<Arc<Guarded>>,
    pub redis: Option<Redis>,
    pub connections: Arc<Connections>,
    pub bodies: Arc<BodyBudget>,
    pub hub: Arc<Hub>,
    pub contexts: ContextSource,
    pub started_at: Time,
}

/// How long the store may take to answer a scrape; Prometheus waits ten seconds by default.
const STORE_PATIENCE: Duration = Duration::from_secs(3);

type Seconds = Gauge<f64, std::sync::atomic::AtomicU64>;

/// Tells all figures.
#[utoipa::path(
    get, path = "/metrics", operation_id = "getMetrics", tag = "health",
    responses((status = 200, description = "OpenMetrics text", content_type = "application/openmetrics-text", body = String)),
    security(("token" = ["metrics:read"])),
)]
pub async fn scrape(
    State(api): State<Arc<MetricsApi>>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    if !api.is_open {
        api.access.caller(&headers, Scope::MetricsRead)?;
    }
    let stats = stats(&*api.store).await;
    let mut looked = looked_at(&api);
    up(&mut looked, stats.is_some());
    if let Some(stats) = &stats {
        of_store(&mut looked, stats);
        consumers(&mut looked, &api, stats).await;
    }
    let mut text = String::with_capacity(16 << 10);
    // Writing to a String cannot fail.
    let _ = encode_registry(&mut text, &api.metrics.registry);
    let _ = encode_registry(&mut text, &looked);
    let _ = encode_eof(&mut text);
    let kind =
        HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");
    Ok(([(header::CONTENT_TYPE, kind)], text).into_response())
}

/// The store's figures, unless it does not answer in time: then the scrape has everything else.
async fn stats(store: &dyn StoreBase) -> Option<Stats> {
    let asked = tokio::time::timeout(STORE_PATIENCE, store.stats()).await;
    asked.ok()?.ok()
}

/// Whether the store answered this scrape. When it is 0, gauges that are read from the store are missing.
fn up(registry: &mut Registry, answered: bool) {
    let up = Gauge::<i64>::default();
    up.set(i64::from(answered));
    registry.register(
        "store_up",
        "1 if the store answered this scrape, else 0",
        up,
    );
}

/// Gauges that are read from the store.
fn of_store(registry: &mut Registry, stats: &Stats) {
    let mut gauge = |name: &str, help: &str, value: i64| {
        let gauge = Gauge::<i64>::default();
        gauge.set(value);
        registry.register(name, help, gauge);
    };
    gauge(
        "log_position",
        "Place of the newest event, summed over the parts of the log",
        stats.log_positions.0.iter().sum(),
    );
    gauge(
        "parked_events",
        "Events that wait for a retry or a person",
        stats.parked,
    );
    gauge(
        "dead_letters",
        "Events that no retry is left for",
        stats.dead,
    );
    gauge(
        "timers",
        "Steps that the simulated carrier will take",
        stats.timers,
    );
    gauge(
        "work_items",
        "Work that waits to be done outside",
        stats.work,
    );
    gauge(
        "store_wal_bytes",
        "Size of the write-ahead log",
        figures::gauge(stats.wal_bytes),
    );
    gauge(
        "store_readers",
        "Reading connections",
        figures::gauge(stats.readers as u64),
    );
    gauge(
        "store_readers_idle",
        "Reading connections that wait",
        figures::gauge(stats.readers_idle as u64),
    );
    gauge(
        "store_retries",
        "Transactions made again since the start, because others were writing the same rows",
        figures::gauge(stats.retries),
    );
    gauge(
        "store_deadlocks",
        "Transactions that locked each other out since the start; there are none",
        figures::gauge(stats.deadlocks),
    );
    if let Some(ms) = stats.oldest_snapshot_ms {
        let age = Seconds::default();
        age.set(ms as f64 / 1e3);
        registry.register(
            "store_oldest_snapshot_seconds",
            "Age of the oldest open transaction of the database that this process may see",
            age,
        );
    }
    inbox(registry, stats);
    writer_queue(registry, stats);
    orders(registry, stats);
}

/// What waits or is stopped of other stores' events.
fn inbox(registry: &mut Registry, stats: &Stats) {
    let mut gauge = |name: &str, help: &str, value: i64| {
        let gauge = Gauge::<i64>::default();
        gauge.set(value);
        registry.register(name, help, gauge);
    };
    for (reason, count) in &stats.held {
        let (name, help) = match reason {
            HeldReason::Gap => (
                "inbox_gaps",
                "Events of another store that wait for others before them",
            ),
            HeldReason::Unreadable => (
                "inbox_unreadable",
                "Messages of another store that cannot be read",
            ),
        };
        gauge(name, help, *count);
    }
    gauge(
        "inbox_stopped_sources",
        "Restored stores whose events are not taken until they are adopted",
        stats.stopped_sources,
    );
}

/// Gauges of this process, read now.
fn looked_at(api: &MetricsApi) -> Registry {
    let mut registry = Registry::with_prefix("waybill");
    let mut gauge = |name: &str, help: &str, value: i64| {
        let gauge = Gauge::<i64>::default();
        gauge.set(value);
        registry.register(name, help, gauge);
    };
    gauge(
        "intake_waiting_orders",
        "Orders that wait for their batch",
        figures::gauge(api.intake.waiting() as u64),
    );
    gauge(
        "http_connections",
        "Open connections",
        figures::gauge(api.connections.open()),
    );
    let refused = api.connections.refused.load(Ordering::Relaxed);
    gauge(
        "http_connections_refused",
        "Connections beyond the bound, so far",
        figures::gauge(refused),
    );
    gauge(
        "http_body_bytes",
        "Memory of the request bodies that are being received",
        figures::gauge(api.bodies.used()),
    );
    gauge(
        "order_streams",
        "Open streams of orders",
        figures::gauge(api.hub.count() as u64),
    );
    gauge(
        "process_resident_bytes",
        "Memory in use",
        figures::gauge(process::memory().used_bytes),
    );
    gauge(
        "uptime_seconds",
        "Since the start",
        api.contexts.now().ms_since(api.started_at) / 1_000,
    );
    disk(&mut registry, api.data.as_deref());
    pool(&mut registry, &*api.store);
    if let Some(inventory) = &api.inventory {
        guards::circuit(&mut registry, "inventory", inventory.breaker());
    }
    if let Some(redis) = &api.redis {
        guards::circuit(&mut registry, "redis", redis.breaker.snapshot());
        guards::limits(&mut registry, &redis.sharing.figures);
    }
    let version = ("version", env!("CARGO_PKG_VERSION"));
    let driver = ("store", api.store.identity().driver);
    registry.register("build", "What this is", Info::new(vec![version, driver]));
    registry
}

/// Free disk space for the embedded store. A database server reports its own.
fn disk(registry: &mut Registry, data: Option<&Path>) {
    let Some(disk) = data.and_then(process::disk) else {
        return;
    };
    for (name, help, bytes) in [
        (
            "store_disk_free_bytes",
            "Room on the disk of the data folder",
            disk.free_bytes,
        ),
        (
            "store_disk_bytes",
            "Size of the disk of the data folder",
            disk.total_bytes,
        ),
    ] {
        let gauge = Gauge::<i64>::default();
        gauge.set(figures::gauge(bytes));
        registry.register(name, help, gauge);
    }
}

/// The pool of connections, also while the store does not answer: a pool that is too small may be the reason.
fn pool(registry: &mut Registry, store: &dyn StoreBase) {
    let Some(pool) = store.pool_use() else {
        return;
    };
    let waiting = Gauge::<i64>::default();
    waiting.set(figures::gauge(pool.waiting as u64));
    registry.register(
        "store_pool_waiting",
        "Callers that wait for a database connection now",
        waiting,
    );
    registry.register(
        "store_pool_waits",
        "Callers that found every database connection taken, since the start",
        ConstCounter::new(pool.waits),
    );
    registry.register(
        "store_pool_wait_seconds",
        "How long they waited, in sum",
        ConstCounter::new(pool.waited_ms as f64 / 1e3),
    );
}

fn writer_queue(registry: &mut Registry, stats: &Stats) {
    let queue = Family::<Named, Gauge>::default();
    for (class, jobs) in [
        ("foreground", stats.queue_foreground),
        ("background", stats.queue_background),
    ] {
        queue.get_or_create(&named(class)).set(figures::gauge(jobs));
    }
    registry.register("store_writer_queue", "Jobs that wait for the writer", queue);
}

fn orders(registry: &mut Registry, stats: &Stats) {
    let orders = Family::<Named, Gauge>::default();
    for (status, count) in &stats.orders_by_status {
        orders.get_or_create(&named(status.as_str())).set(*count);
    }
    registry.register("orders", "Orders by status", orders);
}

/// The lag of each consumer of this process: in positions of the log, and in seconds since the oldest event that it has
/// not passed was recorded.
async fn consumers(registry: &mut Registry, api: &MetricsApi, stats: &Stats) {
    let events = Family::<Named, Gauge>::default();
    let seconds = Family::<Named, Seconds>::default();
    let log = lag::Log {
        cache: &api.log_cache,
        store: &*api.store,
    };
    let lags = lag::lags(&api.metrics, log, &stats.log_positions, api.contexts.now()).await;
    for (consumer, lag) in lags {
        let name = named(consumer);
        events.get_or_create(&name).set(lag.events);
        seconds.get_or_create(&name).set(lag.ms.max(0) as f64 / 1e3);
    }
    registry.register(
        "consumer_lag_events",
        "Places of the log a consumer has not passed",
        events,
    );
    registry.register(
        "consumer_lag_seconds",
        "Age of the oldest event a consumer has not passed",
        seconds,
    );
}
