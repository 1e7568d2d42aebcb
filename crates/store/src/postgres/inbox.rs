//! Events of other stores: where they come from, how far each consumer has got, and taking them with their effects.

use super::changes::{self, Locked, OwnedRows, Wanted};
use super::pipeline::{Parameter, Pipeline, Sql, params};
use super::rows::{Columns, small};
use super::shared::Shared;
use super::transaction::{Commits, Failed};
use super::{held, parked, personal};
use crate::encoding::queue;
use crate::error::{Error, Result};
use crate::model::{Advance, InboxBatch, InboxGeneration, InboxSource, NewParked};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use tokio_postgres::Row;
use tokio_postgres::types::Type;
use uuid::Uuid;
use waybill_domain::change::Change;
use waybill_domain::event::{Aggregate, AggregateKind, NewEvent};
use waybill_domain::ids::OrderId;
use waybill_domain::inbox::{Seen, Watermark};
use waybill_domain::time::Time;

static FIND: Sql = Sql {
    text: "/* inbox::find */ SELECT s.id, g.number FROM inbox_sources s JOIN inbox_generations g ON g.source = s.id \
           WHERE s.consumer = $1 AND s.store_id = $2 AND g.generation = $3",
    types: &[Type::TEXT, Type::TEXT, Type::TEXT],
};

static ADD_SOURCE: Sql = Sql {
    text: "/* inbox::add_source */ INSERT INTO inbox_sources (id, consumer, store_id) SELECT COALESCE(MAX(id), 0) + 1, $1, $2 FROM inbox_sources \
           ON CONFLICT DO NOTHING",
    types: &[Type::TEXT, Type::TEXT],
};

/// The first generation of a source gets the number 1, later ones none.
static ADD_GENERATION: Sql = Sql {
    text: "/* inbox::add_generation */ INSERT INTO inbox_generations (source, generation, number, seen_at) \
           SELECT s.id, $3, (SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM inbox_generations g WHERE g.source = s.id)), $4 \
           FROM inbox_sources s WHERE s.consumer = $1 AND s.store_id = $2 ON CONFLICT DO NOTHING",
    types: &[Type::TEXT, Type::TEXT, Type::TEXT, Type::INT8],
};

/// A source as a consumer knows it. What is new is recorded; another process may record it at the same time.
pub async fn source(
    shared: &Shared,
    consumer: &str,
    store_id: &str,
    generation: &str,
) -> Result<InboxSource> {
    const TRIES: usize = 5;
    let commits = &shared.commits;
    for _ in 0..TRIES {
        let found = commits.read(&FIND, params![consumer, store_id, generation]);
        if let [row] = &*found.await? {
            let mut c = Columns::of(row);
            return Ok(InboxSource {
                id: c.get()?,
                generation: c.get()?,
            });
        }
        let of_source = params![consumer, store_id];
        commits.write_one(&ADD_SOURCE, of_source).await?;
        let now = (shared.now)();
        let of_generation = params![consumer, store_id, generation, now.0];
        commits.write_one(&ADD_GENERATION, of_generation).await?;
    }
    Err(Error::Conflict {
        what: "a source of events",
    })
}

static WATERMARKS: Sql = Sql {
    text: "/* inbox::watermarks */ SELECT stream, aggregate_id, generation, seq, gaps FROM inbox_watermarks WHERE aggregate_id = ANY($2) AND source = $1",
    types: &[Type::INT4, Type::UUID_ARRAY],
};

/// The watermarks of aggregates of a source; those without one are left out.
pub async fn watermarks(
    commits: &Commits,
    source: i32,
    aggregates: Vec<Aggregate>,
) -> Result<Vec<(Aggregate, Seen)>> {
    let ids: Vec<Uuid> = aggregates.iter().map(|a| a.id).collect();
    let rows = commits.read(&WATERMARKS, params![source, ids]).await?;
    let mut found = read_watermarks(&rows)?;
    found.retain(|(aggregate, _)| aggregates.contains(aggregate));
    Ok(found)
}

fn read_watermarks(rows: &[Row]) -> Result<Vec<(Aggregate, Seen)>> {
    let read = |row: &Row| {
        let mut c = Columns::of(row);
        let aggregate = Aggregate {
            kind: c.text("event stream", AggregateKind::parse)?,
            id: c.uuid()?,
        };
        let mark = Watermark {
            generation: c.get()?,
            seq: c.get()?,
        };
        let gaps = c.number("gaps")?;
        Ok((aggregate, Seen { mark, gaps }))
    };
    rows.iter().map(read).collect()
}

static GENERATIONS: Sql = Sql {
    text: "/* inbox::generations */ SELECT s.consumer, s.store_id, g.generation, g.number, g.seen_at FROM inbox_sources s \
           JOIN inbox_generations g ON g.source = s.id ORDER BY s.consumer, s.store_id, g.seen_at, g.generation",
    types: &[],
};

/// Every generation that was seen.
pub async fn generations(commits: &Commits) -> Result<Vec<InboxGeneration>> {
    let rows = commits.read(&GENERATIONS, params![]).await?;
    let read = |row: &Row| {
        let mut c = Columns::of(row);
        Ok(InboxGeneration {
            consumer: c.get()?,
            store_id: c.get()?,
            generation: c.get()?,
            number: c.get()?,
            seen_at: c.time()?,
        })
    };
    rows.iter().map(read).collect()
}

static ADOPT: Sql = Sql {
    text: "/* inbox::adopt */ UPDATE inbox_generations w SET number = (SELECT MAX(n.number) + 1 FROM inbox_generations n WHERE n.source = w.source) \
           WHERE w.generation = $2 AND w.number IS NULL AND w.source IN (SELECT id FROM inbox_sources WHERE store_id = $1) RETURNING 1",
    types: &[Type::TEXT, Type::TEXT],
};

/// Gives a waiting generation of a store the next number, for every consumer; how many had it waiting.
pub async fn adopt(shared: &Shared, store_id: &str, generation: &str) -> Result<usize> {
    let parameters = params![store_id, generation];
    let adopted = shared.commits.write_one(&ADOPT, parameters).await?;
    Ok(adopted.len())
}

static LOCK: Sql = Sql {
    text: "/* inbox::lock */ SELECT stream, aggregate_id, generation, seq, gaps FROM inbox_watermarks WHERE aggregate_id = ANY($2) AND source = $1 \
           ORDER BY aggregate_id, stream FOR NO KEY UPDATE",
    types: &[Type::INT4, Type::UUID_ARRAY],
};

static BEGIN: Sql = Sql {
    text: "/* inbox::begin */ INSERT INTO inbox_watermarks (source, stream, aggregate_id, generation, seq, gaps) \
           SELECT $1, a.stream, a.id, a.generation, a.seq, a.gaps FROM unnest($2, $3, $4, $5, $6) AS a (stream, id, generation, seq, gaps) ORDER BY a.id, a.stream \
           ON CONFLICT DO NOTHING",
    types: &[
        Type::INT4,
        Type::TEXT_ARRAY,
        Type::UUID_ARRAY,
        Type::INT8_ARRAY,
        Type::INT8_ARRAY,
        Type::INT8_ARRAY,
    ],
};

/// The ids stand twice, so that a plan that was made while the table was empty does not walk through all of it later.
static MOVE: Sql = Sql {
    text: "/* inbox::move */ UPDATE inbox_watermarks w SET generation = a.generation, seq = a.seq, gaps = a.gaps FROM unnest($2, $3, $4, $5, $6) \
           AS a (stream, id, generation, seq, gaps) \
           WHERE w.aggregate_id = ANY($3) AND w.aggregate_id = a.id AND w.source = $1 AND w.stream = a.stream",
    types: &[
        Type::INT4,
        Type::TEXT_ARRAY,
        Type::UUID_ARRAY,
        Type::INT8_ARRAY,
        Type::INT8_ARRAY,
        Type::INT8_ARRAY,
    ],
};

/// Where the parked events of orders stand.
static PARKED: Sql = Sql {
    text: "/* inbox::parked */ SELECT order_id, position FROM parked WHERE consumer = $1 AND order_id = ANY($2) ORDER BY order_id, position FOR UPDATE",
    types: &[Type::TEXT, Type::UUID_ARRAY],
};

/// Writes watermarks and effects of events, in one transaction.
pub async fn receive<E: OwnedRows>(shared: &Shared, batch: &InboxBatch<E>) -> Result<()> {
    let mut attempts = shared.commits.attempts();
    while let Err(failed) = attempt_receive(shared, batch).await {
        attempts.again(failed).await?;
    }
    if batch.changes.iter().any(|c| !c.events.is_empty()) {
        shared.grown(batch.partition);
    }
    Ok(())
}

/// The advances of a batch: those of watermarks that exist, and those of new ones.
struct Advances<'b> {
    moved: Vec<&'b Advance>,
    begun: Vec<&'b Advance>,
}

impl<'b> Advances<'b> {
    fn of<E>(batch: &'b InboxBatch<E>) -> Self {
        let (moved, begun) = batch.advances.iter().partition(|a| a.from.is_some());
        Self { moved, begun }
    }

    /// The parameters of a statement that writes watermarks.
    fn parameters<'p>(source: i32, some: &[&Advance]) -> Vec<Parameter<'p>> {
        let streams: Vec<&'static str> = some.iter().map(|a| a.aggregate.kind.as_str()).collect();
        let ids: Vec<Uuid> = some.iter().map(|a| a.aggregate.id).collect();
        let generations: Vec<i64> = some.iter().map(|a| a.to.mark.generation).collect();
        let seqs: Vec<i64> = some.iter().map(|a| a.to.mark.seq).collect();
        let gaps: Vec<i64> = some.iter().map(|a| i64::from(a.to.gaps)).collect();
        params![source, streams, ids, generations, seqs, gaps]
    }

    /// Checks that every watermark is where the batch was decided.
    fn check(&self, locked: &[Row], begun: u64) -> Result<()> {
        let conflict = Error::Conflict {
            what: "a watermark",
        };
        let locked: HashMap<Aggregate, Seen> = read_watermarks(locked)?.into_iter().collect();
        let stands = |a: &&&Advance| locked.get(&a.aggregate).copied() == a.from;
        if begun as usize == self.begun.len() && self.moved.iter().all(|a| stands(&a)) {
            Ok(())
        } else {
            Err(conflict)
        }
    }
}

/// The last position of each order that has parked events.
fn last_positions(rows: &[Row]) -> Result<BTreeMap<OrderId, i64>> {
    let read = |row: &Row| {
        let mut c = Columns::of(row);
        Ok((c.order_id()?, c.get()?))
    };
    rows.iter().map(read).collect()
}

/// The events with positions behind those of their orders that are parked already.
fn placed(new: &[NewParked], mut last: BTreeMap<OrderId, i64>, now: Time) -> Vec<NewParked> {
    let place = |new: &NewParked| {
        let order = queue(&new.event.event);
        let position = NewParked::position_after(last.get(&order).copied(), now);
        last.insert(order, position);
        let mut placed = new.clone();
        placed.event.position = position;
        placed
    };
    new.iter().map(place).collect()
}

static DISCARD: Sql = Sql {
    text: "/* inbox::discard */ INSERT INTO discards (consumer, order_id, position, part, tenant, type, at) \
           SELECT $1, d.key, $3 + d.place - 1, $2, d.tenant, d.type, $3 \
           FROM unnest($4, $5, $6) WITH ORDINALITY AS d (key, tenant, type, place) ON CONFLICT DO NOTHING",
    types: &[
        Type::TEXT,
        Type::INT2,
        Type::INT8,
        Type::UUID_ARRAY,
        Type::TEXT_ARRAY,
        Type::TEXT_ARRAY,
    ],
};

fn add_discards<'p, E>(pipeline: &mut Pipeline<'p>, batch: &'p InboxBatch<E>, now: Time) {
    let discarded = &batch.discarded;
    if discarded.is_empty() {
        return;
    }
    let keys: Vec<Uuid> = discarded.iter().map(|d| d.key.0).collect();
    let tenants: Vec<&str> = discarded.iter().map(|d| d.tenant.as_str()).collect();
    let kinds: Vec<&str> = discarded.iter().map(|d| d.kind).collect();
    let consumer = batch.consumer.as_str();
    let parameters = params![
        consumer,
        small(batch.partition),
        now.0,
        keys,
        tenants,
        kinds
    ];
    pipeline.add(&DISCARD, parameters);
}

async fn attempt_receive<E: OwnedRows>(
    shared: &Shared,
    batch: &InboxBatch<E>,
) -> std::result::Result<(), Failed> {
    let commits = &shared.commits;
    let now = (shared.now)();
    let advances = Advances::of(batch);
    let wanted = Wanted::of(&batch.changes);
    let changed: BTreeSet<OrderId> = batch.changes.iter().map(|c| c.order_id).collect();
    let orders = batch.park.iter().map(|p| queue(&p.event.event));
    let orders: BTreeSet<OrderId> = orders.chain(changed.iter().copied()).collect();
    let (open, (locked, last)) = commits
        .begin(
            |pipeline| {
                let ids: Vec<Uuid> = advances.moved.iter().map(|a| a.aggregate.id).collect();
                let marks = pipeline.add(&LOCK, params![batch.source, ids]);
                let begin = Advances::parameters(batch.source, &advances.begun);
                let begun = pipeline.add_counted(&BEGIN, begin);
                let orders: Vec<Uuid> = orders.iter().map(|id| id.0).collect();
                let parked = pipeline.add(&PARKED, params![batch.consumer.as_str(), orders]);
                (marks, begun, parked, wanted.lock(pipeline, now))
            },
            |answers, (marks, begun, parked, locks)| {
                advances.check(&answers.take(marks), answers.take(begun))?;
                let last = last_positions(&answers.take(parked))?;
                // Whether an order is parked is read inside the transaction, where it cannot change.
                if changed.iter().any(|order| last.contains_key(order)) {
                    return Err(Error::Conflict {
                        what: "a parked order",
                    });
                }
                Ok((Locked::read(locks, answers)?.with(&batch.changes)?, last))
            },
        )
        .await?;
    let parked = placed(&batch.park, last, now);
    let all: Vec<&Change<E>> = batch.changes.iter().collect();
    let mut pipeline = Pipeline::new();
    pipeline.add(&MOVE, Advances::parameters(batch.source, &advances.moved));
    parked::park(
        &mut pipeline,
        &batch.consumer,
        batch.partition,
        &parked,
        now,
    );
    personal::keep(&mut pipeline, &batch.personal);
    add_discards(&mut pipeline, batch, now);
    held::release(&mut pipeline, &batch.consumer, &batch.release);
    held::hold(
        &mut pipeline,
        &batch.consumer,
        batch.partition,
        &batch.hold,
        now,
    );
    changes::write(&mut pipeline, &all, &locked);
    let events: Vec<&NewEvent> = all.iter().flat_map(|c| &c.events).collect();
    shared
        .append_and_commit(open, pipeline, batch.partition, now, &events)
        .await
}
