//! `waybill stock`: what is on hand, setting it, and mending a row that does not add up.

mod reconcile;
mod vendors;

use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::client_args::ClientArgs;
use super::output::{self, more, plain, table};
use crate::client::{Client, ClientError, Query, path_segment};

#[derive(Args, Debug)]
#[command(after_help = "Examples:
  waybill stock list --sku MUG-1 --sku MUG-2
  waybill stock set MUG-1 120 --reason \"counted on Friday\"
  waybill stock set MUG-1 --delta=-3 --reason broken
  waybill stock reconcile MUG-1 --dry-run
  waybill stock sync                       read the stock of all vendors now
  waybill stock aggregate --sku LAPTOP-001 what there is of it over all vendors")]
pub struct StockArgs {
    #[command(subcommand)]
    pub command: StockCommand,
    #[command(flatten)]
    pub client: ClientArgs,
}

#[derive(Subcommand, Debug)]
pub enum StockCommand {
    /// What is on hand, reserved and available
    List(ListArgs),
    /// Set what is on hand, by a count or by a difference
    Set(SetArgs),
    /// Mend a row that does not add up, as `waybill verify` found
    Reconcile(reconcile::ReconcileArgs),
    /// Have the stock of all vendors, or of one, read now
    Sync(vendors::SyncArgs),
    /// What there is of each sku over all vendors
    Aggregate(vendors::AggregateArgs),
}

#[derive(Args, Debug)]
pub struct ListArgs {
    /// Only this sku (may be repeated)
    #[arg(long)]
    pub sku: Vec<String>,
    /// Go on after this cursor
    #[arg(long)]
    pub after: Option<String>,
    /// Rows to show
    #[arg(long)]
    pub limit: Option<u64>,
}

#[derive(Args, Debug)]
pub struct SetArgs {
    /// The sku to set
    pub sku: String,
    /// The count: so many are there
    #[arg(
        required_unless_present = "delta",
        conflicts_with = "delta",
        allow_negative_numbers = true
    )]
    pub on_hand: Option<i64>,
    /// The difference: so many came (or, below zero, went)
    #[arg(long, allow_hyphen_values = true)]
    pub delta: Option<i64>,
    /// Why; it stands in the stock movements
    #[arg(long, default_value = "set by hand")]
    pub reason: String,
}

/// # Errors
/// What kept the command from being done.
pub async fn run(args: StockArgs) -> Result<ExitCode, ClientError> {
    stock(&args).await
}

async fn stock(args: &StockArgs) -> Result<ExitCode, ClientError> {
    let mut client = args.client.client()?;
    match &args.command {
        StockCommand::List(list) => show(&mut client, list, args.client.json).await,
        StockCommand::Set(set) => change(&mut client, set, args.client.json).await,
        StockCommand::Reconcile(row) => reconcile::run(&mut client, row, args.client.json).await,
        StockCommand::Sync(sync) => vendors::sync(&mut client, sync, args.client.json).await,
        StockCommand::Aggregate(of) => vendors::aggregate(&mut client, of, args.client.json).await,
    }
}

async fn show(client: &mut Client, args: &ListArgs, json: bool) -> Result<ExitCode, ClientError> {
    let query = args
        .sku
        .iter()
        .fold(Query::default(), |query, sku| query.with("sku", Some(sku)))
        .with("after", args.after.as_ref())
        .with("limit", args.limit.map(|limit| limit.to_string()));
    let page = client.get(&query.after_path("/v1/stock")).await?.body;
    if json {
        output::json(&page);
        return Ok(ExitCode::SUCCESS);
    }
    let rows: Vec<Vec<String>> = page["items"]
        .as_array()
        .into_iter()
        .flatten()
        .map(row)
        .collect();
    if rows.is_empty() {
        output::line("nothing is tracked here\nnext: waybill stock set SKU COUNT, or waybill seed");
        return Ok(ExitCode::SUCCESS);
    }
    let table = table(
        &[
            "sku",
            "vendor",
            "on hand",
            "reserved",
            "safety",
            "available",
        ],
        &rows,
    );
    output::line(table + &more(&page, "waybill stock list"));
    Ok(ExitCode::SUCCESS)
}

async fn change(client: &mut Client, args: &SetArgs, json: bool) -> Result<ExitCode, ClientError> {
    let body = match args.delta {
        Some(delta) => json!({"delta": delta, "reason": args.reason}),
        None => json!({"onHand": args.on_hand, "reason": args.reason}),
    };
    let now = client
        .put(&format!("/v1/stock/{}", path_segment(&args.sku)), &body)
        .await?
        .body;
    if json {
        output::json(&now);
    } else {
        output::line(format!(
            "{}: {} on hand, {} reserved, {} available",
            args.sku,
            plain(&now["onHand"]),
            plain(&now["reserved"]),
            plain(&now["available"])
        ));
    }
    Ok(ExitCode::SUCCESS)
}

fn row(item: &Value) -> Vec<String> {
    ["sku", "vendor", "onHand", "reserved", "safety", "available"]
        .iter()
        .map(|name| plain(&item[*name]))
        .collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use clap::Parser;
    use parking_lot::Mutex;

    use super::*;
    use crate::client::fake_server::{FakeAnswer, FakeServer};

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        stock: StockArgs,
    }

    async fn typed(words: &[&str], answer: &'static str) -> (ExitCode, String) {
        let asked = Arc::new(Mutex::new(String::new()));
        let server = FakeServer::start({
            let asked = Arc::clone(&asked);
            move |request| {
                *asked.lock() = format!(
                    "{} {}",
                    request.line(),
                    String::from_utf8_lossy(&request.body)
                );
                FakeAnswer::json(200, answer)
            }
        })
        .await;
        let given = ["stock", "--url", &server.url, "--token", "t"];
        let args = Cli::try_parse_from(given.iter().chain(words))
            .unwrap_or_else(|error| panic!("{error}"))
            .stock;
        let code = run(args).await.unwrap();
        let asked = asked.lock().clone();
        (code, asked)
    }

    #[tokio::test]
    async fn a_list_asks_for_the_skus_named() {
        let (code, asked) = typed(
            &["list", "--sku", "MUG-1", "--sku", "a&b", "--limit", "5"],
            r#"{"items":[{"sku":"MUG-1","vendor":"local","onHand":5,"reserved":1,"safety":0,"available":4}],"next":null}"#,
        )
        .await;
        assert_eq!(
            (code, asked.as_str()),
            (
                ExitCode::SUCCESS,
                "GET /v1/stock?sku=MUG-1&sku=a%26b&limit=5 "
            )
        );
    }

    #[tokio::test]
    async fn a_count_and_a_difference_are_told_apart() {
        let (_, asked) = typed(
            &["set", "MUG-1", "7", "--reason", "count"],
            r#"{"onHand":7}"#,
        )
        .await;
        assert_eq!(
            asked,
            r#"PUT /v1/stock/MUG-1 {"onHand":7,"reason":"count"}"#
        );
        let (_, asked) = typed(&["set", "MUG-1", "--delta", "-3"], r#"{"onHand":4}"#).await;
        assert_eq!(
            asked,
            r#"PUT /v1/stock/MUG-1 {"delta":-3,"reason":"set by hand"}"#
        );
    }

    #[tokio::test]
    async fn a_row_is_looked_at_before_it_is_mended_and_only_looked_at_in_a_dry_run() {
        let (code, asked) = typed(
            &["reconcile", "a/b", "--vendor", "V"],
            r#"{"outcome":"would_mend","difference":{"ledger":{"onHand":1,"reserved":0},"after":{"onHand":2,"reserved":0},"booked":1}}"#,
        )
        .await;
        let mends = r#"POST /v1/stock/a%2Fb/reconcile {"dryRun":false,"reason":"found by verify","vendor":"V"}"#;
        assert_eq!((code, asked.as_str()), (ExitCode::SUCCESS, mends));
        for (words, outcome) in [
            (
                &["reconcile", "a", "--dry-run"][..],
                r#"{"outcome":"would_mend"}"#,
            ),
            (&["reconcile", "a"][..], r#"{"outcome":"adds_up"}"#),
        ] {
            let (_, asked) = typed(words, outcome).await;
            assert!(asked.contains(r#""dryRun":true"#), "{words:?}: {asked}");
        }
    }

    #[test]
    fn a_set_without_a_number_or_with_both_is_refused() {
        assert!(Cli::try_parse_from(["stock", "set", "MUG-1"]).is_err());
        assert!(Cli::try_parse_from(["stock", "set", "MUG-1", "3", "--delta", "1"]).is_err());
    }
}
