//! The role `housekeeping`: forgets what has expired, in small batches, and finds orders that are stuck.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;
use waybill_store::Error as StoreError;

use super::watchdog::Watchdog;
use crate::app::App;

/// Runs until it is stopped.
pub async fn run(app: Arc<App>, stop: CancellationToken) {
    let interval = app.settings.housekeeping.interval_ms.duration();
    let mut watchdog = Watchdog::default();
    loop {
        tokio::select! {
            () = tokio::time::sleep(interval) => {}
            () = stop.cancelled() => return,
        }
        if let Err(error) = round(&app, &mut watchdog, &stop).await {
            tracing::warn!(%error, "housekeeping is put off to the next round");
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
