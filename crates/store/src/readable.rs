//! Reading a log that holds an event which this version cannot read: damaged, or of a type that a newer version wrote.
//!
//! Invariant: a reader never passes such an event. It gets the events before it, and then the error.

use crate::error::Result;
use waybill_domain::event::LoggedEvent;

/// Events up to the first one that cannot be read.
pub struct Readable {
    pub events: Vec<LoggedEvent>,
    /// Whether an event that cannot be read follows them.
    pub is_cut: bool,
}

impl Readable {
    /// Takes events up to the first one that cannot be read; when that is the first of all, its error is returned.
    pub fn of(read: impl IntoIterator<Item = Result<LoggedEvent>>) -> Result<Self> {
        let mut events = vec![];
        for event in read {
            match event {
                Ok(event) => events.push(event),
                Err(unreadable) if events.is_empty() => return Err(unreadable),
                Err(_) => {
                    return Ok(Self {
                        events,
                        is_cut: true,
                    });
                }
            }
        }
        Ok(Self {
            events,
            is_cut: false,
        })
    }

    /// The position up to which a page of `limit` events has looked, of a scan up to `last`.
    pub fn reached(&self, limit: usize, last: i64) -> i64 {
        let is_whole = self.events.len() < limit && !self.is_cut;
        let newest = self.events.last().filter(|_| !is_whole);
        newest.map_or(last, |event| event.position)
    }
}
