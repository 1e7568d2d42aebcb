//! `waybill serve`: the server, with chosen roles.

use std::process::ExitCode;

use clap::Args;

use super::config::SettingsArgs;
use super::{fail, fail_config};
use crate::config::{ConfigErrors, Settings};
use crate::observe::logs;
use crate::process::{self, Migrate};

/// Run the server
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  JWT_SECRET=$(openssl rand -hex 32) waybill serve --listen 127.0.0.1:3000 --data /var/lib/waybill\n  waybill serve --profile demo --roles api,delivery,status,allocation,housekeeping\n  DATABASE_URL=postgres://waybill@db/waybill waybill serve --roles api --listen :3000\n  DATABASE_URL=postgres://waybill@db/waybill waybill serve --roles delivery,status,allocation,housekeeping --listen :3001"
)]
pub struct ServeArgs {
    #[command(flatten)]
    settings: SettingsArgs,
    /// Bring a PostgreSQL database up to date first, as `waybill migrate` does
    #[arg(long)]
    migrate: bool,
}

/// Runs until a signal stops it.
pub async fn run(args: ServeArgs) -> ExitCode {
    match load(&args.settings) {
        Ok(settings) => run_with(settings, args.migrate).await,
        Err(errors) => fail_config(&errors),
    }
}

fn load(args: &SettingsArgs) -> Result<Settings, ConfigErrors> {
    Settings::load(&args.sources()?)
}

async fn run_with(settings: Settings, migrate: bool) -> ExitCode {
    if let Err(error) = logs::install(&settings.log) {
        return fail(&error);
    }
    let migrate = if migrate {
        Migrate::First
    } else {
        Migrate::Never
    };
    let served = process::serve(settings, migrate, |ready| {
        let identity = ready.app.store.identity();
        let rate = ready.app.settings.server.rate_limit_per_minute;
        let addresses: Vec<String> = ready.addresses.iter().map(ToString::to_string).collect();
        tracing::info!(
            addresses = addresses.join(", "),
            store = identity.driver,
            store_id = identity.store_id,
            rate_limit_per_minute = rate,
            "ready"
        );
    });
    match served.await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error),
    }
}
