//! Whether this process may work on its store when two services exchange events: each has a store of its own.

use waybill_domain::service::{Refusal, Service, Work};
use waybill_store::{Error as StoreError, ServiceStore};

use crate::brokers::exchanges;
use crate::config::Settings;

/// Why a process may not work on its store.
#[derive(Debug, thiserror::Error)]
pub enum WrongStore {
    #[error(transparent)]
    Refused(Refusal),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What a process with these settings does.
fn work(settings: &Settings, has_outside: bool) -> Work {
    let (runs_status, runs_delivery) = (settings.runs("status"), settings.runs("delivery"));
    let service = match (runs_status, runs_delivery) {
        (true, false) => Some(Service::Orders),
        (false, true) => Some(Service::Delivery),
        // It does the work of both, or of neither.
        (true, true) | (false, false) => None,
    };
    Work {
        service: service.filter(|_| exchanges(settings, has_outside)),
        takes_orders: settings.runs("api"),
        runs_status,
        runs_delivery,
    }
}

/// Records the store as this service's if it is one and the store has no record, and checks the record. Whose store it
/// is; `None` for one that is neither service's.
///
/// # Errors
/// The store is the other service's, or this process would do what the other service does; the store is away.
pub async fn check(
    store: &dyn ServiceStore,
    settings: &Settings,
    has_outside: bool,
) -> Result<Option<Service>, WrongStore> {
    let work = work(settings, has_outside);
    let recorded = store.service(work.service).await?;
    work.check(recorded).map_err(WrongStore::Refused)?;
    Ok(recorded)
}
