//! A publisher that records what it is given.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use parking_lot::Mutex;
use tokio::sync::watch;
use waybill_broker::message::Message;
use waybill_broker::publisher::{Published, Publisher};

/// A timeout that only a hanging test reaches.
pub const HANGS: Duration = Duration::from_secs(30);

type Script = Box<dyn FnMut(&Message) -> Published + Send>;

/// A message that was confirmed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Confirmed {
    pub position: i64,
    pub key: String,
    pub seq: i64,
    pub filler: bool,
    pub resend: Option<String>,
}

/// What a wire has seen.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// In the order in which they were confirmed.
    pub confirmed: Vec<Confirmed>,
    /// Positions of messages that were refused, each time they were.
    pub refused: Vec<i64>,
    /// The first position of each call.
    pub calls: Vec<i64>,
}

impl Seen {
    pub fn positions(&self) -> Vec<i64> {
        self.confirmed.iter().map(|c| c.position).collect()
    }

    /// Positions of the confirmed messages of replays.
    pub fn replayed(&self) -> Vec<i64> {
        let is_replay = |resend: &String| resend.starts_with("replay-");
        let of_it = self
            .confirmed
            .iter()
            .filter(|c| c.resend.as_ref().is_some_and(is_replay));
        of_it.map(|c| c.position).collect()
    }

    /// Positions of the confirmed messages of one key.
    pub fn of(&self, key: &str) -> Vec<i64> {
        let of_it = self.confirmed.iter().filter(|c| c.key == key);
        of_it.map(|c| c.position).collect()
    }
}

/// A publisher under the control of a test.
pub struct Wire {
    script: Mutex<Script>,
    seen: watch::Sender<Seen>,
}

impl Wire {
    /// A wire that confirms everything.
    pub fn open() -> Arc<Self> {
        Self::scripted(|_| Published::Confirmed)
    }

    /// A wire that takes nothing now.
    pub fn away() -> Arc<Self> {
        Self::scripted(|_| Published::Later("away".into()))
    }

    /// A wire that answers each message as the script says.
    pub fn scripted(script: impl FnMut(&Message) -> Published + Send + 'static) -> Arc<Self> {
        Arc::new(Self {
            script: Mutex::new(Box::new(script)),
            seen: watch::Sender::default(),
        })
    }

    /// Answers as another script says from now on.
    pub fn now(&self, script: impl FnMut(&Message) -> Published + Send + 'static) {
        *self.script.lock() = Box::new(script);
    }

    pub fn seen(&self) -> Seen {
        self.seen.borrow().clone()
    }

    /// Waits until what was seen is as a test wants it.
    ///
    /// # Panics
    /// After [`HANGS`], with what was seen.
    pub async fn until(&self, wanted: impl FnMut(&Seen) -> bool) -> Seen {
        let mut seen = self.seen.subscribe();
        let found = tokio::time::timeout(HANGS, seen.wait_for(wanted)).await;
        match found {
            Ok(seen) => seen.expect("the sender is alive").clone(),
            Err(_) => panic!("it did not come to that: {:?}", self.seen()),
        }
    }

    /// Waits until so many messages were confirmed.
    pub async fn confirms(&self, count: usize) -> Seen {
        self.until(|seen| seen.confirmed.len() >= count).await
    }
}

#[async_trait]
impl Publisher for Wire {
    fn name(&self) -> &'static str {
        "wire"
    }

    async fn publish(&self, messages: Vec<Message>) -> Vec<Published> {
        let mut held = HashSet::new();
        let mut answer = |message: &Message| {
            if held.contains(&message.key()) {
                return Published::Later("behind another".into());
            }
            let answer = (self.script.lock())(message);
            if answer != Published::Confirmed {
                held.insert(message.key());
            }
            answer
        };
        let results: Vec<Published> = messages.iter().map(&mut answer).collect();
        self.seen.send_modify(|seen| {
            seen.calls
                .extend(messages.first().map(|m| m.event.position));
            for (message, result) in messages.iter().zip(&results) {
                let event = &message.event.event;
                if *result == Published::Confirmed {
                    seen.confirmed.push(Confirmed {
                        position: message.event.position,
                        key: message.key().to_string(),
                        seq: event.seq,
                        filler: message.filler,
                        resend: message.resend.as_deref().map(str::to_owned),
                    });
                } else {
                    seen.refused.push(message.event.position);
                }
            }
        });
        results
    }
}
