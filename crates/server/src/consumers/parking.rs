//! Parked events that are due are tried again; those that no retry is left for become dead letters. A person's redrive
//! or discard is carried out here, so that the order goes on.

use waybill_domain::event::LoggedEvent;
use waybill_domain::parked::{NextTry, ParkedState};
use waybill_domain::retry::RetrySchedule;
use waybill_domain::time::Time;
use waybill_store::{
    EffectStore, Error as StoreError, Known, Lease, LogStore, Parked, ParkedOutcome, caught,
};

use super::handler::{EventOutcome, Handler};
use crate::context::ContextSource;

/// Parked orders read in one turn.
const LOOK: usize = 64;

/// What became of the parked events that were due.
#[derive(Debug, Default)]
pub struct Retried {
    /// Whether there were any.
    pub any: bool,
    /// Those for which no try is left, and why the last one failed.
    pub dead: Vec<(LoggedEvent, String)>,
}

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
    /// Handles the parked events that are due or flagged.
    pub async fn run(&self) -> Result<Retried, StoreError> {
        let (consumer, partition) = (&self.lease.consumer, self.lease.partition);
        let now = self.contexts.now();
        let due = self.log.due_parked(consumer, partition, now, LOOK).await?;
        let mut retried = Retried {
            any: !due.is_empty(),
            dead: vec![],
        };
        for parked in due {
            let died_of = self.retry(&parked).await?;
            let dead = parked.event.ok().zip(died_of);
            retried.dead.extend(dead);
        }
        Ok(retried)
    }

    /// Tries an event; why it failed, when no try is left.
    async fn retry(&self, parked: &Parked) -> Result<Option<String>, StoreError> {
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
    ) -> Result<Option<String>, StoreError> {
        let lease = self.lease.clone();
        let died_of = match &outcome {
            ParkedOutcome::Failed {
                error,
                next: NextTry::NoneLeft,
            } => Some(error.clone()),
            _ => None,
        };
        self.store
            .settle_parked(lease, parked.key, parked.position, outcome)
            .await?;
        Ok(died_of)
    }

    async fn outcome(&self, parked: &Parked) -> Result<ParkedOutcome<H::Effect>, StoreError> {
        if parked.state == ParkedState::Discard {
            log(parked, "a parked event was discarded");
            return Ok(ParkedOutcome::Discarded);
        }
        let event = match &parked.event {
            Ok(event) => event,
            Err(damaged) => return Ok(self.failed_again(parked, damaged.to_string())),
        };
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
        failed_again(self.schedule, parked, error, self.contexts.now())
    }
}

/// What a try that failed at `now` makes of a parked event. Logs it when no try is left.
pub fn failed_again<E>(
    schedule: &RetrySchedule,
    parked: &Parked,
    error: String,
    now: Time,
) -> ParkedOutcome<E> {
    let next = NextTry::after_failure(schedule, parked.state, parked.attempts, now);
    if next == NextTry::NoneLeft {
        log(
            parked,
            "no try is left; the event is a dead letter until it is redriven or discarded",
        );
    }
    ParkedOutcome::Failed { error, next }
}

/// Logs what became of a parked event.
pub fn log(parked: &Parked, message: &str) {
    let event = parked.event.as_ref().ok();
    let event_id = event.map(|logged| tracing::field::display(logged.event.id));
    let order_id = event.and_then(|logged| logged.event.order_id);
    let order_id = order_id.map(tracing::field::display);
    tracing::warn!(
        consumer = parked.consumer,
        key = %parked.key,
        position = parked.position,
        order_id,
        event_id,
        attempts = parked.attempts,
        "{message}"
    );
}
