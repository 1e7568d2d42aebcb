//! `waybill migrate --from`: what is told of a store on its way into PostgreSQL.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use indicatif::{ProgressBar, ProgressStyle};
use waybill_store::moving::{Moved, Stage};
use waybill_store::postgres::Options;

use super::super::verify::{print, print_json};
use super::super::{fail, output};
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
    let mut progress = Progress::new();
    let moved = backend::move_into(from, to, clock, entropy, &mut |s| progress.show(s)).await;
    progress.end();
    match moved {
        Ok(moved) if json => print_json(&moved, &moved.report),
        Ok(moved) => tell(&moved, from),
        Err(error) => fail(&error),
    }
}

fn tell(moved: &Moved, from: &Path) -> ExitCode {
    let rows = moved.tables.iter();
    let rows = rows.map(|t| vec![t.table.to_owned(), t.rows.to_string(), t.digest.clone()]);
    let rows: Vec<_> = rows.collect();
    output::line(output::table(&["moved", "rows", "digest"], &rows));
    output::line(format!(
        "store {}, generation {}, {} parts",
        moved.store_id, moved.generation, moved.parts
    ));
    let code = print(&moved.report);
    output::line(format!(
        "next: waybill serve with DATABASE_URL; no server starts on {} any more",
        from.display()
    ));
    code
}

struct Progress {
    bar: ProgressBar,
    told: Option<String>,
}

impl Progress {
    fn new() -> Self {
        let style =
            ProgressStyle::with_template("{msg} {bar:40} {human_pos}/{human_len} rows, {eta} left")
                .unwrap_or_else(|_| ProgressStyle::default_bar());
        Self {
            bar: ProgressBar::new(0).with_style(style),
            told: None,
        }
    }

    /// A bar for who looks on; a line per stage where nobody does.
    fn show(&mut self, stage: Stage) {
        let what = match stage {
            Stage::CheckingSource => "checking the store to be moved".to_owned(),
            Stage::Copying { done, total } => {
                self.bar.set_length(total);
                self.bar.set_position(done);
                "copying".to_owned()
            }
            Stage::Comparing(table) => format!("comparing {table}"),
            Stage::CheckingCopy => "checking the copy".to_owned(),
        };
        if self.told.as_ref() != Some(&what) {
            self.bar.set_message(what.clone());
            if self.bar.is_hidden() {
                output::remark(&what);
            }
            self.told = Some(what);
        }
    }

    fn end(&self) {
        self.bar.finish_and_clear();
    }
}
