//! Figures of what guards this process and its dependencies: circuit breakers, and the limits that processes share.

use std::sync::atomic::Ordering;

use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::named::{Named, named};
use crate::observe::figures;
use crate::resilience::breaker;
use crate::resilience::shared_limit::LimitFigures;

/// The circuit breaker around a service.
pub fn circuit(registry: &mut Registry, service: &str, snapshot: breaker::Snapshot) {
    let state = Family::<Named, Gauge>::default();
    for one in [
        breaker::State::Closed,
        breaker::State::HalfOpen,
        breaker::State::Open,
    ] {
        let is = i64::from(snapshot.state == one);
        state.get_or_create(&named(one.name())).set(is);
    }
    registry.register(
        format!("{service}_breaker_state"),
        "1 for the state it is in",
        state,
    );
    let calls = Family::<Named, Gauge>::default();
    for (name, count) in [
        ("opened", snapshot.opened),
        ("refused", snapshot.refused),
        ("failed", snapshot.failed),
        ("succeeded", snapshot.succeeded),
    ] {
        calls.get_or_create(&named(name)).set(figures::gauge(count));
    }
    registry.register(format!("{service}_breaker_calls"), "Since the start", calls);
}

/// How the limits that processes share were decided.
pub fn limits(registry: &mut Registry, figures: &LimitFigures) {
    let decisions = Family::<Named, Counter>::default();
    for (name, count) in [
        ("leased", &figures.leased),
        ("asked", &figures.asked),
        ("failed", &figures.failed),
        ("alone", &figures.alone),
    ] {
        let decided = decisions.get_or_create(&named(name));
        decided.inc_by(count.load(Ordering::Relaxed));
    }
    registry.register(
        "rate_limit_decisions",
        "Requests that a shared limit counted: by a lease, by asking Redis, by this process after Redis failed, by this process without asking",
        decisions,
    );
    registry.register(
        "redis_damaged_values",
        "Values in Redis that were not of this limit and were replaced",
        ConstCounter::new(figures.damaged.load(Ordering::Relaxed)),
    );
}
