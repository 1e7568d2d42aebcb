//! `waybill token`: makes a token with the configured secret, or (`inspect`) says what is wrong with one.

mod inspect;

use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde_json::json;

use super::config::SettingsArgs;
use super::exit::Exit;
use super::{output, suggest};
use crate::auth::{
    AccessRoles, MintError, NewToken, Scopes, UnknownAccessRole, UnknownScope, mint,
};
use crate::clock::Clock;
use crate::config::{Auth, ConfigErrors, Millis, Settings};

/// Make a token, signed with the configured secret, or look into one
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    after_help = "Examples:\n  waybill token --scope admin --expires 1h\n  waybill token --scope 'order:create order:read' --subject shop --tenant acme\n  waybill token --role operator --subject anna --expires 8h"
)]
pub struct TokenArgs {
    #[command(subcommand)]
    command: Option<TokenCommand>,
    /// What it may do; several by spaces or commas, or repeated
    #[arg(long, value_name = "SCOPES", required_unless_present = "role", value_parser = suggest::scope())]
    scope: Vec<String>,
    /// A set of scopes that the settings name (auth.roles), as viewer or operator; may be repeated
    #[arg(long, value_name = "ROLE")]
    role: Vec<String>,
    /// How long it lives, as 15m, 1h or 7d [default: auth.token_lifetime_ms]
    #[arg(long, value_name = "TIME")]
    expires: Option<String>,
    /// Whom it stands for
    #[arg(long, default_value = "cli")]
    subject: String,
    /// Whose orders it sees
    #[arg(long, default_value = "default")]
    tenant: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    settings: SettingsArgs,
}

#[derive(Debug, Subcommand)]
enum TokenCommand {
    Inspect(inspect::InspectArgs),
}

/// Why no token was made.
#[derive(Debug, thiserror::Error)]
pub enum TokenCommandError {
    #[error(transparent)]
    Config(#[from] ConfigErrors),
    #[error("--scope: {0}")]
    Scope(#[from] UnknownScope),
    #[error("--role: {0}")]
    Role(#[from] UnknownAccessRole),
    #[error("--expires {0}: give a time such as 15m, 1h or 7d")]
    Expires(String),
    #[error(transparent)]
    Mint(#[from] MintError),
}

impl TokenCommandError {
    fn tell(&self) -> ExitCode {
        match self {
            Self::Config(errors) => super::fail_config(errors),
            Self::Mint(MintError::NoSecret) => output::error_line("no_secret", Exit::Failed, self),
            Self::Scope(_) | Self::Role(_) | Self::Expires(_) | Self::Mint(_) => {
                output::error_line("usage", Exit::Usage, self)
            }
        }
    }
}

/// Runs the command.
#[must_use]
pub fn run(args: &TokenArgs, clock: &impl Clock) -> ExitCode {
    let settings = match &args.command {
        Some(TokenCommand::Inspect(inspect)) => &inspect.settings,
        None => &args.settings,
    };
    let sources = settings.sources();
    let settings = match sources.and_then(|sources| Settings::load(&sources)) {
        Ok(settings) => settings,
        Err(errors) => return TokenCommandError::from(errors).tell(),
    };
    if let Some(TokenCommand::Inspect(inspect)) = &args.command {
        return inspect::run(inspect, &settings, clock);
    }
    match print(args, &settings, clock) {
        Ok(()) => Exit::Done.into(),
        Err(error) => error.tell(),
    }
}

fn print(
    args: &TokenArgs,
    settings: &Settings,
    clock: &impl Clock,
) -> Result<(), TokenCommandError> {
    let roles = AccessRoles::checked(settings)?;
    let (token, lifetime) = make(args, &settings.auth, &roles, clock.now_micros())?;
    if args.json {
        let seconds = lifetime.get() / 1_000;
        output::json(&json!({ "token": token, "token_type": "Bearer", "expires_in": seconds }));
    } else {
        output::line(token);
    }
    Ok(())
}

fn make(
    args: &TokenArgs,
    auth: &Auth,
    roles: &AccessRoles,
    now_micros: i64,
) -> Result<(String, Millis), TokenCommandError> {
    let mut scopes = Scopes::parse(&args.scope.join(" "))?;
    for role in &args.role {
        scopes = scopes.with(roles.scopes(role)?);
    }
    let lifetime = match &args.expires {
        Some(text) => Millis::parse(text)
            .filter(|time| time.get() >= 1_000)
            .ok_or_else(|| TokenCommandError::Expires(text.clone()))?,
        None => auth.token_lifetime_ms,
    };
    let new = NewToken {
        subject: &args.subject,
        tenant: &args.tenant,
        scopes,
        lifetime,
    };
    Ok((mint(auth, &new, now_micros)?, lifetime))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::auth::{Scope, Verifier};
    use crate::config::Profile;

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        token: TokenArgs,
    }

    fn ask(arguments: &[&str], profile: Profile) -> Result<(String, Millis), TokenCommandError> {
        let command = Command::parse_from([&["token"], arguments].concat());
        let settings = Settings::of_profile(profile);
        let roles = AccessRoles::checked(&settings)?;
        make(
            &command.token,
            &settings.auth,
            &roles,
            1_780_000_000_000_000,
        )
    }

    #[test]
    fn a_token_has_the_scope_and_the_time_that_were_asked_for() {
        let (token, lifetime) =
            ask(&["--scope", "admin", "--expires", "1h"], Profile::Demo).expect("made");
        assert_eq!(lifetime, Millis::new(3_600_000));
        let settings = Settings::of_profile(Profile::Demo);
        let verifier = Verifier::new(&settings.auth);
        let identity = verifier
            .verify(&token, 1_780_000_000_000_000)
            .expect("accepted");
        assert!(identity.may(Scope::StockWrite) && identity.tenant == "default");
    }

    #[test]
    fn a_role_is_the_scopes_that_the_settings_give_it() {
        let (token, _) = ask(
            &["--role", "viewer", "--scope", "stock:write"],
            Profile::Demo,
        )
        .expect("made");
        let settings = Settings::of_profile(Profile::Demo);
        let verifier = Verifier::new(&settings.auth);
        let identity = verifier
            .verify(&token, 1_780_000_000_000_000)
            .expect("accepted");
        assert!(identity.may(Scope::OrderRead) && identity.may(Scope::StockWrite));
        assert!(!identity.may(Scope::OrderCancel));
        let said = ask(&["--role", "owner"], Profile::Demo).expect_err("refused");
        assert!(
            said.to_string().contains("there is no role owner"),
            "{said}"
        );
    }

    #[test]
    fn a_wrong_scope_a_wrong_time_and_a_missing_secret_are_said() {
        let said =
            |arguments: &[&str], profile| ask(arguments, profile).expect_err("refused").to_string();
        assert!(said(&["--scope", "root"], Profile::Demo).contains("there is no scope root"));
        assert!(said(&["--scope", "admin", "--expires", "soon"], Profile::Demo).contains("soon"));
        assert!(said(&["--scope", "admin"], Profile::Standard).contains("JWT_SECRET"));
    }
}
