//! Handing over what a broker delivered: messages are read, given to the receiver, and given again until it took them.
//!
//! Invariant: a message is settled only after the receiver has it durably. The drivers acknowledge what is settled and
//! nothing else.

use crate::message::Message;
use crate::receiver::{Received, Receiver};
use crate::wire::{Fault, RawMessage, Unreadable, decode, name};
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// The first wait before messages that could not be taken are handed over again; it doubles up to [`LONGEST_WAIT`].
const FIRST_WAIT: Duration = Duration::from_millis(50);
const LONGEST_WAIT: Duration = Duration::from_secs(2);

/// What became of one message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Settled {
    /// The receiver has it: acknowledge it.
    Taken,
    /// It cannot be read and the receiver keeps it: put a copy into the dead-letter queue, then acknowledge it.
    Unreadable(Fault),
    /// The receiver has not taken it, and `stop` was cancelled: do not acknowledge it.
    Open,
}

impl Settled {
    /// Whether the broker may forget the message.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        *self != Self::Open
    }
}

/// Hands over messages in the order in which the broker delivered them, and again while the receiver cannot take them.
/// One result for each. Stops early, with some of them `Open`, only when `stop` is cancelled.
pub async fn hand_over(
    receiver: &Arc<dyn Receiver>,
    messages: Vec<RawMessage>,
    stop: &CancellationToken,
) -> Vec<Settled> {
    let mut open: Vec<(usize, RawMessage)> = messages.into_iter().enumerate().collect();
    let mut settled = vec![Settled::Open; open.len()];
    let mut wait = FIRST_WAIT;
    loop {
        let before = open.len();
        open = round(receiver, open, &mut settled).await;
        if open.is_empty() || stop.is_cancelled() {
            return settled;
        }
        wait = if open.len() < before {
            FIRST_WAIT
        } else {
            (wait * 2).min(LONGEST_WAIT)
        };
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = stop.cancelled() => return settled,
        }
    }
}

/// Hands over each message once; returns those that are still open, in their order. Between readable messages an
/// unreadable one is handed over at its place, so that the receiver sees the order of the broker.
async fn round(
    receiver: &Arc<dyn Receiver>,
    open: Vec<(usize, RawMessage)>,
    settled: &mut [Settled],
) -> Vec<(usize, RawMessage)> {
    let mut round = Round {
        settled,
        left: vec![],
        held: HashSet::new(),
    };
    let mut run: Vec<(usize, RawMessage, Message)> = vec![];
    for (place, raw) in open {
        if round.held.contains(&key(&raw)) {
            round.leave(place, raw);
            continue;
        }
        let whole = match whole(receiver, raw.clone()).await {
            Ok(whole) => whole,
            Err(why) => {
                tracing::warn!(
                    consumer = receiver.consumer(),
                    why,
                    "the body of a large event cannot be had"
                );
                round.leave(place, raw);
                continue;
            }
        };
        match read(receiver, whole) {
            Ok(message) => run.push((place, raw, message)),
            Err(unreadable) => {
                round.give(receiver, std::mem::take(&mut run)).await;
                if round.held.contains(&key(&raw)) {
                    round.leave(place, raw);
                    continue;
                }
                let fault = unreadable.fault.clone();
                match receiver.keep_unreadable(*unreadable).await {
                    Received::Taken => round.settled[place] = Settled::Unreadable(fault),
                    Received::Later(_) => round.leave(place, raw),
                }
            }
        }
    }
    round.give(receiver, run).await;
    let mut left = round.left;
    left.sort_by_key(|(place, _)| *place);
    left
}

/// One handing over.
struct Round<'s> {
    settled: &'s mut [Settled],
    /// What is still open.
    left: Vec<(usize, RawMessage)>,
    /// The keys of what is still open: what comes after it must not overtake it.
    held: HashSet<Option<String>>,
}

impl Round<'_> {
    fn leave(&mut self, place: usize, raw: RawMessage) {
        self.held.insert(key(&raw));
        self.left.push((place, raw));
    }

    async fn give(&mut self, receiver: &Arc<dyn Receiver>, run: Vec<(usize, RawMessage, Message)>) {
        if run.is_empty() {
            return;
        }
        let mut places = vec![];
        let mut messages = vec![];
        for (place, raw, message) in run {
            places.push((place, raw));
            messages.push(message);
        }
        let mut received = receiver.receive(messages).await.into_iter();
        for (place, raw) in places {
            match received.next() {
                Some(Received::Taken) => self.settled[place] = Settled::Taken,
                // A receiver that gives too few results has taken nothing more.
                Some(Received::Later(_)) | None => self.leave(place, raw),
            }
        }
    }
}

/// A message with its body: one that was too large for the broker says where the body is.
async fn whole(receiver: &Arc<dyn Receiver>, raw: RawMessage) -> Result<RawMessage, String> {
    match raw.attribute(name::DATAREF) {
        None => Ok(raw),
        Some(dataref) => {
            let data = receiver.fetch(&raw, dataref).await?;
            raw.with_data(&data).map_err(|error| error.to_string())
        }
    }
}

fn key(raw: &RawMessage) -> Option<String> {
    raw.attribute(name::SUBJECT).map(str::to_owned)
}

/// Reads a message, and asks the receiver whether it takes such messages at all.
fn read(receiver: &Arc<dyn Receiver>, raw: RawMessage) -> Result<Message, Box<Unreadable>> {
    let message = decode(raw.clone())?;
    match receiver.refuses(&message) {
        None => Ok(message),
        Some(why) => Err(Box::new(Unreadable::refused(raw, &message, why))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{Source, Topic};
    use crate::test_events::events;
    use crate::wire::{Shape, encode};
    use async_trait::async_trait;
    use parking_lot::Mutex;
    use waybill_domain::ids::OrderId;

    /// Takes nothing at its first call; keeps the order in which messages were taken, unreadable ones as 0.
    #[derive(Default)]
    struct Busy {
        calls: Mutex<usize>,
        taken: Mutex<Vec<i64>>,
    }

    #[async_trait]
    impl Receiver for Busy {
        fn consumer(&self) -> &'static str {
            "busy"
        }

        fn topics(&self) -> &'static [Topic] {
            &[Topic::Orders]
        }

        async fn receive(&self, messages: Vec<Message>) -> Vec<Received> {
            *self.calls.lock() += 1;
            if *self.calls.lock() == 1 {
                return vec![Received::Later("busy".into()); messages.len()];
            }
            let seqs = messages.iter().map(|message| message.event.event.seq);
            self.taken.lock().extend(seqs);
            vec![Received::Taken; messages.len()]
        }

        async fn keep_unreadable(&self, _: Unreadable) -> Received {
            self.taken.lock().push(0);
            Received::Taken
        }

        async fn fetch(&self, _: &RawMessage, _: &str) -> Result<String, String> {
            Err("there is no network".into())
        }
    }

    /// Event `seq` of one order.
    fn raw(seq: i64) -> RawMessage {
        let mut event = events(2..=2).remove(0);
        event.event.seq = seq;
        event.event.order_id = Some(OrderId(event.event.aggregate.id));
        let source = Source {
            store_id: "a".into(),
            generation: "1".into(),
        };
        let message = Message {
            source,
            event,
            filler: false,
            personal: None,
            resend: None,
        };
        encode(&message, Shape::Kafka)
    }

    #[tokio::test]
    async fn nothing_of_a_key_is_handed_over_past_what_was_not_taken() {
        let mut unreadable = raw(2);
        unreadable.attributes.remove(name::TYPE);
        let messages = vec![raw(1), unreadable.clone(), raw(3)];
        let busy = Arc::new(Busy::default());
        let receiver: Arc<dyn Receiver> = busy.clone();
        let settled = hand_over(&receiver, messages, &CancellationToken::new()).await;
        assert_eq!(*busy.taken.lock(), [1, 0, 3]);
        assert_eq!(settled[0], Settled::Taken);
        assert!(matches!(settled[1], Settled::Unreadable(_)));
    }

    #[tokio::test]
    async fn what_is_left_stays_in_order() {
        let mut large = raw(2);
        large
            .attributes
            .insert(name::DATAREF.into(), "http://x".into());
        let open = vec![(0, raw(1)), (1, large), (2, raw(3))];
        let receiver: Arc<dyn Receiver> = Arc::new(Busy::default());
        let mut settled = vec![Settled::Open; 3];
        let left = round(&receiver, open, &mut settled).await;
        let places: Vec<usize> = left.iter().map(|(place, _)| *place).collect();
        assert_eq!(places, [0, 1, 2]);
    }
}
