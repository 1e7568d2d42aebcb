//! Reads a row.

use super::super::bytes::{Input, Unreadable};
use super::super::kinds::{WantedKinds, aggregate_of_number, bit, of_number};
use super::super::text::{self, Ids};
use super::{FORM, Place, USUAL_SCHEMA, flag, ids, of_order, request};
use crate::error::Error;
use crate::readable::LogRow;
use uuid::Uuid;
use waybill_domain::context::EventMeta;
use waybill_domain::event::{Aggregate, LoggedEvent, NewEvent};
use waybill_domain::ids::EventId;
use waybill_domain::time::Time;

/// Reads the events of a row that have one of the wanted types; those before them in the row are needed to read them.
/// Events from the first one that cannot be read are left out.
#[must_use]
pub fn unpack(place: &Place, bytes: &[u8], wanted: WantedKinds) -> LogRow {
    let mut row = LogRow::new(place.last);
    let order = place.order.map_or(Uuid::nil(), |order| order.0);
    let mut reader = Reader {
        input: Input::of(bytes),
        place,
        ids: Vec::with_capacity(usize::from(place.count)),
        kinds: 0,
        order,
        id: order,
        at: place.recorded_at,
        aggregate: of_order(order),
        meta: None,
    };
    if let Err(why) = reader.read(wanted, &mut row.events) {
        let (partition, first, last) = (place.partition, place.first(), place.last);
        let detail = format!("{why}, in partition {partition} at the positions {first} to {last}");
        row.unreadable = Some(Error::damaged_row("a packed row of the log", detail));
    }
    row
}

struct Reader<'b> {
    input: Input<'b>,
    place: &'b Place,
    /// The ids of the events read.
    ids: Vec<EventId>,
    /// Their types.
    kinds: i64,
    /// The order's id, nil where there is none.
    order: Uuid,
    /// Of the event before.
    id: Uuid,
    at: Time,
    aggregate: Aggregate,
    meta: Option<EventMeta>,
}

impl Reader<'_> {
    fn read(
        &mut self,
        wanted: WantedKinds,
        events: &mut Vec<LoggedEvent>,
    ) -> Result<(), Unreadable> {
        if self.input.byte()? != FORM {
            return Err(Unreadable::Unknown("the form of a newer version"));
        }
        if self.input.number()? != u64::from(self.place.count) {
            return Err(Unreadable::Unknown(
                "another number of events than its column says",
            ));
        }
        for position in self.place.first()..=self.place.last {
            if let Some(event) = self.event(wanted)? {
                events.push(LoggedEvent {
                    partition: self.place.partition,
                    position,
                    recorded_at: self.place.recorded_at,
                    event,
                });
            }
        }
        if self.kinds != self.place.kinds {
            return Err(Unreadable::Unknown(
                "other types of events than its column says",
            ));
        }
        if self.input.is_empty() {
            Ok(())
        } else {
            Err(Unreadable::Unknown("bytes behind its last event"))
        }
    }

    fn event(&mut self, wanted: WantedKinds) -> Result<Option<NewEvent>, Unreadable> {
        let kind = of_number(self.input.byte()?);
        let kind = kind.ok_or(Unreadable::Unknown("an event of an unknown type"))?;
        self.kinds |= bit(kind);
        let flags = self.input.byte()?;
        let id = match self.ids.len() {
            0 => self.place.first_id,
            _ => EventId(self.input.id(self.id)?),
        };
        let seq = self.input.signed()?;
        let occurred_at = Time(self.at.0.wrapping_add(self.input.signed()?));
        let schema_version = match flags & flag::OTHER_SCHEMA {
            0 => USUAL_SCHEMA,
            _ => i16::try_from(self.input.signed()?)
                .map_err(|_| Unreadable::Unknown("a schema version of more than 16 bits"))?,
        };
        let aggregate = self.aggregate(flags, id)?;
        let meta = self.meta(flags, id)?;
        self.id = id.0;
        self.at = occurred_at;
        self.aggregate = aggregate;
        self.ids.push(id);
        if !wanted.has(kind) {
            self.input.counted()?;
            self.meta = Some(meta);
            return Ok(None);
        }
        let body = text::take(&mut self.input, ids(self.order, aggregate))?;
        self.meta = Some(meta.clone());
        Ok(Some(NewEvent {
            id,
            schema_version,
            kind,
            aggregate,
            seq,
            order_id: self.place.order,
            tenant: self.place.tenant.clone(),
            occurred_at,
            body: body.into(),
            meta,
        }))
    }

    fn aggregate(&mut self, flags: u8, id: EventId) -> Result<Aggregate, Unreadable> {
        if flags & flag::SAME_AGGREGATE != 0 {
            return Ok(self.aggregate);
        }
        if flags & flag::OTHER_AGGREGATE == 0 {
            return Ok(of_order(self.order));
        }
        let kind = aggregate_of_number(self.input.byte()?);
        Ok(Aggregate {
            kind: kind.ok_or(Unreadable::Unknown("an unknown kind of aggregate"))?,
            id: self.input.id(id.0)?,
        })
    }

    fn meta(&mut self, flags: u8, id: EventId) -> Result<EventMeta, Unreadable> {
        let before = self.meta.take();
        let missing = Unreadable::Unknown("a field like that of an event that is not there");
        let before_or = || before.as_ref().ok_or(missing);
        let actor = match flags & flag::SAME_ACTOR {
            0 => text::take(&mut self.input, Ids::NONE)?.into(),
            _ => before_or()?.actor.clone(),
        };
        let correlation_id = match flags & flag::SAME_CORRELATION {
            0 => request::take(&mut self.input)?,
            _ => before_or()?.correlation_id.clone(),
        };
        let traceparent = match flags & flag::SAME_TRACE {
            0 => request::take(&mut self.input)?,
            _ => before_or()?.traceparent.clone(),
        };
        let causation_id = match flags & flag::CAUSE {
            0 => None,
            flag::CAUSE_HERE => {
                let at = usize::try_from(self.input.number()?).ok();
                let cause = at.and_then(|at| self.ids.get(at).copied());
                Some(cause.ok_or(Unreadable::Unknown("a cause that is not there"))?)
            }
            flag::CAUSE_ELSEWHERE => Some(EventId(self.input.id(id.0)?)),
            _ => return Err(Unreadable::Unknown("two causes")),
        };
        Ok(EventMeta {
            actor,
            correlation_id,
            causation_id,
            traceparent,
        })
    }
}
