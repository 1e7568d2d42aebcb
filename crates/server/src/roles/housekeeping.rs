//! The role `housekeeping`: forgets what has expired, in small batches, and finds orders that are stuck.
//!
//! Of several processes one does it. Two that overlap for a moment do no harm: what they forget has expired.

use std::sync::Arc;

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;
use waybill_store::outage::Outage;
use waybill_store::{Error as StoreError, Lease};

use super::keeper::Duty;
use super::watchdog::Watchdog;
use crate::app::App;

/// The lease that lets one process of all do it.
pub const CONSUMER: &str = "housekeeping";

/// Keeps house while this process has the lease.
pub struct Keeping {
    app: Arc<App>,
    outage: Outage,
}

impl Keeping {
    pub fn new(app: &Arc<App>) -> Self {
        Self {
            app: app.clone(),
            outage: Outage::new(
                CONSUMER,
                "expired claims and stuck orders cannot be looked for",
            ),
        }
    }
}

#[async_trait]
impl Duty for Keeping {
    fn consumer(&self) -> &'static str {
        CONSUMER
    }

    /// Not a part of the log: one job for all of it.
    fn parts(&self) -> u16 {
        1
    }

    async fn act(
        &self,
        _lease: Lease,
        _cursor: i64,
        stop: CancellationToken,
    ) -> Result<(), StoreError> {
        let interval = self.app.settings.housekeeping.interval_ms.duration();
        let mut watchdog = Watchdog::default();
        loop {
            tokio::select! {
                () = tokio::time::sleep(interval) => {}
                () = stop.cancelled() => {
                    // Whoever goes on tells from now on.
                    watchdog.end(&self.app);
                    return Ok(());
                }
            }
            match round(&self.app, &mut watchdog, &stop).await {
                Ok(()) => self.outage.worked(),
                Err(error) => self.outage.failed(&error),
            }
        }
    }
}

async fn round(
    app: &App,
    watchdog: &mut Watchdog,
    stop: &CancellationToken,
) -> Result<(), StoreError> {
    let limit = app.settings.housekeeping.batch_limit as usize;
    while !stop.is_cancelled() {
        let forgotten = app.store.forget_claims(app.now(), limit).await?;
        app.metrics.claims_forgotten.inc_by(forgotten as u64);
        if forgotten < limit {
            break;
        }
    }
    watchdog.round(app).await
}
