//! What can be typed after `waybill`: one file a command, with its arguments, its help and what it prints.
//!
//! Exit codes: 0 done, 1 refused or failed, 2 used wrongly.

mod accept;
pub mod backup;
pub mod client_args;
pub mod completions;
pub mod config;
pub mod demo;
pub mod dlq;
pub mod doctor;
pub mod duration;
pub mod health;
pub mod load;
pub mod migrate;
pub mod order;
pub mod output;
pub mod seed;
pub mod serve;
pub mod stages;
pub mod stock;
pub mod token;
pub mod verify;

use std::future::Future;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::client::ClientError;

/// Waybill takes orders, holds stock, publishes events, ships, and tells the customer
#[derive(Debug, Parser)]
#[command(
    name = "waybill",
    version,
    after_help = "First steps:\n  waybill demo                 everything on this machine, nothing else needed\n  waybill order create --help  place an order from another terminal\n  waybill config dump          every setting and where it comes from"
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Demo(demo::DemoArgs),
    Serve(serve::ServeArgs),
    Order(order::OrderArgs),
    Stock(stock::StockArgs),
    Seed(seed::SeedArgs),
    Load(Box<load::LoadArgs>),
    Dlq(dlq::DlqArgs),
    Token(token::TokenArgs),
    Verify(verify::VerifyArgs),
    Backup(backup::BackupArgs),
    Migrate(migrate::MigrateArgs),
    Doctor(doctor::DoctorArgs),
    Config(config::ConfigArgs),
    Health(health::HealthArgs),
    Completions(completions::CompletionsArgs),
}

/// Runs what was typed.
#[must_use]
pub fn run() -> ExitCode {
    match Cli::parse().command {
        Command::Demo(args) => block_on(demo::run(args)),
        Command::Serve(args) => block_on(serve::run(args)),
        Command::Order(args) => block_on(client(order::run(args))),
        Command::Stock(args) => block_on(client(stock::run(args))),
        Command::Seed(args) => block_on(client(seed::run(args))),
        Command::Load(args) => block_on(client(load::run(*args))),
        Command::Dlq(args) => block_on(client(dlq::run(args))),
        Command::Token(args) => token(&args),
        Command::Backup(args) => backup::run(&args, &crate::clock::SystemClock),
        Command::Verify(args) => block_on(verify::run(args)),
        Command::Doctor(args) => block_on(doctor::run(args)),
        Command::Migrate(args) => block_on(migrate::run(args)),
        Command::Config(args) => match config::run(&args, &mut std::io::stdout().lock()) {
            Ok(true) => ExitCode::SUCCESS,
            Ok(false) => ExitCode::FAILURE,
            Err(error) => fail(&error),
        },
        Command::Health(args) => block_on(health::run(args)),
        Command::Completions(args) => completions::run(&args),
    }
}

fn block_on(work: impl Future<Output = ExitCode>) -> ExitCode {
    match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime.block_on(work),
        Err(error) => fail(&error),
    }
}

async fn client(work: impl Future<Output = Result<ExitCode, ClientError>>) -> ExitCode {
    match work.await {
        Ok(code) => code,
        Err(error) => {
            eprintln!("waybill: {error}");
            error.exit_code()
        }
    }
}

fn token(args: &token::TokenArgs) -> ExitCode {
    match token::run(
        args,
        &crate::clock::SystemClock,
        &mut std::io::stdout().lock(),
    ) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error),
    }
}

/// Tells why, on standard error.
fn fail(error: &dyn std::fmt::Display) -> ExitCode {
    eprintln!("waybill: {error}");
    ExitCode::FAILURE
}
