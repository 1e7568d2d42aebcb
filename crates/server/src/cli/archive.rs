//! `waybill archive`: finished orders that were moved out of the way.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde_json::Value;

use super::client_args::ClientArgs;
use super::exit::Exit;
use super::output::{self, plain};
use crate::client::{ClientError, path_segment};

#[derive(Args, Debug)]
#[command(after_help = "Examples:
  waybill archive show number:WB-000123 --json     all rows and events, as they were
  waybill archive restore 018f…                    put it back, as it was")]
pub struct ArchiveArgs {
    #[command(subcommand)]
    pub command: ArchiveCommand,
    #[command(flatten)]
    pub client: ClientArgs,
}

#[derive(Subcommand, Debug)]
pub enum ArchiveCommand {
    /// An order of the archive: its events, and with --json all its rows
    Show {
        /// The order's id, number:WB-000123, or ref: and the caller's own reference
        id: String,
    },
    /// Put an order back into the lists
    Restore {
        /// The order's id, as `show` shows it
        id: String,
    },
}

/// # Errors
/// Why the command failed.
pub async fn run(args: ArchiveArgs) -> Result<ExitCode, ClientError> {
    let mut client = args.client.client()?;
    let json = args.client.json;
    let (answer, text) = match &args.command {
        ArchiveCommand::Show { id } => {
            let path = format!("/v1/archive/{}", path_segment(id));
            let order = client.get(&path).await?.body;
            let text = shown(&order);
            (order, text)
        }
        ArchiveCommand::Restore { id } => {
            let path = format!("/v1/archive/{}/restore", path_segment(id));
            let order = client.post(&path, None).await?.body;
            let text = format!(
                "put back: {id}, {}\nnext: waybill order get {id}",
                plain(&order["status"])
            );
            (order, text)
        }
    };
    if json {
        output::json(&answer);
    } else {
        output::line(text);
    }
    Ok(Exit::Done.into())
}

fn shown(order: &Value) -> String {
    let id = plain(&order["id"]);
    let mut lines = vec![format!(
        "order     {id} ({})\narchived  {}",
        plain(&order["number"]),
        plain(&order["archivedAt"])
    )];
    for event in order["events"].as_array().into_iter().flatten() {
        let (at, kind) = (plain(&event["occurredAt"]), plain(&event["type"]));
        lines.push(format!("  {at}  {kind}"));
    }
    lines.push(format!(
        "next: waybill archive show {id} --json, or waybill archive restore {id}"
    ));
    lines.join("\n")
}
