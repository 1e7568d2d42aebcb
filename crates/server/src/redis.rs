//! The Redis that the processes of an installation share, when the settings name one. It holds buckets of rate limits
//! and nothing that must not be lost; the database alone decides about orders.

#[cfg(feature = "redis")]
mod buckets;
#[cfg(feature = "redis")]
mod server;

use std::sync::Arc;

use tokio_util::sync::CancellationToken;
use waybill_broker::link::Link;

use crate::clock::Clock;
use crate::config::{CacheKind, ConfigErrors, Settings};
use crate::resilience::breaker::Breaker;
use crate::resilience::circuit_log::CircuitLog;
use crate::resilience::shared_limit::Sharing;

/// A Redis that is used.
#[derive(Clone)]
pub struct Redis {
    /// Its buckets, for the limits.
    pub sharing: Sharing,
    /// Whether it answers, for health.
    pub link: Arc<Link>,
    /// For health and metrics.
    pub breaker: Arc<Breaker>,
}

impl Redis {
    /// Why it cannot be used now; `None` while it answers.
    #[must_use]
    pub fn problem(&self) -> Option<String> {
        let problem = self.link.problem().map(|problem| problem.text);
        let has_answered = self.breaker.snapshot().succeeded > 0;
        problem.or_else(|| (!has_answered).then(|| "redis: no answer yet".to_owned()))
    }
}

/// Whether this binary can use what the settings name.
///
/// # Errors
/// It was built without Redis, or its address is missing.
pub fn check(settings: &Settings) -> Result<(), ConfigErrors> {
    let mut errors = ConfigErrors::default();
    if settings.cache.kind == CacheKind::Redis {
        if cfg!(not(feature = "redis")) {
            let advice = "this binary was built without it; build it with --features redis, or with --features full";
            errors.push("cache", "cache.kind", Some("redis".into()), advice);
        }
        let url = settings.cache.url.expose();
        if url.is_empty() {
            let advice = "name the server, as REDIS_URL=redis://:password@host:6379";
            errors.push("cache", "cache.url", None, advice);
        } else if !is_understood(url) {
            let advice = "give redis://:password@host:6379, with /1 at the end for the database 1";
            errors.push("cache", "cache.url", Some("[redacted]".into()), advice);
        }
    }
    errors.into_result(())
}

#[cfg(feature = "redis")]
fn is_understood(url: &str) -> bool {
    server::client(url).is_some()
}

#[cfg(not(feature = "redis"))]
fn is_understood(_url: &str) -> bool {
    true
}

/// The Redis of settings that were checked; `installation` keeps its keys apart from those of others at the same server.
/// A task connects to it, and looks after it until `stopping` is cancelled. Waits for its first answer, `cache.timeout_ms`
/// at most.
#[must_use]
#[cfg_attr(
    not(feature = "redis"),
    expect(unused_variables, reason = "there is no Redis to use them")
)]
pub async fn of(
    settings: &Settings,
    installation: &str,
    clock: Arc<dyn Clock>,
    stopping: &CancellationToken,
    circuits: &Arc<CircuitLog>,
) -> Option<Redis> {
    match settings.cache.kind {
        CacheKind::None => None,
        #[cfg(feature = "redis")]
        CacheKind::Redis => start(&settings.cache, installation, clock, stopping, circuits).await,
        #[cfg(not(feature = "redis"))]
        CacheKind::Redis => None,
    }
}

#[cfg(feature = "redis")]
async fn start(
    settings: &crate::config::Cache,
    installation: &str,
    clock: Arc<dyn Clock>,
    stopping: &CancellationToken,
    circuits: &Arc<CircuitLog>,
) -> Option<Redis> {
    let server = Arc::new(server::Server::of(settings, clock, circuits)?);
    let buckets = Arc::new(buckets::Buckets::at(server.clone(), installation));
    let (watched, stopping) = (buckets.clone(), stopping.clone());
    let (first_look, looked) = tokio::sync::oneshot::channel();
    tokio::spawn(async move {
        let watch = watched.watch(first_look);
        stopping.run_until_cancelled(watch).await
    });
    let _later = tokio::time::timeout(settings.timeout_ms.duration(), looked).await;
    Some(Redis {
        link: server.link.clone(),
        breaker: server.breaker.clone(),
        sharing: Sharing {
            buckets,
            figures: Arc::default(),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::config::{Settings, Sources};

    fn complaint(url: &str) -> String {
        let sources = Sources::default().flag("test", "cache.kind", "redis");
        let settings = Settings::load(&sources.flag("test", "cache.url", url)).expect("valid");
        check(&settings).map_or_else(|errors| errors.to_string(), |()| String::new())
    }

    #[test]
    fn a_missing_address_is_named_and_a_wrong_one_is_not_shown() {
        assert!(complaint("").contains("REDIS_URL"), "{}", complaint(""));
        let built = cfg!(feature = "redis");
        let wrong = complaint("redis://:hush@h/third");
        assert_eq!(wrong.contains("cache.url"), built, "{wrong}");
        assert!(!wrong.contains("hush"), "{wrong}");
        let right = complaint("redis://:hush@h:7000/3");
        assert_eq!(right.is_empty(), built, "{right}");
        assert_eq!(right.contains("--features redis"), !built, "{right}");
    }
}
