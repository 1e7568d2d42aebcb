//! `waybill vendors`: whose stock orders may draw on.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

use super::client_args::ClientArgs;
use super::exit::Exit;
use super::output::{self, more, plain, table};
use crate::client::{ClientError, Query, path_segment};

#[derive(Args, Debug)]
#[command(after_help = "Examples:
  waybill vendors add VendorA http://127.0.0.1:3001
  waybill vendors add North https://north.example/api --priority 10 --cost 250 --idempotent
  waybill vendors add North --enabled=false       change what is said about one that is there
  waybill vendors list
  waybill vendors remove North --yes
  waybill stock sync North                        read its stock now

A vendor is of the tenant of the token (waybill token --tenant NAME --scope admin).")]
pub struct VendorsArgs {
    #[command(subcommand)]
    pub command: VendorsCommand,
    #[command(flatten)]
    pub client: ClientArgs,
}

#[derive(Subcommand, Debug)]
pub enum VendorsCommand {
    /// Add a vendor, or change what is said about one that is there
    Add(AddArgs),
    /// The vendors, and how the last reading of their stock went
    List {
        /// Go on after this cursor
        #[arg(long)]
        after: Option<String>,
        /// Rows to show
        #[arg(long)]
        limit: Option<u64>,
    },
    /// Remove a vendor: its stock is read no more, and no order draws on it
    Remove {
        /// The vendor's name
        name: String,
        /// Yes, no order may draw on it any more
        #[arg(long)]
        yes: bool,
    },
}

#[derive(Args, Debug)]
pub struct AddArgs {
    /// The vendor's name; not `local` or `inventory`
    pub name: String,
    /// Where its API is; a new vendor needs it
    pub address: Option<String>,
    /// Vendors with a lower number are chosen first (0 to 1000)
    #[arg(long)]
    pub priority: Option<i64>,
    /// What a unit costs to have sent from there
    #[arg(long)]
    pub cost: Option<i64>,
    /// Hours until a unit leaves
    #[arg(long)]
    pub lead_time_hours: Option<i64>,
    /// Calls a second that it allows
    #[arg(long)]
    pub rate_limit: Option<i64>,
    /// Whether it does a call with an Idempotency-Key once only
    #[arg(long, num_args = 0..=1, default_missing_value = "true", require_equals = true)]
    pub idempotent: Option<bool>,
    /// Whether its stock is read and orders may draw on it
    #[arg(long, num_args = 0..=1, default_missing_value = "true", require_equals = true)]
    pub enabled: Option<bool>,
}

impl AddArgs {
    fn body(&self) -> Value {
        let mut body = Map::new();
        let mut say = |name: &str, value: Option<Value>| {
            body.extend(value.map(|value| (name.to_owned(), value)));
        };
        say("baseUrl", self.address.as_deref().map(Value::from));
        say("priority", self.priority.map(Value::from));
        say("cost", self.cost.map(Value::from));
        say("leadTimeHours", self.lead_time_hours.map(Value::from));
        say("rateLimitPerSecond", self.rate_limit.map(Value::from));
        say("idempotent", self.idempotent.map(Value::from));
        say("enabled", self.enabled.map(Value::from));
        Value::Object(body)
    }
}

/// # Errors
/// Why the command failed.
pub async fn run(args: VendorsArgs) -> Result<ExitCode, ClientError> {
    if let VendorsCommand::Remove { name, yes: false } = &args.command {
        return Err(ClientError::usage(
            format!("no order could draw on {name} any more"),
            "add --yes, or say `waybill vendors add NAME --enabled=false` for a while",
        ));
    }
    let mut client = args.client.client()?;
    let of = |name: &str| format!("/v1/vendors/{}", path_segment(name));
    let (shown, text): (Value, fn(&Value) -> String) = match &args.command {
        VendorsCommand::Add(add) => (client.put(&of(&add.name), &add.body()).await?.body, entered),
        VendorsCommand::List { after, limit } => {
            let query = Query::default()
                .with("after", after.as_ref())
                .with("limit", limit.map(|limit| limit.to_string()));
            let path = query.after_path("/v1/vendors");
            (client.get(&path).await?.body, listed)
        }
        VendorsCommand::Remove { name, .. } => {
            let path = format!("{}/remove", of(name));
            (client.post(&path, Some(&json!({}))).await?.body, removed)
        }
    };
    if args.client.json {
        output::json(&shown);
    } else {
        output::line(text(&shown));
    }
    Ok(Exit::Done.into())
}

fn entered(vendor: &Value) -> String {
    let name = plain(&vendor["name"]);
    format!(
        "{name} at {}, priority {}, {}\nnext: waybill stock sync {name}",
        plain(&vendor["baseUrl"]),
        plain(&vendor["priority"]),
        state(vendor)
    )
}

fn removed(vendor: &Value) -> String {
    format!(
        "{} is removed since {}; its stock rows and movements stay",
        plain(&vendor["name"]),
        plain(&vendor["removedAt"])
    )
}

fn state(vendor: &Value) -> &'static str {
    if vendor["enabled"] == true {
        "enabled"
    } else {
        "disabled"
    }
}

fn listed(page: &Value) -> String {
    let vendors = page["items"].as_array().map(Vec::as_slice);
    let vendors = vendors.unwrap_or_default();
    if vendors.is_empty() {
        return "no vendors\nnext: waybill vendors add NAME URL".to_owned();
    }
    format!(
        "{}{}",
        vendor_table(vendors),
        more(page, "waybill vendors list")
    )
}

/// Vendors, with how the last reading of their stock went.
pub fn vendor_table(vendors: &[Value]) -> String {
    let rows: Vec<Vec<String>> = vendors
        .iter()
        .map(|vendor| {
            let stock = &vendor["stock"];
            vec![
                plain(&vendor["name"]),
                state(vendor).to_owned(),
                plain(&vendor["priority"]),
                plain(&vendor["cost"]),
                plain(&stock["skus"]),
                reading(stock),
                plain(&vendor["baseUrl"]),
            ]
        })
        .collect();
    let titles = [
        "vendor", "state", "priority", "cost", "skus", "stock", "address",
    ];
    table(&titles, &rows)
}

/// How the last reading went, in a few words.
fn reading(stock: &Value) -> String {
    let when = match &stock["syncedAt"] {
        Value::Null => "never read".to_owned(),
        at if stock["stale"] == true => format!("STALE since {}", plain(at)),
        at => format!("read {}", plain(at)),
    };
    let refused = match stock["refused"].as_i64() {
        Some(rows @ 1..) => format!(", {rows} rows refused"),
        Some(_) | None => String::new(),
    };
    match &stock["error"] {
        Value::Null => format!("{when}{refused}"),
        why => format!("{when}; {}", plain(why)),
    }
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
        vendors: VendorsArgs,
    }

    async fn typed(words: &[&str]) -> (Result<ExitCode, ClientError>, Vec<String>) {
        let asked = Arc::new(Mutex::new(Vec::new()));
        let server = FakeServer::start({
            let asked = Arc::clone(&asked);
            move |request| {
                asked.lock().push(request.line());
                FakeAnswer::json(200, r#"{"items":[]}"#)
            }
        })
        .await;
        let given = ["vendors", "--url", &server.url, "--token", "t"];
        let args = Cli::try_parse_from(given.iter().chain(words));
        let args = args.unwrap_or_else(|error| panic!("{error}")).vendors;
        let outcome = run(args).await;
        let asked = asked.lock().clone();
        (outcome, asked)
    }

    #[tokio::test]
    async fn each_command_is_one_request_and_a_removal_asks_first() {
        for (words, line) in [
            (&["add", "A", "http://127.0.0.1:1"][..], "PUT /v1/vendors/A"),
            (&["add", "A B", "--enabled=false"], "PUT /v1/vendors/A%20B"),
            (&["list"], "GET /v1/vendors"),
            (&["remove", "A", "--yes"], "POST /v1/vendors/A/remove"),
        ] {
            let (outcome, asked) = typed(words).await;
            let done = (outcome.unwrap(), asked);
            assert_eq!(done, (ExitCode::SUCCESS, vec![line.to_owned()]));
        }
        let (outcome, asked) = typed(&["remove", "A"]).await;
        assert_eq!(outcome.unwrap_err().exit(), Exit::Usage);
        assert_eq!(asked, [""; 0]);
    }

    #[test]
    fn only_what_is_said_is_sent() {
        let parse = |words: &[&str]| {
            let given = ["vendors", "add"].iter().chain(words);
            match Cli::try_parse_from(given)
                .expect("it parses")
                .vendors
                .command
            {
                VendorsCommand::Add(add) => add.body(),
                VendorsCommand::List { .. } | VendorsCommand::Remove { .. } => {
                    panic!("another command")
                }
            }
        };
        assert_eq!(parse(&["A"]), json!({}));
        assert_eq!(
            parse(&["A", "https://a.example", "--cost", "5", "--idempotent"]),
            json!({"baseUrl": "https://a.example", "cost": 5, "idempotent": true})
        );
    }

    #[test]
    fn a_list_shows_stale_stock_and_why() {
        let vendor = |stock: Value| json!({"name": "A", "enabled": true, "priority": 1, "cost": 2, "baseUrl": "u", "stock": stock});
        let page = json!({"items": [
            vendor(json!({"syncedAt": "t1", "stale": true, "error": "it answers 503", "skus": 4, "refused": 0})),
            vendor(json!({"syncedAt": "t2", "stale": false, "error": null, "skus": 4, "refused": 2})),
            vendor(json!({"syncedAt": null, "stale": true, "error": null, "skus": 0, "refused": 0}))]});
        let text = listed(&page);
        for part in [
            "STALE since t1; it answers 503",
            "read t2, 2 rows refused",
            "never read",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert!(listed(&json!({"items": []})).contains("vendors add"));
    }
}
