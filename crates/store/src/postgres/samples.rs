//! Samples of processes, by the length of their slots and by time. Each process writes rows of its own, so that none waits
//! for another.

use super::pipeline::{Sql, params};
use super::rows::{Columns, count};
use super::transaction::Commits;
use crate::error::Result;
use crate::model::{Page, SamplePlace, SampleRange, SampleRow};
use tokio_postgres::Row;
use tokio_postgres::types::Type;
use waybill_domain::sample::{Sample, SlotSample, Step};
use waybill_domain::time::Time;

static WRITE: Sql = Sql {
    text: "/* samples::write */ INSERT INTO samples (process, resolution, slot_start, data) \
           SELECT $1, s.resolution, s.slot_start, s.data FROM unnest($2, $3, $4) AS s (resolution, slot_start, data) \
           ON CONFLICT (resolution, slot_start, process) DO UPDATE SET data = excluded.data",
    types: &[
        Type::TEXT,
        Type::INT2_ARRAY,
        Type::INT8_ARRAY,
        Type::TEXT_ARRAY,
    ],
};

static READ: Sql = Sql {
    text: "/* samples::read */ SELECT slot_start, process, data FROM samples WHERE resolution = $1 AND (slot_start, process) > ($2, $3) \
           AND slot_start < $4 AND ($5::text IS NULL OR process = $5) ORDER BY slot_start, process LIMIT $6",
    types: &[
        Type::INT2,
        Type::INT8,
        Type::TEXT,
        Type::INT8,
        Type::TEXT,
        Type::INT8,
    ],
};

/// No process writes rows that are old, so this waits for no other transaction.
static REMOVE: Sql = Sql {
    text: "/* samples::remove */ DELETE FROM samples WHERE (resolution, slot_start, process) IN (SELECT resolution, slot_start, process FROM samples \
           WHERE resolution = $1 AND slot_start < $2 ORDER BY slot_start, process LIMIT $3 FOR UPDATE) RETURNING 1",
    types: &[Type::INT2, Type::INT8, Type::INT8],
};

/// Whether there is one, so that a quiet database is not written to.
static OLD: Sql = Sql {
    text: "/* samples::old */ SELECT 1 FROM samples WHERE resolution = $1 AND slot_start < $2 LIMIT 1",
    types: &[Type::INT2, Type::INT8],
};

/// Writes rows over those of the same process and slots.
pub async fn write(commits: &Commits, process: &str, rows: &[SlotSample]) -> Result<()> {
    let each = rows.iter();
    let parameters = params![
        process,
        each.clone()
            .map(|row| row.step.seconds())
            .collect::<Vec<_>>(),
        each.clone().map(|row| row.start.0).collect::<Vec<_>>(),
        each.map(|row| row.sample.to_text()).collect::<Vec<_>>(),
    ];
    commits.write_one(&WRITE, parameters).await?;
    Ok(())
}

/// A page of rows.
pub async fn read(commits: &Commits, range: &SampleRange) -> Result<Page<SampleRow, SamplePlace>> {
    let after = range.place();
    let parameters = params![
        range.step.seconds(),
        after.start.0,
        after.process,
        range.to.0,
        range.process.as_deref(),
        count(range.limit),
    ];
    let rows = commits.read(&READ, parameters).await?;
    let items = rows.iter().map(read_row).collect::<Result<_>>()?;
    Ok(Page::up_to(range.limit, items, SampleRow::place))
}

fn read_row(row: &Row) -> Result<SampleRow> {
    let mut c = Columns::of(row);
    Ok(SampleRow {
        start: c.time()?,
        process: c.get()?,
        sample: c.text("a sample", |text| Sample::read(text).ok()),
    })
}

/// Deletes the oldest rows that began before a time.
pub async fn remove(commits: &Commits, step: Step, before: Time, limit: usize) -> Result<usize> {
    let old = params![step.seconds(), before.0];
    if commits.read(&OLD, old).await?.is_empty() {
        return Ok(0);
    }
    let parameters = params![step.seconds(), before.0, count(limit)];
    Ok(commits.write_one(&REMOVE, parameters).await?.len())
}
