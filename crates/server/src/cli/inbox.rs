//! `waybill inbox`: what comes from other stores, and going on after one of them was restored.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::client_args::ClientArgs;
use super::exit::Exit;
use super::output::{self, plain, table};
use crate::client::{ClientError, path_segment};

#[derive(Args, Debug)]
#[command(after_help = "Examples:
  waybill inbox status --url http://127.0.0.1:3002
  waybill inbox adopt 018f… 0190…      once both stores were looked at")]
pub struct InboxArgs {
    #[command(subcommand)]
    pub command: InboxCommand,
    #[command(flatten)]
    pub client: ClientArgs,
}

#[derive(Subcommand, Debug)]
pub enum InboxCommand {
    /// Which stores send events, whether they are taken, and what waits
    Status,
    /// Take the events of a store that goes on under a new generation, as after a restore; again changes nothing
    Adopt {
        /// The other store's id, as `status` shows it
        store: String,
        /// Its generation, as `status` shows it; of several that are stopped, the one seen first comes first
        generation: String,
    },
}

/// # Errors
/// Why the command failed.
pub async fn run(args: InboxArgs) -> Result<ExitCode, ClientError> {
    let mut client = args.client.client()?;
    let as_json = args.client.json;
    match &args.command {
        InboxCommand::Status => {
            let inbox = client.get("/v1/inbox").await?.body;
            if as_json {
                output::json(&inbox);
            } else {
                output::line(status(&inbox));
            }
        }
        InboxCommand::Adopt { store, generation } => {
            let path = format!("/v1/inbox/{}/adopt", path_segment(store));
            let body = json!({"generation": generation});
            let adopted = client.post(&path, Some(&body)).await?.body;
            if as_json {
                output::json(&adopted);
            } else {
                output::line(match adopted["adopted"].as_u64() {
                    Some(0) => "it was adopted before; nothing was changed".to_owned(),
                    _ => format!(
                        "adopted for {} consumer(s): events of store {store} are taken again",
                        plain(&adopted["adopted"])
                    ),
                });
            }
        }
    }
    Ok(Exit::Done.into())
}

fn status(inbox: &Value) -> String {
    let generations = inbox["generations"].as_array();
    let generations: Vec<&Value> = generations.into_iter().flatten().collect();
    let waiting = format!(
        "{} event(s) wait for others, {} message(s) cannot be read{}",
        plain(&inbox["gaps"]),
        plain(&inbox["unreadable"]),
        if inbox["gaps"] == 0 && inbox["unreadable"] == 0 {
            ""
        } else {
            ": waybill dlq list"
        }
    );
    if generations.is_empty() {
        return format!("no event of another store has come\n{waiting}");
    }
    let columns = ["consumer", "storeId", "generation", "state", "seenAt"];
    let cells = |of: &&Value| columns.iter().map(|name| plain(&of[*name])).collect();
    let rows: Vec<Vec<String>> = generations.iter().map(cells).collect();
    let titles = ["consumer", "store", "generation", "state", "seen"];
    let mut text = table(&titles, &rows);
    text.push('\n');
    text.push_str(&waiting);
    let stopped = generations.iter().find(|of| of["state"] == "stopped");
    if let Some(stopped) = stopped {
        text.push_str(&format!(
            "\nnext: look at both stores, then waybill inbox adopt {} {}",
            plain(&stopped["storeId"]),
            plain(&stopped["generation"])
        ));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stopped_store_is_shown_with_the_way_on() {
        let generation = |state: &str, name: &str| json!({"consumer": "delivery-inbox", "storeId": "s", "generation": name, "state": state, "seenAt": "t"});
        let inbox = json!({"generations": [generation("taken", "g1"), generation("stopped", "g2")], "gaps": 3, "unreadable": 0});
        let text = status(&inbox);
        assert!(text.ends_with("waybill inbox adopt s g2"), "{text}");
        assert!(text.contains("3 event(s) wait"), "{text}");
        let inbox = json!({"generations": [generation("taken", "g1")], "gaps": 0, "unreadable": 0});
        let text = status(&inbox);
        assert!(!text.contains("next:") && !text.contains("dlq"), "{text}");
        let none = json!({"generations": [], "gaps": 0, "unreadable": 0});
        assert!(status(&none).starts_with("no event of another store"));
    }
}
