//! Accepts a batch of orders: claims, stock, the domain's decision, rows, events. Two round trips, three when a claim
//! is lost.

mod rows;
mod stock;

use self::stock::{Stock, lock_of_vendors, lock_ours, stock_keys};
use super::bisect::Bisection;
use super::claims;
use super::pipeline::{Pipeline, Sql, params};
use super::rows::{Columns, count};
use super::shared::Shared;
use super::transaction::{Commits, Failed, Open};
use crate::caught::caught;
use crate::error::{Error, Result};
use crate::model::Accepted;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use tokio_postgres::Row;
use tokio_postgres::types::Type;
use waybill_domain::claim::Claim;
use waybill_domain::intake::{self, AcceptedOrder, Birth, Decision, LookedAt, NewOrder};

/// Accepts a batch of orders in one transaction; returns one result per order, in order. An order that breaks a
/// constraint fails alone.
pub async fn accept(shared: &Shared, orders: &[Arc<NewOrder>]) -> Result<Vec<Result<Accepted>>> {
    let mut results: Vec<Option<Result<Accepted>>> = orders.iter().map(|_| None).collect();
    let mut waiting: Vec<usize> = (0..orders.len()).collect();
    while !waiting.is_empty() {
        let some: Vec<Arc<NewOrder>> = waiting.iter().map(|i| orders[*i].clone()).collect();
        let (now, later) = claims::split_collisions(&some);
        let batch: Vec<Arc<NewOrder>> = now.iter().map(|i| some[*i].clone()).collect();
        let mut bisection = Bisection::of(&batch);
        while let Some(piece) = bisection.next() {
            let done = accept_together(shared, piece).await;
            let done = done.map(|accepted| accepted.into_iter().map(Ok).collect());
            bisection.tried(piece, done)?;
        }
        for (index, result) in now.iter().zip(bisection.results()) {
            results[waiting[*index]] = Some(result);
        }
        waiting = later.iter().map(|i| waiting[*i]).collect();
    }
    // Every index was in exactly one round.
    Ok(results.into_iter().flatten().collect())
}

async fn accept_together(shared: &Shared, orders: &[Arc<NewOrder>]) -> Result<Vec<Accepted>> {
    let in_use = shared.partition_for_orders();
    let partition = in_use.partition;
    let mut attempts = shared.commits.attempts();
    loop {
        match attempt(shared, orders, partition).await {
            Ok((accepted, has_grown)) => {
                if has_grown {
                    shared.grown(partition);
                }
                return Ok(accepted);
            }
            Err(failed) => attempts.again(failed).await?,
        }
    }
}

/// As many numbers as orders, and whether there is a vendor in use.
static NUMBERS: Sql = Sql {
    text: "/* accept::numbers */ SELECT nextval('order_numbers'), EXISTS (SELECT 1 FROM vendors WHERE enabled AND removed_at IS NULL) \
           FROM generate_series(1, $1)",
    types: &[Type::INT8],
};

/// One attempt at the transaction: the results, and whether events were appended to the log.
async fn attempt(
    shared: &Shared,
    orders: &[Arc<NewOrder>],
    partition: u16,
) -> std::result::Result<(Vec<Accepted>, bool), Failed> {
    let commits = &shared.commits;
    let now = (shared.now)();
    let keys = stock_keys(orders.iter().map(|new| &**new));
    let (open, asked) = commits
        .begin(
            |pipeline| {
                let taken = claims::take(pipeline, orders, now);
                let numbers = pipeline.add(&NUMBERS, params![count(orders.len())]);
                (taken, numbers, lock_ours(pipeline, &keys))
            },
            |answers, (taken, numbers, stock)| {
                let lost = claims::lost(orders, &answers.take(taken))?;
                let (numbers, has_vendors) = read_numbers(&answers.take(numbers))?;
                let mut ours = Stock::default();
                ours.add_ours(&answers.take(stock))?;
                Ok(Asked {
                    lost,
                    numbers,
                    has_vendors,
                    may_wait: orders.iter().any(|new| new.may_wait()),
                    stock: ours,
                })
            },
        )
        .await?;
    let (open, answered) = answer_lost(commits, open, orders, &asked.lost).await?;
    let mut asked = asked;
    // Where vendors may be asked, or an order may wait, the rows are kept as they were read, to be decided on again.
    let ours = if asked.is_decided_again() {
        asked.stock.clone()
    } else {
        std::mem::take(&mut asked.stock)
    };
    let looked_at = LookedAt::OurStock;
    let decided = decide(orders, partition, &answered, &asked, ours, looked_at);
    let (open, batch) = commits.unless_refused(open, decided).await?;
    let again = |asked: &Asked<'_>, stock| {
        let looked_at = LookedAt::AllSources;
        decide(orders, partition, &answered, asked, stock, looked_at)
    };
    let (open, batch) = if asked.is_decided_again() && batch.is_short() {
        with_vendors(commits, open, &keys, asked, batch, again).await?
    } else {
        (open, batch)
    };
    if batch.written.is_empty() {
        // The rollback frees the claims that this batch had taken.
        if batch.replays() {
            commits.tell_what_was_read(open).await?;
        } else {
            commits.roll_back(open).await;
        }
        return Ok((batch.results, false));
    }
    let mut pipeline = Pipeline::new();
    rows::write(&mut pipeline, &batch);
    claims::give_back(&mut pipeline, &batch.refused);
    let events: Vec<_> = batch
        .written
        .iter()
        .flat_map(|w| &w.accepted.events)
        .collect();
    #[cfg(feature = "planted-defects")]
    super::defects::about_to_commit(&batch.results).await;
    shared
        .append_and_commit(open, pipeline, partition, now, &events)
        .await?;
    Ok((batch.results, true))
}

/// The answers to the first flush.
struct Asked<'o> {
    /// The claims that others hold, with the indexes of the orders that asked for them.
    lost: Vec<(usize, &'o Claim)>,
    numbers: Vec<i64>,
    has_vendors: bool,
    /// Whether an order of the batch may wait for stock.
    may_wait: bool,
    stock: Stock,
}

impl Asked<'_> {
    /// Whether an order that our own stock is short of may be taken all the same.
    fn is_decided_again(&self) -> bool {
        self.has_vendors || self.may_wait
    }
}

fn read_numbers(rows: &[Row]) -> Result<(Vec<i64>, bool)> {
    let numbers = rows.iter().map(|row| Columns::of(row).get());
    let has_vendors = rows.first().map(|row| Columns::from(row, 1).get());
    Ok((
        numbers.collect::<Result<_>>()?,
        has_vendors.transpose()?.unwrap_or(false),
    ))
}

/// What was decided about a batch.
struct Batch<'o> {
    results: Vec<Accepted>,
    written: Vec<Written<'o>>,
    refused: Vec<&'o NewOrder>,
    stock: Stock,
}

impl Batch<'_> {
    /// Whether our own stock has not enough for an order.
    fn is_short(&self) -> bool {
        self.results.iter().any(is_short)
    }

    /// Whether a result names an order that an earlier transaction committed.
    fn replays(&self) -> bool {
        let mut results = self.results.iter();
        results.any(|r| matches!(r, Accepted::Replayed { .. } | Accepted::Taken { .. }))
    }
}

fn is_short(result: &Accepted) -> bool {
    matches!(result, Accepted::Short(_) | Accepted::AskInventory(_))
}

/// An order that is accepted in this batch.
struct Written<'o> {
    new: &'o NewOrder,
    accepted: Box<AcceptedOrder>,
    birth: Birth,
}

/// Reads the orders that hold the claims this batch could not take.
async fn answer_lost(
    commits: &Commits,
    open: Open,
    orders: &[Arc<NewOrder>],
    lost: &[(usize, &Claim)],
) -> std::result::Result<(Open, HashMap<usize, Accepted>), Failed> {
    if lost.is_empty() {
        return Ok((open, HashMap::new()));
    }
    commits
        .go_on(
            open,
            |pipeline| claims::ask_holders(pipeline, orders, lost),
            |answers, holders| claims::answers(orders, lost, &answers.take(holders)),
        )
        .await
}

/// Locks what vendors have of the batch's skus, and decides it again; the batch as it is where they have nothing and no
/// order may wait.
async fn with_vendors<'o, 'a>(
    commits: &Commits,
    open: Open,
    keys: &BTreeSet<(&str, &str)>,
    mut asked: Asked<'a>,
    batch: Batch<'o>,
    decide: impl FnOnce(&Asked<'a>, Stock) -> Result<Batch<'o>>,
) -> std::result::Result<(Open, Batch<'o>), Failed> {
    let (open, rows) = commits
        .go_on(
            open,
            |pipeline| lock_of_vendors(pipeline, keys),
            |answers, rows| Ok(answers.take(rows)),
        )
        .await?;
    if rows.is_empty() && !asked.may_wait {
        return Ok((open, batch));
    }
    let mut stock = std::mem::take(&mut asked.stock);
    let added = stock.add_of_vendors(&rows);
    let decided = added.and_then(|()| decide(&asked, stock));
    commits.unless_refused(open, decided).await
}

/// Decides the whole batch in memory, on rows that are locked.
fn decide<'o>(
    orders: &'o [Arc<NewOrder>],
    partition: u16,
    answered: &HashMap<usize, Accepted>,
    asked: &Asked<'_>,
    stock: Stock,
    looked_at: LookedAt,
) -> Result<Batch<'o>> {
    let mut batch = Batch {
        results: Vec::with_capacity(orders.len()),
        written: Vec::with_capacity(orders.len()),
        refused: vec![],
        stock,
    };
    let mut numbers = asked.numbers.iter().copied();
    for (index, new) in orders.iter().enumerate() {
        if let Some(answer) = answered.get(&index) {
            // The order may have taken other claims before it lost one; these are given back.
            batch.refused.push(new);
            batch.results.push(answer.clone());
            continue;
        }
        let number = numbers.next();
        let number = number
            .ok_or_else(|| Error::unavailable("the database returned too few order numbers"))?;
        let view = batch.stock.view(&new.tenant);
        // A panic is a defect of one order; the others are decided without it.
        let decided = caught(|| intake::decide(new, number, partition, view, looked_at))?;
        batch.results.push(match decided {
            Decision::Accept(accepted) => {
                let birth = Birth::of(new, &accepted.order);
                batch.written.push(Written {
                    new,
                    accepted,
                    birth: birth.clone(),
                });
                Accepted::Created { number, birth }
            }
            Decision::Short(shortages) => {
                batch.refused.push(new);
                Accepted::Short(shortages)
            }
            Decision::AskInventory(skus) => {
                batch.refused.push(new);
                Accepted::AskInventory(skus)
            }
        });
    }
    Ok(batch)
}
