//! Events of other stores: where they come from, how far each consumer has got, and taking them with their effects.

use super::apply::refuse_parked;
use super::changes::{self, OwnedRows};
use super::errors::IntoStore;
use super::rows::Columns;
use super::tx::Tx;
use super::{held, parked, personal};
use crate::encoding::queue;
use crate::error::{Error, Result};
use crate::model::{Advance, InboxBatch, InboxGeneration, InboxSource, NewParked};
use rusqlite::{Connection, OptionalExtension, Row, params};
use waybill_domain::event::Aggregate;
use waybill_domain::inbox::{Seen, Watermark};

/// A source as a consumer knows it; `None` when the source or its generation is new.
pub fn find_source(
    connection: &Connection,
    consumer: &str,
    store_id: &str,
    generation: &str,
) -> Result<Option<InboxSource>> {
    let sql = "SELECT s.id, g.number FROM inbox_sources s JOIN inbox_generations g ON g.source = s.id \
               WHERE s.consumer = ?1 AND s.store_id = ?2 AND g.generation = ?3";
    let mut statement = connection.prepare_cached(sql).store()?;
    let mut rows = statement
        .query(params![consumer, store_id, generation])
        .store()?;
    let Some(row) = rows.next().store()? else {
        return Ok(None);
    };
    let mut c = Columns::of(row);
    Ok(Some(InboxSource {
        id: c.get()?,
        generation: c.get()?,
    }))
}

/// As [`find_source`]; records what is new. The first generation of a source is adopted at once.
pub fn source(
    tx: &Tx<'_>,
    consumer: &str,
    store_id: &str,
    generation: &str,
) -> Result<InboxSource> {
    if let Some(found) = find_source(tx.connection, consumer, store_id, generation)? {
        return Ok(found);
    }
    tx.execute(
        "INSERT INTO inbox_sources (id, consumer, store_id) SELECT COALESCE(MAX(id), 0) + 1, ?1, ?2 FROM inbox_sources WHERE TRUE \
         ON CONFLICT (consumer, store_id) DO NOTHING",
        params![consumer, store_id],
    )?;
    let id: i32 = tx
        .connection
        .prepare_cached("SELECT id FROM inbox_sources WHERE consumer = ?1 AND store_id = ?2")
        .store()?
        .query_row(params![consumer, store_id], |row| row.get(0))
        .store()?;
    let is_known = "SELECT 1 FROM inbox_generations WHERE source = ?1";
    let mut is_known = tx.connection.prepare_cached(is_known).store()?;
    let number = (!is_known.exists([id]).store()?).then_some(1);
    tx.execute(
        "INSERT INTO inbox_generations (source, generation, number, seen_at) VALUES (?1, ?2, ?3, ?4)",
        params![id, generation, number, tx.now.0],
    )?;
    Ok(InboxSource {
        id,
        generation: number,
    })
}

/// The watermarks of aggregates of a source; those without one are left out.
pub fn watermarks(
    connection: &Connection,
    source: i32,
    aggregates: &[Aggregate],
) -> Result<Vec<(Aggregate, Seen)>> {
    let mut found = vec![];
    for aggregate in aggregates {
        let mark = watermark(connection, source, *aggregate)?;
        found.extend(mark.map(|mark| (*aggregate, mark)));
    }
    Ok(found)
}

fn watermark(connection: &Connection, source: i32, aggregate: Aggregate) -> Result<Option<Seen>> {
    connection
        .prepare_cached(
            "SELECT generation, seq, gaps FROM inbox_watermarks WHERE aggregate_id = ?1 AND source = ?2 AND stream = ?3",
        )
        .store()?
        .query_row(
            params![aggregate.id.as_bytes(), source, aggregate.kind.as_str()],
            |row| {
                let mark = Watermark {
                    generation: row.get(0)?,
                    seq: row.get(1)?,
                };
                let gaps = row.get(2)?;
                Ok(Seen { mark, gaps })
            },
        )
        .optional()
        .store()
}

/// Every generation that was seen.
pub fn generations(connection: &Connection) -> Result<Vec<InboxGeneration>> {
    let sql = "SELECT s.consumer, s.store_id, g.generation, g.number, g.seen_at FROM inbox_sources s \
               JOIN inbox_generations g ON g.source = s.id ORDER BY s.consumer, s.store_id, g.seen_at, g.generation";
    let mut statement = connection.prepare_cached(sql).store()?;
    let mut rows = statement.query([]).store()?;
    let mut found = vec![];
    while let Some(row) = rows.next().store()? {
        found.push(seen(row)?);
    }
    Ok(found)
}

fn seen(row: &Row<'_>) -> Result<InboxGeneration> {
    let mut c = Columns::of(row);
    Ok(InboxGeneration {
        consumer: c.get()?,
        store_id: c.get()?,
        generation: c.get()?,
        number: c.get()?,
        seen_at: c.time()?,
    })
}

/// Gives a waiting generation of a store the next number, for every consumer; how many had it waiting.
pub fn adopt(tx: &Tx<'_>, store_id: &str, generation: &str) -> Result<usize> {
    tx.execute(
        "UPDATE inbox_generations SET number = (SELECT MAX(n.number) + 1 FROM inbox_generations n WHERE n.source = inbox_generations.source) \
         WHERE generation = ?2 AND number IS NULL AND source IN (SELECT id FROM inbox_sources WHERE store_id = ?1)",
        params![store_id, generation],
    )
}

/// Writes watermarks and effects of events; on an error, neither.
pub fn receive<E: OwnedRows>(tx: &mut Tx<'_>, batch: &InboxBatch<E>) -> Result<()> {
    for advance in &batch.advances {
        move_watermark(tx, batch.source, advance)?;
    }
    refuse_parked(tx, &batch.consumer, &batch.changes)?;
    for new in &batch.park {
        let placed = placed(tx, &batch.consumer, new)?;
        parked::park(tx, &batch.consumer, batch.partition, &placed)?;
    }
    for (order, data) in &batch.personal {
        personal::keep(tx, *order, data)?;
    }
    for (place, discarded) in (tx.now.0..).zip(&batch.discarded) {
        tx.execute(
            "INSERT INTO discards (consumer, order_id, position, part, tenant, type, at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT DO NOTHING",
            params![
                batch.consumer,
                discarded.key.bytes(),
                place,
                batch.partition,
                discarded.tenant.as_str(),
                discarded.kind,
                tx.now.0
            ],
        )?;
    }
    for id in &batch.release {
        held::release(tx, &batch.consumer, *id)?;
    }
    for new in &batch.hold {
        held::hold(tx, &batch.consumer, batch.partition, new)?;
    }
    changes::write(tx, &batch.changes)
}

fn move_watermark(tx: &Tx<'_>, source: i32, advance: &Advance) -> Result<()> {
    let aggregate = advance.aggregate;
    if watermark(tx.connection, source, aggregate)? != advance.from {
        return Err(Error::Conflict {
            what: "a watermark",
        });
    }
    tx.execute(
        "INSERT INTO inbox_watermarks (source, stream, aggregate_id, generation, seq, gaps) VALUES (?1, ?2, ?3, ?4, ?5, ?6) \
         ON CONFLICT (aggregate_id, source, stream) DO UPDATE SET generation = excluded.generation, seq = excluded.seq, gaps = excluded.gaps",
        params![
            source,
            aggregate.kind.as_str(),
            aggregate.id.as_bytes(),
            advance.to.mark.generation,
            advance.to.mark.seq,
            advance.to.gaps,
        ],
    )?;
    Ok(())
}

/// The event with a position behind those of its order that are parked already.
fn placed(tx: &Tx<'_>, consumer: &str, new: &NewParked) -> Result<NewParked> {
    let last: Option<i64> = tx
        .connection
        .prepare_cached("SELECT MAX(position) FROM parked WHERE consumer = ?1 AND order_id = ?2")
        .store()?
        .query_row(params![consumer, queue(&new.event.event).bytes()], |row| {
            row.get(0)
        })
        .store()?;
    let mut placed = new.clone();
    placed.event.position = NewParked::position_after(last, tx.now);
    Ok(placed)
}
