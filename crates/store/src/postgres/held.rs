//! Messages of other stores that wait: events ahead of their watermark, and messages that cannot be read.

use super::pipeline::{Pipeline, Sql, params};
use super::rows::{Columns, count as limited, small};
use super::shared::Shared;
use super::transaction::Commits;
use crate::error::Result;
use crate::model::{Held, HeldId, HeldPlace, NewHeld, Page};
use tokio_postgres::Row;
use tokio_postgres::types::Type;
use uuid::Uuid;
use waybill_domain::event::{Aggregate, AggregateKind};
use waybill_domain::inbox::{HeldReason, Watermark};
use waybill_domain::parked::ParkedState;
use waybill_domain::parked_place::ParkedPlace;
use waybill_domain::text::Tenant;
use waybill_domain::time::Time;

static HOLD: Sql = Sql {
    text: "/* held::hold */ INSERT INTO inbox_held (consumer, key, message, part, tenant, reason, state, source, stream, aggregate_id, generation, seq, \
           content, error, first_at, last_at) SELECT $1, h.key, h.message, $2, h.tenant, h.reason, $3, h.source, h.stream, h.aggregate_id, h.generation, \
           h.seq, h.content, h.error, $4, $4 FROM unnest($5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15) \
           AS h (key, message, tenant, reason, source, stream, aggregate_id, generation, seq, content, error) ORDER BY h.key, h.message ON CONFLICT DO NOTHING",
    types: &[
        Type::TEXT,
        Type::INT2,
        Type::TEXT,
        Type::INT8,
        Type::UUID_ARRAY,
        Type::UUID_ARRAY,
        Type::TEXT_ARRAY,
        Type::TEXT_ARRAY,
        Type::INT4_ARRAY,
        Type::TEXT_ARRAY,
        Type::UUID_ARRAY,
        Type::INT8_ARRAY,
        Type::INT8_ARRAY,
        Type::TEXT_ARRAY,
        Type::TEXT_ARRAY,
    ],
};

/// Lets messages wait; those that wait already stay unchanged.
pub fn hold<'p>(
    pipeline: &mut Pipeline<'p>,
    consumer: &'p str,
    partition: u16,
    new: &'p [NewHeld],
    now: Time,
) {
    if new.is_empty() {
        return;
    }
    let each = || new.iter();
    let places = || new.iter().map(|h| h.place.as_ref());
    pipeline.add(
        &HOLD,
        params![
            consumer,
            small(partition),
            ParkedState::Waiting.as_str(),
            now.0,
            each().map(|h| h.id.key.0).collect::<Vec<_>>(),
            each().map(|h| h.id.message).collect::<Vec<_>>(),
            each().map(|h| h.tenant.as_str()).collect::<Vec<_>>(),
            each().map(|h| h.reason.as_str()).collect::<Vec<_>>(),
            places().map(|p| p.map(|p| p.source)).collect::<Vec<_>>(),
            places()
                .map(|p| p.map(|p| p.aggregate.kind.as_str()))
                .collect::<Vec<_>>(),
            places()
                .map(|p| p.map(|p| p.aggregate.id))
                .collect::<Vec<_>>(),
            places()
                .map(|p| p.map(|p| p.at.generation))
                .collect::<Vec<_>>(),
            places().map(|p| p.map(|p| p.at.seq)).collect::<Vec<_>>(),
            each().map(|h| h.content.as_str()).collect::<Vec<_>>(),
            each().map(|h| h.error.as_str()).collect::<Vec<_>>(),
        ],
    );
}

/// As [`hold`], for one message and in a transaction of its own.
pub async fn hold_one(
    shared: &Shared,
    consumer: &str,
    partition: u16,
    new: &NewHeld,
) -> Result<()> {
    let now = (shared.now)();
    let mut attempts = shared.commits.attempts();
    loop {
        let begun = shared.commits.begin(
            |pipeline| {
                hold(
                    pipeline,
                    consumer,
                    partition,
                    std::slice::from_ref(new),
                    now,
                );
            },
            |_, ()| Ok(()),
        );
        let done = match begun.await {
            Ok((open, ())) => shared.commits.commit(open, Pipeline::new(), None).await,
            Err(failed) => Err(failed),
        };
        match done {
            Ok(_) => return Ok(()),
            Err(failed) => attempts.again(failed).await?,
        }
    }
}

static RELEASE: Sql = Sql {
    text: "/* held::release */ DELETE FROM inbox_held h USING unnest($2, $3) AS r (key, message) WHERE h.consumer = $1 AND h.key = r.key AND h.message = r.message",
    types: &[Type::TEXT, Type::UUID_ARRAY, Type::UUID_ARRAY],
};

/// Removes messages that wait, those of them that still do.
pub fn release<'p>(pipeline: &mut Pipeline<'p>, consumer: &'p str, ids: &[HeldId]) {
    if ids.is_empty() {
        return;
    }
    let keys: Vec<Uuid> = ids.iter().map(|id| id.key.0).collect();
    let messages: Vec<Uuid> = ids.iter().map(|id| id.message).collect();
    pipeline.add(&RELEASE, params![consumer, keys, messages]);
}

static RELEASE_ONE: Sql = Sql {
    text: "/* held::release_one */ DELETE FROM inbox_held WHERE consumer = $1 AND key = $2 AND message = $3",
    types: &[Type::TEXT, Type::UUID, Type::UUID],
};

/// Removes a message that waits, in a transaction of its own.
pub async fn release_one(commits: &Commits, consumer: &str, id: HeldId) -> Result<()> {
    let parameters = params![consumer, id.key.0, id.message];
    commits.write_one(&RELEASE_ONE, parameters).await.map(drop)
}

macro_rules! select {
    ($name:literal, $rest:literal) => {
        concat!(
            "/* held::",
            $name,
            " */ SELECT h.consumer, h.key, h.message, h.part, h.tenant, h.reason, h.state, h.source, h.stream, h.aggregate_id, h.generation, h.seq, ",
            "h.content, h.error, h.attempts, h.first_at, h.last_at FROM inbox_held h ",
            $rest
        )
    };
}

fn held(row: &Row) -> Result<Held> {
    let mut c = Columns::of(row);
    let consumer = c.get()?;
    let id = HeldId {
        key: c.order_id()?,
        message: c.uuid()?,
    };
    let partition = c.small("a partition")?;
    let tenant = c.text("tenant", |text| Tenant::parse(text).ok())?;
    let reason = c.text("a reason", HeldReason::parse)?;
    let state = c.text("a parked state", ParkedState::parse)?;
    let place = place(&mut c)?;
    Ok(Held {
        consumer,
        partition,
        message: NewHeld {
            id,
            tenant,
            reason,
            place,
            content: c.get()?,
            error: c.get()?,
        },
        state,
        attempts: c.number("attempts")?,
        first_at: c.time()?,
        last_at: c.time()?,
    })
}

/// The next five columns.
fn place(c: &mut Columns<'_>) -> Result<Option<HeldPlace>> {
    let source: Option<i32> = c.get()?;
    let kind = c.optional_text("event stream", AggregateKind::parse)?;
    let aggregate: Option<Uuid> = c.get()?;
    let (generation, seq): (Option<i64>, Option<i64>) = (c.get()?, c.get()?);
    let aggregate = kind.zip(aggregate).map(|(kind, id)| Aggregate { kind, id });
    let at = generation
        .zip(seq)
        .map(|(generation, seq)| Watermark { generation, seq });
    let place = source.zip(aggregate).zip(at);
    Ok(place.map(|((source, aggregate), at)| HeldPlace {
        source,
        aggregate,
        at,
    }))
}

static WAITING: Sql = Sql {
    text: select!(
        "waiting",
        "WHERE h.aggregate_id = ANY($2) AND h.source = $1 AND h.reason = 'gap'"
    ),
    types: &[Type::INT4, Type::UUID_ARRAY],
};

/// The events of aggregates of a source that wait for others.
pub async fn waiting(
    commits: &Commits,
    source: i32,
    aggregates: Vec<Aggregate>,
) -> Result<Vec<Held>> {
    let ids: Vec<Uuid> = aggregates.iter().map(|a| a.id).collect();
    let rows = commits.read(&WAITING, params![source, ids]).await?;
    let mut found = rows.iter().map(held).collect::<Result<Vec<_>>>()?;
    let is_asked = |held: &Held| {
        let place = held.message.place.as_ref();
        place.is_some_and(|place| aggregates.contains(&place.aggregate))
    };
    found.retain(is_asked);
    Ok(found)
}

static COUNT: Sql = Sql {
    text: "/* held::count */ SELECT count(*) FROM (SELECT 1 FROM inbox_held WHERE consumer = $1 AND reason = $2 LIMIT $3) AS t",
    types: &[Type::TEXT, Type::TEXT, Type::INT8],
};

/// How many messages wait for a reason, up to a limit.
pub async fn count(
    commits: &Commits,
    consumer: &str,
    reason: HeldReason,
    up_to: usize,
) -> Result<usize> {
    let parameters = params![consumer, reason.as_str(), limited(up_to)];
    let rows = commits.read(&COUNT, parameters).await?;
    let counted = rows.first().map(|row| Columns::of(row).number("count"));
    counted.transpose().map(Option::unwrap_or_default)
}

static DUE: Sql = Sql {
    text: select!(
        "due",
        "LEFT JOIN inbox_watermarks w ON w.aggregate_id = h.aggregate_id AND w.source = h.source AND w.stream = h.stream \
         WHERE h.consumer = $1 AND h.part = $2 AND (h.state IN ('redrive', 'discard') \
         OR h.reason = 'gap' AND (w.seq + 1 >= h.seq OR w.generation > h.generation)) ORDER BY h.key, h.seq, h.first_at LIMIT $3"
    ),
    types: &[Type::TEXT, Type::INT2, Type::INT8],
};

/// Messages that are flagged, and events that are no longer ahead of their watermark.
pub async fn due(
    commits: &Commits,
    consumer: &str,
    partition: u16,
    limit: usize,
) -> Result<Vec<Held>> {
    let parameters = params![consumer, small(partition), limited(limit)];
    let rows = commits.read(&DUE, parameters).await?;
    rows.iter().map(held).collect()
}

/// Written as a range of the tenant's index, as the list of parked events.
static LIST: Sql = Sql {
    text: select!(
        "list",
        "WHERE (h.tenant, h.consumer, h.key) > ($1, $2, $3) AND h.tenant <= $1 AND h.message = (SELECT q.message FROM inbox_held q \
         WHERE q.tenant = h.tenant AND q.consumer = h.consumer AND q.key = h.key ORDER BY q.reason DESC, q.first_at, q.seq, q.message LIMIT 1) \
         ORDER BY h.tenant, h.consumer, h.key LIMIT $4"
    ),
    types: &[Type::TEXT, Type::TEXT, Type::UUID, Type::INT8],
};

/// A page of a tenant's messages that wait, one per consumer and key.
pub async fn list(
    commits: &Commits,
    tenant: &Tenant,
    after: Option<&ParkedPlace>,
    limit: usize,
) -> Result<Page<Held, ParkedPlace>> {
    let (consumer, key) = ParkedPlace::sort_key(after);
    let parameters = params![tenant.as_str(), consumer, key.0, limited(limit)];
    let rows = commits.read(&LIST, parameters).await?;
    let items = rows.iter().map(held).collect::<Result<Vec<_>>>()?;
    Ok(Page::up_to(limit, items, Held::place))
}

/// Flags a message that waits.
pub static FLAG: Sql = Sql {
    text: "/* held::flag */ UPDATE inbox_held SET state = $5 WHERE tenant = $1 AND consumer = $2 AND key = $3 AND message = $4",
    types: &[Type::TEXT, Type::TEXT, Type::UUID, Type::UUID, Type::TEXT],
};

static FAILED: Sql = Sql {
    text: "/* held::failed */ UPDATE inbox_held SET state = $5, error = $6, attempts = attempts + 1, last_at = $7 \
           WHERE consumer = $1 AND key = $2 AND message = $3 AND state = $4",
    types: &[
        Type::TEXT,
        Type::UUID,
        Type::UUID,
        Type::TEXT,
        Type::TEXT,
        Type::TEXT,
        Type::INT8,
    ],
};

/// Records a try in vain, unless the message was flagged meanwhile.
pub async fn failed(shared: &Shared, tried: &Held, error: &str) -> Result<()> {
    let id = tried.message.id;
    let parameters = params![
        tried.consumer.as_str(),
        id.key.0,
        id.message,
        tried.state.as_str(),
        ParkedState::Waiting.as_str(),
        error,
        (shared.now)().0,
    ];
    shared
        .commits
        .write_one(&FAILED, parameters)
        .await
        .map(drop)
}
