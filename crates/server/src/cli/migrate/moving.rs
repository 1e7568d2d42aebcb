//! `waybill migrate --from`: moves an embedded store into PostgreSQL and prints its progress.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use waybill_store::moving::{Moved, Stage};
use waybill_store::postgres::Options;

use super::super::stages::Stages;
use super::super::verify::{print, print_json};
use super::super::{fail_store, output};
use crate::backend;
use crate::clock::Clock;
use crate::random::Entropy;

/// Moves it.
pub async fn run(
    from: &Path,
    to: &Options,
    clock: &Arc<dyn Clock>,
    entropy: &Arc<Entropy>,
    json: bool,
) -> ExitCode {
    let mut stages = Stages::new("{msg} {bar:40} {human_pos}/{human_len} rows, {eta} left");
    let mut told = |stage| show(&mut stages, stage);
    let moved = backend::move_into(from, to, clock, entropy, &mut told).await;
    stages.end();
    match moved {
        Ok(moved) if json => print_json(&moved, &moved.report),
        Ok(moved) => tell(&moved, from),
        Err(error) => fail_store(&error),
    }
}

fn tell(moved: &Moved, from: &Path) -> ExitCode {
    let rows = moved.tables.iter();
    let rows = rows.map(|t| vec![t.table.to_owned(), t.rows.to_string(), t.digest.clone()]);
    let rows: Vec<_> = rows.collect();
    output::line(output::table(&["moved", "rows", "digest"], &rows));
    output::line(format!(
        "store {}, generation {}, {} parts",
        moved.store_id, moved.generation, moved.partitions
    ));
    let code = print(&moved.report);
    output::line(format!(
        "next: waybill serve with DATABASE_URL; no server starts on {} any more",
        from.display()
    ));
    code
}

fn show(stages: &mut Stages, stage: Stage) {
    match stage {
        Stage::CheckingSource => stages.at("checking the store to be moved"),
        Stage::Copying { done, total } => {
            stages.reached(done, total);
            stages.at("copying");
        }
        Stage::Comparing(table) => stages.at(&format!("comparing {table}")),
        Stage::CheckingCopy => stages.at("checking the copy"),
    }
}
