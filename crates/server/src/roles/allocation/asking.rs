//! One worker: lease a piece of work, make its call, take the answer in.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use waybill_domain::change::OrderEffect;
use waybill_domain::order::Order;
use waybill_domain::vendor::VendorRecord;
use waybill_domain::vendor_call::{VendorCall, VendorRequest};
use waybill_store::{Error as StoreError, LeasedWork, Store, WorkOutcome};

use super::figures::Figures;
use crate::context::ContextSource;
use crate::inventory::Guarded;
use crate::vendors::{Callers, Reply, VendorCaller};

/// How long a lease lasts beyond the timeout of a call: the time to take its answer in.
const LEASE_BEYOND_MS: i64 = 15_000;
/// The longest pause before a call is made again.
const MOST_DELAY_MS: i64 = 60_000;

/// How long a worker goes by the terms that the vendor had when it began.
const KNOWS_TERMS: Duration = Duration::from_secs(1);

/// What a worker uses.
pub struct Asking {
    pub store: Arc<dyn Store>,
    pub callers: Arc<Callers>,
    pub contexts: ContextSource,
    pub figures: Figures,
    /// How often a call that was not carried out is made again before other vendors are asked.
    pub retries: u32,
    pub retry_delay_ms: i64,
    pub timeout_ms: i64,
    /// How long an order waits for the vendors that it asks.
    pub order_timeout_ms: i64,
    /// The inventory service, if there is one.
    pub inventory: Option<Arc<Guarded>>,
}

/// A piece of work and what it is about.
pub struct Piece {
    pub work: LeasedWork,
    pub call: VendorCall,
    /// `None` where it is not in the store.
    pub order: Option<Order>,
    /// How long the vendor's circuit lets no call through.
    pub closed_in_ms: i64,
}

impl Piece {
    /// Whether an earlier try may have been carried out.
    pub fn may_be_done(&self) -> bool {
        self.work.unanswered > 0
    }
}

impl Asking {
    /// Works off what waits for a vendor, piece by piece.
    ///
    /// # Errors
    /// The store is away. A piece that was leased comes again when its lease has run out.
    pub async fn work_off(
        &self,
        target: &str,
        vendor: &VendorRecord,
        stop: &CancellationToken,
    ) -> Result<(), StoreError> {
        let caller = match self.callers.of(vendor) {
            Ok(caller) => Some(caller),
            Err(error) => {
                tracing::warn!(vendor = %vendor.name, error, "a vendor cannot be called");
                None
            }
        };
        let began = Instant::now();
        // A worker ends after a while, so that the next one knows the vendor's present terms.
        while !stop.is_cancelled() && began.elapsed() < KNOWS_TERMS {
            // The turn comes before the lease, so that a piece is not leased while it waits for one.
            let turn = match &caller {
                Some(caller) if !caller.is_open() => tokio::select! {
                    () = stop.cancelled() => return Ok(()),
                    turn = caller.turn() => Some((caller, turn)),
                },
                _ => None,
            };
            let now = self.contexts.now();
            let until = now.plus_ms(self.timeout_ms + LEASE_BEYOND_MS);
            let leased = self.store.lease_work(target, now, until, 1).await?;
            let Some(work) = leased.into_iter().next() else {
                return Ok(());
            };
            let Some(piece) = self.piece(work).await? else {
                continue;
            };
            let reply = match (self.ahead_of_call(&piece, vendor), turn) {
                (Some(reply), _) => reply,
                (None, Some((caller, turn))) => self.call(caller, &piece, turn).await,
                (None, None) => Reply::NotAsked("its circuit is open".to_owned()),
            };
            let closed_in_ms = caller.as_ref().map_or(0, |caller| caller.closed_in_ms());
            self.take_in(piece, vendor, reply, closed_in_ms).await?;
        }
        Ok(())
    }

    async fn call(
        &self,
        caller: &VendorCaller,
        piece: &Piece,
        turn: crate::vendors::Turn<'_>,
    ) -> Reply {
        let reply = caller.ask(&piece.call, turn).await;
        self.figures.called(&reply);
        reply
    }

    /// Reads what a piece is about; a piece that no call can be read from is dropped, loudly.
    async fn piece(&self, work: LeasedWork) -> Result<Option<Piece>, StoreError> {
        let call = match serde_json::from_str(&work.body) {
            Ok(call) => call,
            Err(error) => {
                tracing::error!(id = %work.id, %error, "a call to a vendor cannot be read and is left out");
                let due_at = self.contexts.now().plus_ms(MOST_DELAY_MS);
                let again = WorkOutcome::Again {
                    error: error.to_string(),
                    due_at,
                    unanswered: false,
                };
                self.settle(&work, again).await?;
                return Ok(None);
            }
        };
        let ids = work.order_id.into_iter().collect();
        let order = self.store.orders(ids).await?.pop();
        Ok(Some(Piece {
            work,
            call,
            order,
            closed_in_ms: 0,
        }))
    }

    /// What is known without a call; `None` when the vendor has to be asked.
    fn ahead_of_call(&self, piece: &Piece, vendor: &VendorRecord) -> Option<Reply> {
        #[cfg(feature = "planted-defects")]
        if super::defects::repeats_without_key() {
            return None;
        }
        if piece.may_be_done() && !vendor.terms.idempotent {
            // It must not be made a second time.
            return Some(Reply::Unknown("an earlier call has no answer".to_owned()));
        }
        if piece.call.request == VendorRequest::Restore || piece.may_be_done() {
            return None;
        }
        let order = piece.order.as_ref();
        let Some(source) = order.and_then(|order| piece.call.awaited(order)) else {
            return Some(Reply::NotAsked("no order wants it".to_owned()));
        };
        let now = self.contexts.now();
        if source.reservation.expires_at.is_some_and(|at| at <= now) {
            return Some(Reply::NotAsked("its time has passed".to_owned()));
        }
        (!vendor.is_in_use()).then(|| Reply::Refused("it is not in use".to_owned()))
    }

    /// The pause before a call is made again.
    pub fn delay_ms(&self, work: &LeasedWork) -> i64 {
        let doubled = 1_i64.checked_shl(work.attempts.saturating_sub(1).min(20));
        let delay = doubled.and_then(|factor| self.retry_delay_ms.checked_mul(factor));
        // No error: a pause that is beyond all bounds is the longest one.
        delay.unwrap_or(MOST_DELAY_MS).min(MOST_DELAY_MS)
    }

    /// Writes what became of a piece.
    pub async fn settle(
        &self,
        work: &LeasedWork,
        outcome: WorkOutcome<OrderEffect>,
    ) -> Result<(), StoreError> {
        self.store.settle_work(work, outcome).await
    }
}
