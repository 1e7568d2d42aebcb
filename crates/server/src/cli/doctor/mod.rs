//! `waybill doctor`: problems of this installation and what to do about them. It changes nothing.
//!
//! One file per area: the `machine`, the `embedded` store, the `shared` one with its `checkpoints` and the `snapshot` held in it, whether
//! processes do the `work` of each role, and the files that `secrets` came from.

mod check;
mod checkpoints;
mod embedded;
mod machine;
mod secrets;
mod shared;
mod snapshot;
mod work;

use std::process::ExitCode;

use clap::Args;
use serde_json::json;

use super::config::SettingsArgs;
use super::exit::Exit;
use super::output;
use crate::auth::AccessRoles;
use crate::backend;
use crate::brokers;
use crate::config::{ConfigErrors, Loaded, Profile, Settings, check_safety};
use crate::redis;
use crate::roles::{self, running};
use crate::vendors::configured;
use check::{Check, Verdict};

/// Say what is wrong with this installation and what to do about it
#[derive(Debug, Args)]
#[command(
    after_help = "Looks at the settings, the store, who works on it, the machine; changes nothing; may be run beside a server. Give it the settings the server has. Exit code 0: nothing is bad; 6: something is.\n\nExamples:\n  waybill doctor\n  waybill doctor --config /etc/waybill.toml --json\n  DATABASE_URL=postgres://waybill@db/waybill waybill doctor"
)]
pub struct DoctorArgs {
    #[command(flatten)]
    settings: SettingsArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub async fn run(args: DoctorArgs) -> ExitCode {
    let sources = args.settings.sources();
    let loaded = sources.and_then(|sources| Ok((Loaded::from_sources(&sources)?, sources)));
    let checks = match loaded {
        Ok((loaded, sources)) => {
            let mut checks = look(&loaded.settings).await;
            checks.extend(secrets::look(&sources, &loaded));
            checks
        }
        // Without valid settings nothing else can be checked.
        Err(errors) => wrong(&errors),
    };
    let fine = checks.iter().all(|check| check.verdict != Verdict::Bad);
    if args.json {
        output::json(&json!({"ok": fine, "checks": checks}));
    } else {
        checks.iter().for_each(|check| output::line(check.line()));
        output::line(summary(&checks));
    }
    Exit::from(fine).into()
}

async fn look(settings: &Settings) -> Vec<Check> {
    let mut checks = vec![];
    let startable = check_safety(settings)
        .and_then(|()| redis::check(settings))
        .and_then(|()| configured::check(settings))
        .and_then(|()| AccessRoles::checked(settings).map(drop))
        .and_then(|()| brokers::check(settings))
        .and_then(|publishes| running::check(roles::ALL, settings, publishes));
    match startable {
        Ok(()) => checks.push(of_settings(settings)),
        Err(errors) => checks.extend(wrong(&errors)),
    }
    match backend::shared(settings) {
        Some(options) => checks.extend(shared::look(&options).await),
        None => checks.extend(embedded::look(settings)),
    }
    // Without a usable schema the store cannot be read; a check above has reported that.
    let there_is_a_store = checks
        .iter()
        .any(|check| check.name == "schema" && check.verdict == Verdict::Ok);
    if there_is_a_store {
        checks.extend(work::look(settings).await);
    }
    checks.extend(machine::look(settings).await);
    checks
}

fn of_settings(settings: &Settings) -> Check {
    let roles: Vec<&str> = settings.roles.iter().map(String::as_str).collect();
    match settings.profile {
        Profile::Standard => Check::ok("settings", format!("roles {}", roles.join(", "))),
        Profile::Demo => Check::warn(
            "settings",
            "the demo profile: well-known secrets, lax tokens",
            "never keep anything in it that matters; serve with the standard profile and a secret of your own",
        ),
    }
}

fn wrong(errors: &ConfigErrors) -> Vec<Check> {
    let each = errors.0.iter();
    each.map(|error| {
        let found = match &error.value {
            Some(value) => format!("{} = {value} ({})", error.key, error.source),
            None => format!("{} ({})", error.key, error.source),
        };
        Check::bad("settings", found, error.advice.clone())
    })
    .collect()
}

fn summary(checks: &[Check]) -> String {
    let count = |verdict| checks.iter().filter(|c| c.verdict == verdict).count();
    match (count(Verdict::Bad), count(Verdict::Warn)) {
        (0, 0) => "everything is fine".into(),
        (0, warn) => format!("nothing is bad; {warn} to look at"),
        (bad, warn) => format!("{bad} bad, {warn} more to look at"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Sources;

    fn settings(pairs: &[(&'static str, &str)]) -> Settings {
        let sources = pairs.iter().fold(
            Sources::default().with_roles(crate::roles::settings()),
            |s, (key, text)| s.flag("test", *key, *text),
        );
        Settings::load(&sources).expect("valid")
    }

    fn verdict(checks: &[Check], name: &str) -> Option<Verdict> {
        checks.iter().find(|c| c.name == name).map(|c| c.verdict)
    }

    #[tokio::test]
    async fn an_installation_without_a_secret_is_bad_and_says_what_to_do() {
        let folder = tempfile::tempdir().expect("a folder");
        let data = folder.path().to_str().expect("text");
        let settings = settings(&[("store.data", data), ("server.listen", "127.0.0.1:0")]);
        let checks = look(&settings).await;
        let secret = &checks[0];
        assert_eq!(secret.verdict, Verdict::Bad);
        let advice = secret.advice.as_deref().unwrap_or_default();
        assert!(advice.contains("JWT_SECRET"), "{advice}");
        assert_eq!(verdict(&checks, "store"), Some(Verdict::Ok), "{checks:?}");
        assert_eq!(verdict(&checks, "ports"), Some(Verdict::Ok), "{checks:?}");
    }

    #[tokio::test]
    async fn a_port_that_somebody_else_has_is_bad() {
        let folder = tempfile::tempdir().expect("a folder");
        let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = taken.local_addr().expect("bound").to_string();
        let settings = settings(&[
            ("profile", "demo"),
            ("store.data", folder.path().to_str().expect("text")),
            ("server.listen", &address),
        ]);
        let checks = look(&settings).await;
        assert_eq!(verdict(&checks, "ports"), Some(Verdict::Bad), "{checks:?}");
        assert_eq!(verdict(&checks, "settings"), Some(Verdict::Warn));
    }

    #[test]
    fn a_line_has_the_verdict_first_and_the_advice_below() {
        let check = Check::bad("disk", "3 MiB free", "make room");
        assert_eq!(
            check.line(),
            "bad   disk      3 MiB free\n                → make room"
        );
        assert_eq!(summary(&[check]), "1 bad, 0 more to look at");
    }
}
