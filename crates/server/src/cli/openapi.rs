//! `waybill openapi`: the specification that a server with these settings has at `/openapi.json`, without a server.

use std::process::ExitCode;

use clap::Args;

use super::config::SettingsArgs;
use super::exit::Exit;
use super::{fail, output};
use crate::config::Settings;
use crate::http::router::specification;
use crate::roles;

/// Print the OpenAPI document of the HTTP API, to generate a client from
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  waybill openapi > openapi.json\n  npx openapi-typescript openapi.json -o waybill.d.ts"
)]
pub struct OpenapiArgs {
    #[command(flatten)]
    settings: SettingsArgs,
}

/// Runs the command.
#[must_use]
pub fn run(args: &OpenapiArgs) -> ExitCode {
    let settings = args
        .settings
        .sources()
        .and_then(|sources| Settings::load(&sources));
    match settings {
        Ok(settings) => {
            output::raw(
                specification(
                    &settings.limits,
                    roles::ALL.iter().map(|role| (role.routes)()),
                )
                .as_bytes(),
            );
            output::raw(b"\n");
            Exit::Done.into()
        }
        Err(errors) => fail(&errors),
    }
}
