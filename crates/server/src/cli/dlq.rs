//! `waybill dlq`: dead letters, the events that a consumer could not apply, and what is done with them.
//!
//! Redrive and discard set a flag; the role that owns the consumer carries it out. A discard cannot be undone, so it
//! requires `--yes`.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::cell::Cell;
use super::client_args::ClientArgs;
use super::exit::Exit;
use super::output::{self, more, plain, table};
use crate::client::{Client, ClientError, Query, path_segment};

/// Rows per request when all are read.
const PAGE: &str = "100";

#[derive(Args, Debug)]
#[command(after_help = "Examples:
  waybill dlq list
  waybill dlq show 018f…              the whole event and why it failed
  waybill dlq redrive --all           once the cause is mended
  waybill dlq discard 018f… --yes     give this event up for this consumer")]
pub struct DlqArgs {
    #[command(subcommand)]
    pub command: DlqCommand,
    #[command(flatten)]
    pub client: ClientArgs,
}

#[derive(Subcommand, Debug)]
pub enum DlqCommand {
    /// What is parked, and why
    List {
        /// Go on after this cursor
        #[arg(long)]
        after: Option<String>,
        /// Rows to show
        #[arg(long)]
        limit: Option<u64>,
    },
    /// One dead letter in full
    Show {
        /// The dead letter's id, as `list` shows it
        id: String,
    },
    /// Try again
    Redrive {
        /// The dead letters' ids, as `list` shows them
        #[arg(required_unless_present = "all", conflicts_with = "all")]
        ids: Vec<String>,
        /// Everything that is parked
        #[arg(long)]
        all: bool,
    },
    /// Give up; later events of the same order go on
    Discard {
        /// The dead letters' ids, as `list` shows them
        #[arg(required = true)]
        ids: Vec<String>,
        /// Yes, these events will not be applied by that consumer
        #[arg(long)]
        yes: bool,
    },
}

/// # Errors
/// Why the command failed.
pub async fn run(args: DlqArgs) -> Result<ExitCode, ClientError> {
    dlq(&args).await
}

async fn dlq(args: &DlqArgs) -> Result<ExitCode, ClientError> {
    if let DlqCommand::Discard { yes: false, ids } = &args.command {
        return Err(ClientError::usage(
            format!(
                "{} event(s) would be given up, and that cannot be taken back",
                ids.len()
            ),
            "look with `waybill dlq show ID`, then add --yes",
        ));
    }
    let mut client = args.client.client()?;
    let json = args.client.json;
    match &args.command {
        DlqCommand::List { after, limit } => {
            let query = Query::default()
                .with("after", after.as_ref())
                .with("limit", limit.map(|limit| limit.to_string()));
            let page = client
                .get(&query.after_path("/v1/dead-letters"))
                .await?
                .body;
            if json {
                output::json(&page);
            } else {
                output::line(listed(&page));
            }
            Ok(ExitCode::SUCCESS)
        }
        DlqCommand::Show { id } => {
            let letter = client
                .get(&format!("/v1/dead-letters/{}", path_segment(id)))
                .await?
                .body;
            if json {
                output::json(&letter);
            } else {
                output::line(format!(
                    "{}\nnext: waybill dlq redrive {id}, or waybill dlq discard {id} --yes",
                    shown(&letter)
                ));
            }
            Ok(ExitCode::SUCCESS)
        }
        DlqCommand::Redrive { ids, all } => {
            let ids = if *all {
                all_ids(&mut client).await?
            } else {
                ids.clone()
            };
            each(&mut client, "redrive", &ids, json).await
        }
        DlqCommand::Discard { ids, .. } => each(&mut client, "discard", ids, json).await,
    }
}

/// Does the same to each; after a refusal the others are still tried.
async fn each(
    client: &mut Client,
    action: &str,
    ids: &[String],
    json: bool,
) -> Result<ExitCode, ClientError> {
    let mut done = Vec::new();
    let mut refused = Vec::new();
    for id in ids {
        match client
            .post(
                &format!("/v1/dead-letters/{}/{action}", path_segment(id)),
                None,
            )
            .await
        {
            Ok(_) => done.push(id.clone()),
            Err(error @ ClientError::Refused(_)) => {
                if !json {
                    output::remark(format!("{id}: {error}"));
                }
                refused.push(json!({"id": id, "error": error.to_json()["error"]}));
            }
            Err(error) => return Err(error),
        }
    }
    if json {
        output::json(&json!({"action": action, "done": done, "refused": refused}));
    } else {
        output::line(format!(
            "{action}: {} asked for, {} refused",
            done.len(),
            refused.len()
        ));
    }
    let ended = if refused.is_empty() {
        Exit::Done
    } else {
        Exit::Refused
    };
    Ok(ended.into())
}

async fn all_ids(client: &mut Client) -> Result<Vec<String>, ClientError> {
    let mut ids = Vec::new();
    let mut after: Option<String> = None;
    loop {
        let query = Query::default()
            .with("after", after.as_ref())
            .with("limit", Some(PAGE));
        let page = client
            .get(&query.after_path("/v1/dead-letters"))
            .await?
            .body;
        ids.extend(
            page["items"]
                .as_array()
                .into_iter()
                .flatten()
                .map(|letter| plain(&letter["id"])),
        );
        match page["next"].as_str() {
            // A cursor that does not advance would loop for ever.
            Some(next) if after.as_deref() != Some(next) => after = Some(next.to_owned()),
            _ => return Ok(ids),
        }
    }
}

fn listed(page: &Value) -> String {
    let columns = [
        "id",
        "consumer",
        "orderId",
        "eventType",
        "attempts",
        "state",
        "error",
    ];
    let rows: Vec<Vec<String>> = page["items"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|letter| {
            columns
                .iter()
                .map(|name| match (*name, &letter["damage"]) {
                    ("error", Value::String(damage)) => {
                        shortened(&format!("the stored event is damaged: {damage}"))
                    }
                    (name, _) => shortened(&plain(&letter[name])),
                })
                .collect()
        })
        .collect();
    if rows.is_empty() {
        return "no dead letters: every event was applied".to_owned();
    }
    let mut text = table(
        &[
            "id", "consumer", "order", "event", "attempts", "state", "error",
        ],
        &rows,
    );
    text.push_str(&more(page, "waybill dlq list"));
    text.push_str("\nnext: waybill dlq show ID");
    text
}

/// An error cut to the length of a table's row.
fn shortened(text: &str) -> String {
    let mut shown: String = text.chars().take(80).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown
}

fn shown(letter: &Value) -> String {
    let Value::Object(fields) = letter else {
        return plain(letter);
    };
    let width = fields
        .keys()
        .map(|name| Cell::new(name).width())
        .max()
        .unwrap_or(0);
    let lines: Vec<String> = fields
        .iter()
        .map(|(name, value)| match value {
            Value::Object(_) | Value::Array(_) => format!("{}:\n{value:#}", Cell::new(name)),
            _ => format!("{:width$}  {}", Cell::new(name), plain(value)),
        })
        .collect();
    lines.join("\n")
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
        dlq: DlqArgs,
    }

    async fn typed(words: &[&str]) -> (Result<ExitCode, ClientError>, Vec<String>) {
        let asked = Arc::new(Mutex::new(Vec::new()));
        let server = FakeServer::start({
            let asked = Arc::clone(&asked);
            move |request| {
                asked.lock().push(request.line());
                match request.uri.to_string().as_str() {
                    "/v1/dead-letters?limit=100" => {
                        FakeAnswer::json(200, r#"{"items":[{"id":"a"}],"next":"c1"}"#)
                    }
                    "/v1/dead-letters?after=c1&limit=100" => {
                        FakeAnswer::json(200, r#"{"items":[{"id":"b"}],"next":null}"#)
                    }
                    "/v1/dead-letters/a/redrive" => {
                        FakeAnswer::json(409, r#"{"code":"already_redriven"}"#)
                    }
                    _ => FakeAnswer::json(202, "{}"),
                }
            }
        })
        .await;
        let given = ["dlq", "--url", &server.url, "--token", "t"];
        let args = Cli::try_parse_from(given.iter().chain(words))
            .unwrap_or_else(|error| panic!("{error}"))
            .dlq;
        let outcome = run(args).await;
        let asked = asked.lock().clone();
        (outcome, asked)
    }

    #[tokio::test]
    async fn redriving_all_goes_through_every_page_and_one_refusal_stops_no_other() {
        let (outcome, asked) = typed(&["redrive", "--all"]).await;
        assert_eq!(outcome.unwrap(), ExitCode::from(Exit::Refused));
        assert_eq!(
            asked[2..],
            [
                "POST /v1/dead-letters/a/redrive",
                "POST /v1/dead-letters/b/redrive"
            ]
        );
    }

    #[tokio::test]
    async fn a_discard_without_yes_sends_no_request() {
        let (outcome, asked) = typed(&["discard", "b"]).await;
        assert_eq!(outcome.unwrap_err().exit(), Exit::Usage);
        assert!(asked.is_empty());
        let (outcome, asked) = typed(&["discard", "b", "--yes"]).await;
        assert_eq!((outcome.unwrap(), asked.len()), (ExitCode::SUCCESS, 1));
    }

    #[test]
    fn a_list_of_none_says_that_all_is_well_and_errors_stay_on_their_row() {
        assert!(listed(&json!({"items": [], "next": null})).contains("every event was applied"));
        let page = json!({"items": [{"id": "a", "consumer": "status", "error": "first\nsecond"}], "next": "c"});
        let text = listed(&page);
        assert!(
            text.contains("first\\nsecond") && text.contains("--after c"),
            "{text}"
        );
        let page = json!({"items": [{"id": "a", "consumer": "status", "eventType": null,
            "error": "first", "damage": "it is cut off"}], "next": null});
        let text = listed(&page);
        assert!(text.contains("damaged: it is cut off"), "{text}");
    }
}
