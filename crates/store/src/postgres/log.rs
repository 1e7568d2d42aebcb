//! The log: appended as the last step of a transaction, and read.

use super::lock;
use super::pipeline::{Pipeline, Sql, params};
use super::rows::{Columns, count, small};
use super::transaction::Commits;
use crate::error::Result;
use crate::model::Positions;
use crate::readable::Readable;
use std::collections::{BTreeMap, VecDeque};
use tokio_postgres::Row;
use tokio_postgres::types::Type;
use waybill_domain::context::EventMeta;
use waybill_domain::event::{Aggregate, AggregateKind, EventKind, LoggedEvent, NewEvent};
use waybill_domain::ids::{EventId, OrderId};
use waybill_domain::text::Tenant;
use waybill_domain::time::Time;

/// The sequence that a partition's positions come from.
pub fn sequence(partition: u16) -> String {
    format!("log_positions_{partition}")
}

static INSERT: Sql = Sql {
    text: "/* log::append */ INSERT INTO events (part, position, type, tenant, order_id, stream, aggregate_id, seq, event_id, \
           schema_version, occurred_at, recorded_at, actor, correlation_id, causation_id, traceparent, body) \
           SELECT $1, nextval($2::regclass), e.type, e.tenant, e.order_id, e.stream, e.aggregate_id, e.seq, e.event_id, e.schema_version, e.occurred_at, $3, e.actor, \
           e.correlation_id, e.causation_id, e.traceparent, e.body \
           FROM unnest($4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17) AS e (type, tenant, order_id, stream, aggregate_id, seq, \
           event_id, schema_version, occurred_at, actor, correlation_id, causation_id, traceparent, body)",
    types: &[
        Type::INT2,
        Type::OID,
        Type::INT8,
        Type::TEXT_ARRAY,
        Type::TEXT_ARRAY,
        Type::UUID_ARRAY,
        Type::TEXT_ARRAY,
        Type::UUID_ARRAY,
        Type::INT8_ARRAY,
        Type::UUID_ARRAY,
        Type::INT2_ARRAY,
        Type::INT8_ARRAY,
        Type::TEXT_ARRAY,
        Type::TEXT_ARRAY,
        Type::UUID_ARRAY,
        Type::TEXT_ARRAY,
        Type::TEXT_ARRAY,
    ],
};

/// Takes the partition's lock, then positions, and writes the events: the last step before COMMIT, in the same flush,
/// so that positions rise in the order of commits and the lock is held only for the commit itself. `sequence` is the
/// oid of the partition's sequence.
pub fn append<'e>(
    pipeline: &mut Pipeline<'e>,
    partition: u16,
    sequence: u32,
    now: Time,
    events: &[&'e NewEvent],
) {
    if events.is_empty() {
        return;
    }
    pipeline.add(&lock::LOG, params![i32::from(partition)]);
    let each = events.iter();
    pipeline.add(
        &INSERT,
        params![
            small(partition),
            sequence,
            now.0,
            each.clone().map(|e| e.kind.as_str()).collect::<Vec<_>>(),
            each.clone().map(|e| e.tenant.as_str()).collect::<Vec<_>>(),
            each.clone()
                .map(|e| e.order_id.map(|id| id.0))
                .collect::<Vec<_>>(),
            each.clone()
                .map(|e| e.aggregate.kind.as_str())
                .collect::<Vec<_>>(),
            each.clone().map(|e| e.aggregate.id).collect::<Vec<_>>(),
            each.clone().map(|e| e.seq).collect::<Vec<_>>(),
            each.clone().map(|e| e.id.0).collect::<Vec<_>>(),
            each.clone().map(|e| e.schema_version).collect::<Vec<_>>(),
            each.clone().map(|e| e.occurred_at.0).collect::<Vec<_>>(),
            each.clone().map(|e| &*e.meta.actor).collect::<Vec<_>>(),
            each.clone()
                .map(|e| e.meta.correlation_id.as_deref())
                .collect::<Vec<_>>(),
            each.clone()
                .map(|e| e.meta.causation_id.map(|id| id.0))
                .collect::<Vec<_>>(),
            each.clone()
                .map(|e| e.meta.traceparent.as_deref())
                .collect::<Vec<_>>(),
            each.map(|e| &*e.body).collect::<Vec<_>>(),
        ],
    );
}

macro_rules! columns {
    () => {
        "part, position, type, tenant, order_id, stream, aggregate_id, seq, event_id, schema_version, occurred_at, recorded_at, \
         actor, correlation_id, causation_id, traceparent, body"
    };
}
pub(super) use columns;

/// The columns that [`event`] reads, for the checker, which reads the whole log.
pub const COLUMNS: &str = columns!();

/// Reads an event.
pub fn event(mut c: Columns<'_>) -> Result<LoggedEvent> {
    let partition = c.small("part")?;
    let position = c.get()?;
    let kind = c.text("event type", EventKind::parse)?;
    let tenant = c.text("tenant", |t| Some(Tenant::stored(t)))?;
    let order_id = c.get::<Option<_>>()?.map(OrderId);
    let stream = c.text("event stream", AggregateKind::parse)?;
    let aggregate = Aggregate {
        kind: stream,
        id: c.uuid()?,
    };
    let seq = c.get()?;
    let id = EventId(c.uuid()?);
    let schema_version = c.get()?;
    let occurred_at = c.time()?;
    let recorded_at = c.time()?;
    let meta = EventMeta {
        actor: c.text("actor", |t| Some(t.into()))?,
        correlation_id: c.optional_text("correlation id", |t| Some(t.into()))?,
        causation_id: c.get::<Option<_>>()?.map(EventId),
        traceparent: c.optional_text("traceparent", |t| Some(t.into()))?,
    };
    let body = c.text("event body", |t| Some(t.into()))?;
    let event = NewEvent {
        id,
        schema_version,
        kind,
        aggregate,
        seq,
        order_id,
        tenant,
        occurred_at,
        body,
        meta,
    };
    Ok(LoggedEvent {
        partition,
        position,
        recorded_at,
        event,
    })
}

/// The last position of a scan of a partition: a given number of positions after its first event, or the newest event.
/// Without OFFSET 0 PostgreSQL would compute it again for every row.
macro_rules! horizon {
    () => {
        "CROSS JOIN LATERAL (SELECT LEAST((SELECT min(f.position) FROM events f WHERE f.part = p.part AND f.position > p.after) + $3 - 1, \
         (SELECT max(l.position) FROM events l WHERE l.part = p.part)) AS last OFFSET 0) AS h "
    };
}
pub(super) use horizon;

/// Events of some kinds, and of unknown ones, of partitions, each partition's oldest first. Every partition has at least
/// one row, which says how far the scan went.
static READ: Sql = Sql {
    text: concat!(
        "/* log::read */ SELECT p.part, h.last, e.* FROM unnest($1, $2) AS p (part, after) ",
        horizon!(),
        "LEFT JOIN LATERAL (SELECT ",
        columns!(),
        " FROM events WHERE part = p.part AND position > p.after AND position <= h.last \
         AND (type = ANY($4) OR type <> ALL($6)) ORDER BY position LIMIT $5) AS e ON TRUE"
    ),
    types: &[
        Type::INT2_ARRAY,
        Type::INT8_ARRAY,
        Type::INT8,
        Type::TEXT_ARRAY,
        Type::INT8,
        Type::TEXT_ARRAY,
    ],
};

/// Events of a partition after a position, of every type.
static READ_ALL: Sql = Sql {
    text: concat!(
        "/* log::read_all */ SELECT ",
        columns!(),
        " FROM events WHERE part = $1 AND position > $2 ORDER BY position LIMIT $3"
    ),
    types: &[Type::INT2, Type::INT8, Type::INT8],
};

/// All events of one order. Its events and those of its shipments are in the order's partition.
static OF_ORDER: Sql = Sql {
    text: concat!(
        "/* log::of_order */ SELECT ",
        columns!(),
        " FROM events WHERE order_id = $1 AND tenant = $2 AND position > $3 ORDER BY position LIMIT $4"
    ),
    types: &[Type::UUID, Type::TEXT, Type::INT8, Type::INT8],
};

/// The events found in one partition, and how far the scan went.
pub struct Found {
    pub events: VecDeque<LoggedEvent>,
    /// The position after which the next scan begins once `events` are consumed.
    pub reached: i64,
}

impl Found {
    pub fn up_to(reached: i64) -> Self {
        Self {
            events: VecDeque::new(),
            reached,
        }
    }
}

/// Sorts the rows of the feed by partition.
pub fn by_part(rows: &[Row], after: &Positions, limit: usize) -> Result<BTreeMap<u16, Found>> {
    let mut partitions: BTreeMap<u16, Found> = BTreeMap::new();
    for row in rows {
        let mut c = Columns::of(row);
        let partition = c.small("part")?;
        let last: Option<i64> = c.get()?;
        let reached = last.map_or(after.of(partition), |last| last.max(after.of(partition)));
        let found = partitions
            .entry(partition)
            .or_insert_with(|| Found::up_to(reached));
        if c.get::<Option<i16>>()?.is_some() {
            found.events.push_back(event(Columns::from(row, 2))?);
        }
    }
    full_pages_end_at_their_last(&mut partitions, limit);
    Ok(partitions)
}

/// A partition with a full page ends at its last event, because later events may have been left out.
pub fn full_pages_end_at_their_last(partitions: &mut BTreeMap<u16, Found>, limit: usize) {
    for found in partitions.values_mut() {
        let last = found.events.back().filter(|_| found.events.len() == limit);
        found.reached = last.map_or(found.reached, |e| e.position);
    }
}

/// Events of `kinds` of a partition after a position, oldest first, and the position looked up to. Looks at `scan`
/// positions at most. They end before the first one of these kinds, or of an unknown one, that cannot be read; when that
/// is the first one, its error is returned.
pub async fn read(
    commits: &Commits,
    partition: u16,
    after: i64,
    limit: usize,
    kinds: &[EventKind],
    scan: usize,
) -> Result<(Vec<LoggedEvent>, i64)> {
    let words = |kinds: &[EventKind]| kinds.iter().map(|k| k.as_str()).collect::<Vec<_>>();
    let parameters = params![
        vec![small(partition)],
        vec![after],
        count(scan),
        words(kinds),
        count(limit),
        words(EventKind::ALL)
    ];
    let rows = commits.read(&READ, parameters).await?;
    let mut last = after;
    let mut events = vec![];
    for row in &rows {
        let mut c = Columns::from(row, 1);
        last = c.get::<Option<i64>>()?.map_or(last, |end| end.max(after));
        // The row of a partition without such events has no event.
        if c.get::<Option<i16>>()?.is_some() {
            events.push(event(Columns::from(row, 2)));
        }
    }
    let readable = Readable::of(events)?;
    let reached = readable.reached(limit, last);
    Ok((readable.events, reached))
}

/// Events of a partition after a position, of every type, oldest first. They end before the first one that cannot be
/// read; when that is the first one, its error is returned.
pub async fn read_all(
    commits: &Commits,
    partition: u16,
    after: i64,
    limit: usize,
) -> Result<Vec<LoggedEvent>> {
    let parameters = params![small(partition), after, count(limit)];
    let rows = commits.read(&READ_ALL, parameters).await?;
    Ok(Readable::of(rows.iter().map(|row| event(Columns::of(row))))?.events)
}

/// Everything about one order after a position, oldest first.
pub async fn read_order(
    commits: &Commits,
    tenant: &Tenant,
    id: OrderId,
    after: i64,
    limit: usize,
) -> Result<Vec<LoggedEvent>> {
    let parameters = params![id.0, tenant.as_str(), after, count(limit)];
    let rows = commits.read(&OF_ORDER, parameters).await?;
    rows.iter().map(|row| event(Columns::of(row))).collect()
}

/// The newest position of each partition of the log.
pub static POSITIONS: Sql = Sql {
    text: "/* log::positions */ SELECT p.part, COALESCE((SELECT max(e.position) FROM events e WHERE e.part = p.part), 0) \
           FROM generate_series(0::smallint, $1::smallint - 1) AS p (part) ORDER BY p.part",
    types: &[Type::INT2],
};

/// The newest position of each partition of the log.
pub async fn positions(commits: &Commits, partitions: u16) -> Result<Positions> {
    let rows = commits.read(&POSITIONS, params![small(partitions)]).await?;
    let positions = rows.iter().map(|row| Columns::from(row, 1).get());
    Ok(Positions(positions.collect::<Result<_>>()?))
}
