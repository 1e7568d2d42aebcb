//! The log: appended as the last step of a transaction, and read.

use super::lock;
use super::pipeline::{Pipeline, Sql, params};
use super::rows::{Columns, count, small};
use super::transaction::Commits;
use crate::error::Result;
use crate::model::Positions;
use crate::packed::{self, LogForm, Place, WantedKinds};
use crate::readable::{LogPage, LogRow};
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

static INSERT_PLAIN: Sql = Sql {
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

/// The positions of the packed events, one after the other: a row gets that of its last event. The rows say how many
/// events there are up to and with theirs. MATERIALIZED, so that the positions are taken once and not once a row.
static INSERT_PACKED: Sql = Sql {
    text: "/* log::append */ WITH taken AS MATERIALIZED (SELECT max(p.n) AS last FROM (SELECT nextval($2::regclass) AS n FROM generate_series(1, $4)) AS p) \
           INSERT INTO events (part, position, type, tenant, order_id, event_id, recorded_at, event_count, kinds, packed) \
           SELECT $1, t.last - $4 + e.up_to, $12, e.tenant, e.order_id, e.event_id, $3, e.event_count, e.kinds, e.packed \
           FROM taken AS t CROSS JOIN unnest($5, $6, $7, $8, $9, $10, $11) AS e (up_to, tenant, order_id, event_id, event_count, kinds, packed)",
    types: &[
        Type::INT2,
        Type::OID,
        Type::INT8,
        Type::INT8,
        Type::INT8_ARRAY,
        Type::TEXT_ARRAY,
        Type::UUID_ARRAY,
        Type::UUID_ARRAY,
        Type::INT2_ARRAY,
        Type::INT8_ARRAY,
        Type::BYTEA_ARRAY,
        Type::TEXT,
    ],
};

/// Where a transaction appends its events.
#[derive(Clone, Copy)]
pub struct End {
    pub partition: u16,
    /// The oid of the partition's sequence.
    pub sequence: u32,
    pub form: LogForm,
}

/// Takes the partition's lock, then positions, and writes the events: the last step before COMMIT, in the same flush,
/// so that positions rise in the order of commits and the lock is held only for the commit itself.
pub fn append<'e>(pipeline: &mut Pipeline<'e>, end: End, now: Time, events: &[&'e NewEvent]) {
    if events.is_empty() {
        return;
    }
    pipeline.add(&lock::LOG, params![i32::from(end.partition)]);
    match end.form {
        LogForm::Plain => insert_plain(pipeline, end, now, events),
        LogForm::Packed => insert_packed(pipeline, end, now, events),
    }
}

fn insert_packed<'e>(pipeline: &mut Pipeline<'e>, end: End, now: Time, events: &[&'e NewEvent]) {
    let groups: Vec<&[&NewEvent]> = packed::groups(events).collect();
    let each = groups.iter();
    let up_to = each.clone().scan(0, |up_to, group| {
        *up_to += count(group.len());
        Some(*up_to)
    });
    let events_of = |group: &[&NewEvent]| i16::try_from(group.len());
    pipeline.add(
        &INSERT_PACKED,
        params![
            small(end.partition),
            end.sequence,
            now.0,
            count(events.len()),
            up_to.collect::<Vec<_>>(),
            each.clone()
                .map(|g| g[0].tenant.as_str())
                .collect::<Vec<_>>(),
            each.clone()
                .map(|g| g[0].order_id.map(|id| id.0))
                .collect::<Vec<_>>(),
            each.clone().map(|g| g[0].id.0).collect::<Vec<_>>(),
            each.clone()
                .map(|g| events_of(g).expect("a group is small"))
                .collect::<Vec<_>>(),
            each.clone()
                .map(|g| packed::kinds_of(g))
                .collect::<Vec<_>>(),
            each.map(|g| packed::pack(g, now)).collect::<Vec<_>>(),
            packed::TYPE
        ],
    );
}

fn insert_plain<'e>(pipeline: &mut Pipeline<'e>, end: End, now: Time, events: &[&'e NewEvent]) {
    let each = events.iter();
    pipeline.add(
        &INSERT_PLAIN,
        params![
            small(end.partition),
            end.sequence,
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

/// The columns of a row: those of both forms, then those of an event that is not packed.
macro_rules! columns {
    () => {
        "part, position, tenant, order_id, event_id, recorded_at, event_count, kinds, packed, type, stream, aggregate_id, seq, \
         schema_version, occurred_at, actor, correlation_id, causation_id, traceparent, body"
    };
}
pub(super) use columns;

/// The columns that [`row`] reads, for the checker, which reads the whole log.
pub const COLUMNS: &str = columns!();

/// Reads a row with the events that are wanted; those that are not are left out of a packed row.
pub fn row(mut c: Columns<'_>, wanted: WantedKinds) -> Result<LogRow> {
    let partition = c.small("part")?;
    let last = c.get()?;
    let read = read_row(partition, last, c, wanted);
    Ok(read.unwrap_or_else(|unreadable| LogRow::plain(last, Err(unreadable))))
}

fn read_row(partition: u16, last: i64, mut c: Columns<'_>, wanted: WantedKinds) -> Result<LogRow> {
    let place = Place {
        partition,
        last,
        tenant: c.text("tenant", |t| Some(Tenant::stored(t)))?,
        order: c.get::<Option<_>>()?.map(OrderId),
        first_id: EventId(c.uuid()?),
        recorded_at: c.time()?,
        count: c.small("event_count")?,
        kinds: c.get::<Option<_>>()?.unwrap_or(0),
    };
    if let Some(bytes) = c.get::<Option<&[u8]>>()? {
        return Ok(packed::unpack(&place, bytes, wanted));
    }
    Ok(LogRow::plain(last, plain_event(&place, c)))
}

/// Reads the columns of an event that is not packed.
fn plain_event(place: &Place, mut c: Columns<'_>) -> Result<LoggedEvent> {
    let kind = c.text("event type", EventKind::parse)?;
    let stream = c.text("event stream", AggregateKind::parse)?;
    let aggregate = Aggregate {
        kind: stream,
        id: c.uuid()?,
    };
    let seq = c.get()?;
    let schema_version = c.get()?;
    let occurred_at = c.time()?;
    let meta = EventMeta {
        actor: c.text("actor", |t| Some(t.into()))?,
        correlation_id: c.optional_text("correlation id", |t| Some(t.into()))?,
        causation_id: c.get::<Option<_>>()?.map(EventId),
        traceparent: c.optional_text("traceparent", |t| Some(t.into()))?,
    };
    let body = c.text("event body", |t| Some(t.into()))?;
    Ok(place.plain(NewEvent {
        id: place.first_id,
        schema_version,
        kind,
        aggregate,
        seq,
        order_id: place.order,
        tenant: place.tenant.clone(),
        occurred_at,
        body,
        meta,
    }))
}

/// The last position of a scan of a partition: the end of the row with the last of a given number of positions after its
/// first event, or the newest event. A scan that ended inside of a packed row would leave out the row. Without OFFSET 0
/// PostgreSQL would compute it again for every row.
macro_rules! horizon {
    () => {
        "CROSS JOIN LATERAL (SELECT COALESCE((SELECT f.position FROM events f WHERE f.part = p.part AND f.position >= \
         (SELECT min(f.position) FROM events f WHERE f.part = p.part AND f.position > p.after) + $3 - 1 ORDER BY f.position LIMIT 1), \
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
         AND CASE WHEN packed IS NULL THEN type = ANY($4) OR type <> ALL($6) ELSE COALESCE(kinds, -1) & $7 <> 0 END \
         ORDER BY position LIMIT $5) AS e ON TRUE"
    ),
    types: &[
        Type::INT2_ARRAY,
        Type::INT8_ARRAY,
        Type::INT8,
        Type::TEXT_ARRAY,
        Type::INT8,
        Type::TEXT_ARRAY,
        Type::INT8,
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

/// The row that holds the event at a position.
pub static AT: Sql = Sql {
    text: concat!(
        "/* log::at */ SELECT ",
        columns!(),
        " FROM events WHERE part = $1 AND position >= $2 ORDER BY position LIMIT 1"
    ),
    types: &[Type::INT2, Type::INT8],
};

/// The type of the event at a position, of the answer to [`AT`]; `None` when it is not in the log or cannot be read.
pub fn kind_at(rows: &[Row], position: i64) -> Result<Option<EventKind>> {
    let Some(found) = rows.first() else {
        return Ok(None);
    };
    Ok(row(Columns::of(found), WantedKinds::ALL)?.kind_at(position))
}

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
    pub fn of(page: LogPage) -> Self {
        Self {
            events: page.events.into(),
            reached: page.reached,
        }
    }
}

/// The rows of a scan of some partitions: of each partition its rows, whose events must all be readable, and how far the
/// scan went.
pub fn by_part(rows: &[Row], after: &Positions, limit: usize) -> Result<BTreeMap<u16, Found>> {
    let mut scans: BTreeMap<u16, (i64, Vec<LogRow>)> = BTreeMap::new();
    for found in rows {
        let mut c = Columns::of(found);
        let partition = c.small("part")?;
        let last: Option<i64> = c.get()?;
        let scanned = last.map_or(after.of(partition), |last| last.max(after.of(partition)));
        let (_, log_rows) = scans.entry(partition).or_insert((scanned, vec![]));
        if c.get::<Option<i16>>()?.is_some() {
            log_rows.push(whole_row(Columns::from(found, 2))?);
        }
    }
    let pages = scans.into_iter().map(|(partition, (scanned, log_rows))| {
        let page = LogPage::of(
            log_rows.into_iter().map(Ok),
            after.of(partition),
            limit,
            scanned,
        )?;
        Ok((partition, Found::of(page)))
    });
    pages.collect()
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
    let wanted = WantedKinds::of(kinds);
    let words = |kinds: &[EventKind]| kinds.iter().map(|k| k.as_str()).collect::<Vec<_>>();
    let parameters = params![
        vec![small(partition)],
        vec![after],
        count(scan),
        words(kinds),
        count(limit),
        words(EventKind::ALL),
        wanted.or_unknown()
    ];
    let rows = commits.read(&READ, parameters).await?;
    let mut last = after;
    let mut log_rows = vec![];
    for found in &rows {
        let mut c = Columns::from(found, 1);
        last = c.get::<Option<i64>>()?.map_or(last, |end| end.max(after));
        // The row of a partition without such events has no event.
        if c.get::<Option<i16>>()?.is_some() {
            log_rows.push(Columns::from(found, 2));
        }
    }
    let log_rows = log_rows.into_iter().map(|columns| row(columns, wanted));
    let page = LogPage::of(log_rows, after, limit, last)?;
    Ok((page.events, page.reached))
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
    let rows = rows
        .iter()
        .map(|found| row(Columns::of(found), WantedKinds::ALL));
    Ok(LogPage::of(rows, after, limit, after)?.events)
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
    let rows = rows.iter().map(|found| whole_row(Columns::of(found)));
    Ok(LogPage::of(rows, after, limit, after)?.events)
}

/// Reads a row whose events must all be readable.
pub fn whole_row(columns: Columns<'_>) -> Result<LogRow> {
    row(columns, WantedKinds::ALL)?.readable()
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
