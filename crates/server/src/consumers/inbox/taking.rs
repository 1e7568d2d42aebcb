//! Taking messages of one source, again while other processes are first.

use std::collections::BTreeSet;

use waybill_broker::message::{Message, Source};
use waybill_broker::receiver::Received;
use waybill_domain::event::Aggregate;
use waybill_domain::inbox::{GAPS_OF_CONSUMER, HeldReason, Seen};
use waybill_store::{Error as StoreError, HeldId};

use super::arrivals::{Arrivals, Rules, Waiting};
use super::content;
use super::{Inbox, KnownSource};
use crate::consumers::handler::Handler;
use crate::observe::inbox_figures::Handled;

/// How often a batch is decided again because another process was first.
const TRIES: usize = 5;

/// How messages are taken.
#[derive(Clone, Copy, Debug)]
pub(super) struct Manner<'a> {
    /// They are parked for this reason instead of being decided.
    pub refused: Option<&'a str>,
    /// Events that waited for them follow in the same transaction.
    pub follow: bool,
    /// Events that are missing before them count as seen.
    pub give_up: bool,
    /// The row that one message comes from; it is removed with its effect.
    pub instead_of: Option<HeldId>,
}

impl Manner<'_> {
    pub const TOGETHER: Self = Self {
        refused: None,
        follow: true,
        give_up: false,
        instead_of: None,
    };
}

impl<H: Handler> Inbox<H> {
    /// Takes messages of one source. When the store refuses them because of their content, they are taken one by one,
    /// and the one at fault is parked.
    pub(super) async fn take(&self, source: &Source, messages: &[Message]) -> Vec<Received> {
        let known = match self.known(source).await {
            Ok(Ok(known)) => known,
            Ok(Err(why)) => return self.not_now(messages, &why),
            Err(error) => return self.not_now(messages, &error.to_string()),
        };
        match self.take_together(known, messages, Manner::TOGETHER).await {
            Err(error) if error.is_poison() => {
                let mut results = vec![];
                for message in messages {
                    let taken = self.take_alone(known, message, Manner::TOGETHER).await;
                    results.push(taken.unwrap_or_else(|error| Received::Later(error.to_string())));
                }
                results
            }
            taken => taken.unwrap_or_else(|error| self.not_now(messages, &error.to_string())),
        }
    }

    /// Takes one message; when the store refuses it, it is parked. Events that waited for it stay for now: which one is
    /// at fault must be told. They are due then, and [`super::RetryingInbox`] takes them one by one.
    pub(super) async fn take_alone(
        &self,
        source: KnownSource,
        message: &Message,
        manner: Manner<'_>,
    ) -> Result<Received, StoreError> {
        let one = std::slice::from_ref(message);
        let alone = Manner {
            follow: false,
            ..manner
        };
        let taken = match self.take_together(source, one, alone).await {
            Err(error) if error.is_poison() => {
                let why = error.to_string();
                let refused = Manner {
                    refused: Some(&why),
                    ..alone
                };
                self.take_together(source, one, refused).await?
            }
            taken => taken?,
        };
        let unanswered = || Received::Later("the message got no result".into());
        Ok(taken.into_iter().next().unwrap_or_else(unanswered))
    }

    async fn take_together(
        &self,
        source: KnownSource,
        messages: &[Message],
        manner: Manner<'_>,
    ) -> Result<Vec<Received>, StoreError> {
        let mut tries = 1;
        loop {
            match self.try_take(source, messages, manner).await {
                Err(StoreError::Conflict { .. }) if tries < TRIES => tries += 1,
                taken => return taken,
            }
        }
    }

    async fn try_take(
        &self,
        source: KnownSource,
        messages: &[Message],
        manner: Manner<'_>,
    ) -> Result<Vec<Received>, StoreError> {
        let aggregates: BTreeSet<Aggregate> =
            messages.iter().map(|m| m.event.event.aggregate).collect();
        let aggregates = aggregates.into_iter().collect();
        let seen = self.sources.watermarks(source.id, aggregates).await?;
        let waiting = self.waiting(source.id, &seen).await?;
        let mut rules = Rules {
            generation: source.generation,
            follow: manner.follow,
            give_up: manner.give_up,
            room: usize::MAX,
        };
        let mut arrivals = Arrivals::sort(messages, rules, &seen, &waiting);
        if arrivals.held() > 0 {
            rules.room = self.room().await?;
            if arrivals.held() > rules.room {
                arrivals = Arrivals::sort(messages, rules, &seen, &waiting);
            }
        }
        self.tell_if_full(&arrivals.results);
        let written = self.write_all(source.id, &arrivals, manner).await?;
        if let Some(row) = manner.instead_of.filter(|_| !written) {
            self.sources.drop_held(self.name.consumer, row).await?;
        }
        self.count(&arrivals);
        Ok(arrivals.results)
    }

    /// Leaves messages to the broker, and counts them.
    fn not_now(&self, messages: &[Message], why: &str) -> Vec<Received> {
        let handled = Handled {
            later: messages.len(),
            ..Handled::default()
        };
        let figures = &self.resources.metrics.inbox;
        figures.count(self.name.consumer, handled);
        vec![Received::Later(why.to_owned()); messages.len()]
    }

    fn count(&self, arrivals: &Arrivals<'_>) {
        let (figures, consumer) = (&self.resources.metrics.inbox, self.name.consumer);
        figures.count(consumer, arrivals.handled());
        // A filler has no effect whose delay could be told.
        let events = arrivals.fresh.iter().filter(|message| !message.filler);
        let recorded = events.map(|message| message.event.recorded_at);
        figures.delayed(consumer, recorded, self.resources.contexts.now());
    }

    /// The events that wait in the store, of aggregates that have any.
    async fn waiting(
        &self,
        source: i32,
        seen: &[(Aggregate, Seen)],
    ) -> Result<Vec<Waiting>, StoreError> {
        let with_gaps = seen.iter().filter(|(_, seen)| seen.gaps > 0);
        let with_gaps: Vec<Aggregate> = with_gaps.map(|(aggregate, _)| *aggregate).collect();
        if with_gaps.is_empty() {
            return Ok(vec![]);
        }
        let held = self.sources.waiting(source, with_gaps).await?;
        let mut waiting = vec![];
        for held in held {
            // One that cannot be read any more stays where it is, and is listed.
            let message = content::message(&held.message.content).ok();
            let Some((message, place)) = message.zip(held.message.place) else {
                continue;
            };
            waiting.push(Waiting {
                id: held.message.id,
                at: place.at,
                message,
            });
        }
        Ok(waiting)
    }

    /// How many more events may wait.
    async fn room(&self) -> Result<usize, StoreError> {
        let limit = GAPS_OF_CONSUMER as usize;
        let consumer = self.name.consumer;
        let waiting = self.sources.count_held(consumer, HeldReason::Gap, limit);
        Ok(limit.saturating_sub(waiting.await?))
    }

    fn tell_if_full(&self, results: &[Received]) {
        let refused = results.iter().find_map(|result| match result {
            Received::Later(why) => Some(why),
            Received::Taken => None,
        });
        match refused {
            Some(why) => self.full.failed(&StoreError::unavailable(why.clone())),
            None => self.full.worked(),
        }
    }
}
