//! The commands of `waybill`: one file each, with its arguments, its help and what it prints.
//!
//! Exit codes stand in `exit`, everything that is printed goes through `output`.
#![cfg_attr(not(test), deny(clippy::use_debug))]

mod accept;
mod archive;
pub mod backup;
pub mod cell;
pub mod client_args;
pub mod clients;
pub mod completions;
pub mod config;
pub mod context;
pub mod demo;
pub mod dlq;
pub mod doctor;
pub mod duration;
pub mod events;
pub mod exit;
pub mod health;
pub mod inbox;
pub mod load;
pub mod migrate;
pub mod openapi;
pub mod order;
pub mod output;
pub mod relay;
mod repair;
mod samples;
pub mod seed;
pub mod serve;
pub mod shipment;
pub mod stages;
pub mod status;
pub mod stock;
pub mod suggest;
pub mod token;
pub mod vendor_mock;
pub mod vendors;
pub mod verify;

use std::ffi::OsString;
use std::future::Future;
use std::process::ExitCode;

use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

use self::exit::Exit;
use crate::client::ClientError;
use waybill_store::with_sources;

/// Waybill takes orders, holds stock, publishes events, ships, and tells the customer
#[derive(Debug, Parser)]
#[command(name = "waybill", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const FIRST_STEPS: &str = "First steps:
  waybill demo                 everything on this machine, nothing else needed
  waybill order create --help  place an order from another terminal
  waybill config dump          every setting and where it comes from";

#[derive(Debug, Subcommand)]
enum Command {
    Demo(demo::DemoArgs),
    Serve(serve::ServeArgs),
    /// Place, read, list, watch, hold and cancel orders
    Order(order::OrderArgs),
    /// List shipments, and tell their steps by hand
    Shipment(shipment::ShipmentArgs),
    /// Show the feed of all events, or follow it
    Events(events::EventsArgs),
    /// Show what is on hand, and set it
    Stock(stock::StockArgs),
    /// Add, list and remove the vendors whose stock orders may draw on
    Vendors(vendors::VendorsArgs),
    /// Track a number of skus with the same count each, so that there is something to sell
    Seed(seed::SeedArgs),
    /// Send orders, measure how they are taken, and say whether all went well
    Load(Box<load::LoadArgs>),
    /// List the events that a consumer could not apply, try them again or give them up
    Dlq(dlq::DlqArgs),
    /// How far the relay to other stores is; pause it, let it go on, have it send events again
    Relay(relay::RelayArgs),
    /// Show what comes from other stores, and go on after one of them was restored
    Inbox(inbox::InboxArgs),
    /// Show what all processes counted: orders, waits, lag, breakers
    Samples(samples::SamplesArgs),
    /// Show a finished order that was archived, and put it back
    Archive(archive::ArchiveArgs),
    /// Make, list, rotate and revoke the clients of the token endpoint
    Clients(clients::ClientsArgs),
    Token(token::TokenArgs),
    /// Keep addresses and tokens of servers under names
    Context(context::ContextArgs),
    Verify(verify::VerifyArgs),
    Backup(backup::BackupArgs),
    Migrate(migrate::MigrateArgs),
    Doctor(doctor::DoctorArgs),
    Status(status::StatusArgs),
    /// Check the settings, or print every one and where it comes from
    Config(config::ConfigArgs),
    Health(health::HealthArgs),
    VendorMock(Box<vendor_mock::VendorMockArgs>),
    Openapi(openapi::OpenapiArgs),
    Completions(completions::CompletionsArgs),
}

/// The whole command line, as it is parsed, documented and completed.
fn definition() -> clap::Command {
    Cli::command().after_help(format!("{FIRST_STEPS}\n\n{}", Exit::help()))
}

/// Runs what was typed.
#[must_use]
pub fn run() -> ExitCode {
    let typed: Vec<OsString> = std::env::args_os().collect();
    output::errors_as_json(typed.iter().skip(1).any(|word| word == "--json"));
    let parsed = definition()
        .try_get_matches_from(typed)
        .and_then(|matches| Cli::from_arg_matches(&matches));
    let code = match parsed {
        Ok(cli) => dispatch(cli.command),
        Err(error) => unparsed(&error),
    };
    output::finish(code)
}

fn dispatch(command: Command) -> ExitCode {
    match command {
        Command::Demo(args) => block_on(demo::run(args)),
        Command::Serve(args) => block_on(serve::run(args)),
        Command::Order(args) => block_on(client(order::run(args))),
        Command::Shipment(args) => block_on(client(shipment::run(args))),
        Command::Events(args) => block_on(client(events::run(args))),
        Command::Stock(args) => block_on(client(stock::run(args))),
        Command::Vendors(args) => block_on(client(vendors::run(args))),
        Command::Seed(args) => block_on(client(seed::run(args))),
        Command::Load(args) => block_on(client(load::run(*args))),
        Command::Dlq(args) => block_on(client(dlq::run(args))),
        Command::Relay(args) => block_on(client(relay::run(args))),
        Command::Inbox(args) => block_on(client(inbox::run(args))),
        Command::Samples(args) => block_on(client(samples::run(args, &crate::clock::SystemClock))),
        Command::Archive(args) => block_on(client(archive::run(args))),
        Command::Clients(args) => block_on(client(clients::run(args))),
        Command::Context(args) => context::run(&args).unwrap_or_else(|error| failed(&error)),
        Command::Token(args) => token::run(&args, &crate::clock::SystemClock),
        Command::Backup(args) => backup::run(&args, &crate::clock::SystemClock),
        Command::Verify(args) => block_on(verify::run(args)),
        Command::Doctor(args) => block_on(doctor::run(args)),
        Command::Status(args) => block_on(status::run(args)),
        Command::Migrate(args) => block_on(migrate::run(args)),
        Command::Config(args) => config::run(&args),
        Command::Health(args) => block_on(health::run(args)),
        Command::VendorMock(args) => block_on(vendor_mock::run(*args)),
        Command::Openapi(args) => openapi::run(&args),
        Command::Completions(args) => completions::run(&args),
    }
}

/// Help and the version are results; anything else is a wrong command line.
fn unparsed(error: &clap::Error) -> ExitCode {
    use std::io::IsTerminal as _;

    let text = error.render();
    if !error.use_stderr() {
        // clap colours what it prints itself; here as there only a terminal gets colours.
        let text = if output::is_terminal() {
            text.ansi().to_string()
        } else {
            text.to_string()
        };
        output::raw(text.as_bytes());
        return Exit::Done.into();
    }
    let message = text.to_string();
    output::usage_error(
        message.trim_end(),
        std::io::stderr()
            .is_terminal()
            .then(|| text.ansi().to_string()),
    )
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
        Err(error) => failed(&error),
    }
}

/// Prints why a request to a server failed.
fn failed(error: &ClientError) -> ExitCode {
    output::error(&error.to_string(), &error.to_json(), error.exit())
}

/// Prints why a command failed, for failures without an exit code of their own.
fn fail(error: &(dyn std::error::Error + 'static)) -> ExitCode {
    output::error_line("failed", Exit::Failed, &with_sources(error))
}

/// Prints a message and fails.
fn fail_with(message: &str) -> ExitCode {
    output::error_line("failed", Exit::Failed, &message)
}

/// Prints why the store could not be used, for commands that open it themselves.
fn fail_store(error: &waybill_store::Error) -> ExitCode {
    output::error_line("store", Exit::of_store(error), &with_sources(error))
}

/// Prints what is wrong with the settings.
fn fail_config(errors: &crate::config::ConfigErrors) -> ExitCode {
    output::error_line("invalid_configuration", Exit::Failed, errors)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What has no help text, of a command and everything below it.
    fn without_help(command: &clap::Command, path: &str) -> Vec<String> {
        let mut found = Vec::new();
        if command.get_about().is_none() {
            found.push(path.to_owned());
        }
        for argument in command.get_arguments().filter(|a| a.get_help().is_none()) {
            found.push(format!("{path} [{}]", argument.get_id()));
        }
        for inner in command.get_subcommands() {
            found.extend(without_help(inner, &format!("{path} {}", inner.get_name())));
        }
        found
    }

    #[test]
    fn no_command_and_no_argument_lacks_a_help_text() {
        let mut command = definition();
        command.build();
        assert_eq!(without_help(&command, "waybill"), [""; 0]);
    }

    #[test]
    fn every_exit_code_is_in_the_help_and_in_the_documentation() {
        let help = definition().render_long_help().to_string();
        let documentation = include_str!("../../../../docs/cli.md");
        for exit in Exit::ALL {
            let line = format!("{}  {}", exit.code(), exit.meaning());
            assert!(help.contains(&line), "{line} is not in\n{help}");
            let row = format!("| {} | {} |", exit.code(), exit.meaning());
            assert!(documentation.contains(&row), "{row} is not in docs/cli.md");
        }
    }
}
