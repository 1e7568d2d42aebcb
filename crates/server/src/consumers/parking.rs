//! Parked events that are due are tried again; those that no retry is left for become dead letters. A person's redrive
//! or discard is carried out here, so that the order goes on.

use waybill_domain::parked::{NextTry, ParkedState};
use waybill_domain::retry::RetrySchedule;
use waybill_store::{
    EffectStore, Error as StoreError, Known, Lease, LogStore, Parked, ParkedOutcome, caught,
};

use super::handler::{EventOutcome, Handler};
use crate::context::ContextSource;

/// Parked orders read in one turn.
const LOOK: usize = 64;

/// Retries events of one partition that are parked for the lease's consumer.
pub struct Retries<'a, H: Handler> {
    pub log: &'a dyn LogStore,
    pub store: &'a dyn EffectStore<H::Effect>,
    pub handler: &'a H,
    pub contexts: &'a ContextSource,
    pub schedule: &'a RetrySchedule,
    pub lease: &'a Lease,
}

impl<H: Handler> Retries<'_, H> {
    /// Handles the parked events that are due or flagged; returns whether there were any.
    pub async fn run(&self) -> Result<bool, StoreError> {
        let (consumer, partition) = (&self.lease.consumer, self.lease.partition);
        let now = self.contexts.now();
        let due = self.log.due_parked(consumer, partition, now, LOOK).await?;
        let any = !due.is_empty();
        for parked in due {
            self.retry(&parked).await?;
        }
        Ok(any)
    }

    async fn retry(&self, parked: &Parked) -> Result<(), StoreError> {
        let settled = match self.outcome(parked).await {
            Ok(outcome) => self.settle(parked, outcome).await,
            Err(error) => Err(error),
        };
        match settled {
            Err(error) if error.is_poison() => {
                let failed = self.failed_again(parked, error.to_string());
                self.settle(parked, failed).await
            }
            settled => settled,
        }
    }

    async fn settle(
        &self,
        parked: &Parked,
        outcome: ParkedOutcome<H::Effect>,
    ) -> Result<(), StoreError> {
        let Some(order) = parked.event.event.order_id else {
            return Ok(());
        };
        let (lease, position) = (self.lease.clone(), parked.event.position);
        self.store
            .settle_parked(lease, order, position, outcome)
            .await
    }

    async fn outcome(&self, parked: &Parked) -> Result<ParkedOutcome<H::Effect>, StoreError> {
        if parked.state == ParkedState::Discard {
            log(parked, "a parked event was discarded");
            return Ok(ParkedOutcome::Discarded);
        }
        let event = &parked.event;
        let needs = self.handler.needs(std::slice::from_ref(event));
        let known = Known {
            rows: self.store.load(needs).await?,
            parked: vec![],
        };
        let mut outcomes = caught(|| self.handler.decide(&[event], &known))?;
        Ok(match outcomes.pop() {
            Some(EventOutcome::Change(change)) => ParkedOutcome::Applied(Some(*change)),
            Some(EventOutcome::Nothing) | None => ParkedOutcome::Applied(None),
            Some(EventOutcome::Failed(error)) => self.failed_again(parked, error),
        })
    }

    fn failed_again(&self, parked: &Parked, error: String) -> ParkedOutcome<H::Effect> {
        let now = self.contexts.now();
        let next = NextTry::after_failure(self.schedule, parked.state, parked.attempts, now);
        if next == NextTry::NoneLeft {
            log(
                parked,
                "no try is left; the event is a dead letter until it is redriven or discarded",
            );
        }
        ParkedOutcome::Failed { error, next }
    }
}

/// Logs what became of a parked event.
pub fn log(parked: &Parked, message: &str) {
    let order_id = parked.event.event.order_id.map(tracing::field::display);
    tracing::warn!(consumer = parked.consumer, event_id = %parked.event.event.id, order_id, attempts = parked.attempts, "{message}");
}
