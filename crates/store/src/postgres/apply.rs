//! Writes the effects of a consumer's batch together with its cursor. Two round trips: locks, then everything else.

use super::bisect::Bisection;
use super::changes::{self, Locked, OwnedRows, Wanted};
#[cfg(feature = "planted-defects")]
use super::defects;
use super::fence::{fence, fenced};
use super::lock;
use super::parked;
use super::pipeline::{Pipeline, Sql, params};
use super::rows::small;
use super::shared::Shared;
use super::transaction::Failed;
use crate::error::{Error, Result};
use crate::model::{ConsumerBatch, Lease};
use std::collections::BTreeSet;
use tokio_postgres::types::Type;
use uuid::Uuid;
use waybill_domain::change::Change;
use waybill_domain::event::NewEvent;

pub static MOVE: Sql = Sql {
    text: "/* apply::move */ UPDATE cursors SET position = $3 WHERE consumer = $1 AND part = $2",
    types: &[Type::TEXT, Type::INT2, Type::INT8],
};

/// Writes a batch's effects and moves the cursor, in one transaction.
pub async fn apply<E: OwnedRows>(shared: &Shared, apply: &ConsumerBatch<E>) -> Result<()> {
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

async fn attempt_apply<E: OwnedRows>(
    shared: &Shared,
    apply: &ConsumerBatch<E>,
) -> std::result::Result<(), Failed> {
    let commits = &shared.commits;
    let now = (shared.now)();
    let wanted = Wanted::of(&apply.changes);
    let orders = apply.changes.iter().map(|c| c.order_id.0);
    let orders: Vec<Uuid> = orders.collect::<BTreeSet<_>>().into_iter().collect();
    let (open, locked) = commits
        .begin(
            |pipeline| {
                let fence = fence(pipeline, &apply.lease);
                let parameters = params![apply.lease.consumer.as_str(), orders];
                let parked = pipeline.add(&lock::PARKED, parameters);
                (fence, parked, wanted.lock(pipeline, now))
            },
            |answers, (fence, parked, locks)| {
                let position = fence.position(answers)?;
                #[cfg(feature = "planted-defects")]
                let position = if defects::unfenced() {
                    apply.from
                } else {
                    position
                };
                if position != apply.from {
                    return Err(fenced(&apply.lease));
                }
                // Whether an order is parked is read inside the transaction, where it cannot change.
                if !answers.take(parked).is_empty() {
                    return Err(Error::Conflict {
                        what: "a parked order",
                    });
                }
                Locked::read(locks, answers)?.with(&apply.changes)
            },
        )
        .await?;
    let all: Vec<&Change<E>> = apply.changes.iter().collect();
    let partition = apply.lease.partition;
    let mut pipeline = Pipeline::new();
    let consumer = apply.lease.consumer.as_str();
    parked::park(&mut pipeline, consumer, partition, &apply.park, now);
    changes::write(&mut pipeline, &all, &locked);
    pipeline.add(&MOVE, params![consumer, small(partition), apply.to]);
    let events: Vec<&NewEvent> = all.iter().flat_map(|c| &c.events).collect();
    shared
        .append_and_commit(open, pipeline, partition, now, &events)
        .await
}

/// Writes independent changes; a change that conflicts fails alone. A transaction appends to one partition of the log,
/// so changes are grouped by partition, one transaction each.
pub async fn advance<E: OwnedRows>(
    shared: &Shared,
    all: &[Change<E>],
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
        let some: Vec<&Change<E>> = indexes.iter().map(|i| &all[*i]).collect();
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

async fn advance_together<E: OwnedRows>(
    shared: &Shared,
    changes: &[&Change<E>],
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
    let mut pipeline = Pipeline::new();
    let fence = fence(&mut pipeline, lease);
    let mut answers = shared.commits.read_all(pipeline).await?;
    fence.position(&mut answers).map(drop)
}

async fn attempt_advance<E: OwnedRows>(
    shared: &Shared,
    changes: &[&Change<E>],
    lease: Option<&Lease>,
    partition: u16,
) -> std::result::Result<Vec<Result<()>>, Failed> {
    let commits = &shared.commits;
    let now = (shared.now)();
    let wanted = Wanted::of(changes.iter().copied());
    let (open, mut locked) = commits
        .begin(
            |pipeline| {
                let fence = lease.map(|lease| fence(pipeline, lease));
                (fence, wanted.lock(pipeline, now))
            },
            |answers, (fence, locks)| {
                if let Some(fence) = fence {
                    fence.position(answers)?;
                }
                Locked::read(locks, answers)
            },
        )
        .await?;
    let results: Vec<Result<()>> = changes.iter().map(|change| locked.take(change)).collect();
    let good = changes.iter().zip(&results).filter(|(_, r)| r.is_ok());
    let good: Vec<&Change<E>> = good.map(|(change, _)| *change).collect();
    if good.is_empty() {
        commits.roll_back(open).await;
        return Ok(results);
    }
    let mut pipeline = Pipeline::new();
    changes::write(&mut pipeline, &good, &locked);
    locked.free_keys.give_back(&mut pipeline);
    let events: Vec<&NewEvent> = good.iter().flat_map(|c| &c.events).collect();
    shared
        .append_and_commit(open, pipeline, partition, now, &events)
        .await?;
    Ok(results)
}
