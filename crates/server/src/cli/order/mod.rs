//! `waybill order`: place, read, list, watch and cancel orders, as a client of `/v1`.

mod create;
mod explain;
mod hold;
mod show;
mod watch;

use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde_json::json;

use super::client_args::ClientArgs;
use super::{output, suggest};
use crate::client::{Answer, Client, ClientError, Query, path_segment};

pub use create::CreateArgs;

/// What readable order numbers begin with.
const NUMBER_PREFIX: &str = "WB-";

#[derive(Args, Debug)]
#[command(after_help = "Examples:
  waybill order create --sku MUG-1 --quantity 2 --price 12.90
  waybill order create --file order.json --key web-8812
  waybill order get WB-000123
  waybill order list --status confirmed --limit 50
  waybill order watch 018f…
  waybill order hold WB-000123 --reason fraud_review --note \"two cards\"
  waybill order release WB-000123
  waybill order cancel WB-000123 --reason \"changed my mind\"
  waybill order cancel-line WB-000123 --line 2
  waybill order explain WB-000123
  waybill order retry WB-000123
An order is named by its id, its number (WB-…) or your own reference (ref:web-8812).")]
pub struct OrderArgs {
    #[command(subcommand)]
    pub command: OrderCommand,
    #[command(flatten)]
    pub client: ClientArgs,
}

#[derive(Subcommand, Debug)]
pub enum OrderCommand {
    /// Place an order
    Create(CreateArgs),
    /// Show one order
    Get {
        /// Its id, its number (WB-…) or ref: and your own reference
        order: String,
    },
    /// List orders, newest first
    List(ListArgs),
    /// Show each step of an order as it happens, until it ends; exit code 6 if it ends undelivered
    Watch {
        /// Its id, its number (WB-…) or ref: and your own reference
        order: String,
    },
    /// Place a hold: delivery does not start while one is open
    Hold(hold::HoldArgs),
    /// Release a hold
    Release(hold::ReleaseArgs),
    /// Ask for an order to be cancelled
    Cancel {
        /// Its id, its number (WB-…) or ref: and your own reference
        order: String,
        /// Why; it stands with the order
        #[arg(long, default_value = "cancelled by hand")]
        reason: String,
    },
    /// Cancel the units of a line: all before the order is confirmed, then only those that wait for stock
    CancelLine {
        /// Its id, its number (WB-…) or ref: and your own reference
        order: String,
        /// The line's id, 1 for the first
        #[arg(long)]
        line: u16,
    },
    /// Say what an order waits for, until when, and what may be done
    Explain {
        /// Its id, its number (WB-…) or ref: and your own reference
        order: String,
    },
    /// Source a failed order again, if nothing of it has left the warehouse
    Retry {
        /// Its id, its number (WB-…) or ref: and your own reference
        order: String,
    },
}

#[derive(Args, Debug)]
pub struct ListArgs {
    /// Orders in this status
    #[arg(long, value_parser = suggest::order_status())]
    pub status: Option<String>,
    /// Orders of this customer
    #[arg(long)]
    pub customer: Option<String>,
    /// Orders with a line of this sku
    #[arg(long)]
    pub sku: Option<String>,
    /// Changed since, for example 2026-05-04T10:00:00Z
    #[arg(long, value_name = "TIME")]
    pub updated_since: Option<String>,
    /// Placed at this time or later
    #[arg(long, value_name = "TIME")]
    pub placed_from: Option<String>,
    /// Placed before this time
    #[arg(long, value_name = "TIME")]
    pub placed_to: Option<String>,
    /// Go on after this cursor
    #[arg(long)]
    pub after: Option<String>,
    /// Orders to show
    #[arg(long)]
    pub limit: Option<u64>,
}

/// # Errors
/// What kept the command from being done.
pub async fn run(args: OrderArgs) -> Result<ExitCode, ClientError> {
    order(&args).await
}

async fn order(args: &OrderArgs) -> Result<ExitCode, ClientError> {
    let mut client = args.client.client()?;
    let json = args.client.json;
    match &args.command {
        OrderCommand::Create(create) => create::run(&mut client, create, json).await,
        OrderCommand::Get { order } => {
            let answer = client.get(&path_of(order)).await?;
            tell_unreadable(&answer);
            let order = answer.body;
            if json {
                output::json(&order);
            } else {
                output::line(show::order(&order));
            }
            Ok(ExitCode::SUCCESS)
        }
        OrderCommand::List(list) => {
            let answer = client.get(&list.query().after_path("/v1/orders")).await?;
            tell_unreadable(&answer);
            let page = answer.body;
            if json {
                output::json(&page);
            } else {
                output::line(show::list(&page));
            }
            Ok(ExitCode::SUCCESS)
        }
        OrderCommand::Watch { order } => watch::run(&mut client, &path_of(order), json).await,
        OrderCommand::Hold(place) => hold::place(&mut client, place, json).await,
        OrderCommand::Release(release) => hold::release(&mut client, release, json).await,
        OrderCommand::Cancel { order, reason } => cancel(&mut client, order, reason, json).await,
        OrderCommand::CancelLine { order, line } => {
            let path = format!("{}/lines/{line}/cancel", path_of(order));
            change(&mut client, &path, json).await
        }
        OrderCommand::Explain { order } => explain::run(&mut client, &path_of(order), json).await,
        OrderCommand::Retry { order } => {
            change(&mut client, &format!("{}/retry", path_of(order)), json).await
        }
    }
}

fn tell_unreadable(answer: &Answer) {
    if answer.unreadable > 0 {
        output::remark(format!(
            "{} values of these orders are numbers or text that no JSON reader can read; they are shown as they stand",
            answer.unreadable
        ));
    }
}

async fn cancel(
    client: &mut Client,
    order: &str,
    reason: &str,
    json: bool,
) -> Result<ExitCode, ClientError> {
    let path = format!("{}/cancel", path_of(order));
    let order = client
        .post(&path, Some(&json!({"reason": reason})))
        .await?
        .body;
    if json {
        output::json(&order);
    } else {
        output::line(show::cancelled(&order));
    }
    Ok(ExitCode::SUCCESS)
}

/// Does a command without a body, and shows the order after it.
async fn change(client: &mut Client, path: &str, json: bool) -> Result<ExitCode, ClientError> {
    let order = client.post(path, None).await?.body;
    if json {
        output::json(&order);
    } else {
        output::line(show::order(&order));
    }
    Ok(ExitCode::SUCCESS)
}

impl ListArgs {
    fn query(&self) -> Query {
        Query::default()
            .with("status", self.status.as_ref())
            .with("customerId", self.customer.as_ref())
            .with("sku", self.sku.as_ref())
            .with("updatedSince", self.updated_since.as_ref())
            .with("placedFrom", self.placed_from.as_ref())
            .with("placedTo", self.placed_to.as_ref())
            .with("after", self.after.as_ref())
            .with("limit", self.limit.map(|limit| limit.to_string()))
    }
}

/// The path of an order, however it was named.
pub(super) fn path_of(order: &str) -> String {
    let named = if order.starts_with(NUMBER_PREFIX) {
        format!("number:{order}")
    } else {
        order.to_owned()
    };
    format!("/v1/orders/{}", path_segment(&named))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use clap::Parser;
    use parking_lot::Mutex;

    use super::*;
    use crate::client::fake_server::{FakeAnswer, FakeRequest, FakeServer};

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        order: OrderArgs,
    }

    /// What was typed, done against a server; the outcome, and what the server was asked.
    pub(super) async fn typed(
        words: &[&str],
        answer: impl Fn(&FakeRequest) -> FakeAnswer + Send + Sync + 'static,
    ) -> (Result<ExitCode, ClientError>, Vec<String>) {
        let asked = Arc::new(Mutex::new(Vec::new()));
        let server = FakeServer::start({
            let asked = Arc::clone(&asked);
            move |request| {
                asked.lock().push(format!(
                    "{} {}",
                    request.line(),
                    String::from_utf8_lossy(&request.body)
                ));
                answer(&request)
            }
        })
        .await;
        let given = ["order", "--url", &server.url, "--token", "t"];
        let args = Cli::try_parse_from(given.iter().chain(words))
            .unwrap_or_else(|error| panic!("{error}"))
            .order;
        let outcome = run(args).await;
        let asked = asked.lock().clone();
        (outcome, asked)
    }

    #[test]
    fn an_order_is_named_by_id_number_or_reference() {
        assert_eq!(path_of("018f-1"), "/v1/orders/018f-1");
        assert_eq!(path_of("WB-000123"), "/v1/orders/number:WB-000123");
        assert_eq!(path_of("ref:web/8812"), "/v1/orders/ref:web%2F8812");
    }

    #[tokio::test]
    async fn a_list_passes_its_filters_on() {
        let words = [
            "list",
            "--status",
            "confirmed",
            "--customer",
            "c 17",
            "--after",
            "x==",
        ];
        let (outcome, asked) = typed(&words, |_| {
            FakeAnswer::json(200, r#"{"items":[],"next":null}"#)
        })
        .await;
        assert_eq!(outcome.unwrap(), ExitCode::SUCCESS);
        assert_eq!(
            asked,
            ["GET /v1/orders?status=confirmed&customerId=c%2017&after=x%3D%3D "]
        );
    }

    #[tokio::test]
    async fn a_cancellation_that_comes_too_late_fails_and_says_what_is_allowed() {
        let (outcome, asked) = typed(&["cancel", "WB-1", "--reason", "late"], |_| {
            FakeAnswer::json(
                409,
                r#"{"title":"Too late","code":"invalid_transition","allowed":["delivered"]}"#,
            )
        })
        .await;
        let error = outcome.unwrap_err();
        assert_eq!(error.exit(), crate::cli::exit::Exit::Refused);
        assert!(
            error.to_string().contains("allowed now: delivered"),
            "{error}"
        );
        assert_eq!(
            asked,
            [r#"POST /v1/orders/number:WB-1/cancel {"reason":"late"}"#]
        );
    }
}
