//! `waybill demo`: everything on this machine, with nothing beside it.

use std::path::Path;
use std::process::ExitCode;

use clap::Args;

use super::config::SettingsArgs;
use super::fail;
use crate::auth::{ADMIN_TOKEN_FILE, NewToken, Scopes, mint, write_token_file};
use crate::clock::{Clock, SystemClock};
use crate::config::{Millis, Settings};
use crate::observe::logs;
use crate::process::{self, Ready};

/// Run everything on this machine, with nothing beside it
#[derive(Debug, Args)]
pub struct DemoArgs {
    /// Empty the data folder first
    #[arg(long)]
    fresh: bool,
    #[command(flatten)]
    settings: SettingsArgs,
}

/// Runs until Ctrl-C.
pub async fn run(args: DemoArgs) -> ExitCode {
    let sources = match args.settings.sources() {
        Ok(sources) => sources.flag("demo", "profile", "demo"),
        Err(errors) => return fail(&errors),
    };
    let settings = match Settings::load(&sources) {
        Ok(settings) => settings,
        Err(errors) => return fail(&errors),
    };
    if let Err(error) = logs::install(&settings.log) {
        return fail(&error);
    }
    let served = process::serve(settings, |ready| {
        if let Err(error) = leave_token(ready) {
            tracing::warn!(%error, "the admin token could not be written; commands need --token");
        }
        println!(
            "waybill {} is ready on {:?}",
            env!("CARGO_PKG_VERSION"),
            ready.addresses
        );
    });
    match served.await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error),
    }
}

fn leave_token(ready: &Ready) -> std::io::Result<()> {
    const YEAR_MS: u64 = 365 * 24 * 3_600_000;
    let scopes = Scopes::parse("admin").map_err(|e| std::io::Error::other(e.to_string()))?;
    let token = NewToken {
        subject: "demo-admin",
        tenant: "default",
        scopes,
        lifetime: Millis(YEAR_MS),
    };
    let settings = &ready.app.settings;
    let token = mint(&settings.auth, &token, SystemClock.now_micros())
        .ok_or_else(|| std::io::Error::other("no secret"))?;
    write_token_file(
        &Path::new(&settings.store.data).join(ADMIN_TOKEN_FILE),
        &token,
    )
}
