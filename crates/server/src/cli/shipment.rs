//! `waybill shipment`: reads shipments, and reports a step of one by hand.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::client_args::ClientArgs;
use super::exit::Exit;
use super::order::path_of;
use super::output::{self, more, plain, table};
use super::suggest;
use crate::client::{Client, ClientError, Query, path_segment};

#[derive(Args, Debug)]
#[command(after_help = "Examples:
  waybill shipment list --order WB-000123
  waybill shipment list --status processing --limit 50
  waybill shipment get 018f…
  waybill shipment status 018f… shipped --carrier DHL --tracking-number 00340434
A shipment that was moved by hand is left alone by the simulated carrier from then on.")]
pub struct ShipmentArgs {
    #[command(subcommand)]
    command: ShipmentCommand,
    #[command(flatten)]
    client: ClientArgs,
}

#[derive(Subcommand, Debug)]
enum ShipmentCommand {
    /// List shipments, newest first
    List(ListArgs),
    /// Show one shipment
    Get {
        /// Its id
        shipment: String,
    },
    /// Tell a step of a shipment
    Status(StatusArgs),
}

#[derive(Args, Debug)]
struct ListArgs {
    /// Shipments of this order: its id, its number (WB-…) or ref: and your own reference
    #[arg(long)]
    order: Option<String>,
    /// Shipments in this status
    #[arg(long, value_parser = suggest::shipment_status())]
    status: Option<String>,
    /// Go on after this cursor
    #[arg(long)]
    after: Option<String>,
    /// Shipments to show
    #[arg(long)]
    limit: Option<u64>,
}

#[derive(Args, Debug)]
struct StatusArgs {
    /// Its id
    shipment: String,
    /// Where it is now
    #[arg(value_parser = suggest::shipment_status())]
    status: String,
    /// The parcel's number at its carrier
    #[arg(long)]
    tracking_number: Option<String>,
    /// Who carries it
    #[arg(long)]
    carrier: Option<String>,
}

/// # Errors
/// What kept the command from being done.
pub async fn run(args: ShipmentArgs) -> Result<ExitCode, ClientError> {
    let mut client = args.client.client()?;
    let json = args.client.json;
    let shipment = match &args.command {
        ShipmentCommand::List(list) => {
            let page = page(&mut client, list).await?;
            if json {
                output::json(&page);
            } else {
                output::line(listed(&page));
            }
            return Ok(Exit::Done.into());
        }
        ShipmentCommand::Get { shipment } => {
            let path = format!("/v1/shipments/{}", path_segment(shipment));
            client.get(&path).await?.body
        }
        ShipmentCommand::Status(status) => step(&mut client, status).await?,
    };
    if json {
        output::json(&shipment);
    } else {
        output::line(shown(&shipment));
    }
    Ok(Exit::Done.into())
}

async fn page(client: &mut Client, args: &ListArgs) -> Result<Value, ClientError> {
    let order = match &args.order {
        // The list takes an id only; an order that is named otherwise is looked up first.
        Some(order) if uuid::Uuid::try_parse(order).is_err() => {
            Some(plain(&client.get(&path_of(order)).await?.body["id"]))
        }
        order => order.clone(),
    };
    let query = Query::default()
        .with("orderId", order)
        .with("status", args.status.as_ref())
        .with("after", args.after.as_ref())
        .with("limit", args.limit.map(|limit| limit.to_string()));
    Ok(client.get(&query.after_path("/v1/shipments")).await?.body)
}

async fn step(client: &mut Client, args: &StatusArgs) -> Result<Value, ClientError> {
    let mut body = json!({"status": args.status});
    for (name, value) in [
        ("trackingNumber", &args.tracking_number),
        ("carrier", &args.carrier),
    ] {
        if let Some(value) = value {
            body[name] = value.as_str().into();
        }
    }
    let path = format!("/v1/shipments/{}/status", path_segment(&args.shipment));
    Ok(client.post(&path, Some(&body)).await?.body)
}

fn listed(page: &Value) -> String {
    let columns = [
        "id",
        "orderId",
        "vendor",
        "status",
        "carrier",
        "trackingNumber",
        "updatedAt",
    ];
    let row = |item: &Value| columns.iter().map(|name| plain(&item[*name])).collect();
    let rows: Vec<Vec<String>> = page["items"]
        .as_array()
        .into_iter()
        .flatten()
        .map(row)
        .collect();
    if rows.is_empty() {
        return "no shipments".to_owned();
    }
    let titles = [
        "id", "order", "vendor", "status", "carrier", "tracking", "updated",
    ];
    table(&titles, &rows) + &more(page, "waybill shipment list")
}

fn shown(shipment: &Value) -> String {
    let mut lines = Vec::new();
    for (title, name) in [
        ("shipment", "id"),
        ("order", "orderId"),
        ("status", "status"),
        ("vendor", "vendor"),
        ("attempt", "attempt"),
        ("carrier", "carrier"),
        ("tracking", "trackingNumber"),
        ("created", "createdAt"),
        ("shipped", "shippedAt"),
        ("delivered", "deliveredAt"),
    ] {
        if !shipment[name].is_null() {
            lines.push(format!("{title:10}  {}", plain(&shipment[name])));
        }
    }
    lines.join("\n")
}
