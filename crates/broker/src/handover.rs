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

/// Hands over each message once; returns those that are still open. Between readable messages an unreadable one is
/// handed over at its place, so that the receiver sees the order of the broker.
async fn round(
    receiver: &Arc<dyn Receiver>,
    open: Vec<(usize, RawMessage)>,
    settled: &mut [Settled],
) -> Vec<(usize, RawMessage)> {
    let mut left = vec![];
    let mut held = HashSet::new();
    let mut run: Vec<(usize, RawMessage, Message)> = vec![];
    for (place, raw) in open {
        if held.contains(&key(&raw)) {
            left.push((place, raw));
            continue;
        }
        let whole = match whole(receiver, raw.clone()).await {
            Ok(whole) => whole,
            // What came after it must not overtake it.
            Err(why) => {
                tracing::warn!(
                    consumer = receiver.consumer(),
                    why,
                    "the body of a large event cannot be had"
                );
                held.insert(key(&raw));
                left.push((place, raw));
                continue;
            }
        };
        match read(receiver, whole) {
            Ok(message) => run.push((place, raw, message)),
            Err(unreadable) => {
                give(receiver, std::mem::take(&mut run), settled, &mut left).await;
                let fault = unreadable.fault.clone();
                match receiver.keep_unreadable(*unreadable).await {
                    Received::Taken => settled[place] = Settled::Unreadable(fault),
                    Received::Later(_) => left.push((place, raw)),
                }
            }
        }
    }
    give(receiver, run, settled, &mut left).await;
    left
}

async fn give(
    receiver: &Arc<dyn Receiver>,
    run: Vec<(usize, RawMessage, Message)>,
    settled: &mut [Settled],
    left: &mut Vec<(usize, RawMessage)>,
) {
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
            Some(Received::Taken) => settled[place] = Settled::Taken,
            // A receiver that gives too few results has taken nothing more.
            Some(Received::Later(_)) | None => left.push((place, raw)),
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
