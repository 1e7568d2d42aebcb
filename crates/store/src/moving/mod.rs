//! Moves an embedded store into an empty PostgreSQL database.
//!
//! Owns the order of the steps. **Invariant:** at every moment a server can open at most one of the two stores, and the
//! target only after every table was compared with the source. The target is filled, compared and checked in one
//! transaction, so that an interrupted move leaves it empty. The source is marked as moved right before that
//! transaction commits and refuses to be served from then on. The drivers read and write the rows.

mod rows;
mod state;
pub(crate) mod tables;

pub use rows::{Batch, Column, Digest, Kind, Value};
pub use state::StoreState;
pub use tables::{TABLES, Table};

use crate::error::{Error, Result};
use crate::postgres::{self, Target};
use crate::sqlite::Source;
use crate::verify::Report;
use serde::Serialize;
use std::path::Path;
use tokio::sync::mpsc;
use uuid::Uuid;

/// The stage of a move, for the progress display.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Recomputing the invariants over the source.
    CheckingSource,
    Copying {
        done: u64,
        total: u64,
    },
    /// Reading a table back.
    Comparing(&'static str),
    /// Recomputing the invariants over the copy.
    CheckingCopy,
}

/// What was moved.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Moved {
    pub store_id: String,
    pub generation: String,
    /// Number of partitions of the target's log.
    #[serde(rename = "parts")]
    pub partitions: u16,
    pub tables: Vec<MovedTable>,
    #[serde(flatten)]
    pub report: Report,
}

/// A table's content, equal on both sides.
#[derive(Clone, Debug, Serialize)]
pub struct MovedTable {
    pub table: &'static str,
    pub rows: u64,
    /// A digest of all rows that does not depend on their order. Only comparable within one run.
    pub digest: String,
}

/// Batches read ahead of the writing: each is bounded in bytes.
const READ_AHEAD: usize = 4;

/// Moves the embedded store in `from` into the database of `to`, which is created and migrated if needed and must hold
/// no store. Ids, numbers, sequences, positions of the log and the generation stay what they are.
///
/// # Errors
/// The source is in use, has another schema, or violates an invariant; the target is in use or not empty; or an error
/// of either driver. Both are then unchanged, unless the error says that this could not be found out.
pub async fn move_store(
    from: &Path,
    to: &postgres::Options,
    new_id: &mut (dyn FnMut() -> Uuid + Send),
    progress: &mut (dyn FnMut(Stage) + Send),
) -> Result<Moved> {
    let source = Source::open(from)?;
    let state = source.state()?;
    let mut target = Target::open(to, new_id).await?;
    target.begin(&state).await?;
    progress(Stage::CheckingSource);
    refuse_findings(&source.check()?, "the store to be moved")?;
    let copied = copy(&source, &mut target, &state, progress).await?;
    target.become_the_store(&state).await?;
    for (table, digest) in TABLES.iter().zip(&copied) {
        progress(Stage::Comparing(table.name));
        compare(table, *digest, target.digest(table).await?)?;
    }
    progress(Stage::CheckingCopy);
    let report = target.check().await?;
    refuse_findings(&report, "the copy")?;
    let tables = TABLES
        .iter()
        .zip(&copied)
        .map(|(table, digest)| MovedTable {
            table: table.name,
            rows: digest.rows,
            digest: digest.to_string(),
        });
    let moved = Moved {
        store_id: state.store_id,
        generation: state.generation,
        partitions: target.partitions(),
        tables: tables.collect(),
        report,
    };
    source.mark_moved(&target.place())?;
    match target.commit().await {
        Ok(()) => Ok(moved),
        Err(error @ Error::OutcomeUnknown) => {
            tracing::warn!(%error, "the last answer of the database was lost; asking again");
            if let Ok(true) = postgres::holds(to, &moved.store_id).await {
                return Ok(moved);
            }
            // The target does not have the store, or cannot be asked. The mark stays: if the move was committed,
            // serving the source again would lose its later orders, and otherwise a repeated move is all that is
            // needed.
            Err(Error::open(
                "whether the store has moved could not be found out",
                "run the same command again: it moves the store, or says that the database holds it already",
            ))
        }
        Err(error) => {
            source.unmark()?;
            Err(error)
        }
    }
}

/// Reads every table on a thread and writes its rows to the target; returns one digest per table.
async fn copy(
    source: &Source,
    target: &mut Target,
    state: &StoreState,
    progress: &mut (dyn FnMut(Stage) + Send),
) -> Result<Vec<Digest>> {
    let (sender, mut batches) = mpsc::channel(READ_AHEAD);
    // The thread ends by itself when its batches are no longer received.
    source.read_on_a_thread(sender)?;
    let (mut done, mut digests) = (0, vec![]);
    for table in TABLES {
        let before = done;
        let mut told = |rows: u64| {
            done = before + rows;
            let total = state.rows;
            progress(Stage::Copying { done, total });
        };
        digests.push(target.fill(table, &mut batches, &mut told).await?);
    }
    Ok(digests)
}

fn compare(table: &Table, read: Digest, written: Digest) -> Result<()> {
    if read == written {
        return Ok(());
    }
    let name = table.name;
    Err(Error::damaged_row(
        "the copy",
        format!("{name}: {read} was read, {written} was written; nothing was moved"),
    ))
}

fn refuse_findings(report: &Report, what: &str) -> Result<()> {
    match report.findings.first() {
        None => Ok(()),
        Some(first) => Err(Error::open(
            format!("{what} does not add up, nothing was moved"),
            format!(
                "{} findings, the first: {} {}: {}; `waybill verify --data FOLDER` lists them",
                report.findings.len(),
                first.invariant,
                first.subject,
                first.detail
            ),
        )),
    }
}
