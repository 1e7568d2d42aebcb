//! Reading a log that holds an event which this version cannot read: damaged, or of a type that a newer version wrote.
//!
//! Invariant: a reader never passes such an event. It gets the events before it, and then the error.

use crate::error::{Error, Result};
use waybill_domain::event::{EventKind, LoggedEvent};

/// A row of the log: one event, or several when it is packed.
#[derive(Debug)]
pub struct LogRow {
    /// The position of its last event.
    pub last: i64,
    /// Its events that the reader wants, in order, up to the first one that cannot be read.
    pub events: Vec<LoggedEvent>,
    /// Why an event after those cannot be read.
    pub unreadable: Option<Error>,
}

impl LogRow {
    /// A row without events so far.
    #[must_use]
    pub fn new(last: i64) -> Self {
        Self {
            last,
            events: vec![],
            unreadable: None,
        }
    }

    /// A row of one event.
    #[must_use]
    pub fn plain(last: i64, event: Result<LoggedEvent>) -> Self {
        let mut row = Self::new(last);
        match event {
            Ok(event) => row.events.push(event),
            Err(unreadable) => row.unreadable = Some(unreadable),
        }
        row
    }

    /// The type of its event at a position; `None` when it has none there that can be read.
    #[must_use]
    pub fn kind_at(&self, position: i64) -> Option<EventKind> {
        let found = self.events.iter().find(|event| event.position == position);
        found.map(|event| event.event.kind)
    }

    /// The row itself, if all its events can be read.
    ///
    /// # Errors
    /// One of them cannot be read.
    pub fn readable(self) -> Result<Self> {
        match self.unreadable {
            Some(unreadable) => Err(unreadable),
            None => Ok(self),
        }
    }
}

/// A page of the log.
#[derive(Debug)]
pub struct LogPage {
    pub events: Vec<LoggedEvent>,
    /// The position after which the next page begins.
    pub reached: i64,
}

impl LogPage {
    /// The first `limit` events after `after`, of rows in order of which a SELECT returned at most `limit`, in a scan up
    /// to the position `scanned`. They end before the first one that cannot be read.
    ///
    /// # Errors
    /// The first of all cannot be read.
    pub fn of(
        rows: impl IntoIterator<Item = Result<LogRow>>,
        after: i64,
        limit: usize,
        scanned: i64,
    ) -> Result<Self> {
        let mut page = Self {
            events: vec![],
            reached: scanned,
        };
        let mut read = 0;
        for row in rows {
            let row = row?;
            read += 1;
            for event in row.events {
                if event.position > after {
                    page.reached = event.position;
                    page.events.push(event);
                }
                if page.events.len() == limit {
                    #[cfg(feature = "planted-defects")]
                    if crate::defects::passes_rest_of_row() {
                        page.reached = row.last;
                    }
                    return Ok(page);
                }
            }
            if let Some(unreadable) = row.unreadable {
                return if page.events.is_empty() {
                    Err(unreadable)
                } else {
                    Ok(page)
                };
            }
            page.reached = row.last;
        }
        // A SELECT that was cut by its limit may have left rows out.
        if read < limit {
            page.reached = scanned;
        }
        Ok(page)
    }
}
