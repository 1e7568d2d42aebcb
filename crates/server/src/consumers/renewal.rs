//! A renewal of leases in a task of its own, and the wait for its answer.

use tokio::task::JoinHandle;
use tokio::time::Instant;
use waybill_store::{Error as StoreError, LeaseView};

/// A renewal under way; it answers with the processes that are alive and the leases they hold.
pub struct Renewal {
    pub began: Instant,
    pub view: JoinHandle<Result<LeaseView, StoreError>>,
}

/// When a renewal began and what it answered.
pub type Renewed = (Instant, Result<LeaseView, StoreError>);

/// Waits for the renewal that is under way, if there is one.
pub async fn renewed(renewal: &mut Option<Renewal>) -> Renewed {
    let Some(under_way) = renewal else {
        return std::future::pending().await;
    };
    let view = (&mut under_way.view).await;
    let began = under_way.began;
    *renewal = None;
    let view = view.unwrap_or_else(|error| {
        Err(StoreError::unavailable(format!(
            "a renewal panicked: {error}"
        )))
    });
    (began, view)
}
