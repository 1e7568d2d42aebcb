//! `waybill stock reconcile`: shows how a row and its ledger differ, then mends it.

use std::process::ExitCode;

use clap::Args;
use serde_json::{Value, json};

use crate::cli::output::{self, plain, table};
use crate::client::{Client, ClientError, path_segment};

#[derive(Args, Debug)]
pub struct ReconcileArgs {
    /// The sku to mend
    pub sku: String,
    /// Whose stock it is
    #[arg(long, default_value = "local")]
    pub vendor: String,
    /// Only show the difference
    #[arg(long)]
    pub dry_run: bool,
    /// Why; it stands in the stock movements
    #[arg(long, default_value = "found by verify")]
    pub reason: String,
}

/// # Errors
/// What kept the command from being done.
pub async fn run(
    client: &mut Client,
    args: &ReconcileArgs,
    json: bool,
) -> Result<ExitCode, ClientError> {
    let path = format!("/v1/stock/{}/reconcile", path_segment(&args.sku));
    let body = |dry: bool| json!({"vendor": args.vendor, "dryRun": dry, "reason": args.reason});
    let found = client.post(&path, Some(&body(true))).await?.body;
    let is_to_mend = found["outcome"] == "would_mend" && !args.dry_run;
    if !json {
        output::line(shown(&found));
    }
    let told = if is_to_mend {
        client.post(&path, Some(&body(false))).await?.body
    } else {
        found
    };
    if json {
        output::json(&told);
    } else if is_to_mend {
        output::line(done(&told));
    }
    Ok(ExitCode::SUCCESS)
}

/// How row and ledger differ.
fn shown(found: &Value) -> String {
    let difference = &found["difference"];
    let of = |name: &str, units: &Value| {
        let cell = |field: &str| {
            if units.is_null() {
                "-".to_owned()
            } else {
                plain(&units[field])
            }
        };
        vec![name.to_owned(), cell("onHand"), cell("reserved")]
    };
    let rows = [
        of("row", &difference["row"]),
        of("movements and reservations", &difference["ledger"]),
        of("row afterwards", &difference["after"]),
    ];
    let table = table(&["", "on hand", "reserved"], &rows);
    let last = if found["outcome"] == "adds_up" {
        "they agree: nothing to mend".to_owned()
    } else {
        format!("movement to book: {}", plain(&difference["booked"]))
    };
    format!("{table}\n{last}")
}

/// The row after it.
fn done(told: &Value) -> String {
    if told["outcome"] != "mended" {
        return "mended meanwhile by another call".to_owned();
    }
    let stock = &told["stock"];
    format!(
        "mended: {} on hand, {} reserved, {} available",
        plain(&stock["onHand"]),
        plain(&stock["reserved"]),
        plain(&stock["available"])
    )
}
