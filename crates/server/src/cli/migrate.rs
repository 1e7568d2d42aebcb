//! `waybill migrate`: brings the schema of the store up to date; with `--from`, moves an embedded store into PostgreSQL.

mod moving;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use serde_json::json;
use waybill_store::postgres::Migrated;

use super::accept::{self, AcceptArgs};
use super::config::SettingsArgs;
use super::{fail, fail_config, fail_store, fail_with, output};
use crate::backend;
use crate::clock::{Clock, SystemClock};
use crate::config::Settings;
use crate::observe::logs;
use crate::random::Entropy;

/// Bring the schema of the store up to date, or move an embedded store into PostgreSQL
#[derive(Debug, Args)]
#[command(
    after_help = "Can be run again, and by many at once: who comes second finds nothing to do; makes the database where that is allowed. The embedded store is copied first, and must not be in use; a server brings it up to date by itself when it starts.\n\nWith --from, the embedded store in a folder is moved into an empty database, in one transaction: stop its server first. Everything keeps its id, number and place in the log. Afterwards no server starts on the folder any more, which is otherwise left as it was.\n\nExamples:\n  DATABASE_URL=postgres://waybill@db/waybill waybill migrate\n  waybill migrate --data /var/lib/waybill\n  DATABASE_URL=postgres://waybill@db/waybill waybill migrate --from sqlite:/var/lib/waybill\n  DATABASE_URL=postgres://waybill@db/waybill waybill migrate --restored\n  waybill migrate --pack-log --data /var/lib/waybill"
)]
pub struct MigrateArgs {
    #[command(flatten)]
    settings: SettingsArgs,
    /// Move the embedded store of this folder
    #[arg(long, value_name = "sqlite:FOLDER", value_parser = folder)]
    from: Option<PathBuf>,
    /// The database to move it into [default: the one that is configured]
    #[arg(long, value_name = "postgres://…", requires = "from", value_parser = address)]
    to: Option<String>,
    #[command(flatten)]
    accept: AcceptArgs,
    /// From now on write the events of a transaction about one order as one row, in a fraction of the bytes. New stores
    /// do so from the beginning. Binaries before schema 16 can no longer run on the store: do it once you will not go
    /// back to one. Processes on PostgreSQL do so from their next start
    #[arg(long, conflicts_with_all = ["from", "restored", "nothing_lost"])]
    pack_log: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub async fn run(args: MigrateArgs) -> ExitCode {
    let sources = args.settings.sources();
    let settings = match sources.and_then(|sources| Settings::load(&sources)) {
        Ok(settings) => settings,
        Err(errors) => return fail_config(&errors),
    };
    if let Err(error) = logs::install(&settings.log) {
        return fail(&error);
    }
    let entropy = match Entropy::from_os() {
        Ok(entropy) => Arc::new(entropy),
        Err(error) => return fail(&error),
    };
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    if let Some(from) = &args.from {
        let to = match &args.to {
            Some(url) => Some(backend::shared_at(&settings, url)),
            None => backend::shared(&settings),
        };
        let Some(to) = to else {
            return fail_with(
                "there is no database to move the store into; give --to, or DATABASE_URL",
            );
        };
        return moving::run(from, &to, &clock, &entropy, args.json).await;
    }
    if let Some(what) = args.accept.what() {
        return accept::run(what, &settings, clock.as_ref(), &entropy, args.json).await;
    }
    let migrated = match backend::migrate(&settings, &clock, &entropy).await {
        Ok(migrated) => migrated,
        Err(error) => return fail_store(&error),
    };
    if args.pack_log
        && let Err(error) = backend::pack_log(&settings).await
    {
        return fail_store(&error);
    }
    tell(&migrated, args.pack_log, args.json);
    ExitCode::SUCCESS
}

fn folder(text: &str) -> Result<PathBuf, String> {
    match text.strip_prefix("sqlite:") {
        Some(folder) if !folder.is_empty() => Ok(folder.into()),
        _ => Err("expected sqlite: and a data folder, as sqlite:/var/lib/waybill".into()),
    }
}

fn address(text: &str) -> Result<String, String> {
    if ["postgres://", "postgresql://"]
        .iter()
        .any(|scheme| text.starts_with(scheme))
    {
        Ok(text.to_owned())
    } else {
        Err("expected postgres://user@host:5432/name".into())
    }
}

fn tell(migrated: &Migrated, packed: bool, json: bool) {
    let Migrated {
        made_database,
        from,
        to,
    } = migrated;
    if json {
        let mut told = json!({"madeDatabase": made_database, "from": from, "to": to});
        if packed {
            told["log"] = json!("packed");
        }
        output::json(&told);
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
    if packed {
        output::line("the log is written packed from the next start of each process");
    }
}
