//! The events of an archived order, read from the rows of its document.

use super::document::{Document, Row, damaged};
use crate::error::{Error, Result};
use crate::packed::{self, Place, WantedKinds};
use serde_json::Value as Json;
use std::str::FromStr;
use uuid::Uuid;
use waybill_domain::context::EventMeta;
use waybill_domain::event::{Aggregate, AggregateKind, EventKind, LoggedEvent, NewEvent};
use waybill_domain::ids::{EventId, OrderId};
use waybill_domain::text::Tenant;
use waybill_domain::time::Time;

impl Document {
    /// The order's events, oldest first.
    ///
    /// # Errors
    /// [`Error::DamagedRow`]: one of them cannot be read.
    pub fn events(&self) -> Result<Vec<LoggedEvent>> {
        let mut events = vec![];
        for row in self.rows.get("events").into_iter().flatten() {
            events.extend(Cells(row).events()?);
        }
        events.sort_by_key(|event| event.position);
        Ok(events)
    }
}

/// The cells of a row of the log.
struct Cells<'r>(&'r Row);

impl Cells<'_> {
    fn events(&self) -> Result<Vec<LoggedEvent>> {
        let place = Place {
            partition: self.number("part")?,
            last: self.number("position")?,
            count: self.number("event_count")?,
            kinds: self.optional("kinds", Json::as_i64)?.unwrap_or(0),
            tenant: Tenant::stored(self.text("tenant")?),
            order: self.optional_id("order_id")?.map(OrderId),
            first_id: EventId(self.id("event_id")?),
            recorded_at: Time(self.number("recorded_at")?),
        };
        match self.optional("packed", Json::as_str)? {
            Some(hex) => {
                let bytes = super::document::unhex(hex).ok_or_else(|| unread("packed"))?;
                let row = packed::unpack(&place, &bytes, WantedKinds::ALL);
                Ok(row.readable()?.events)
            }
            None => Ok(vec![self.plain(&place)?]),
        }
    }

    /// An event that has a row of its own.
    fn plain(&self, place: &Place) -> Result<LoggedEvent> {
        let kind = EventKind::parse(self.text("type")?).ok_or_else(|| unread("type"))?;
        let stream = AggregateKind::parse(self.text("stream")?).ok_or_else(|| unread("stream"))?;
        Ok(place.plain(NewEvent {
            id: place.first_id,
            schema_version: self.number("schema_version")?,
            kind,
            aggregate: Aggregate {
                kind: stream,
                id: self.id("aggregate_id")?,
            },
            seq: self.number("seq")?,
            order_id: place.order,
            tenant: place.tenant.clone(),
            occurred_at: Time(self.number("occurred_at")?),
            body: self.text("body")?.into(),
            meta: EventMeta {
                actor: self.text("actor")?.into(),
                correlation_id: self
                    .optional("correlation_id", Json::as_str)?
                    .map(Into::into),
                causation_id: self.optional_id("causation_id")?.map(EventId),
                traceparent: self.optional("traceparent", Json::as_str)?.map(Into::into),
            },
        }))
    }

    /// A cell that may be null, which the document leaves out.
    fn optional<'c, T>(
        &'c self,
        column: &str,
        read: impl FnOnce(&'c Json) -> Option<T>,
    ) -> Result<Option<T>> {
        let cell = self.0.get(column);
        cell.map(|cell| read(cell).ok_or_else(|| unread(column)))
            .transpose()
    }

    fn text(&self, column: &str) -> Result<&str> {
        let text = self.optional(column, Json::as_str)?;
        text.ok_or_else(|| unread(column))
    }

    fn number<T: TryFrom<i64>>(&self, column: &str) -> Result<T> {
        let number = self.optional(column, Json::as_i64)?;
        // No error: the cell is named as one that cannot be read.
        let number = number.and_then(|number| T::try_from(number).ok());
        number.ok_or_else(|| unread(column))
    }

    fn optional_id(&self, column: &str) -> Result<Option<Uuid>> {
        self.optional(column, |cell| {
            // No error: the cell is named as one that cannot be read.
            cell.as_str().and_then(|text| Uuid::from_str(text).ok())
        })
    }

    fn id(&self, column: &str) -> Result<Uuid> {
        let id = self.optional_id(column)?;
        id.ok_or_else(|| unread(column))
    }
}

fn unread(column: &str) -> Error {
    damaged(format!("the {column} of an event cannot be read"))
}
