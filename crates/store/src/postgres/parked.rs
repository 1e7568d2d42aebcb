//! Parked events: an event that could not be applied, and all later events of its order.

use super::changes::{self, Locked, OwnedRows, Wanted};
use super::fence::fence;
use super::held;
use super::log;
use super::once::Claims;
use super::pipeline::{Pipeline, Sql, params};
use super::rows::{Columns, count, small};
use super::shared::Shared;
use super::transaction::{Commits, Failed};
use crate::encoding::{queue, read_envelope, write_envelope};
use crate::error::{Error, Result};
use crate::model::{Flag, FlaggedRow, Lease, NewParked, Page, Parked, ParkedOutcome};
use tokio_postgres::Row;
use tokio_postgres::types::Type;
use uuid::Uuid;
use waybill_domain::event::{EventKind, NewEvent};
use waybill_domain::ids::OrderId;
use waybill_domain::parked::{ParkedState, Tries};
use waybill_domain::parked_place::ParkedPlace;
use waybill_domain::text::Tenant;
use waybill_domain::time::Time;

static PARK: Sql = Sql {
    text: "/* parked::park */ INSERT INTO parked (consumer, order_id, position, part, tenant, envelope, state, error, attempts, first_at, last_at, \
           next_attempt_at) SELECT $1, p.order_id, p.position, $2, p.tenant, p.envelope, p.state, p.error, p.attempts, p.last_at, p.last_at, \
           p.next_attempt_at FROM unnest($3, $4, $5, $6, $7, $8, $9, $10, $11) \
           AS p (order_id, position, tenant, envelope, state, error, attempts, last_at, next_attempt_at) ON CONFLICT DO NOTHING",
    types: &[
        Type::TEXT,
        Type::INT2,
        Type::UUID_ARRAY,
        Type::INT8_ARRAY,
        Type::TEXT_ARRAY,
        Type::TEXT_ARRAY,
        Type::TEXT_ARRAY,
        Type::TEXT_ARRAY,
        Type::INT8_ARRAY,
        Type::INT8_ARRAY,
        Type::INT8_ARRAY,
    ],
};

/// Parks events; an event that is parked already stays unchanged.
pub fn park<'p>(
    pipeline: &mut Pipeline<'p>,
    consumer: &'p str,
    partition: u16,
    new: &'p [NewParked],
    now: Time,
) {
    if new.is_empty() {
        return;
    }
    let p = || new.iter();
    let tries = p().map(|p| Tries::begin(p.error.is_some(), now, p.next_attempt_at));
    let tries: Vec<Tries> = tries.collect();
    let t = || tries.iter();
    pipeline.add(
        &PARK,
        params![
            consumer,
            small(partition),
            p().map(|p| queue(&p.event.event).0).collect::<Vec<_>>(),
            p().map(|p| p.event.position).collect::<Vec<_>>(),
            p().map(|p| p.event.event.tenant.as_str())
                .collect::<Vec<_>>(),
            p().map(|p| write_envelope(&p.event)).collect::<Vec<_>>(),
            t().map(|t| t.state.as_str()).collect::<Vec<_>>(),
            p().map(|p| p.error.as_deref()).collect::<Vec<_>>(),
            t().map(|t| i64::from(t.attempts)).collect::<Vec<_>>(),
            t().map(|t| t.last_at.0).collect::<Vec<_>>(),
            t().map(|t| t.next_attempt_at.0).collect::<Vec<_>>(),
        ],
    );
}

static AMONG: Sql = Sql {
    text: "/* parked::among */ SELECT DISTINCT order_id FROM parked WHERE consumer = $1 AND order_id = ANY($2)",
    types: &[Type::TEXT, Type::UUID_ARRAY],
};

/// Which of these orders are parked for a consumer.
pub async fn among(
    commits: &Commits,
    consumer: &str,
    orders: Vec<OrderId>,
) -> Result<Vec<OrderId>> {
    let ids: Vec<Uuid> = orders.iter().map(|id| id.0).collect();
    let rows = commits.read(&AMONG, params![consumer, ids]).await?;
    rows.iter().map(|row| Columns::of(row).order_id()).collect()
}

macro_rules! columns {
    () => {
        "p.consumer, p.order_id, p.position, p.envelope, p.state, p.error, p.attempts, p.first_at, p.last_at, p.next_attempt_at"
    };
}

/// Selects the first parked event of each order: only that one is tried, and the later ones wait for it.
macro_rules! first {
    () => {
        "p.position = (SELECT MIN(q.position) FROM parked q WHERE q.consumer = p.consumer AND q.order_id = p.order_id)"
    };
}

fn parked(row: &Row) -> Result<Parked> {
    let mut c = Columns::of(row);
    Ok(Parked {
        consumer: c.get()?,
        key: c.order_id()?,
        position: c.get()?,
        event: read_envelope(&c.get::<String>()?),
        state: c.text("a parked state", ParkedState::parse)?,
        error: c.get()?,
        attempts: c.number("attempts")?,
        first_at: c.time()?,
        last_at: c.time()?,
        next_attempt_at: c.time()?,
    })
}

static DUE: Sql = Sql {
    text: concat!(
        "/* parked::due */ SELECT ",
        columns!(),
        " FROM parked p WHERE p.consumer = $1 AND p.part = $2 AND ",
        first!(),
        " AND (p.state IN ('redrive', 'discard') OR p.state = 'waiting' AND p.next_attempt_at <= $3) ORDER BY p.next_attempt_at LIMIT $4"
    ),
    types: &[Type::TEXT, Type::INT2, Type::INT8, Type::INT8],
};

/// The first parked event of each order that is due or flagged.
pub async fn due(
    commits: &Commits,
    consumer: &str,
    partition: u16,
    now: Time,
    limit: usize,
) -> Result<Vec<Parked>> {
    let parameters = params![consumer, small(partition), now.0, count(limit)];
    let rows = commits.read(&DUE, parameters).await?;
    rows.iter().map(parked).collect()
}

/// The first parked events of a tenant's orders after a place. Written as a range of the tenant's index, because with
/// `tenant = $1` the planner may scan the dead letters of all tenants by the primary key.
static LIST: Sql = Sql {
    text: concat!(
        "/* parked::list */ SELECT ",
        columns!(),
        " FROM parked p WHERE (p.tenant, p.consumer, p.order_id) > ($1, $2, $3) AND p.tenant <= $1 AND ",
        first!(),
        " ORDER BY p.tenant, p.consumer, p.order_id LIMIT $4"
    ),
    types: &[Type::TEXT, Type::TEXT, Type::UUID, Type::INT8],
};

/// A page of a tenant's dead letters.
pub async fn list(
    commits: &Commits,
    tenant: &Tenant,
    after: Option<&ParkedPlace>,
    limit: usize,
) -> Result<Page<Parked, ParkedPlace>> {
    let (consumer, order) = ParkedPlace::sort_key(after);
    let parameters = params![tenant.as_str(), consumer, order.0, count(limit)];
    let rows = commits.read(&LIST, parameters).await?;
    let items = rows.iter().map(parked).collect::<Result<Vec<_>>>()?;
    Ok(Page::up_to(limit, items, Parked::place))
}

static KEYS: Sql = Sql {
    text: "/* parked::keys */ SELECT part, COUNT(DISTINCT order_id) FROM parked WHERE consumer = $1 GROUP BY part ORDER BY part",
    types: &[Type::TEXT],
};

/// How many keys have parked events of a consumer, by partition.
pub async fn keys(commits: &Commits, consumer: &str) -> Result<Vec<(u16, u64)>> {
    let rows = commits.read(&KEYS, params![consumer]).await?;
    let counts = rows.iter().map(|row| {
        let mut c = Columns::of(row);
        Ok((c.small("part")?, c.number("a count of keys")?))
    });
    counts.collect()
}

static FLAG: Sql = Sql {
    text: "/* parked::flag */ UPDATE parked SET state = $5 WHERE tenant = $1 AND consumer = $2 AND order_id = $3 AND position = $4",
    types: &[Type::TEXT, Type::TEXT, Type::UUID, Type::INT8, Type::TEXT],
};

/// Flags a parked event, or a message that waits, for its owner, once per key.
pub async fn flag(shared: &Shared, tenant: &Tenant, flag: &Flag) -> Result<bool> {
    let mut attempts = shared.commits.attempts();
    loop {
        match attempt_flag(shared, tenant, flag).await {
            Ok(flagged) => return Ok(flagged),
            Err(failed) => attempts.again(failed).await?,
        }
    }
}

async fn attempt_flag(
    shared: &Shared,
    tenant: &Tenant,
    flag: &Flag,
) -> std::result::Result<bool, Failed> {
    let commits = &shared.commits;
    let now = (shared.now)();
    let claims = Claims::of([(tenant, flag.claim.as_ref())].into_iter());
    let (open, flagged) = commits
        .begin(
            |pipeline| {
                let claimed = claims.claim(pipeline, now);
                let (tenant, consumer) = (tenant.as_str(), flag.consumer.as_str());
                let (key, state) = (flag.order.0, flag.state.as_str());
                let flagged = match flag.row {
                    FlaggedRow::Parked(position) => {
                        let parameters = params![tenant, consumer, key, position, state];
                        pipeline.add_counted(&FLAG, parameters)
                    }
                    FlaggedRow::Held(message) => {
                        let parameters = params![tenant, consumer, key, message, state];
                        pipeline.add_counted(&held::FLAG, parameters)
                    }
                };
                (claimed, flagged)
            },
            |answers, (claimed, flagged)| {
                let free = claimed.free(answers)?;
                if !free.allows(tenant, flag.claim.as_ref()) {
                    return Err(Error::KeyUsed);
                }
                Ok(answers.take(flagged) > 0)
            },
        )
        .await?;
    if flagged {
        commits.commit(open, Pipeline::new(), None).await?;
    } else {
        commits.roll_back(open).await;
    }
    Ok(flagged)
}

static QUEUE: Sql = Sql {
    text: "/* parked::queue */ SELECT position, state, attempts, last_at, next_attempt_at FROM parked WHERE consumer = $1 AND order_id = $2 ORDER BY position FOR UPDATE",
    types: &[Type::TEXT, Type::UUID],
};

static REMOVE: Sql = Sql {
    text: "/* parked::remove */ DELETE FROM parked WHERE consumer = $1 AND order_id = $2 AND position = $3",
    types: &[Type::TEXT, Type::UUID, Type::INT8],
};

/// Records a discard, in the transaction that removes the event from the queue. An event of another store is not in
/// this log.
static RECORD_DISCARD: Sql = Sql {
    text: "/* parked::record_discard */ INSERT INTO discards (consumer, order_id, position, part, tenant, type, at) \
           SELECT p.consumer, p.order_id, p.position, p.part, p.tenant, \
           COALESCE($5, NULLIF(e.type, 'packed'), substring(p.envelope FROM 'kind.:.([a-z_.]+)'), 'damaged'), $4 FROM parked p \
           LEFT JOIN events e ON e.part = p.part AND e.position = p.position \
           WHERE p.consumer = $1 AND p.order_id = $2 AND p.position = $3 ON CONFLICT DO NOTHING",
    types: &[Type::TEXT, Type::UUID, Type::INT8, Type::INT8, Type::TEXT],
};

/// Records a failed try, on a row that is locked.
static FAILED: Sql = Sql {
    text: "/* parked::failed */ UPDATE parked SET state = $4, error = $5, attempts = $6, last_at = $7, next_attempt_at = $8 \
           WHERE consumer = $1 AND order_id = $2 AND position = $3",
    types: &[
        Type::TEXT,
        Type::UUID,
        Type::INT8,
        Type::TEXT,
        Type::TEXT,
        Type::INT8,
        Type::INT8,
        Type::INT8,
    ],
};

/// Records the result of a try of a parked event, together with its effect.
pub async fn settle<E: OwnedRows>(
    shared: &Shared,
    lease: &Lease,
    order: OrderId,
    position: i64,
    outcome: &ParkedOutcome<E>,
) -> Result<()> {
    let mut attempts = shared.commits.attempts();
    while let Err(failed) = attempt_settle(shared, lease, order, position, outcome).await {
        attempts.again(failed).await?;
    }
    shared.grown(lease.partition);
    Ok(())
}

/// The tries of a parked event, from its locked row. Checks that the event is still parked, and, before it is removed,
/// that it is the first of its order.
fn locked_tries<E>(rows: &[Row], position: i64, outcome: &ParkedOutcome<E>) -> Result<Tries> {
    let queued = rows.iter().map(|row| {
        let mut c = Columns::of(row);
        Ok((c.get()?, c))
    });
    let mut queued = queued
        .collect::<Result<Vec<(i64, Columns<'_>)>>>()?
        .into_iter();
    let found = match outcome {
        ParkedOutcome::Failed { .. } => queued.find(|(at, _)| *at == position),
        // Events of an order are removed in their order.
        ParkedOutcome::Applied(_) | ParkedOutcome::Discarded => {
            queued.next().filter(|(at, _)| *at == position)
        }
    };
    let (_, mut c) = found.ok_or(Error::Conflict {
        what: "a parked event",
    })?;
    Ok(Tries {
        state: c.text("a parked state", ParkedState::parse)?,
        attempts: c.number("attempts")?,
        last_at: c.time()?,
        next_attempt_at: c.time()?,
    })
}

async fn attempt_settle<E: OwnedRows>(
    shared: &Shared,
    lease: &Lease,
    order: OrderId,
    position: i64,
    outcome: &ParkedOutcome<E>,
) -> std::result::Result<(), Failed> {
    let commits = &shared.commits;
    let now = (shared.now)();
    let change = match outcome {
        ParkedOutcome::Applied(change) => change.as_ref(),
        ParkedOutcome::Discarded | ParkedOutcome::Failed { .. } => None,
    };
    let wanted = Wanted::of(change);
    let consumer = lease.consumer.as_str();
    let (open, (tries, kind, locked)) = commits
        .begin(
            |pipeline| {
                let fence = fence(pipeline, lease);
                let queue = pipeline.add(&QUEUE, params![consumer, order.0]);
                let event = matches!(outcome, ParkedOutcome::Discarded).then(|| {
                    let at = params![small(lease.partition), position];
                    pipeline.add(&log::AT, at)
                });
                (fence, queue, event, wanted.lock(pipeline, now))
            },
            |answers, (fence, queue, event, locks)| {
                fence.position(answers)?;
                let tries = locked_tries(&answers.take(queue), position, outcome)?;
                let event = event.map(|event| answers.take(event));
                let kind = log::kind_at(&event.unwrap_or_default(), position)?;
                Ok((tries, kind, Locked::read(locks, answers)?.with(change)?))
            },
        )
        .await?;
    let mut pipeline = Pipeline::new();
    match outcome {
        ParkedOutcome::Applied(_) => {
            pipeline.add(&REMOVE, params![consumer, order.0, position]);
        }
        ParkedOutcome::Discarded => {
            let kind = kind.map(EventKind::as_str);
            let parameters = params![consumer, order.0, position, now.0, kind];
            pipeline.add(&RECORD_DISCARD, parameters);
            pipeline.add(&REMOVE, params![consumer, order.0, position]);
        }
        ParkedOutcome::Failed { error, next } => {
            let after = tries.failed(*next, now);
            pipeline.add(
                &FAILED,
                params![
                    consumer,
                    order.0,
                    position,
                    after.state.as_str(),
                    error.as_str(),
                    i64::from(after.attempts),
                    after.last_at.0,
                    after.next_attempt_at.0
                ],
            );
        }
    }
    let changes: Vec<_> = change.into_iter().collect();
    changes::write(&mut pipeline, &changes, &locked);
    let events: Vec<&NewEvent> = changes.iter().flat_map(|c| &c.events).collect();
    let partition = changes.first().map_or(lease.partition, |c| c.partition);
    shared
        .append_and_commit(open, pipeline, partition, now, &events)
        .await
}
