//! `waybill status`: the processes that work on a store and their progress, read from the store itself.
//!
//! Needs no server and no token, only the settings that lead to the store; changes nothing. `waybill doctor` judges
//! what is shown here.

pub mod print;
pub mod view;

use std::process::ExitCode;

use clap::Args;
use waybill_domain::time::Time;
use waybill_store::{postgres, sqlite};

use super::config::SettingsArgs;
use super::exit::Exit;
use super::{fail, fail_config, fail_store, output};
use crate::backend;
use crate::clock::{Clock, SystemClock};
use crate::config::Settings;
use view::{Served, View};

/// Show who works on the store: processes, roles nobody runs, partitions of the log, lag, parked events, the oldest order
#[derive(Debug, Args)]
#[command(
    after_help = "Reads the store itself, beside running servers, and changes nothing. Give it the settings that the servers have. Processes that only take orders hold no part of the log and are not listed. Exit code 0: it could be read; 5: the database does not answer; 1: another failure.\n\nExamples:\n  waybill status\n  waybill status --data /var/lib/waybill --json\n  DATABASE_URL=postgres://waybill@db/waybill waybill status"
)]
pub struct StatusArgs {
    #[command(flatten)]
    settings: SettingsArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub async fn run(args: StatusArgs) -> ExitCode {
    let sources = args.settings.sources();
    let settings = match sources.and_then(|sources| Settings::load(&sources)) {
        Ok(settings) => settings,
        Err(errors) => return fail_config(&errors),
    };
    let view = match look(&settings).await {
        Ok(view) => view,
        Err(error) => return fail_store(&error),
    };
    if args.json {
        match serde_json::to_value(&view) {
            Ok(body) => output::json(&body),
            Err(error) => return fail(&error),
        }
    } else {
        print::print(&view);
    }
    Exit::Done.into()
}

/// Looks at the store that the settings name.
///
/// # Errors
/// It cannot be reached or read.
pub async fn look(settings: &Settings) -> Result<View, waybill_store::Error> {
    if let Some(options) = backend::shared(settings) {
        let status = postgres::look(&options).await?;
        return Ok(View::of(&status, Served::ByMany));
    }
    let folder = settings.store.data.as_ref();
    let status = sqlite::look(folder, Time(SystemClock.now_micros()))?;
    let served = sqlite::holder(folder).map_or(Served::ByNone, Served::By);
    Ok(View::of(&status, served))
}
