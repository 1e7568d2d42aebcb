//! The arguments of every command that calls a running server: address, token, form of the output.

use std::io::ErrorKind;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::context::{Context, Contexts};
use super::duration::parse_duration;
use super::suggest;
use crate::client::{Client, ClientError, Target};

/// The file that `waybill demo` leaves in its data folder.
const ADMIN_TOKEN_FILE: &str = "admin.token";
/// Where a demo listens.
const DEFAULT_URL: &str = "http://127.0.0.1:3000";

#[derive(Args, Debug, Clone)]
pub struct ClientArgs {
    /// The server's address [default: the context's, else http://127.0.0.1:3000]
    #[arg(long, env = "WAYBILL_URL", global = true)]
    pub url: Option<String>,
    /// A Bearer token [default: the context's, else the admin token in the demo's data folder]
    #[arg(long, env = "WAYBILL_TOKEN", hide_env_values = true, global = true)]
    pub token: Option<String>,
    /// The context to take address and token from [default: the one chosen with `waybill context use`]
    #[arg(long, env = "WAYBILL_CONTEXT", value_name = "NAME", global = true,
        value_parser = suggest::context(), hide_possible_values = true)]
    pub context: Option<String>,
    /// The data folder of `waybill demo`, where its admin token is found
    #[arg(long, default_value = "./waybill-data", global = true)]
    pub data: PathBuf,
    /// How long to wait for one answer
    #[arg(long, default_value = "35s", value_parser = parse_timeout, global = true)]
    pub timeout: Duration,
    /// Print one JSON document instead of text
    #[arg(long, global = true)]
    pub json: bool,
}

/// A duration that an answer can take.
fn parse_timeout(text: &str) -> Result<Duration, String> {
    match parse_duration(text)? {
        Duration::ZERO => {
            Err("no answer comes within 0 s; give a longer time, as 500ms or 35s".into())
        }
        timeout => Ok(timeout),
    }
}

impl ClientArgs {
    /// # Errors
    /// `BadUrl`, `NoToken`, `NoContext`, or `Usage` when the token cannot be sent.
    pub fn client(&self) -> Result<Client, ClientError> {
        let (target, token) = self.target_and_token()?;
        Client::new(target, &token, self.timeout)
    }

    /// The server's address and the token: from flags and variables, else from the context, else the demo's.
    ///
    /// # Errors
    /// As `client`.
    pub fn target_and_token(&self) -> Result<(Target, String), ClientError> {
        let context = self.chosen_context()?;
        let of_context = context.as_ref().map(|context| &context.url);
        let url = self.url.as_ref().or(of_context);
        let target = Target::parse(url.map_or(DEFAULT_URL, String::as_str))?;
        if let Some(token) = &self.token {
            return Ok((target, token.clone()));
        }
        // A context's token goes to the context's own address and nowhere else.
        let token = context
            .filter(|context| context.url == target.to_string())
            .and_then(|context| context.token);
        match token {
            Some(token) => Ok((target, token.expose().to_owned())),
            None => Ok((target, self.demo_token()?)),
        }
    }

    /// The context in use; the file is not read if flags and variables give everything.
    fn chosen_context(&self) -> Result<Option<Context>, ClientError> {
        if self.context.is_none() && self.url.is_some() && self.token.is_some() {
            return Ok(None);
        }
        let contexts = Contexts::load()?;
        let name = self.context.as_ref().or(contexts.current.as_ref());
        name.map(|name| contexts.named(name).cloned()).transpose()
    }

    fn demo_token(&self) -> Result<String, ClientError> {
        let file = self.data.join(ADMIN_TOKEN_FILE);
        std::fs::read_to_string(&file).map_err(|error| ClientError::NoToken {
            looked_at: file.display().to_string(),
            why: match error.kind() {
                ErrorKind::NotFound => "does not exist".to_owned(),
                _ => format!("cannot be read: {error}"),
            },
        })
    }
}

#[cfg(test)]
impl ClientArgs {
    pub(crate) fn for_url(url: &str) -> Self {
        Self {
            url: Some(url.to_owned()),
            token: Some("test-token".to_owned()),
            context: None,
            data: PathBuf::from("./waybill-data"),
            timeout: Duration::from_secs(10),
            json: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    use super::*;
    use crate::cli::{
        dlq::DlqArgs, load::LoadArgs, order::OrderArgs, seed::SeedArgs, stock::StockArgs,
    };

    #[derive(Parser)]
    enum Cli {
        Dlq(DlqArgs),
        Load(LoadArgs),
        Order(OrderArgs),
        Seed(SeedArgs),
        Stock(StockArgs),
    }

    #[test]
    fn every_command_is_well_formed_takes_the_shared_arguments_last_and_shows_examples() {
        let mut all = Cli::command();
        all.clone().debug_assert();
        for command in all.get_subcommands_mut() {
            let help = command.render_help().to_string();
            assert!(
                help.contains("Examples:") && help.contains("--token"),
                "{help}"
            );
        }
        let parsed = Cli::try_parse_from([
            "waybill", "order", "get", "WB-1", "--json", "--url", "http://a",
        ]);
        let Ok(Cli::Order(order)) = parsed else {
            panic!("the order command was typed")
        };
        assert!(order.client.json && order.client.url.as_deref() == Some("http://a"));
    }

    #[test]
    fn the_token_given_wins_over_the_demo_folders() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(ADMIN_TOKEN_FILE), "from-the-file\n").unwrap();
        let mut args = ClientArgs {
            data: folder.path().to_owned(),
            ..ClientArgs::for_url("http://127.0.0.1:1")
        };
        assert_eq!(args.target_and_token().unwrap().1, "test-token");
        args.token = None;
        assert_eq!(
            args.client().unwrap().authorization(),
            "Bearer from-the-file"
        );
    }

    #[test]
    fn without_any_token_the_error_says_where_one_comes_from() {
        let folder = tempfile::tempdir().unwrap();
        let args = ClientArgs {
            token: None,
            data: folder.path().to_owned(),
            ..ClientArgs::for_url("http://127.0.0.1:1")
        };
        let error = args.client().err().unwrap().to_string();
        for part in [
            "WAYBILL_TOKEN",
            "admin.token does not exist",
            "waybill token",
        ] {
            assert!(error.contains(part), "{part} in {error}");
        }
    }
}
