//! Samples of processes, by the length of their slots and by time.

use super::errors::IntoStore;
use super::rows::Columns;
use super::tx::Tx;
use crate::error::Result;
use crate::model::{Page, SamplePlace, SampleRange, SampleRow};
use rusqlite::{Connection, Row, params};
use waybill_domain::sample::{Sample, SlotSample, Step};
use waybill_domain::time::Time;

/// Writes rows over those of the same process and slots.
pub fn write(tx: &Tx<'_>, process: &str, rows: &[SlotSample]) -> Result<()> {
    for row in rows {
        tx.execute(
            "INSERT INTO samples (resolution, slot_start, process, data) VALUES (?1, ?2, ?3, ?4) \
             ON CONFLICT (resolution, slot_start, process) DO UPDATE SET data = excluded.data",
            params![
                row.step.seconds(),
                row.start.0,
                process,
                row.sample.to_text()
            ],
        )?;
    }
    Ok(())
}

/// A page of rows.
pub fn read(connection: &Connection, range: &SampleRange) -> Result<Page<SampleRow, SamplePlace>> {
    let mut select = connection
        .prepare_cached(
            "SELECT slot_start, process, data FROM samples WHERE resolution = ?1 AND (slot_start, process) > (?2, ?3) \
             AND slot_start < ?4 AND (?5 IS NULL OR process = ?5) ORDER BY slot_start, process LIMIT ?6",
        )
        .store()?;
    let after = range.place();
    let mut rows = select
        .query(params![
            range.step.seconds(),
            after.start.0,
            after.process,
            range.to.0,
            range.process,
            range.limit,
        ])
        .store()?;
    let mut items = vec![];
    while let Some(row) = rows.next().store()? {
        items.push(read_row(row)?);
    }
    Ok(Page::up_to(range.limit, items, SampleRow::place))
}

fn read_row(row: &Row<'_>) -> Result<SampleRow> {
    let mut c = Columns::of(row);
    Ok(SampleRow {
        start: c.time()?,
        process: c.get()?,
        sample: c.text("a sample", |text| Sample::read(text).ok()),
    })
}

/// Whether a slot began before a time.
pub fn has_before(connection: &Connection, step: Step, before: Time) -> Result<bool> {
    Ok(!old(connection, step, before, 1)?.is_empty())
}

/// Deletes the oldest rows that began before a time.
pub fn remove(tx: &Tx<'_>, step: Step, before: Time, limit: usize) -> Result<usize> {
    let old = old(tx.connection, step, before, limit)?;
    for place in &old {
        tx.execute(
            "DELETE FROM samples WHERE resolution = ?1 AND slot_start = ?2 AND process = ?3",
            params![step.seconds(), place.start.0, place.process],
        )?;
    }
    Ok(old.len())
}

fn old(
    connection: &Connection,
    step: Step,
    before: Time,
    limit: usize,
) -> Result<Vec<SamplePlace>> {
    let mut select = connection
        .prepare_cached(
            "SELECT slot_start, process FROM samples WHERE resolution = ?1 AND slot_start < ?2 ORDER BY slot_start, process LIMIT ?3",
        )
        .store()?;
    let mut rows = select
        .query(params![step.seconds(), before.0, limit])
        .store()?;
    let mut old = vec![];
    while let Some(row) = rows.next().store()? {
        let mut c = Columns::of(row);
        old.push(SamplePlace {
            start: c.time()?,
            process: c.get()?,
        });
    }
    Ok(old)
}
