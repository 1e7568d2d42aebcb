//! `waybill relay`: how far the relay to other stores is, and what a person asks of it.
//!
//! What is asked is kept in the store; every process of the relay follows within a second.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

use super::cell::Cell;
use super::client_args::ClientArgs;
use super::output::{self, plain, table};
use crate::client::ClientError;

#[derive(Args, Debug)]
#[command(after_help = "Examples:
  waybill relay status
  waybill relay pause --reason 'the broker moves'
  waybill relay resume
  waybill relay replay --from 2026-05-04T10:00:00Z     everything recorded since then, again
  waybill relay replay --from 1200 --to 1300 --partition 3
  waybill relay replay --order 018f…                   one order from its beginning")]
pub struct RelayArgs {
    #[command(subcommand)]
    pub command: RelayCommand,
    #[command(flatten)]
    pub client: ClientArgs,
}

#[derive(Subcommand, Debug)]
pub enum RelayCommand {
    /// How far it is, by partition; what is parked; the last error
    Status,
    /// Publish nothing until it is resumed; events wait in the log
    Pause {
        /// What the next person should know
        #[arg(long)]
        reason: Option<String>,
    },
    /// Go on where it was paused
    Resume,
    /// Publish events again that were published before; receivers drop those that they have
    Replay(ReplayArgs),
}

#[derive(Args, Debug)]
pub struct ReplayArgs {
    /// The first event: its position in the log, or the time from which on events were recorded
    #[arg(long, value_name = "POSITION|TIME", required_unless_present = "order")]
    from: Option<String>,
    /// The last event, in the same form [default: the last one that was published]
    #[arg(long, value_name = "POSITION|TIME")]
    to: Option<String>,
    /// Only the events of this order
    #[arg(long, value_name = "ID")]
    order: Option<String>,
    /// Only this partition of the log
    #[arg(long, value_name = "NUMBER", conflicts_with = "order")]
    partition: Option<u16>,
    /// End a replay that is under way
    #[arg(long)]
    replace: bool,
}

impl ReplayArgs {
    fn body(&self) -> Value {
        let place = |text: &String| {
            let position = text.parse::<i64>().map(Value::from);
            position.unwrap_or_else(|_| Value::from(text.as_str()))
        };
        let fields = [
            ("from", self.from.as_ref().map(place)),
            ("to", self.to.as_ref().map(place)),
            ("orderId", self.order.as_deref().map(Value::from)),
            ("partition", self.partition.map(Value::from)),
            ("replace", self.replace.then_some(Value::Bool(true))),
        ];
        let given = fields.into_iter().filter_map(|(name, value)| {
            let value = value?;
            Some((name.to_owned(), value))
        });
        Value::Object(given.collect::<Map<_, _>>())
    }
}

/// # Errors
/// Why the command failed.
pub async fn run(args: RelayArgs) -> Result<ExitCode, ClientError> {
    let mut client = args.client.client()?;
    let (path, body) = match &args.command {
        RelayCommand::Status => {
            let view = client.get("/v1/relay").await?.body;
            print(args.client.json, &view, status);
            return Ok(ExitCode::SUCCESS);
        }
        RelayCommand::Pause { reason } => ("/v1/relay/pause", json!({"reason": reason})),
        RelayCommand::Resume => ("/v1/relay/resume", json!({})),
        RelayCommand::Replay(replay) => ("/v1/relay/replay", replay.body()),
    };
    let done = client.post(path, Some(&body)).await?.body;
    let text = match &args.command {
        RelayCommand::Replay(_) => asked,
        RelayCommand::Pause { .. } => paused,
        RelayCommand::Resume | RelayCommand::Status => resumed,
    };
    print(args.client.json, &done, text);
    Ok(ExitCode::SUCCESS)
}

fn print(json: bool, body: &Value, text: fn(&Value) -> String) {
    if json {
        output::json(body);
    } else {
        output::line(text(body));
    }
}

fn paused(_: &Value) -> String {
    "paused: nothing is published within a second from now\nnext: waybill relay resume".to_owned()
}

fn resumed(_: &Value) -> String {
    "resumed: it goes on within a second\nnext: waybill relay status".to_owned()
}

fn asked(body: &Value) -> String {
    let replay = &body["replay"];
    if replay["done"] == true {
        return "nothing to send again: nothing was published there".to_owned();
    }
    format!(
        "replay {} is asked for\nnext: waybill relay status",
        plain(&replay["id"])
    )
}

fn status(view: &Value) -> String {
    let mut lines = vec![match &view["publisher"] {
        Value::Null => "the relay has never run on this store".to_owned(),
        publisher => format!("publishes to {}", plain(publisher)),
    }];
    let pause = &view["pause"];
    if pause.is_object() {
        lines.push(format!(
            "PAUSED since {} by {}: {}",
            plain(&pause["since"]),
            plain(&pause["by"]),
            plain(&pause["reason"])
        ));
    }
    lines.push(format!(
        "{} behind, the oldest event for {} ms; {} parked (waybill dlq list)",
        plain(&view["lag"]),
        plain(&view["lagMs"]),
        plain(&view["parkedKeys"])
    ));
    let error = &view["lastError"];
    if error.is_object() {
        let (at, text) = (plain(&error["at"]), plain(&error["text"]));
        lines.push(format!("last error at {at}: {text}"));
    }
    let replay = &view["replay"];
    if replay.is_object() {
        lines.push(format!(
            "replay {}: {}, {} sent, {} left out",
            plain(&replay["id"]),
            if replay["done"] == true {
                "done"
            } else {
                "under way"
            },
            plain(&replay["sent"]),
            plain(&replay["leftOut"])
        ));
    }
    let columns = [
        "partition",
        "cursor",
        "logEnd",
        "lag",
        "oldestUnpublishedAt",
        "parkedKeys",
        "stopped",
    ];
    let rows: Vec<Vec<String>> = view["partitions"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|partition| {
            let cell = |name: &&str| Cell::from(&partition[*name]).into_string();
            columns.iter().map(cell).collect()
        })
        .collect();
    let titles = [
        "partition",
        "cursor",
        "log end",
        "behind",
        "oldest",
        "parked",
        "stopped by",
    ];
    lines.push(table(&titles, &rows));
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use clap::Parser;
    use parking_lot::Mutex;

    use super::*;
    use crate::cli::exit::Exit;
    use crate::client::fake_server::{FakeAnswer, FakeServer};

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        relay: RelayArgs,
    }

    /// Runs a command; returns its exit code and the line of each request.
    async fn typed(words: &[&str]) -> (Result<ExitCode, ClientError>, Vec<String>) {
        let asked = Arc::new(Mutex::new(Vec::new()));
        let server = FakeServer::start({
            let asked = Arc::clone(&asked);
            move |request| {
                asked.lock().push(request.line());
                match request.uri.path() {
                    "/v1/relay/replay" => FakeAnswer::json(409, r#"{"code":"replay_under_way"}"#),
                    _ => FakeAnswer::json(202, "{}"),
                }
            }
        })
        .await;
        let given = ["relay", "--url", &server.url, "--token", "t"];
        let args = Cli::try_parse_from(given.iter().chain(words));
        let args = args.unwrap_or_else(|error| panic!("{error}")).relay;
        let outcome = run(args).await;
        let asked = asked.lock().clone();
        (outcome, asked)
    }

    #[tokio::test]
    async fn each_command_is_one_request_and_a_refusal_its_exit_code() {
        for (words, line) in [
            (&["status"][..], "GET /v1/relay"),
            (&["pause", "--reason", "x"], "POST /v1/relay/pause"),
            (&["resume"], "POST /v1/relay/resume"),
        ] {
            let (outcome, asked) = typed(words).await;
            assert_eq!(
                (outcome.unwrap(), asked),
                (ExitCode::SUCCESS, vec![line.to_owned()])
            );
        }
        let (outcome, _) = typed(&["replay", "--from", "0"]).await;
        assert_eq!(outcome.unwrap_err().exit(), Exit::Refused);
    }

    #[test]
    fn a_number_is_a_position_and_anything_else_a_time() {
        let body = |words: &[&str]| {
            let words = ["relay", "replay"].iter().chain(words);
            match Cli::try_parse_from(words).map(|cli| cli.relay.command) {
                Ok(RelayCommand::Replay(replay)) => Some(replay.body()),
                _ => None,
            }
        };
        let told = body(&[
            "--from",
            "12",
            "--to",
            "2026-05-04T10:00:00Z",
            "--partition",
            "3",
        ]);
        let expected = json!({"from": 12, "to": "2026-05-04T10:00:00Z", "partition": 3});
        assert_eq!(told, Some(expected));
        assert_eq!(body(&["--order", "a"]), Some(json!({"orderId": "a"})));
        assert_eq!(body(&[]), None, "a beginning or an order");
    }

    #[test]
    fn the_status_names_pause_error_and_what_stops_a_partition() {
        let view = json!({"publisher": "pair", "lag": 3, "lagMs": 40, "parkedKeys": 1,
            "pause": {"since": "t", "by": "ops", "reason": "the broker moves"},
            "lastError": {"at": "t", "text": "refused"}, "replay": null,
            "partitions": [{"partition": 0, "cursor": 4, "logEnd": 7, "lag": 3,
                "oldestUnpublishedAt": null, "parkedKeys": 1, "stopped": "order.sung"}]});
        let text = status(&view);
        for part in [
            "pair",
            "PAUSED",
            "the broker moves",
            "refused",
            "order.sung",
            "3 behind",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
        let never = json!({"publisher": null, "partitions": []});
        assert!(status(&never).contains("never run"));
    }
}
