//! Writes the effects of a consumer's batch together with its cursor. Two round trips: locks, then everything else.

use super::bisect::Bisection;
use super::changes::{self, Locked, Wanted};
use super::commit_status::CommitMarker;
#[cfg(feature = "planted-defects")]
use super::defects;
use super::fence::{fence, fenced};
use super::lock;
use super::log;
use super::parked;
use super::pipeline::{Pipeline, Sql, params};
use super::rows::{Columns, small};
use super::shared::Shared;
use super::transaction::Failed;
use crate::error::{Error, Result};
use crate::model::{ConsumerBatch, Lease};
use std::collections::BTreeSet;
use tokio_postgres::types::Type;
use uuid::Uuid;
use waybill_domain::change::Change;
use waybill_domain::event::NewEvent;

static MOVE: Sql = Sql {
    text: "/* apply::move */ UPDATE cursors SET position = $3 WHERE consumer = $1 AND part = $2",
    types: &[Type::TEXT, Type::INT2, Type::INT8],
};

/// Writes a batch's effects and moves the cursor, all or nothing.
pub async fn apply(shared: &Shared, apply: &ConsumerBatch) -> Result<()> {
    let partition = apply.lease.partition;
    let mut attempts = shared.commits.attempts();
    while let Err(failed) = attempt_apply(shared, apply).await {
        attempts.again(failed).await?;
    }
    if apply.changes.iter().any(|c| !c.events.is_empty()) {
        shared.grown(partition);
    }
    Ok(())
}

async fn attempt_apply(shared: &Shared, apply: &ConsumerBatch) -> std::result::Result<(), Failed> {
    let commits = &shared.commits;
    let now = (shared.now)();
    let wanted = Wanted::of(&apply.changes);
    let orders = apply.changes.iter().map(|c| c.order_id.0);
    let orders: Vec<Uuid> = orders.collect::<BTreeSet<_>>().into_iter().collect();
    let (open, answers) = commits
        .begin(|pipeline| {
            fence(pipeline, &apply.lease);
            pipeline.add(
                &lock::PARKED,
                params![apply.lease.consumer.as_str(), orders],
            );
            wanted.lock(pipeline, now);
        })
        .await?;
    let mut answers = answers.into_iter();
    let checked = (|| {
        let cursor = answers.next().unwrap_or_default();
        let position: Option<i64> = cursor
            .first()
            .map(|row| Columns::of(row).get())
            .transpose()?;
        #[cfg(feature = "planted-defects")]
        let position = position.map(|at| if defects::unfenced() { apply.from } else { at });
        if position != Some(apply.from) {
            return Err(fenced(&apply.lease));
        }
        // Whether an order is parked is read inside the transaction, where it cannot change.
        if !answers.next().unwrap_or_default().is_empty() {
            return Err(Error::Conflict {
                what: "a parked order",
            });
        }
        Locked::read(&wanted, &mut answers)?.with(&apply.changes)
    })();
    let (open, locked) = commits.unless_refused(open, checked).await?;
    let all: Vec<&Change> = apply.changes.iter().collect();
    let mut pipeline = Pipeline::new();
    parked::park(&mut pipeline, &apply.lease, &apply.park, now);
    changes::write(&mut pipeline, &all, &locked);
    pipeline.add(
        &MOVE,
        params![
            apply.lease.consumer.as_str(),
            small(apply.lease.partition),
            apply.to
        ],
    );
    let events: Vec<&NewEvent> = all.iter().flat_map(|c| &c.events).collect();
    let partition = apply.lease.partition;
    log::append(
        &mut pipeline,
        partition,
        shared.sequence(partition),
        now,
        &events,
    );
    commits
        .commit(open, pipeline, CommitMarker::of(partition, &events))
        .await?;
    Ok(())
}

/// Writes changes that stand for themselves; one that conflicts fails alone. A transaction touches one partition of the
/// log, so changes are written partition by partition.
pub async fn advance(
    shared: &Shared,
    all: &[Change],
    lease: Option<&Lease>,
) -> Result<Vec<Result<()>>> {
    if all.is_empty() {
        if let Some(lease) = lease {
            check_fence(shared, lease).await?;
        }
        return Ok(vec![]);
    }
    let mut results: Vec<Option<Result<()>>> = all.iter().map(|_| None).collect();
    let partitions: BTreeSet<u16> = all.iter().map(|c| c.partition).collect();
    for partition in partitions {
        let indexes: Vec<usize> = (0..all.len())
            .filter(|i| all[*i].partition == partition)
            .collect();
        let some: Vec<&Change> = indexes.iter().map(|i| &all[*i]).collect();
        let mut bisection = Bisection::of(&some);
        while let Some(piece) = bisection.next() {
            let done = advance_together(shared, piece, lease, partition).await;
            bisection.tried(piece, done)?;
        }
        shared.grown(partition);
        for (index, result) in indexes.into_iter().zip(bisection.results()) {
            results[index] = Some(result);
        }
    }
    // Every change has a partition.
    Ok(results.into_iter().flatten().collect())
}

async fn advance_together(
    shared: &Shared,
    changes: &[&Change],
    lease: Option<&Lease>,
    partition: u16,
) -> Result<Vec<Result<()>>> {
    let mut attempts = shared.commits.attempts();
    loop {
        match attempt_advance(shared, changes, lease, partition).await {
            Ok(results) => return Ok(results),
            Err(failed) => attempts.again(failed).await?,
        }
    }
}

async fn check_fence(shared: &Shared, lease: &Lease) -> Result<()> {
    let parameters = params![lease.consumer.as_str(), small(lease.partition), lease.epoch];
    let rows = shared.commits.read(&lock::CURSOR, parameters).await?;
    if rows.is_empty() {
        return Err(fenced(lease));
    }
    Ok(())
}

async fn attempt_advance(
    shared: &Shared,
    changes: &[&Change],
    lease: Option<&Lease>,
    partition: u16,
) -> std::result::Result<Vec<Result<()>>, Failed> {
    let commits = &shared.commits;
    let now = (shared.now)();
    let wanted = Wanted::of(changes.iter().copied());
    let (open, answers) = commits
        .begin(|pipeline| {
            if let Some(lease) = lease {
                fence(pipeline, lease);
            }
            wanted.lock(pipeline, now);
        })
        .await?;
    let mut answers = answers.into_iter();
    if let Some(lease) = lease
        && answers.next().unwrap_or_default().is_empty()
    {
        commits.roll_back(open).await;
        return Err(Failed::Error(fenced(lease)));
    }
    let read = Locked::read(&wanted, &mut answers);
    let (open, mut locked) = commits.unless_refused(open, read).await?;
    let results: Vec<Result<()>> = changes.iter().map(|change| locked.take(change)).collect();
    let good = changes.iter().zip(&results).filter(|(_, r)| r.is_ok());
    let good: Vec<&Change> = good.map(|(change, _)| *change).collect();
    if good.is_empty() {
        commits.roll_back(open).await;
        return Ok(results);
    }
    let mut pipeline = Pipeline::new();
    changes::write(&mut pipeline, &good, &locked);
    locked.free_keys.give_back(&mut pipeline);
    let events: Vec<&NewEvent> = good.iter().flat_map(|c| &c.events).collect();
    log::append(
        &mut pipeline,
        partition,
        shared.sequence(partition),
        now,
        &events,
    );
    commits
        .commit(open, pipeline, CommitMarker::of(partition, &events))
        .await?;
    Ok(results)
}
