//! The text in which a sample is stored: JSON with short names, without what is 0. A member that a later version adds is
//! ignored, so that this version reads its rows beside it.

use super::circuits::{Circuit, Transition, Transitions};
use super::{QueueUse, Sample};
use crate::time::Time;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// The longest text that is read, in bytes: several times what a sample takes.
const MOST_BYTES: usize = 64 << 10;

/// Why a text is no sample.
#[derive(Debug, thiserror::Error)]
pub enum SampleFault {
    #[error("it has {found} bytes, and a sample has at most {MOST_BYTES}")]
    TooLong { found: usize },
    #[error("it has times of bucket {bucket}, and there are {}", super::BUCKETS)]
    NoBucket { bucket: u16 },
    #[error(transparent)]
    NotReadable(#[from] serde_json::Error),
}

#[derive(Serialize, Deserialize)]
struct Stored<'a> {
    /// Accepted, refused, delivered.
    #[serde(default, skip_serializing_if = "is_default")]
    o: [u64; 3],
    /// Buckets of latency with their counts.
    #[serde(default, skip_serializing_if = "is_default")]
    l: Vec<(u16, u64)>,
    /// The most orders that waited, and the limit; always there.
    q: (u64, u64),
    /// Lag by consumer.
    #[serde(default, skip_serializing_if = "is_default", borrow)]
    g: BTreeMap<Cow<'a, str>, u64>,
    /// Transitions of breakers.
    #[serde(default, skip_serializing_if = "is_default", borrow)]
    b: Vec<StoredTransition<'a>>,
    /// How many more there were.
    #[serde(default, skip_serializing_if = "is_default")]
    x: u64,
    /// How long was counted, in milliseconds.
    #[serde(default, skip_serializing_if = "is_default")]
    t: u64,
}

/// Time, name, from, to.
type StoredTransition<'a> = (i64, Cow<'a, str>, Cow<'a, str>, Cow<'a, str>);

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

impl Sample {
    /// The text to store.
    #[must_use]
    pub fn to_text(&self) -> String {
        let transitions = self.breakers.kept().iter().map(|t| {
            let (from, to) = (t.from.as_str().into(), t.to.as_str().into());
            (t.at.0, t.name.as_str().into(), from, to)
        });
        let lags = self.lag_ms.iter();
        let stored = Stored {
            o: [self.accepted, self.refused, self.delivered],
            l: self.latency.buckets().collect(),
            q: (self.queue.most, self.queue.limit),
            g: lags.map(|(name, ms)| (name.as_str().into(), *ms)).collect(),
            b: transitions.collect(),
            x: self.breakers.left_out(),
            t: self.covered_ms,
        };
        serde_json::to_string(&stored).expect("numbers and texts by names that are texts are JSON")
    }

    /// Reads a text that was stored.
    ///
    /// # Errors
    /// [`SampleFault`]: it was damaged.
    pub fn read(text: &str) -> Result<Self, SampleFault> {
        let found = text.len();
        if found > MOST_BYTES {
            return Err(SampleFault::TooLong { found });
        }
        let stored: Stored<'_> = serde_json::from_str(text)?;
        let [accepted, refused, delivered] = stored.o;
        let mut sample = Self {
            accepted,
            refused,
            delivered,
            queue: QueueUse {
                most: stored.q.0,
                limit: stored.q.1,
            },
            covered_ms: stored.t,
            ..Self::default()
        };
        for (bucket, count) in stored.l {
            if !sample.latency.add(bucket, count) {
                return Err(SampleFault::NoBucket { bucket });
            }
        }
        for (consumer, ms) in stored.g {
            sample.lag_ms.insert(consumer.into_owned(), ms);
        }
        let told = stored.b.len();
        let transition = |(at, name, from, to): StoredTransition<'_>| {
            Some(Transition {
                at: Time(at),
                name: name.into_owned(),
                from: Circuit::parse(&from)?,
                to: Circuit::parse(&to)?,
            })
        };
        let known: Vec<Transition> = stored.b.into_iter().filter_map(transition).collect();
        // A state that only a later version knows is left out, and counted.
        let unknown = (told - known.len()) as u64;
        // No error: more transitions than 64 bits count do not exist; a damaged row may say so.
        let left_out = stored.x.saturating_add(unknown);
        sample.breakers = Transitions::of(known, left_out);
        Ok(sample)
    }
}
