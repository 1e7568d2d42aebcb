//! Which positions a replay goes through: what a request says, as positions of each partition.
//!
//! Invariant: a replay ends where the relay had come to when it was asked for; what comes later is published anyway.

use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;
use waybill_domain::ids::OrderId;
use waybill_domain::problem::code;
use waybill_domain::text::Tenant;
use waybill_domain::time::Time;
use waybill_store::{Error, Positions, RelayState, Store};

use crate::http::v1::codes;
use crate::http::v1::problem::Problem;
use crate::roles::relay::CONSUMER;

/// Which events to publish again.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = RelayReplayRequest)]
pub struct ReplayBody {
    /// The first one: its position in the log, or the time from which on events were recorded. Required, unless
    /// `orderId` is given.
    #[schema(value_type = Option<super::super::schemas::Timestamp>, example = "2026-05-04T10:00:00Z")]
    from: Option<serde_json::Value>,
    /// The last one, in the same form; without it, the last one that was published before the request.
    #[schema(value_type = Option<super::super::schemas::Timestamp>)]
    to: Option<serde_json::Value>,
    /// Only the events of one order.
    #[schema(value_type = Option<super::super::schemas::Id>)]
    order_id: Option<String>,
    /// Only one partition of the log: positions of different partitions have nothing to do with each other.
    partition: Option<u16>,
    /// Whether to end a replay that is under way.
    #[serde(default)]
    pub replace: bool,
}

/// The positions of a replay.
pub struct Range {
    pub after: Positions,
    pub to: Positions,
    pub order: Option<OrderId>,
}

/// Everything that was published.
pub struct Whole<'a> {
    store: &'a dyn Store,
    tenant: &'a Tenant,
    /// Where the relay has come to.
    cursors: Positions,
}

/// A place in the log as a request names it.
#[derive(Clone, Copy)]
enum Place {
    Position(i64),
    Time(Time),
}

impl<'a> Whole<'a> {
    /// Reads where the relay has come to.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn read(
        store: &'a dyn Store,
        tenant: &'a Tenant,
        state: &RelayState,
    ) -> Result<Self, Error> {
        let start = state.start.as_ref();
        let mut cursors = Positions::beginning(store.identity().partitions);
        for (consumer, partition, position) in store.stats().await?.cursors {
            if consumer == CONSUMER {
                let start = start.map_or(0, |start| start.of(partition));
                cursors.move_to(partition, position.max(start));
            }
        }
        Ok(Self {
            store,
            tenant,
            cursors,
        })
    }

    /// What a request asks for.
    ///
    /// # Errors
    /// `required`, `wrong_type`, `invalid_time`, `order_not_found`; the store's.
    pub async fn narrow(&self, body: &ReplayBody) -> Result<Range, Problem> {
        let from = place("from", body.from.as_ref())?;
        let to = place("to", body.to.as_ref())?;
        let of_order = match &body.order_id {
            Some(id) => Some(self.order(id).await?),
            None => None,
        };
        if from.is_none() && of_order.is_none() {
            let detail = "a position, a time, or an orderId is needed";
            return Err(Problem::new(code::REQUIRED, detail).of("from"));
        }
        let partitions = self.store.identity().partitions;
        if body.partition.is_some_and(|asked| asked >= partitions) {
            let detail = format!("the log has the partitions 0 to {}", partitions - 1);
            return Err(Problem::new(code::WRONG_TYPE, detail).of("partition"));
        }
        let wanted = of_order.map(|(_, partition)| partition).or(body.partition);
        let mut range = Range {
            after: Positions::beginning(partitions),
            to: Positions::beginning(partitions),
            order: of_order.map(|(id, _)| id),
        };
        for partition in (0..partitions).filter(|n| wanted.is_none_or(|wanted| *n == wanted)) {
            let published = self.cursors.of(partition);
            let after = match from {
                Some(from) => self.before(partition, from).await?,
                None => 0,
            };
            let last = match to {
                None => published,
                Some(Place::Position(position)) => position,
                Some(Place::Time(time)) => {
                    let next = Place::Time(Time(time.0.saturating_add(1)));
                    self.before(partition, next).await?
                }
            };
            range.after.move_to(partition, after);
            // A range that ends before it begins has nothing in it.
            range.to.move_to(partition, last.min(published).max(after));
        }
        Ok(range)
    }

    /// An order of the tenant, and the partition of its events.
    async fn order(&self, id: &str) -> Result<(OrderId, u16), Problem> {
        let bad = || Problem::new(code::INVALID_ID, "expected a UUID").of("orderId");
        let id = OrderId::parse(id).ok_or_else(bad)?;
        let first = self.store.order_events(self.tenant, id, 0, 1).await?;
        let gone = || Problem::new(codes::ORDER_NOT_FOUND, "no order of yours has this id");
        let first = first.first().ok_or_else(gone)?;
        Ok((id, first.partition))
    }

    /// The last position before a place. Times rise with the positions of a partition, as far as the clocks of its
    /// processes agree, so the place is found by halving.
    async fn before(&self, partition: u16, place: Place) -> Result<i64, Error> {
        let time = match place {
            Place::Position(position) => return Ok(position.saturating_sub(1)),
            Place::Time(time) => time,
        };
        let (mut low, mut high) = (0, self.cursors.of(partition));
        while low < high {
            let middle = low + (high - low) / 2;
            let next = self.store.read_all(partition, middle, 1).await?;
            match next.first() {
                Some(event) if event.recorded_at < time => low = event.position,
                _ => high = middle,
            }
        }
        Ok(low)
    }
}

fn place(field: &str, value: Option<&Value>) -> Result<Option<Place>, Problem> {
    let wrong = |code, detail: String| Err(Problem::new(code, detail).of(field));
    match value {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Number(number)) => match number.as_i64().filter(|n| *n >= 0) {
            Some(position) => Ok(Some(Place::Position(position))),
            None => wrong(
                code::WRONG_TYPE,
                format!("{number} is no position of the log"),
            ),
        },
        Some(Value::String(text)) => match Time::parse(text) {
            Some(time) => Ok(Some(Place::Time(time))),
            None => wrong(
                code::INVALID_TIME,
                "expected a time, as 2026-05-04T10:00:00Z".into(),
            ),
        },
        Some(_) => wrong(
            code::WRONG_TYPE,
            "expected a position (a number) or a time (text)".into(),
        ),
    }
}
