//! `waybill serve`: the server, with chosen roles.

use std::process::ExitCode;

use clap::Args;

use super::config::SettingsArgs;
use super::fail;
use crate::config::{ConfigErrors, Settings};
use crate::observe::logs;
use crate::process;

/// Run the server
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  JWT_SECRET=$(openssl rand -hex 32) waybill serve --listen 127.0.0.1:3000 --data /var/lib/waybill\n  waybill serve --profile demo --roles api,delivery,status,housekeeping"
)]
pub struct ServeArgs {
    #[command(flatten)]
    settings: SettingsArgs,
}

/// Runs until it is told to stop.
pub async fn run(args: ServeArgs) -> ExitCode {
    match load(&args.settings) {
        Ok(settings) => run_with(settings).await,
        Err(errors) => fail(&errors),
    }
}

fn load(args: &SettingsArgs) -> Result<Settings, ConfigErrors> {
    Settings::load(&args.sources()?)
}

async fn run_with(settings: Settings) -> ExitCode {
    if let Err(error) = logs::install(&settings.log) {
        return fail(&error);
    }
    let idle = process::idle_roles(&settings);
    if !idle.is_empty() {
        tracing::debug!(?idle, "these roles have nothing to do in this version");
    }
    let served = process::serve(settings, |ready| {
        let identity = ready.app.store.identity();
        tracing::info!(addresses = ?ready.addresses, store = identity.driver, store_id = identity.store_id, "ready");
    });
    match served.await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error),
    }
}
