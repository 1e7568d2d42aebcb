//! A turn of several consumers as a job of the writer.

use super::changes::OwnedRows;
use super::tx::Tx;
use super::{apply, log, shipments};
use crate::consume::Known;
use crate::error::Result;
use crate::model::{ConsumerBatch, DueTimers, Lease};
use crate::turn::{OwnerRows, Turn, TurnRows};
use waybill_domain::change::{Change, DeliveryEffect};
use waybill_domain::event::{EventKind, LoggedEvent};
use waybill_domain::ids::OrderId;

/// Takes a turn in the transaction of a round; `scan` is the most positions of the log that one read looks at.
pub fn take(tx: &mut Tx<'_>, turn: &mut dyn Turn, scan: usize) -> Result<()> {
    let timers = turn.needs().timers;
    turn.take(&mut Rows { tx, timers, scan })
}

/// The transaction of a round as a turn sees it.
struct Rows<'t, 'a> {
    tx: &'t mut Tx<'a>,
    timers: usize,
    scan: usize,
}

impl<E: OwnedRows> OwnerRows<E> for Rows<'_, '_> {
    fn known(&mut self, consumer: &str, needs: &[OrderId], keys: Vec<OrderId>) -> Result<Known<E>> {
        apply::known(self.tx, consumer, needs, keys)
    }

    fn write(&mut self, batch: ConsumerBatch<E>) -> Result<()> {
        apply::apply(self.tx, &batch)
    }
}

impl TurnRows for Rows<'_, '_> {
    fn appended(&self) -> &[LoggedEvent] {
        self.tx.events
    }

    fn read_log(
        &self,
        after: i64,
        limit: usize,
        kinds: &[EventKind],
    ) -> Result<(Vec<LoggedEvent>, i64)> {
        let connection = self.tx.connection;
        let (mut events, mut reached) =
            log::read(connection, log::PART, after, limit, kinds, self.scan)?;
        // What this transaction appended is in the table already.
        if let Some(first) = self.tx.events.first() {
            events.retain(|event| event.position < first.position);
            reached = reached.min(first.position - 1);
        }
        Ok((events, reached))
    }

    fn due_timers(&self) -> Result<DueTimers> {
        shipments::due_timers(self.tx.connection, self.tx.now, self.timers)
    }

    fn fire(&mut self, lease: &Lease, changes: Vec<Change<DeliveryEffect>>) -> Result<()> {
        apply::write_under(self.tx, lease, &changes)
    }
}
