//! `waybill order hold` and `release`: the gates that keep delivery from starting.

use std::process::ExitCode;

use clap::Args;
use serde_json::{Value, json};

use super::{path_of, show};
use crate::cli::exit::Exit;
use crate::cli::output::{self, plain};
use crate::cli::suggest;
use crate::client::{Client, ClientError, path_segment};

#[derive(Args, Debug)]
pub struct HoldArgs {
    /// Its id, its number (WB-…) or ref: and your own reference
    order: String,
    /// Why it is held
    #[arg(long, default_value = "manual", value_parser = suggest::hold_reason())]
    reason: String,
    /// A note for people
    #[arg(long)]
    note: Option<String>,
}

#[derive(Args, Debug)]
pub struct ReleaseArgs {
    /// Its id, its number (WB-…) or ref: and your own reference
    order: String,
    /// The hold's id, as `order get` shows it; not needed where the order has one open hold
    hold: Option<String>,
}

pub async fn place(
    client: &mut Client,
    args: &HoldArgs,
    json: bool,
) -> Result<ExitCode, ClientError> {
    let path = format!("{}/holds", path_of(&args.order));
    let mut body = json!({"reason": args.reason});
    if let Some(note) = &args.note {
        body["note"] = note.as_str().into();
    }
    let order = client.post(&path, Some(&body)).await?.body;
    Ok(tell(&order, json))
}

pub async fn release(
    client: &mut Client,
    args: &ReleaseArgs,
    json: bool,
) -> Result<ExitCode, ClientError> {
    let order = path_of(&args.order);
    let hold = match &args.hold {
        Some(hold) => hold.clone(),
        None => only_open_hold(&client.get(&order).await?.body)?,
    };
    let path = format!("{order}/holds/{}/release", path_segment(&hold));
    let order = client.post(&path, None).await?.body;
    Ok(tell(&order, json))
}

fn tell(order: &Value, json: bool) -> ExitCode {
    if json {
        output::json(order);
    } else {
        output::line(show::order(order));
    }
    Exit::Done.into()
}

/// The hold that is meant where none is named.
fn only_open_hold(order: &Value) -> Result<String, ClientError> {
    let open: Vec<String> = show::open_holds(order)
        .map(|hold| plain(&hold["id"]))
        .collect();
    match &open[..] {
        [hold] => Ok(hold.clone()),
        [] => Err(ClientError::NothingToRelease),
        _ => Err(ClientError::usage(
            format!(
                "the order has {} open holds: {}",
                open.len(),
                open.join(", ")
            ),
            "name the one to release: waybill order release ORDER HOLD",
        )),
    }
}
