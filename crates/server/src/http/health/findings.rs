//! What health finds out: about the store, about events of another store, and about what this process uses beside it.

use std::future::Future;
use std::time::Duration;

use waybill_domain::vendor;
use waybill_store::{Error as StoreError, InboxStore, StoreBase};

use super::api::HealthApi;
use crate::resilience::breaker::State;
use crate::vendors::MOST_VENDORS;

/// How long a test commit may take before health reports that commits fail.
const COMMIT_PATIENCE: Duration = Duration::from_secs(2);

/// Whether this process can read and write its store now.
pub enum Storage {
    Writable,
    /// Reads work and commits fail; with the reason.
    ReadOnly(String),
    /// Reads and commits fail; with the reason.
    Away(String),
}

/// Something beside the store that this process uses.
pub struct Beside {
    pub name: &'static str,
    pub is_up: bool,
    /// Why it cannot be used now, where it says so.
    problem: Option<String>,
    /// Of its circuit breaker, if it has one.
    pub circuit: Option<State>,
}

/// What was found out.
pub struct Findings {
    pub storage: Storage,
    /// Why events of another store are not taken.
    pub stopped_source: Option<String>,
    /// Vendors whose stock cannot be read; `None` where there are no vendors.
    pub silent_vendors: Option<usize>,
    /// Redis is the last one: no order waits for it.
    pub beside: Vec<Beside>,
}

impl Findings {
    pub async fn of(api: &HealthApi) -> Self {
        let storage = Storage::of(&*api.store).await;
        let stopped_source = match &api.inbox {
            Some(inbox) if storage.is_writable() => stopped_source(&**inbox).await,
            Some(_) | None => None,
        };
        let silent_vendors = if storage.is_writable() {
            silent_vendors(api).await
        } else {
            None
        };
        Self {
            storage,
            stopped_source,
            silent_vendors,
            beside: beside(api),
        }
    }

    /// `unhealthy` when this process cannot commit, `degraded` when something else is wrong.
    pub fn status(&self) -> &'static str {
        let all_up = self.beside.iter().all(|beside| beside.is_up)
            && self.silent_vendors.is_none_or(|silent| silent == 0);
        match (self.storage.is_writable(), all_up, &self.stopped_source) {
            (false, _, _) => "unhealthy",
            (true, true, None) => "healthy",
            (true, _, _) => "degraded",
        }
    }

    /// Everything that is wrong and has a reason, the gravest first; `None` when there is nothing.
    pub fn reason(&self) -> Option<String> {
        let beside = self.beside.iter().filter_map(|of| of.problem.as_deref());
        let vendors = self.silent_vendors.filter(|silent| *silent > 0);
        let vendors = vendors.map(|silent| {
            let plural = if silent == 1 { "" } else { "s" };
            format!(
                "the stock of {silent} vendor{plural} cannot be read; waybill vendors list says why"
            )
        });
        let all: Vec<&str> = self
            .storage
            .reason()
            .into_iter()
            .chain(self.stopped_source.as_deref())
            .chain(vendors.as_deref())
            .chain(beside)
            .collect();
        (!all.is_empty()).then(|| all.join("; "))
    }
}

fn beside(api: &HealthApi) -> Vec<Beside> {
    let inventory = api.inventory.as_ref().map(|inventory| {
        let state = inventory.breaker().state;
        Beside {
            name: "inventory",
            is_up: state != State::Open,
            problem: None,
            circuit: Some(state),
        }
    });
    let broker = api.broker.as_ref().map(|link| {
        let problem = link.problem().map(|problem| problem.text);
        Beside {
            name: link.broker(),
            is_up: problem.is_none(),
            problem,
            circuit: None,
        }
    });
    let redis = api.redis.as_ref().map(|redis| {
        let problem = redis.problem();
        Beside {
            name: "redis",
            is_up: problem.is_none(),
            problem,
            circuit: Some(redis.breaker.snapshot().state),
        }
    });
    [inventory, broker, redis].into_iter().flatten().collect()
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

    pub fn is_writable(&self) -> bool {
        matches!(self, Self::Writable)
    }

    pub fn word(&self) -> &'static str {
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

/// The answer of the store, if it comes in time.
///
/// # Errors
/// Why it does not do what it was asked.
pub async fn in_time(asked: impl Future<Output = Result<(), StoreError>>) -> Result<(), String> {
    match tokio::time::timeout(COMMIT_PATIENCE, asked).await {
        Ok(answer) => answer.map_err(|error| error.to_string()),
        Err(_) => Err(format!(
            "the store did not answer within {} ms",
            COMMIT_PATIENCE.as_millis()
        )),
    }
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

/// How many vendors in use are in trouble; `None` where there are none, or when the store does not say so in time.
async fn silent_vendors(api: &HealthApi) -> Option<usize> {
    let pairs = async {
        let vendors = api.vendors.vendors_in_use(MOST_VENDORS).await?;
        let syncs = if vendors.is_empty() {
            vec![]
        } else {
            api.vendors.stock_syncs(None, MOST_VENDORS).await?
        };
        Ok::<_, StoreError>(vendor::with_syncs(vendors, syncs))
    };
    let pairs = tokio::time::timeout(COMMIT_PATIENCE, pairs).await;
    let pairs = pairs.ok()?.ok()?;
    let (now, interval_ms) = (api.contexts.now(), api.vendor_interval_ms);
    let silent = pairs
        .iter()
        .filter(|(vendor, sync)| sync.is_in_trouble(vendor, now, interval_ms));
    (!pairs.is_empty()).then(|| silent.count())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn beside(name: &'static str, problem: Option<&str>) -> Beside {
        Beside {
            name,
            is_up: problem.is_none(),
            problem: problem.map(str::to_owned),
            circuit: None,
        }
    }

    fn told(found: &Findings) -> (&'static str, Option<String>) {
        (found.status(), found.reason())
    }

    #[test]
    fn everything_that_is_wrong_is_told_the_gravest_first() {
        let mut found = Findings {
            storage: Storage::Writable,
            stopped_source: None,
            silent_vendors: None,
            beside: vec![beside("kafka", None), beside("redis", None)],
        };
        assert_eq!(told(&found), ("healthy", None));
        found.beside[1] = beside("redis", Some("redis: refused"));
        assert_eq!(told(&found), ("degraded", Some("redis: refused".into())));
        found.beside[0] = beside("kafka", Some("kafka: refused"));
        found.stopped_source = Some("stopped".into());
        let reason = "stopped; kafka: refused; redis: refused";
        assert_eq!(told(&found), ("degraded", Some(reason.into())));
        found.silent_vendors = Some(2);
        let told_all = told(&found).1.expect("a reason");
        assert!(told_all.contains("stopped; the stock of 2 vendors cannot be read"));
        found.silent_vendors = Some(0);
        found.storage = Storage::Away("gone".into());
        let reason = "gone; stopped; kafka: refused; redis: refused";
        assert_eq!(told(&found), ("unhealthy", Some(reason.into())));
    }

    #[test]
    fn an_open_circuit_alone_degrades_without_a_reason() {
        let open = Beside {
            is_up: false,
            circuit: Some(State::Open),
            ..beside("inventory", None)
        };
        let found = Findings {
            storage: Storage::Writable,
            stopped_source: None,
            silent_vendors: None,
            beside: vec![open],
        };
        assert_eq!(told(&found), ("degraded", None));
    }
}
