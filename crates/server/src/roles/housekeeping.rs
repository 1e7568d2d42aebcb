//! The role `housekeeping`: forgets what has expired, in small batches, and finds orders that are stuck.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;
use waybill_store::Error as StoreError;

use crate::app::App;

/// Stuck orders named in one line of the log.
const NAMED: usize = 10;

/// Runs until it is stopped.
pub async fn run(app: Arc<App>, stop: CancellationToken) {
    let interval = app.settings.housekeeping.interval_ms.duration();
    loop {
        tokio::select! {
            () = tokio::time::sleep(interval) => {}
            () = stop.cancelled() => return,
        }
        if let Err(error) = round(&app, &stop).await {
            tracing::warn!(%error, "housekeeping is put off to the next round");
        }
    }
}

async fn round(app: &App, stop: &CancellationToken) -> Result<(), StoreError> {
    let limit = app.settings.housekeeping.batch_limit as usize;
    while !stop.is_cancelled() {
        let forgotten = app.store.forget_claims(app.now(), limit).await?;
        app.metrics.claims_forgotten.inc_by(forgotten as u64);
        if forgotten < limit {
            break;
        }
    }
    let stuck_after = app.settings.housekeeping.stuck_after_ms;
    let before = waybill_domain::time::Time(app.now().0 - stuck_after.micros());
    let stuck = app.store.stuck_orders(before, NAMED).await?;
    app.metrics
        .stuck_orders
        .set(i64::try_from(stuck.len()).unwrap_or(i64::MAX));
    for (order_id, since) in stuck {
        tracing::warn!(%order_id, %since, "nothing has happened to this order for long; see its events");
    }
    Ok(())
}
