//! The form of a row: what its events have in common is written once, in the first of them.
//!
//! A version and the number of events, then for each event: its type, flags, and the fields that the flags do not say to
//! be those of the event before. The row's columns hold the rest: the order, the tenant, when it was recorded, and the id
//! of the first event.

mod read;
mod request;
mod write;

#[cfg(test)]
mod tests;

pub use read::unpack;
pub use write::pack;

use super::text::Ids;
use uuid::Uuid;
use waybill_domain::event::{Aggregate, AggregateKind, LoggedEvent, NewEvent};
use waybill_domain::ids::{EventId, OrderId};
use waybill_domain::text::Tenant;
use waybill_domain::time::Time;

/// The version of this form, a row's first byte.
const FORM: u8 = 1;

/// The schema version of events that do not say theirs: part of the form, whatever newer events have.
const USUAL_SCHEMA: i16 = 1;

/// Flags of an event.
mod flag {
    pub const SAME_ACTOR: u8 = 0x01;
    pub const SAME_CORRELATION: u8 = 0x02;
    pub const SAME_TRACE: u8 = 0x04;
    /// Two bits: no cause, an event before in this row, another event.
    pub const CAUSE: u8 = 0x18;
    pub const CAUSE_HERE: u8 = 0x08;
    pub const CAUSE_ELSEWHERE: u8 = 0x10;
    pub const SAME_AGGREGATE: u8 = 0x20;
    /// Neither that of the event before nor the order.
    pub const OTHER_AGGREGATE: u8 = 0x40;
    pub const OTHER_SCHEMA: u8 = 0x80;
}

/// What the columns of a row say of all its events.
#[derive(Clone, Debug)]
pub struct Place {
    pub partition: u16,
    /// The position of the last event.
    pub last: i64,
    /// How many events the row has.
    pub count: u16,
    /// Their types, as [`super::kinds_of`] says them.
    pub kinds: i64,
    pub tenant: Tenant,
    pub order: Option<OrderId>,
    /// The id of the first event.
    pub first_id: EventId,
    pub recorded_at: Time,
}

impl Place {
    /// The position of the first event.
    #[must_use]
    pub fn first(&self) -> i64 {
        // No error: a number of events that the row does not have is refused before its positions are used.
        self.last
            .saturating_sub(i64::from(self.count))
            .saturating_add(1)
    }

    /// The event of a row that is not packed.
    #[must_use]
    pub fn plain(&self, event: NewEvent) -> LoggedEvent {
        LoggedEvent {
            partition: self.partition,
            position: self.last,
            recorded_at: self.recorded_at,
            event,
        }
    }
}

fn of_order(order: Uuid) -> Aggregate {
    Aggregate {
        kind: AggregateKind::Order,
        id: order,
    }
}

fn ids(order: Uuid, subject: Aggregate) -> Ids {
    Ids {
        order,
        subject: subject.id,
    }
}
