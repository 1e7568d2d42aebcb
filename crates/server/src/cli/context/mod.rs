//! `waybill context`: names for servers, each with its address and its token, so that they need not be given again.

mod file;

use std::io::Read as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde_json::json;

use super::exit::Exit;
use super::output::{self, table};
use super::suggest;
use crate::client::{ClientError, Target};
use crate::config::Secret;

pub use file::{Context, Contexts};

/// No token is longer than this.
const LONGEST_TOKEN_BYTES: u64 = 64 * 1024;

#[derive(Args, Debug)]
#[command(after_help = "Examples:
  waybill token --scope admin --expires 8h | waybill context set shop --url http://10.0.0.5:3000 --token-file -
  waybill context use shop
  waybill order list                     asks shop
  waybill order list --context test      asks test
  waybill context list
--url, --token and their variables win over a context. A context's token is sent to its own address only. The file is
contexts.toml in $XDG_CONFIG_HOME/waybill (~/.config/waybill), readable by its owner alone.")]
pub struct ContextArgs {
    #[command(subcommand)]
    command: ContextCommand,
    /// Print JSON
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Subcommand, Debug)]
enum ContextCommand {
    /// Make a context, or change the one of this name
    Set {
        /// Its name
        #[arg(value_parser = suggest::context(), hide_possible_values = true)]
        name: String,
        /// The server's address; a new context needs one
        #[arg(long)]
        url: Option<String>,
        /// The file that holds the token, - for standard input
        #[arg(long, value_name = "FILE")]
        token_file: Option<PathBuf>,
    },
    /// Use this context from now on
    Use {
        /// Its name
        #[arg(value_parser = suggest::context(), hide_possible_values = true)]
        name: String,
    },
    /// List the contexts; the one in use is marked
    List,
    /// Remove a context and its token
    Remove {
        /// Its name
        #[arg(value_parser = suggest::context(), hide_possible_values = true)]
        name: String,
    },
}

/// # Errors
/// The file cannot be read or written, or the context is not there.
pub fn run(args: &ContextArgs) -> Result<ExitCode, ClientError> {
    let mut contexts = Contexts::load()?;
    match &args.command {
        ContextCommand::Set {
            name,
            url,
            token_file,
        } => set(&mut contexts, name, url.as_deref(), token_file.as_ref())?,
        ContextCommand::Use { name } => {
            contexts.named(name)?;
            contexts.current = Some(name.clone());
        }
        ContextCommand::Remove { name } => contexts.remove(name)?,
        ContextCommand::List => {
            list(&contexts, args.json);
            return Ok(Exit::Done.into());
        }
    }
    contexts.save()?;
    list(&contexts, args.json);
    Ok(Exit::Done.into())
}

fn set(
    contexts: &mut Contexts,
    name: &str,
    url: Option<&str>,
    token_file: Option<&PathBuf>,
) -> Result<(), ClientError> {
    let before = contexts.named(name).ok().cloned();
    let url = url
        .or(before.as_ref().map(|context| &*context.url))
        .ok_or_else(|| {
            ClientError::usage(
                format!("the context {name} is new and has no address"),
                "give --url http://HOST:PORT",
            )
        })?;
    // A wrong address is refused here, not when it is used. It is stored in one form, so that it can be compared.
    let url = Target::parse(url)?.to_string();
    let token = match token_file {
        Some(file) => Some(read_token(file)?),
        // A token belongs to its address: another server must not get it.
        None => before
            .filter(|context| context.url == url)
            .and_then(|context| context.token),
    };
    contexts.put(name, Context { url, token })
}

/// The token in a file, without the line end.
pub fn read_token(file: &PathBuf) -> Result<Secret, ClientError> {
    let failed = |source| ClientError::File {
        path: file.display().to_string(),
        source,
    };
    let mut text = String::new();
    if file.as_os_str() == "-" {
        let mut input = std::io::stdin().lock().take(LONGEST_TOKEN_BYTES);
        input.read_to_string(&mut text).map_err(failed)?;
    } else {
        let open = std::fs::File::open(file).map_err(failed)?;
        let mut input = open.take(LONGEST_TOKEN_BYTES);
        input.read_to_string(&mut text).map_err(failed)?;
    }
    match text.trim() {
        "" => Err(ClientError::usage(
            "there is no token in what was read",
            "waybill token --scope admin --expires 8h prints one",
        )),
        token => Ok(Secret::new(token)),
    }
}

fn list(contexts: &Contexts, as_json: bool) {
    let is_current = |name: &str| contexts.current.as_deref() == Some(name);
    if as_json {
        let all = contexts.all().map(|(name, context)| {
            json!({"name": name, "url": context.url, "hasToken": context.token.is_some(), "current": is_current(name)})
        });
        output::json(&json!({"items": all.collect::<Vec<_>>()}));
        return;
    }
    let rows: Vec<Vec<&str>> = contexts
        .all()
        .map(|(name, context)| {
            let mark = if is_current(name) { "*" } else { "" };
            let token = if context.token.is_some() { "yes" } else { "no" };
            vec![mark, name, &context.url, token]
        })
        .collect();
    if rows.is_empty() {
        output::line(
            "no contexts\nnext: waybill context set NAME --url http://HOST:PORT --token-file FILE",
        );
    } else {
        output::line(table(&["", "name", "url", "token"], &rows));
    }
}
