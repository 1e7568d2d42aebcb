//! `waybill clients`: who may ask for tokens, by id and secret.
//!
//! A secret is printed once, by the command that makes it. A revocation cannot be undone, so it requires `--yes`.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::client_args::ClientArgs;
use super::exit::Exit;
use super::output::{self, more, plain, table};
use crate::client::{ClientError, Query, path_segment};

#[derive(Args, Debug)]
#[command(after_help = "Examples:
  waybill clients create shop --scope order:create --scope order:read
  waybill clients create shop --scope order:create --json | jq -r .secret
  waybill clients list
  waybill clients rotate shop                  a new secret beside the present one
  waybill clients revoke shop --old-secret     once every process has the new one
  waybill clients rotate shop --revoke-old     others may know the secret: end it now
  waybill clients revoke shop --yes            for good

A client is of the tenant of the token that makes it (waybill token --tenant NAME --scope admin).")]
pub struct ClientsArgs {
    #[command(subcommand)]
    pub command: ClientsCommand,
    #[command(flatten)]
    pub client: ClientArgs,
}

#[derive(Subcommand, Debug)]
pub enum ClientsCommand {
    /// Make a client and its first secret, which is printed this once
    Create {
        /// Its client_id: 1 to 64 letters, digits, `.`, `_` and `-`
        name: String,
        /// What its tokens may do; may be repeated, or a list with commas
        #[arg(long = "scope", required = true, value_delimiter = ',')]
        scopes: Vec<String>,
    },
    /// The clients of the token's tenant, and since when their secrets are live
    List {
        /// Go on after this cursor
        #[arg(long)]
        after: Option<String>,
        /// Rows to show
        #[arg(long)]
        limit: Option<u64>,
    },
    /// Make a new secret, which is printed this once; the one before it stays live until the next rotation
    Rotate {
        /// The client's id
        name: String,
        /// End every earlier secret at once
        #[arg(long)]
        revoke_old: bool,
    },
    /// End a client for good, or only the older of its two secrets
    Revoke {
        /// The client's id
        name: String,
        /// End only the older secret; the client stays
        #[arg(long)]
        old_secret: bool,
        /// Yes, this client gets no token any more
        #[arg(long)]
        yes: bool,
    },
}

/// # Errors
/// Why the command failed.
pub async fn run(args: ClientsArgs) -> Result<ExitCode, ClientError> {
    if let ClientsCommand::Revoke {
        name,
        old_secret: false,
        yes: false,
    } = &args.command
    {
        return Err(ClientError::usage(
            format!("{name} would get no token any more, and that cannot be taken back"),
            "add --yes, or --old-secret to end only the older of its two secrets",
        ));
    }
    let mut client = args.client.client()?;
    let of = |name: &str, action: &str| format!("/v1/clients/{}/{action}", path_segment(name));
    let (shown, text): (Value, fn(&Value) -> String) = match &args.command {
        ClientsCommand::Create { name, scopes } => {
            let body = json!({"id": name, "scopes": scopes});
            (client.post("/v1/clients", Some(&body)).await?.body, issued)
        }
        ClientsCommand::List { after, limit } => {
            let query = Query::default()
                .with("after", after.as_ref())
                .with("limit", limit.map(|limit| limit.to_string()));
            let path = query.after_path("/v1/clients");
            (client.get(&path).await?.body, listed)
        }
        ClientsCommand::Rotate { name, revoke_old } => {
            let body = json!({"revokeOld": revoke_old});
            let path = of(name, "rotate");
            (client.post(&path, Some(&body)).await?.body, rotated)
        }
        ClientsCommand::Revoke {
            name, old_secret, ..
        } => {
            let body = json!({"oldSecretOnly": old_secret});
            let path = of(name, "revoke");
            (client.post(&path, Some(&body)).await?.body, revoked)
        }
    };
    if args.client.json {
        output::json(&shown);
    } else {
        output::line(text(&shown));
    }
    Ok(Exit::Done.into())
}

fn issued(client: &Value) -> String {
    format!(
        "client_id      {}\nclient_secret  {}\n{}\nnext: POST /auth/token with both, grant_type client_credentials",
        plain(&client["id"]),
        plain(&client["secret"]),
        plain(&client["note"])
    )
}

fn rotated(client: &Value) -> String {
    let id = plain(&client["id"]);
    let live = client["secrets"].as_array().map_or(0, Vec::len);
    let next = if live > 1 {
        format!(
            "next: give it to the client's processes, then waybill clients revoke {id} --old-secret"
        )
    } else {
        "next: give it to the client's processes; the earlier secrets are ended".to_owned()
    };
    format!(
        "client_id      {id}\nclient_secret  {}\n{}\n{next}",
        plain(&client["secret"]),
        plain(&client["note"])
    )
}

fn revoked(client: &Value) -> String {
    let id = plain(&client["id"]);
    match &client["revokedAt"] {
        Value::Null => format!("the older secret of {id} is ended; one is left"),
        at => format!(
            "{id} is revoked since {}; its tokens end when they expire",
            plain(at)
        ),
    }
}

fn listed(page: &Value) -> String {
    let clients = page["items"].as_array().map(Vec::as_slice);
    let clients = clients.unwrap_or_default();
    if clients.is_empty() {
        return "no clients\nnext: waybill clients create NAME --scope order:create".to_owned();
    }
    let row = |client: &Value| -> Vec<String> {
        let join = |list: &Value, of: fn(&Value) -> String| -> String {
            let items = list.as_array().into_iter().flatten().map(of);
            items.collect::<Vec<_>>().join(" ")
        };
        let state = match &client["revokedAt"] {
            Value::Null => "live".to_owned(),
            at => format!("revoked {}", plain(at)),
        };
        vec![
            plain(&client["id"]),
            state,
            join(&client["secrets"], |secret| plain(&secret["createdAt"])),
            join(&client["scopes"], plain),
        ]
    };
    let rows: Vec<Vec<String>> = clients.iter().map(row).collect();
    let titles = ["client", "state", "secrets since", "scopes"];
    format!(
        "{}{}",
        table(&titles, &rows),
        more(page, "waybill clients list")
    )
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
        clients: ClientsArgs,
    }

    /// Runs a command; returns its exit code and the line of each request.
    async fn typed(words: &[&str]) -> (Result<ExitCode, ClientError>, Vec<String>) {
        let asked = Arc::new(Mutex::new(Vec::new()));
        let server = FakeServer::start({
            let asked = Arc::clone(&asked);
            move |request| {
                asked.lock().push(request.line());
                match request.uri.path() {
                    "/v1/clients/gone/rotate" => {
                        FakeAnswer::json(409, r#"{"code":"client_revoked"}"#)
                    }
                    _ => FakeAnswer::json(200, r#"{"items":[]}"#),
                }
            }
        })
        .await;
        let given = ["clients", "--url", &server.url, "--token", "t"];
        let args = Cli::try_parse_from(given.iter().chain(words));
        let args = args.unwrap_or_else(|error| panic!("{error}")).clients;
        let outcome = run(args).await;
        let asked = asked.lock().clone();
        (outcome, asked)
    }

    #[tokio::test]
    async fn each_command_is_one_request_and_a_refusal_its_exit_code() {
        for (words, line) in [
            (
                &["create", "a", "--scope", "order:read"][..],
                "POST /v1/clients",
            ),
            (&["list", "--limit", "5"], "GET /v1/clients?limit=5"),
            (&["rotate", "a"], "POST /v1/clients/a/rotate"),
            (&["revoke", "a", "--yes"], "POST /v1/clients/a/revoke"),
            (
                &["revoke", "a", "--old-secret"],
                "POST /v1/clients/a/revoke",
            ),
        ] {
            let (outcome, asked) = typed(words).await;
            assert_eq!(
                (outcome.unwrap(), asked),
                (ExitCode::SUCCESS, vec![line.to_owned()])
            );
        }
        let (outcome, _) = typed(&["rotate", "gone"]).await;
        assert_eq!(outcome.unwrap_err().exit(), Exit::Refused);
        let (outcome, asked) = typed(&["revoke", "a"]).await;
        assert_eq!(
            (outcome.unwrap_err().exit(), asked),
            (Exit::Usage, vec![]),
            "it asks first"
        );
    }

    #[test]
    fn a_list_shows_state_secrets_and_scopes() {
        let page = json!({"items": [
            {"id": "shop", "scopes": ["order:create", "order:read"], "revokedAt": null,
                "secrets": [{"createdAt": "t2"}, {"createdAt": "t1"}]},
            {"id": "old", "scopes": ["admin"], "revokedAt": "t3", "secrets": []}], "next": null});
        let text = listed(&page);
        for part in ["shop", "t2 t1", "order:create order:read", "revoked t3"] {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert!(listed(&json!({"items": []})).contains("clients create"));
    }

    #[test]
    fn a_new_secret_is_shown_with_what_to_do_next() {
        let client = |secrets: Value| json!({"id": "shop", "secret": "wbs_x", "note": "n", "secrets": secrets});
        let two = rotated(&client(json!([{}, {}])));
        assert!(two.contains("wbs_x") && two.ends_with("clients revoke shop --old-secret"));
        assert!(rotated(&client(json!([{}]))).contains("are ended"));
        assert!(issued(&client(json!([{}]))).contains("client_secret  wbs_x"));
    }
}
