//! Takes in what became of a call: the order goes on, other vendors are asked, or the call is made again.

use waybill_domain::allocation::{self, Answer, Outcome};
use waybill_domain::change::{Change, OrderEffect};
use waybill_domain::context::{Context, RequestIds};
use waybill_domain::fact::{self, Fact};
use waybill_domain::order::Order;
use waybill_domain::sourcing::Offer;
use waybill_domain::time::Time;
use waybill_domain::vendor::VendorRecord;
use waybill_domain::vendor_call::VendorRequest;
use waybill_store::{EffectStore, Error as StoreError, WorkOutcome};

use super::asking::{Asking, Piece};
use crate::vendors::Reply;

/// Who decides, in events.
const ACTOR: &str = "system:allocation";
/// Decisions of one answer; other writers of the order may be ahead of each.
const DECISIONS: usize = 20;
/// Orders that are ended at once, before new ones are looked for.
const OVERDUE: usize = 500;

impl Asking {
    /// Takes a reply in. Another writer may change the order meanwhile: then it is decided anew, with the same reply.
    ///
    /// # Errors
    /// The store is away, or the order keeps changing. The piece comes again when its lease has run out.
    pub async fn take_in(
        &self,
        mut piece: Piece,
        vendor: &VendorRecord,
        reply: Reply,
        closed_in_ms: i64,
    ) -> Result<(), StoreError> {
        piece.closed_in_ms = closed_in_ms;
        for _ in 0..DECISIONS {
            let settled = match piece.call.request {
                VendorRequest::Reduce => self.take_in_reduce(&piece, vendor, &reply).await,
                VendorRequest::Restore => self.take_in_restore(&piece, vendor, &reply).await,
            };
            match settled {
                Err(StoreError::Conflict { .. }) => {}
                // Another worker has it by now.
                Err(StoreError::Fenced { .. }) => return Ok(()),
                other => return other,
            }
            let ids = piece.work.order_id.into_iter().collect();
            piece.order = self.store.orders(ids).await?.pop();
        }
        Err(StoreError::busy("an order keeps changing"))
    }

    async fn take_in_reduce(
        &self,
        piece: &Piece,
        vendor: &VendorRecord,
        reply: &Reply,
    ) -> Result<(), StoreError> {
        let Some(order) = &piece.order else {
            return self.done(piece, None).await;
        };
        let now = self.contexts.now();
        let source = piece.call.awaited(order);
        let expires_at = source.and_then(|source| source.reservation.expires_at);
        let is_over = expires_at.is_some_and(|at| at <= now);
        let is_wanted = source.is_some();
        if is_over && is_wanted && *reply != Reply::Done {
            // The order ends first; what then becomes of this call ends its reservation.
            self.end_order(&piece.call.cause, order, now).await?;
            return Err(StoreError::Conflict { what: "the order" });
        }
        let answer = match reply {
            Reply::Done => Answer::Agreed,
            Reply::Refused(why) => Answer::Refused(why.clone()),
            // An earlier try may have been carried out; only its answer tells.
            Reply::NotAsked(_) | Reply::NotNow(_) if piece.may_be_done() => {
                return self.again(piece, reply).await;
            }
            Reply::NotNow(_) if is_wanted && piece.work.attempts <= self.retries => {
                return self.again(piece, reply).await;
            }
            Reply::NotAsked(why) | Reply::NotNow(why) => Answer::NotAsked(why.clone()),
            // It is asked again until there is an answer.
            Reply::Unknown(_) if repeats(vendor) => return self.again(piece, reply).await,
            Reply::Unknown(why) => Answer::Unknown(why.clone()),
        };
        #[cfg(feature = "planted-defects")]
        let answer = if super::defects::expires_under_way(order, &piece.call, now) {
            Answer::Refused("its time has passed".to_owned())
        } else {
            answer
        };
        let offers = if is_wanted && answer != Answer::Agreed {
            self.offers(piece).await?
        } else {
            vec![]
        };
        let outcome = self.decide(&piece.call.cause, now, |context| {
            allocation::on_answer(order, &piece.call, &answer, &offers, context)
        });
        match outcome {
            Outcome::Change(change) => {
                self.done(piece, Some(*change)).await?;
                if let Answer::Unknown(why) = &answer {
                    self.say_uncertain(piece, why);
                }
                Ok(())
            }
            Outcome::Nothing => self.done(piece, None).await,
            Outcome::AskAgain => self.again(piece, reply).await,
        }
    }

    async fn take_in_restore(
        &self,
        piece: &Piece,
        vendor: &VendorRecord,
        reply: &Reply,
    ) -> Result<(), StoreError> {
        match reply {
            Reply::Done => {
                self.done(piece, None).await?;
                // What it has again is only known from its own figures.
                let now = self.contexts.now();
                let vendors = vec![vendor.name.clone()];
                self.store.ask_for_sync(&vendor.tenant, vendors, now).await
            }
            Reply::NotAsked(_) | Reply::NotNow(_) => self.again(piece, reply).await,
            Reply::Unknown(_) if repeats(vendor) => self.again(piece, reply).await,
            Reply::Unknown(why) | Reply::Refused(why) => {
                let now = self.contexts.now();
                let order = piece.order.as_ref();
                let change = order.and_then(|order| {
                    self.decide(&piece.call.cause, now, |context| {
                        allocation::on_lost_return(order, &piece.call, context)
                    })
                });
                self.done(piece, change).await?;
                self.say_uncertain(piece, why);
                Ok(())
            }
        }
    }

    /// Ends the wait of orders whose time to wait for vendors has passed, whether a worker looks at their calls or not.
    ///
    /// # Errors
    /// The store is away.
    pub async fn end_overdue(&self) -> Result<(), StoreError> {
        let now = self.contexts.now();
        let overdue = self.store.orders_past_their_time(now, OVERDUE).await?;
        for order in self.store.orders(overdue).await? {
            match self.end_order(&RequestIds::default(), &order, now).await {
                // Somebody else has changed it; it is looked at again.
                Ok(()) | Err(StoreError::Conflict { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Its time to wait for vendors has passed: the order fails, or waits for stock if it may.
    async fn end_order(
        &self,
        cause: &RequestIds,
        order: &Order,
        now: Time,
    ) -> Result<(), StoreError> {
        let change = self.decide(cause, now, |context| {
            fact::apply(order, &Fact::DeadlinePassed, context)
        });
        let Some(change) = change else {
            return Ok(());
        };
        let mut written =
            EffectStore::<OrderEffect>::write_changes(&*self.store, vec![change], None).await?;
        written.pop().unwrap_or(Ok(()))
    }

    /// What every source could give of the sku.
    async fn offers(&self, piece: &Piece) -> Result<Vec<Offer>, StoreError> {
        let sku = piece.call.sku.clone();
        self.offers_of(&piece.work.tenant, &[sku].into()).await
    }

    pub fn decide<T>(
        &self,
        cause: &RequestIds,
        now: Time,
        decide: impl FnOnce(&mut Context<'_>) -> T,
    ) -> T {
        let meta = cause.later_by(ACTOR);
        let entropy = &self.contexts.entropy;
        let mut ids = || entropy.uuid_v7(now.0);
        decide(&mut Context {
            now,
            meta: &meta,
            ids: &mut ids,
        })
    }

    async fn done(
        &self,
        piece: &Piece,
        change: Option<Change<OrderEffect>>,
    ) -> Result<(), StoreError> {
        let outcome = WorkOutcome::Done(change);
        self.settle(&piece.work, outcome).await
    }

    async fn again(&self, piece: &Piece, reply: &Reply) -> Result<(), StoreError> {
        let delay_ms = self.delay_ms(&piece.work);
        let (why, delay_ms) = match reply {
            // Nobody is asked before the circuit lets a call through.
            Reply::NotAsked(why) => (why.as_str(), delay_ms.max(piece.closed_in_ms)),
            Reply::NotNow(why) | Reply::Refused(why) | Reply::Unknown(why) => {
                (why.as_str(), delay_ms)
            }
            Reply::Done => ("", delay_ms),
        };
        let at = self.contexts.now().plus_ms(delay_ms);
        // An order that waits ends at its time.
        let order = piece.order.as_ref();
        let awaited = order.and_then(|order| piece.call.awaited(order));
        let ends_at = awaited.and_then(|source| source.reservation.expires_at);
        let outcome = WorkOutcome::Again {
            error: why.to_owned(),
            due_at: ends_at.map_or(at, |ends_at| at.min(ends_at)),
            unanswered: matches!(reply, Reply::Unknown(_)),
        };
        self.settle(&piece.work, outcome).await
    }

    fn say_uncertain(&self, piece: &Piece, why: &str) {
        let call = &piece.call;
        self.figures.uncertain.inc_by(call.units.unsigned_abs());
        tracing::warn!(
            vendor = %call.vendor,
            tenant = %piece.work.tenant,
            order_id = piece.work.order_id.map(|id| id.to_string()),
            sku = %call.sku,
            units = call.units,
            request = call.request.as_str(),
            why,
            "whether a vendor has these units is not known; compare its stock with the order by hand"
        );
    }
}

/// Whether a call whose answer was lost may be made again: the vendor honours its key.
fn repeats(vendor: &VendorRecord) -> bool {
    #[cfg(feature = "planted-defects")]
    if super::defects::repeats_without_key() {
        return true;
    }
    vendor.terms.idempotent
}
