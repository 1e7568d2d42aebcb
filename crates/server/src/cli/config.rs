//! `waybill config check` and `waybill config dump`: what the settings are, where each came from, and
//! whether a server would start with them. Secrets are never printed.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde_json::json;
use toml::{Table, Value};

use super::exit::Exit;
use super::{fail_config, output};
use crate::auth::AccessRoles;
use crate::brokers;
use crate::config::{ConfigErrors, Flag, Loaded, Sources, check_safety};
use crate::redis;
use crate::roles::{self, running};
use crate::vendors::configured;

/// The flags that set keys, for every command that starts from settings.
#[derive(Debug, Clone, Default, Args)]
pub struct SettingsArgs {
    /// Configuration file [default: ./waybill.toml, when there is one]
    #[arg(long, value_name = "FILE", env = "WAYBILL_CONFIG")]
    pub config: Option<PathBuf>,
    /// Set of settings: standard or demo
    #[arg(long, value_name = "NAME")]
    pub profile: Option<String>,
    /// Parts to run in this process, by commas: api, delivery, status, …
    #[arg(long, value_name = "ROLES", value_delimiter = ',')]
    pub roles: Vec<String>,
    /// Address to listen on, as :3000 or 127.0.0.1:3000; may be repeated
    #[arg(long, value_name = "ADDRESS")]
    pub listen: Vec<String>,
    /// Folder of the embedded database
    #[arg(long, value_name = "FOLDER")]
    pub data: Option<String>,
    /// Any other setting, as intake.queue_limit=500; may be repeated
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub set: Vec<String>,
}

impl SettingsArgs {
    /// These flags over this process's file and environment.
    ///
    /// # Errors
    /// A file cannot be read.
    pub fn sources(&self) -> Result<Sources, ConfigErrors> {
        let mut sources = Sources::of_process(self.config.as_deref())?
            .with_roles(roles::settings())
            .flags("--roles", "roles", &self.roles)
            .flags("--listen", "server.listen", &self.listen);
        for (name, key, text) in [
            ("--profile", "profile", &self.profile),
            ("--data", "store.data", &self.data),
        ] {
            if let Some(text) = text {
                sources = sources.flag(name, key, text);
            }
        }
        sources.flags.extend(self.set.iter().map(|set| {
            let (key, text) = set.split_once('=').unwrap_or((set, ""));
            Flag {
                name: "--set",
                key: key.to_owned(),
                text: text.to_owned(),
            }
        }));
        Ok(sources)
    }
}

#[derive(Debug, Args)]
pub struct ConfigArgs {
    #[command(subcommand)]
    command: ConfigCommand,
}

#[derive(Debug, Subcommand)]
enum ConfigCommand {
    /// Report everything that is wrong or unsafe; exit code 6 if anything is
    #[command(after_help = "Example:\n  waybill config check --config waybill.toml")]
    Check(#[command(flatten)] ReportArgs),
    /// Print every setting with where it came from; secrets are redacted
    #[command(after_help = "Example:\n  PORT=8080 waybill config dump --json")]
    Dump(#[command(flatten)] ReportArgs),
}

#[derive(Debug, Args)]
struct ReportArgs {
    #[command(flatten)]
    settings: SettingsArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Runs the command.
#[must_use]
pub fn run(args: &ConfigArgs) -> ExitCode {
    let (ConfigCommand::Check(report) | ConfigCommand::Dump(report)) = &args.command;
    let loaded = report
        .settings
        .sources()
        .and_then(|sources| Loaded::from_sources(&sources));
    match (&args.command, loaded) {
        (ConfigCommand::Check(_), loaded) => {
            let checked = Checked::of(loaded);
            if report.json {
                output::json(&checked.as_json());
            } else {
                output::line(checked.text());
            }
            Exit::from(checked.errors.is_none()).into()
        }
        (ConfigCommand::Dump(_), Ok(loaded)) => {
            if report.json {
                output::json(&as_json(&loaded));
            } else {
                output::line(as_toml(&loaded).trim_end());
            }
            Exit::Done.into()
        }
        (ConfigCommand::Dump(_), Err(errors)) => fail_config(&errors),
    }
}

/// Whether a server would start with the settings, and where it would listen.
struct Checked {
    addresses: Vec<String>,
    errors: Option<ConfigErrors>,
}

impl Checked {
    fn of(loaded: Result<Loaded, ConfigErrors>) -> Self {
        let checked = loaded.and_then(|loaded| {
            check_safety(&loaded.settings)?;
            redis::check(&loaded.settings)?;
            configured::check(&loaded.settings)?;
            AccessRoles::checked(&loaded.settings)?;
            let publishes = brokers::check(&loaded.settings)?;
            running::check(roles::ALL, &loaded.settings, publishes)?;
            Ok(loaded.settings.listen_addresses())
        });
        match checked {
            Ok(addresses) => Self {
                addresses: addresses.iter().map(ToString::to_string).collect(),
                errors: None,
            },
            Err(errors) => Self {
                addresses: Vec::new(),
                errors: Some(errors),
            },
        }
    }

    fn text(&self) -> String {
        self.errors.as_ref().map_or_else(
            || {
                format!(
                    "The configuration is fine. A server would listen on {}.",
                    self.addresses.join(", ")
                )
            },
            ToString::to_string,
        )
    }

    fn as_json(&self) -> serde_json::Value {
        let errors = self.errors.iter().flat_map(|errors| &errors.0);
        let list: Vec<_> = errors
            .map(|e| json!({ "source": e.source, "key": e.key, "value": e.value, "message": e.advice }))
            .collect();
        json!({ "ok": self.errors.is_none(), "errors": list, "listen": self.addresses })
    }
}

/// The settings as a file that could be used again, but for the secrets.
fn as_toml(loaded: &Loaded) -> String {
    let mut text = String::new();
    let mut sections = String::new();
    for (name, value) in &effective(loaded) {
        match value {
            Value::Table(section) => {
                sections.push_str(&format!("\n[{name}]\n"));
                for (key, value) in section {
                    sections.push_str(&line(loaded, key, &format!("{name}.{key}"), value));
                }
            }
            value => text.push_str(&line(loaded, name, name, value)),
        }
    }
    text + &sections
}

fn line(loaded: &Loaded, name: &str, path: &str, value: &Value) -> String {
    loaded.origins.get(path).map_or_else(String::new, |origin| {
        format!("{name} = {value} # {origin}\n")
    })
}

fn as_json(loaded: &Loaded) -> serde_json::Value {
    let mut all = serde_json::Map::new();
    for (name, value) in &effective(loaded) {
        match value {
            Value::Table(section) => {
                for (key, value) in section {
                    let path = format!("{name}.{key}");
                    all.insert(path.clone(), entry(loaded, &path, value));
                }
            }
            value => {
                all.insert(name.clone(), entry(loaded, name, value));
            }
        }
    }
    serde_json::Value::Object(all)
}

fn entry(loaded: &Loaded, path: &str, value: &Value) -> serde_json::Value {
    json!({ "value": value, "source": loaded.origins.get(path).map(ToString::to_string) })
}

/// The settings as a table. A secret, or a URL that may have a password, writes itself as `[redacted]`.
fn effective(loaded: &Loaded) -> Table {
    loaded.settings.to_table()
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    use super::*;

    #[derive(Debug, Parser)]
    struct Command {
        #[command(flatten)]
        config: ConfigArgs,
    }

    #[test]
    fn the_arguments_are_well_formed_and_flags_reach_their_keys() {
        Command::command().debug_assert();
        let line =
            "config check --roles api,status --listen :1 --listen [::1]:2 --set log.level=warn";
        let command = Command::parse_from(line.split(' '));
        let ConfigCommand::Check(report) = command.config.command else {
            panic!("it is a check")
        };
        let flags = report.settings.sources().expect("no file is named").flags;
        let given: Vec<_> = flags
            .iter()
            .map(|f| (f.name, &f.key[..], &f.text[..]))
            .collect();
        let expected = [
            ("--roles", "roles", "api,status"),
            ("--listen", "server.listen", ":1,[::1]:2"),
            ("--set", "log.level", "warn"),
        ];
        assert_eq!(given, expected);
    }

    fn loaded(pairs: &[(&'static str, &str)]) -> Loaded {
        let sources = pairs.iter().fold(
            Sources::default().with_roles(crate::roles::settings()),
            |s, (key, text)| s.flag("--set", *key, *text),
        );
        Loaded::from_sources(&sources).expect("valid")
    }

    const SECRETS: [(&str, &str); 3] = [
        ("auth.secrets", "a=hush-0123456789-0123456789-012345"),
        ("store.url", "postgres://u:hush@h/x"),
        ("store.listen_url", "postgres://u:hush@h/y"),
    ];

    #[test]
    fn a_dump_reads_back_shows_origins_and_hides_secrets() {
        let text = as_toml(&loaded(&SECRETS));
        assert!(!text.contains("hush"), "{text}");
        assert!(text.contains("queue_limit = 2000 # default\n"), "{text}");
        assert!(text.contains("url = \"[redacted]\" # --set\n"), "{text}");
        text.parse::<Table>().expect("a dump is TOML");
        let json = as_json(&loaded(&SECRETS));
        assert!(!json.to_string().contains("hush"));
        assert_eq!(json["limits.lines"]["source"], "default");
    }

    #[test]
    fn a_check_says_yes_only_to_settings_a_server_would_start_with() {
        let ask = |loaded: Loaded| {
            let checked = Checked::of(Ok(loaded));
            (checked.errors.is_none(), checked.text())
        };
        let (fine, said) = ask(loaded(&SECRETS));
        assert!(fine && said.contains("0.0.0.0:3000"), "{said}");
        let (fine, said) = ask(loaded(&[]));
        assert!(!fine && said.contains("JWT_SECRET"), "{said}");
        let mut alone = loaded(&SECRETS);
        alone.settings.roles = ["relay".to_owned()].into();
        let (fine, said) = ask(alone);
        assert!(!fine && said.contains("no broker"), "{said}");
    }
}
