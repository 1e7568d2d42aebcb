//! Handing over what a broker delivered: messages are read, given to the receiver, and given again until it took them.
//!
//! Invariant: a message is settled only after the receiver has it durably. The drivers acknowledge what is settled and
//! nothing else.

use crate::message::Message;
use crate::receiver::{NotFetched, Received, Receiver};
use crate::wire::{Fault, RawMessage, Unreadable, decode, decode_without_data, name};
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// The first wait before messages that could not be taken are handed over again; it doubles up to [`LONGEST_WAIT`].
const FIRST_WAIT: Duration = Duration::from_millis(50);
const LONGEST_WAIT: Duration = Duration::from_secs(2);

/// Rounds in vain after which a body that is elsewhere counts as unreadable: about three seconds, besides the time that the
/// rounds themselves take.
const FETCHES: u32 = 6;

/// Rounds in vain after which, and between which, it is logged that messages wait: a few seconds, and a minute.
const TELL_AT: u32 = 7;
const TELL_EVERY: u32 = 30;

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
    let (mut wait, mut vain) = (FIRST_WAIT, 0);
    loop {
        let before = open.len();
        let left = round(&**receiver, open, &mut settled, vain).await;
        open = left.messages;
        if open.is_empty() || stop.is_cancelled() {
            return settled;
        }
        (wait, vain) = if open.len() < before {
            (FIRST_WAIT, 0)
        } else {
            ((wait * 2).min(LONGEST_WAIT), vain + 1)
        };
        if vain % TELL_EVERY == TELL_AT {
            let (consumer, why) = (receiver.consumer(), left.why);
            tracing::warn!(
                consumer,
                why,
                messages = open.len(),
                "messages cannot be taken now; they and what comes behind them wait"
            );
        }
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = stop.cancelled() => return settled,
        }
    }
}

/// What a round has left open.
struct Left {
    /// In their order.
    messages: Vec<(usize, RawMessage)>,
    /// Why the first of them could not be taken.
    why: String,
}

/// Hands over each message once, after so many rounds in vain. Between readable messages an unreadable one is handed over
/// at its place, so that the receiver sees the order of the broker.
async fn round(
    receiver: &dyn Receiver,
    open: Vec<(usize, RawMessage)>,
    settled: &mut [Settled],
    vain: u32,
) -> Left {
    let mut round = Round {
        settled,
        left: vec![],
        why: String::new(),
        held: HashSet::new(),
    };
    let mut run: Vec<(usize, RawMessage, Message)> = vec![];
    for (place, raw) in open {
        if round.held.contains(&key(&raw)) {
            round.leave(place, raw, "");
            continue;
        }
        let unreadable = match read(receiver, raw.clone(), vain >= FETCHES).await {
            Ok(message) => {
                run.push((place, raw, message));
                continue;
            }
            Err(NotRead::Later(why)) => {
                round.leave(place, raw, &why);
                continue;
            }
            Err(NotRead::Unreadable(unreadable)) => unreadable,
        };
        round.give(receiver, std::mem::take(&mut run)).await;
        if round.held.contains(&key(&raw)) {
            round.leave(place, raw, "");
            continue;
        }
        let fault = unreadable.fault.clone();
        match receiver.keep_unreadable(*unreadable).await {
            Received::Taken => round.settled[place] = Settled::Unreadable(fault),
            Received::Later(why) => round.leave(place, raw, &why),
        }
    }
    round.give(receiver, run).await;
    let Round { mut left, why, .. } = round;
    left.sort_by_key(|(place, _)| *place);
    Left {
        messages: left,
        why,
    }
}

/// One handing over.
struct Round<'s> {
    settled: &'s mut [Settled],
    /// What is still open.
    left: Vec<(usize, RawMessage)>,
    /// Why the first of that was not taken.
    why: String,
    /// The keys of what is still open: what comes after it must not overtake it.
    held: HashSet<Option<String>>,
}

impl Round<'_> {
    fn leave(&mut self, place: usize, raw: RawMessage, why: &str) {
        if self.why.is_empty() {
            why.clone_into(&mut self.why);
        }
        self.held.insert(key(&raw));
        self.left.push((place, raw));
    }

    async fn give(&mut self, receiver: &dyn Receiver, run: Vec<(usize, RawMessage, Message)>) {
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
                Some(Received::Later(why)) => self.leave(place, raw, &why),
                // A receiver that gives too few results has taken nothing more.
                None => self.leave(place, raw, "the receiver gave no result"),
            }
        }
    }
}

fn key(raw: &RawMessage) -> Option<String> {
    raw.attribute(name::SUBJECT).map(str::to_owned)
}

/// Why a message was not read.
#[derive(Debug)]
pub enum NotRead {
    /// Its body is elsewhere and cannot be had now.
    Later(String),
    Unreadable(Box<Unreadable>),
}

impl From<Box<Unreadable>> for NotRead {
    fn from(unreadable: Box<Unreadable>) -> Self {
        Self::Unreadable(unreadable)
    }
}

/// Reads a message, with its body from where that is, and asks the receiver whether it takes such messages at all. Nothing
/// is fetched for a message that could not be taken with it. At the last try a body that cannot be had makes the message
/// unreadable, so that it is listed and others need not wait for it.
///
/// # Errors
/// It cannot be read, or not now.
pub async fn read(
    receiver: &dyn Receiver,
    raw: RawMessage,
    is_last_try: bool,
) -> Result<Message, NotRead> {
    let dataref = raw.attribute(name::DATAREF).map(str::to_owned);
    let mut message = match dataref {
        None => decode(raw.clone())?,
        Some(_) => decode_without_data(raw.clone())?,
    };
    let unreadable = |message, fault| Box::new(Unreadable::of(raw, message, fault));
    if let Some(why) = receiver.refuses(&message) {
        return Err(unreadable(&message, Fault::Refused(why)).into());
    }
    let Some(dataref) = dataref else {
        return Ok(message);
    };
    match receiver.fetch(&message, &dataref).await {
        Ok(data) => {
            message.event.event.body = serde_json::Value::from(data).to_string().into();
            Ok(message)
        }
        Err(NotFetched::Later(why)) if !is_last_try => Err(NotRead::Later(why)),
        Err(why) => {
            let fault = Fault::BodyElsewhere(why.to_string());
            Err(unreadable(&message, fault).into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{Source, Topic};
    use crate::receiver::JsonObject;
    use crate::test_events::events;
    use crate::wire::{Shape, encode};
    use async_trait::async_trait;
    use parking_lot::Mutex;
    use waybill_domain::ids::OrderId;

    /// Takes nothing at its first call; keeps the order in which messages were taken, unreadable ones as 0.
    #[derive(Default)]
    struct Busy {
        calls: Mutex<usize>,
        fetches: Mutex<u32>,
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

        async fn fetch(&self, _: &Message, _: &str) -> Result<JsonObject, NotFetched> {
            *self.fetches.lock() += 1;
            Err(NotFetched::Later("there is no network".into()))
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
        let mut settled = vec![Settled::Open; 3];
        let left = round(&Busy::default(), open, &mut settled, 0).await;
        let places: Vec<usize> = left.messages.iter().map(|(place, _)| *place).collect();
        assert_eq!(places, [0, 1, 2]);
        assert_eq!(left.why, "there is no network");
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_cannot_be_had_holds_nothing_up_for_long() {
        let mut large = raw(1);
        large
            .attributes
            .insert(name::DATAREF.into(), "http://x".into());
        let busy = Arc::new(Busy::default());
        let receiver: Arc<dyn Receiver> = busy.clone();
        let messages = vec![large, raw(2)];
        let settled = hand_over(&receiver, messages, &CancellationToken::new()).await;
        assert!(
            matches!(&settled[0], Settled::Unreadable(Fault::BodyElsewhere(_))),
            "{settled:?}"
        );
        assert_eq!(settled[1], Settled::Taken);
        assert_eq!(*busy.fetches.lock(), FETCHES + 1);
    }

    #[tokio::test]
    async fn nothing_is_fetched_for_a_message_that_could_not_be_taken() {
        let mut strange = raw(1);
        let dataref = (name::DATAREF.into(), "http://x".into());
        strange.attributes.extend([dataref]);
        strange.attributes.remove(name::SEQUENCE);
        let busy = Busy::default();
        let read = read(&busy, strange, false).await;
        assert!(matches!(read, Err(NotRead::Unreadable(_))), "{read:?}");
        assert_eq!(*busy.fetches.lock(), 0);
    }
}
