//! Work for external services: leased, done elsewhere, its result written back under a guard.

use super::changes::{self, Locked, OwnedRows, Wanted};
use super::pipeline::{Pipeline, Sql, params};
use super::rows::{Columns, count};
use super::shared::Shared;
use super::transaction::{Commits, Failed};
use crate::error::{Error, Result};
use crate::model::{LeasedWork, WorkOutcome};
use tokio_postgres::types::Type;
use uuid::Uuid;
use waybill_domain::change::NewWork;
use waybill_domain::event::NewEvent;
use waybill_domain::explain::WaitingCall;
use waybill_domain::ids::OrderId;
use waybill_domain::text::Tenant;
use waybill_domain::time::Time;

/// Goes from one target to the next along the index, however much work each has.
static TARGETS: Sql = Sql {
    text: "/* work::targets */ WITH RECURSIVE t (target) AS (SELECT MIN(target) FROM work UNION ALL \
           SELECT (SELECT MIN(w.target) FROM work w WHERE w.target > t.target) FROM t WHERE t.target IS NOT NULL) \
           SELECT t.target FROM t WHERE EXISTS (SELECT 1 FROM work w WHERE w.target = t.target AND w.due_at <= $1 \
           AND (w.leased_until IS NULL OR w.leased_until <= $1))",
    types: &[Type::INT8],
};

/// The targets that have work that is due and not leased.
pub async fn targets(commits: &Commits, now: Time) -> Result<Vec<String>> {
    let rows = commits.read(&TARGETS, params![now.0]).await?;
    rows.iter().map(|row| Columns::of(row).get()).collect()
}

static WAITING: Sql = Sql {
    text: "/* work::waiting */ SELECT id, attempts, due_at, last_error FROM work WHERE id = ANY($1)",
    types: &[Type::UUID_ARRAY],
};

/// Those of these pieces that are not done.
pub async fn waiting(commits: &Commits, ids: Vec<Uuid>) -> Result<Vec<WaitingCall>> {
    let rows = commits.read(&WAITING, params![ids]).await?;
    let waiting = rows.iter().map(|row| {
        let mut c = Columns::of(row);
        Ok(WaitingCall {
            id: c.uuid()?,
            attempts: c.number("attempts")?,
            due_at: c.time()?,
            last_error: c.get()?,
        })
    });
    waiting.collect()
}

/// Leases due work; pieces that another transaction has locked are skipped.
static LEASE: Sql = Sql {
    text: "/* work::lease */ WITH due AS MATERIALIZED (SELECT id FROM work WHERE target = $1 AND due_at <= $2 \
           AND (leased_until IS NULL OR leased_until <= $2) ORDER BY due_at LIMIT $4 FOR UPDATE SKIP LOCKED) \
           UPDATE work w SET unanswered = w.unanswered + (w.leased_until IS NOT NULL)::integer::bigint, leased_until = $3, epoch = w.epoch + 1, attempts = w.attempts + 1 FROM due WHERE w.id = due.id \
           RETURNING w.id, w.tenant, w.order_id, w.body, w.attempts, w.unanswered, w.epoch",
    types: &[Type::TEXT, Type::INT8, Type::INT8, Type::INT8],
};

/// Leases due work of a target. Work whose lease has run out is due again, under a new epoch.
pub async fn lease(
    commits: &Commits,
    target: &str,
    now: Time,
    until: Time,
    limit: usize,
) -> Result<Vec<LeasedWork>> {
    let parameters = params![target, now.0, until.0, count(limit)];
    let rows = commits.write_one(&LEASE, parameters).await?;
    let leased = rows.iter().map(|row| {
        let mut c = Columns::of(row);
        Ok(LeasedWork {
            id: c.uuid()?,
            target: target.to_owned(),
            tenant: c.text("tenant", |t| Some(Tenant::stored(t)))?,
            order_id: c.get::<Option<_>>()?.map(OrderId),
            body: c.get()?,
            attempts: c.number("attempts")?,
            unanswered: c.number("unanswered")?,
            epoch: c.get()?,
        })
    });
    leased.collect()
}

/// Adds work outside of a change.
pub async fn add(commits: &Commits, tenant: &Tenant, work: &[NewWork]) -> Result<()> {
    let mut pipeline = Pipeline::begin(&commits.connections);
    changes::add_work(&mut pipeline, tenant, work);
    pipeline.commit();
    commits.read_all(pipeline).await?;
    Ok(())
}

static LOCK: Sql = Sql {
    text: "/* work::lock */ SELECT 1 FROM work WHERE id = $1 AND epoch = $2 AND leased_until IS NOT NULL FOR UPDATE",
    types: &[Type::UUID, Type::INT8],
};

static DONE: Sql = Sql {
    text: "/* work::done */ DELETE FROM work WHERE id = $1",
    types: &[Type::UUID],
};

static AGAIN: Sql = Sql {
    text: "/* work::again */ UPDATE work SET leased_until = NULL, due_at = $2, last_error = $3, \
           unanswered = unanswered + $4 WHERE id = $1",
    types: &[Type::UUID, Type::INT8, Type::TEXT, Type::INT8],
};

/// Records the result of leased work; under a lease that was taken over nothing is written.
pub async fn settle<E: OwnedRows>(
    shared: &Shared,
    piece: &LeasedWork,
    outcome: &WorkOutcome<E>,
) -> Result<()> {
    let mut attempts = shared.commits.attempts();
    let partition = loop {
        match attempt(shared, piece, outcome).await {
            Ok(partition) => break partition,
            Err(failed) => attempts.again(failed).await?,
        }
    };
    if let Some(partition) = partition {
        shared.grown(partition);
    }
    Ok(())
}

async fn attempt<E: OwnedRows>(
    shared: &Shared,
    piece: &LeasedWork,
    outcome: &WorkOutcome<E>,
) -> std::result::Result<Option<u16>, Failed> {
    let commits = &shared.commits;
    let now = (shared.now)();
    let change = match outcome {
        WorkOutcome::Done(change) => change.as_ref(),
        WorkOutcome::Again { .. } => None,
    };
    let wanted = Wanted::of(change);
    // The piece is locked after the rows that its result changes, but for stock that the last flush locks: a piece is settled
    // under its epoch, so no transaction that holds stock waits for a piece.
    let (open, locked) = commits
        .begin(
            |pipeline| {
                let locks = wanted.lock(pipeline, now);
                let held = pipeline.add(&LOCK, params![piece.id, piece.epoch]);
                (locks, held)
            },
            |answers, (locks, held)| {
                if answers.take(held).is_empty() {
                    return Err(Error::Fenced {
                        consumer: piece.target.clone(),
                    });
                }
                Locked::read(locks, answers)?.with(change)
            },
        )
        .await?;
    let changes: Vec<_> = change.into_iter().collect();
    let mut pipeline = Pipeline::new();
    changes::write(&mut pipeline, &changes, &locked);
    match outcome {
        WorkOutcome::Done(_) => pipeline.add(&DONE, params![piece.id]),
        WorkOutcome::Again {
            error,
            due_at,
            unanswered,
        } => {
            let lost = i64::from(*unanswered);
            pipeline.add(&AGAIN, params![piece.id, due_at.0, error.as_str(), lost])
        }
    };
    let partition = change.map(|c| c.partition);
    let events: Vec<&NewEvent> = changes.iter().flat_map(|c| &c.events).collect();
    // Without a change there are no events, so any partition will do.
    let log_part = partition.unwrap_or(0);
    shared
        .append_and_commit(open, pipeline, log_part, now, &events)
        .await?;
    Ok(partition)
}
