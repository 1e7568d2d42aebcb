//! Counts the orders whose events this process commits, and passes every commit on.

use std::sync::Arc;

use waybill_broker::embedded::CommitFanOut;
use waybill_domain::event::{LoggedEvent, NewEvent};
use waybill_store::CommitListener;

use crate::observe::tally::Tally;

/// Hears of commits first.
pub struct Counting {
    pub tally: Arc<Tally>,
    pub then: CommitFanOut,
}

impl CommitListener for Counting {
    fn committed(&self, events: &Arc<[LoggedEvent]>) {
        self.tally
            .committed(events.iter().map(|logged| logged.event.kind));
        self.then.committed(events);
    }

    fn appended(&self, events: &[&NewEvent]) {
        self.tally.committed(events.iter().map(|new| new.kind));
        self.then.appended(events);
    }

    fn grown(&self, partition: u16) {
        self.then.grown(partition);
    }
}
