//! `waybill migrate`: brings the schema of the store up to date.

use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use serde_json::json;
use waybill_store::postgres::Migrated;

use super::accept::{self, AcceptArgs};
use super::config::SettingsArgs;
use super::{fail, output};
use crate::backend;
use crate::clock::{Clock, SystemClock};
use crate::config::Settings;
use crate::observe::logs;
use crate::random::Entropy;

/// Bring the schema of the store up to date; makes the database where that is allowed
#[derive(Debug, Args)]
#[command(
    after_help = "Can be run again, and by many at once: who comes second finds nothing to do. The embedded store is copied first, and must not be in use; a server brings it up to date by itself when it starts.\n\nExamples:\n  DATABASE_URL=postgres://waybill@db/waybill waybill migrate\n  waybill migrate --data /var/lib/waybill\n  DATABASE_URL=postgres://waybill@db/waybill waybill migrate --restored"
)]
pub struct MigrateArgs {
    #[command(flatten)]
    settings: SettingsArgs,
    #[command(flatten)]
    accept: AcceptArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub async fn run(args: MigrateArgs) -> ExitCode {
    let sources = args.settings.sources();
    let settings = match sources.and_then(|sources| Settings::load(&sources)) {
        Ok(settings) => settings,
        Err(errors) => return fail(&errors),
    };
    if let Err(error) = logs::install(&settings.log) {
        return fail(&error);
    }
    let entropy = match Entropy::from_os() {
        Ok(entropy) => Arc::new(entropy),
        Err(error) => return fail(&error),
    };
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    if let Some(what) = args.accept.what() {
        return accept::run(what, &settings, clock.as_ref(), &entropy, args.json).await;
    }
    match backend::migrate(&settings, &clock, &entropy).await {
        Ok(migrated) => {
            tell(&migrated, args.json);
            ExitCode::SUCCESS
        }
        Err(error) => fail(&error),
    }
}

fn tell(migrated: &Migrated, json: bool) {
    let Migrated {
        made_database,
        from,
        to,
    } = migrated;
    if json {
        output::json(&json!({"madeDatabase": made_database, "from": from, "to": to}));
        return;
    }
    if *made_database {
        output::line("the database was not there and has been made");
    }
    if from == to {
        output::line(format!("schema {to}: nothing to do"));
    } else {
        output::line(format!("schema {from} → {to}"));
    }
}
