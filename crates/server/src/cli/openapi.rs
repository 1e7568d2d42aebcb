//! `waybill openapi`: the specification that a server with these settings has at `/openapi.json`, without a server.

use std::io::Write;

use clap::Args;

use super::config::SettingsArgs;
use crate::config::{ConfigErrors, Settings};
use crate::http::router::specification;

/// Print the OpenAPI document of the HTTP API, to generate a client from
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  waybill openapi > openapi.json\n  npx openapi-typescript openapi.json -o waybill.d.ts"
)]
pub struct OpenapiArgs {
    #[command(flatten)]
    settings: SettingsArgs,
}

/// Why there is no document.
#[derive(Debug, thiserror::Error)]
pub enum OpenapiError {
    #[error(transparent)]
    Config(#[from] ConfigErrors),
    #[error("cannot write it: {0}")]
    Output(#[from] std::io::Error),
}

/// Runs the command.
///
/// # Errors
/// The settings cannot be read, or the output not be written.
pub fn run(args: &OpenapiArgs, out: &mut dyn Write) -> Result<(), OpenapiError> {
    let settings = Settings::load(&args.settings.sources()?)?;
    writeln!(out, "{}", specification(&settings))?;
    Ok(out.flush()?)
}
