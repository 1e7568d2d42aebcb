//! `waybill demo`: all roles in one process on this machine; and two trials of it.
//!
//! Beside it: what is printed when it is ready (`banner`), orders as they move (`moves`), and the trials: kills
//! under load (`breaking`, judged by `evidence`), one hot sku (`flash`), both against a `child` server of their own.

mod banner;
mod breaking;
mod child;
mod evidence;
mod flash;
mod moves;
mod second_port;
mod services;
mod trial;
mod vendors;

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args, Subcommand};
use parking_lot::Mutex;
use tokio::time::Instant;
use waybill_store::sqlite::wipe;

use super::config::SettingsArgs;
use super::{fail, fail_with, output};
use crate::app::App;
use crate::auth::{ADMIN_TOKEN_FILE, NewToken, Scopes, mint, write_token_file};
use crate::clock::{Clock, MICROS_PER_SECOND, SystemClock};
use crate::config::{ConfigErrors, Loaded, Millis, Origin, Settings, Sources};
use crate::http::listen;
use crate::observe::logs;
use crate::process::{self, Migrate};
use banner::Banner;
use moves::Counts;
use vendors::DemoVendors;

/// Run everything on this machine, with nothing beside it
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Examples:\n  waybill demo                                   on port 3000, data in ./waybill-data\n  waybill demo --listen :4000 --data /tmp/shop   elsewhere\n  waybill demo --fresh                           forget what earlier runs left\n  waybill demo --services                        orders and delivery apart, each with a store of its own\n  waybill demo break                             kill it under load and count what was lost\n  waybill demo flash                             one hot sku, more buyers than units"
)]
pub struct DemoArgs {
    #[command(subcommand)]
    trial: Option<TrialCommand>,
    /// Empty the data folder first
    #[arg(long)]
    fresh: bool,
    /// Run the order service and the delivery service instead, with a store each (ports 3001 and 3002)
    #[arg(long)]
    services: bool,
    /// Do not start VendorA and VendorB (ports 3001 and 3002)
    #[arg(long)]
    no_vendors: bool,
    /// Print one JSON line when it is ready, and nothing else
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    settings: SettingsArgs,
}

#[derive(Debug, Subcommand)]
enum TrialCommand {
    Break(breaking::BreakArgs),
    Flash(flash::FlashArgs),
}

/// Runs until Ctrl-C, or a trial to its end.
pub async fn run(args: DemoArgs) -> ExitCode {
    match &args.trial {
        Some(TrialCommand::Break(trial)) => {
            return trial::settle(breaking::run(trial).await, trial.json);
        }
        Some(TrialCommand::Flash(trial)) => {
            return trial::settle(flash::run(trial).await, trial.json);
        }
        None => {}
    }
    let begun = Instant::now();
    if args.services {
        return services::run(&args, begun).await;
    }
    let mut settings = match load(&args) {
        Ok(settings) => settings,
        Err(errors) => return fail(&errors),
    };
    if let Err(error) = logs::install(&settings.log) {
        return fail(&error);
    }
    if args.fresh
        && let Err(code) = empty(&settings)
    {
        return code;
    }
    let vendors = if args.no_vendors || !settings.runs("stock-sync") {
        DemoVendors::default()
    } else {
        match DemoVendors::start(&mut settings) {
            Ok(vendors) => vendors,
            Err(error) => return fail(&*error),
        }
    };
    let second_port = second_port::listen_too(&mut settings);
    serve(settings, &vendors, second_port, begun, args.json).await
}

/// The demo's settings; on a terminal, lines of log below `warn` would bury the orders.
fn load(args: &DemoArgs) -> Result<Settings, ConfigErrors> {
    settings_of(&args.settings.sources()?)
}

/// The settings that sources give under the profile `demo`.
fn settings_of(sources: &Sources) -> Result<Settings, ConfigErrors> {
    let sources = sources.clone().flag("demo", "profile", "demo");
    let Loaded {
        mut settings,
        origins,
    } = Loaded::from_sources(&sources)?;
    if origins
        .get("log.level")
        .is_none_or(|origin| *origin == Origin::Default)
    {
        settings.log.level = "warn".into();
    }
    Ok(settings)
}

/// `--fresh`. The port is tried first, so that a demo that cannot start deletes no data.
fn empty(settings: &Settings) -> Result<(), ExitCode> {
    if settings.database_url().is_some() {
        let advice = "--fresh empties a data folder, never a database: give another database's address, or none";
        return Err(fail_with(advice));
    }
    listen::bind(&settings.listen_addresses()).map_err(|error| fail(&error))?;
    wipe(Path::new(&settings.store.data), &[ADMIN_TOKEN_FILE]).map_err(|error| fail(&error))?;
    Ok(())
}

async fn serve(
    settings: Settings,
    vendors: &DemoVendors,
    second_port: Option<u16>,
    begun: Instant,
    json: bool,
) -> ExitCode {
    let vendors = vendors.shown.clone();
    let data = settings.store.data.clone();
    let last = Arc::new(Mutex::new(None));
    let mut shown = None;
    let served = process::serve(settings, Migrate::First, |ready| {
        let folder = Path::new(&ready.app.settings.store.data);
        if let Err(error) = leave_token(&ready.app, folder) {
            tracing::warn!(%error, "the admin token could not be written; commands need --token");
        }
        let (app, addresses) = (ready.app.clone(), ready.addresses.clone());
        let counted = last.clone();
        shown = Some(tokio::spawn(async move {
            let mut banner = banner(&app, &addresses, begun).await;
            banner.vendors = vendors;
            banner.second_port = second_port;
            if json {
                output::json_line(&banner.ready_line());
                return;
            }
            output::line(banner.text());
            tokio::join!(moves::show(app.clone()), count_at_the_end(app, &counted));
        }));
    });
    let outcome = served.await;
    shown.iter().for_each(tokio::task::JoinHandle::abort);
    match outcome {
        Ok(()) if json => ExitCode::SUCCESS,
        Ok(()) => {
            let counts: Option<Counts> = last.lock().take();
            output::line(banner::farewell(counts.as_ref(), &data));
            ExitCode::SUCCESS
        }
        Err(error) => fail(&error),
    }
}

async fn banner(app: &App, addresses: &[std::net::SocketAddr], begun: Instant) -> Banner {
    let took = begun.elapsed();
    let settings = &app.settings;
    let data = Path::new(&settings.store.data);
    Banner {
        took,
        data: data.canonicalize().unwrap_or_else(|_| data.to_owned()),
        // Serving without an address is refused by the settings.
        address: addresses
            .first()
            .copied()
            .unwrap_or(([127, 0, 0, 1], 3000).into()),
        orders_before: Counts::of(app).await.map_or(0, |counts| counts.all()),
        own_secret: settings
            .auth
            .secrets
            .first()
            .is_some_and(|first| !first.kid.starts_with("demo-")),
        program: banner::program(),
        vendors: vec![],
        second_port: None,
        key: format!("try-{}", app.contexts().now().0 / MICROS_PER_SECOND),
    }
}

/// Keeps the counts up to date from the moment it is asked to stop until the store closes.
async fn count_at_the_end(app: Arc<App>, last: &Mutex<Option<Counts>>) {
    app.stopping.cancelled().await;
    let mut grown = app.log_growth.watch_all();
    while let Some(counts) = Counts::of(&app).await {
        *last.lock() = Some(counts);
        if grown.changed().await.is_err() {
            return;
        }
    }
}

/// Leaves a token for commands in a folder.
fn leave_token(app: &App, folder: &Path) -> std::io::Result<()> {
    const YEAR_MS: u64 = 365 * 24 * 3_600_000;
    let scopes = Scopes::parse("admin").map_err(|e| std::io::Error::other(e.to_string()))?;
    let token = NewToken {
        subject: "demo-admin",
        tenant: "default",
        scopes,
        lifetime: Millis::new(YEAR_MS),
    };
    let auth = &app.settings.auth;
    let token = mint(auth, &token, SystemClock.now_micros()).map_err(std::io::Error::other)?;
    // With the store in a database, no other code has made the folder.
    std::fs::create_dir_all(folder)?;
    write_token_file(&folder.join(ADMIN_TOKEN_FILE), &token)
}
