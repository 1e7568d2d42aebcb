//! `waybill events`: the feed of all events of the token's tenant, a page of it or followed as it grows.
//!
//! Every event has a cursor. A follower that was stopped resumes with `--after` the last one and misses no event. When
//! the server is unavailable the request is repeated, a bounded number of times in a row.

use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use serde_json::Value;

use super::cell::Cell;
use super::client_args::ClientArgs;
use super::exit::Exit;
use super::output::{self, more, plain};
use crate::client::{Answer, Client, ClientError, Query};

/// How long the server may wait for the first event of an answer.
const LONGEST_WAIT: Duration = Duration::from_secs(25);
/// Events asked for at once while following.
const PAGE: u64 = 100;
/// Requests in a row without an answer before the command gives up.
const TRIES_IN_A_ROW: u32 = 10;
/// The first pause before a repeated request; it doubles each time.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LAST_PAUSE: Duration = Duration::from_secs(5);

#[derive(Args, Debug)]
#[command(after_help = "Examples:
  waybill events                              the first events there are
  waybill events --follow --new               what happens from now on
  waybill events --follow --after CURSOR      go on where an earlier run ended
  waybill events --follow --json | jq .type
With --follow and --json every event is one line. Each event carries its cursor; Ctrl-C says how to go on.")]
pub struct EventsArgs {
    /// Go on as events happen, until Ctrl-C
    #[arg(long)]
    follow: bool,
    /// Begin after this cursor [default: with the first event there is]
    #[arg(long, value_name = "CURSOR")]
    after: Option<String>,
    /// Begin with what happens from now on
    #[arg(long, conflicts_with = "after", requires = "follow")]
    new: bool,
    /// Events to show
    #[arg(long, conflicts_with = "follow")]
    limit: Option<u64>,
    #[command(flatten)]
    client: ClientArgs,
}

/// # Errors
/// Why the events could not be read.
pub async fn run(args: EventsArgs) -> Result<ExitCode, ClientError> {
    let mut client = args.client.client()?;
    let json = args.client.json;
    if !args.follow {
        let answer = page(&mut client, args.after.as_deref(), args.limit, None).await?;
        if json {
            output::json(&answer.body);
        } else {
            output::line(shown(&answer.body));
        }
        return Ok(Exit::Done.into());
    }
    let mut after = match args.new {
        true => Some(place_of_now(&mut client).await?),
        false => args.after,
    };
    // The server must answer within the client's timeout.
    let wait = LONGEST_WAIT.min(args.client.timeout / 2);
    let ended = tokio::select! {
        ended = follow(&mut client, &mut after, wait, json) => ended,
        Ok(()) = tokio::signal::ctrl_c() => Ok(Exit::Done.into()),
    };
    if let Some(cursor) = after {
        output::remark(format!(
            "go on with: waybill events --follow --after {}",
            Cell::new(&cursor)
        ));
    }
    ended
}

/// Prints events as they come, and keeps `after` at the last one printed.
async fn follow(
    client: &mut Client,
    after: &mut Option<String>,
    wait: Duration,
    json: bool,
) -> Result<ExitCode, ClientError> {
    let mut tries = 0;
    loop {
        let answer = match page(client, after.as_deref(), Some(PAGE), Some(wait)).await {
            Ok(answer) => answer,
            Err(error) if error.exit() == Exit::Unreachable && tries < TRIES_IN_A_ROW => {
                let pause = FIRST_PAUSE.saturating_mul(1 << tries).min(LAST_PAUSE);
                tries += 1;
                tokio::time::sleep(pause).await;
                continue;
            }
            Err(error) => return Err(error),
        };
        tries = 0;
        for event in items(&answer.body) {
            if json {
                output::json_line(event);
            } else {
                output::line(line(event));
            }
            if output::is_closed() {
                return Ok(Exit::Done.into());
            }
            if let Some(cursor) = event["cursor"].as_str() {
                *after = Some(cursor.to_owned());
            }
        }
        if let Some(next) = answer.body["next"].as_str() {
            *after = Some(next.to_owned());
        }
    }
}

async fn page(
    client: &mut Client,
    after: Option<&str>,
    limit: Option<u64>,
    wait: Option<Duration>,
) -> Result<Answer, ClientError> {
    let query = Query::default()
        .with("after", after)
        .with("limit", limit.map(|limit| limit.to_string()))
        .with("wait_ms", wait.map(|wait| wait.as_millis().to_string()));
    client.get(&query.after_path("/v1/events")).await
}

/// The end of the feed as it is now.
async fn place_of_now(client: &mut Client) -> Result<String, ClientError> {
    let snapshot = client.get("/v1/orders/snapshot?limit=1").await?.body;
    let cursor = snapshot["cursor"].as_str();
    cursor
        .map(str::to_owned)
        .ok_or_else(|| ClientError::Unexpected {
            target: client.target().clone(),
            why: "the snapshot has no cursor".to_owned(),
        })
}

fn items(page: &Value) -> impl Iterator<Item = &Value> {
    page["items"].as_array().into_iter().flatten()
}

fn shown(page: &Value) -> String {
    let lines: Vec<String> = items(page).map(line).collect();
    if lines.is_empty() {
        return "no further events\nnext: waybill events --follow".to_owned();
    }
    lines.join("\n") + &more(page, "waybill events")
}

/// When, what, of which order (or other thing), why.
fn line(event: &Value) -> String {
    let subject = match &event["orderId"] {
        Value::Null => &event["aggregate"]["id"],
        order => order,
    };
    let reason = match &event["reason"] {
        Value::Null => String::new(),
        reason => format!("  ({})", plain(reason)),
    };
    format!(
        "{}  {}  {}{reason}",
        plain(&event["recordedAt"]),
        plain(subject),
        plain(&event["type"]),
    )
}
