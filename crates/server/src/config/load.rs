//! Lays the sources over each other and remembers who set what.
//!
//! defaults < profile < file < `.env` < environment < flags. Every value is checked where it stands,
//! so a wrong one is reported even when a later source would have hidden it.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use toml::{Table, Value};
use waybill_domain::echo::Echo;

use super::database;
use super::dotenv;
use super::environment::{LEGACY, Ours, ours, variable};
use super::errors::ConfigErrors;
use super::kinds::{Key, signing_secret};
use super::secret;
use super::settings::{Settings, keys};
use super::sources::Sources;
use super::values::Profile;

/// Every key, its default and its meaning.
pub const DEFAULTS: &str = include_str!("../../../../waybill.default.toml");

/// Who set a value; later ones win.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    Default,
    Profile,
    File(String),
    DotEnv(String),
    Environment(String),
    Flag(&'static str),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::Profile => f.write_str("profile demo"),
            Self::File(path) => write!(f, "file {path}"),
            Self::DotEnv(name) => write!(f, ".env {name}"),
            Self::Environment(name) => write!(f, "environment {name}"),
            Self::Flag(name) => f.write_str(name),
        }
    }
}

impl Settings {
    /// Reads every source, the later ones over the earlier.
    ///
    /// # Errors
    /// Everything that is wrong, in all sources, at once.
    pub fn load(sources: &Sources) -> Result<Self, ConfigErrors> {
        load(sources).map(|loaded| loaded.settings)
    }

    /// The settings of a profile with nothing else given; no file and no environment is read.
    #[must_use]
    pub fn of_profile(profile: Profile) -> Self {
        let name = match profile {
            Profile::Standard => "standard",
            Profile::Demo => "demo",
        };
        Self::load(&Sources::default().flag("--profile", "profile", name))
            .expect("the compiled-in defaults are valid, and a test loads both profiles")
    }
}

/// Settings, and where each came from.
#[derive(Debug, Clone)]
pub struct Loaded {
    pub settings: Settings,
    /// By `section.key`.
    pub origins: BTreeMap<String, Origin>,
}

impl Loaded {
    /// Reads every source.
    ///
    /// # Errors
    /// Everything that is wrong, at once.
    pub fn from_sources(sources: &Sources) -> Result<Self, ConfigErrors> {
        load(sources)
    }
}

/// The values so far, in normal form, each with its origin.
#[derive(Default)]
struct Layers {
    values: BTreeMap<String, (Value, Origin)>,
    errors: ConfigErrors,
}

pub(super) fn load(sources: &Sources) -> Result<Loaded, ConfigErrors> {
    let mut layers = Layers::default();
    let defaults: Table = DEFAULTS
        .parse()
        .expect("the compiled-in file is TOML, and a test reads it");
    layers.table(&defaults, &Origin::Default);
    let base = std::mem::take(&mut layers.values);

    if let Some((path, text)) = &sources.file {
        layers.file(path, text);
    }
    let dotenv = layers.variables(sources);
    for flag in &sources.flags {
        layers.text(&flag.key, &flag.text, &Origin::Flag(flag.name));
    }
    layers.ports(sources, &dotenv);
    layers.beneath(base);
    if layers.is("profile", &Value::String("demo".into())) {
        layers.demo();
    }
    layers.finish()
}

impl Layers {
    fn table(&mut self, table: &Table, origin: &Origin) {
        for (name, value) in table {
            match value {
                Value::Table(section) if keys().any(|key| key.section == name) => {
                    for (key, value) in section {
                        self.value(&format!("{name}.{key}"), value, origin);
                    }
                }
                value => self.value(name, value, origin),
            }
        }
    }

    fn file(&mut self, path: &Path, text: &str) {
        let origin = Origin::File(path.display().to_string());
        match text.parse::<Table>() {
            Ok(table) => self.table(&table, &origin),
            Err(error) => {
                // The message without the excerpt of the file, which may hold a secret.
                let line = error
                    .span()
                    .map_or(1, |span| 1 + text[..span.start].matches('\n').count());
                self.errors
                    .push(format!("{origin} line {line}"), "", None, error.message());
            }
        }
    }

    /// `.env` and the environment; a name that stands in both counts as the environment's.
    fn variables(&mut self, sources: &Sources) -> BTreeMap<String, String> {
        let dotenv = sources.dotenv.as_deref().unwrap_or_default();
        let mut dotenv = dotenv::parse(dotenv, &mut self.errors);
        dotenv.retain(|name, _| !sources.environment.contains_key(name));
        let mut both = dotenv.clone();
        both.extend(sources.environment.clone());
        if let Some((name, url)) = database::url(&both, &mut self.errors) {
            let made = if dotenv.contains_key(name) {
                Origin::DotEnv
            } else {
                Origin::Environment
            };
            self.text("store.url", &url, &made(name.to_owned()));
        }
        self.some_variables(&dotenv, Origin::DotEnv);
        self.some_variables(&sources.environment, Origin::Environment);
        dotenv
    }

    fn some_variables(&mut self, given: &BTreeMap<String, String>, origin: fn(String) -> Origin) {
        let set = |name: &str| given.get(name).filter(|text| !text.is_empty());
        for (name, key) in LEGACY
            .iter()
            .filter(|(name, _)| !name.starts_with("WAYBILL_"))
        {
            if let Some(text) = set(name) {
                self.text(key, text, &origin((*name).to_owned()));
            }
        }
        if let Some(secret) = set("JWT_SECRET") {
            let value = Value::Array(vec![signing_secret("default", secret)]);
            self.value("auth.secrets", &value, &origin("JWT_SECRET".into()));
        }
        for (name, text) in given {
            if let Ours::Key(key) = ours(name) {
                self.text(&key, text, &origin(name.clone()));
            }
        }
    }

    /// The ports of earlier deployments: by role, then `PORT`; whatever names `server.listen` wins.
    fn ports(&mut self, sources: &Sources, dotenv: &BTreeMap<String, String>) {
        let listen = self.values.get("server.listen");
        if listen.is_some_and(|(_, origin)| !matches!(origin, Origin::File(_))) {
            return;
        }
        let plays = |role: &str| match self.values.get("roles") {
            Some((Value::Array(roles), _)) => roles.iter().any(|name| name.as_str() == Some(role)),
            _ => true,
        };
        let candidates = [
            ("ORDER_SERVICE_PORT", plays("api")),
            ("DELIVERY_SERVICE_PORT", plays("delivery") && !plays("api")),
            ("PORT", true),
        ];
        let found = candidates
            .into_iter()
            .filter(|(_, fits)| *fits)
            .find_map(|(name, _)| {
                let (given, origin): (_, fn(String) -> Origin) = match sources.environment.get(name)
                {
                    Some(port) => (port, Origin::Environment),
                    None => (dotenv.get(name)?, Origin::DotEnv),
                };
                (!given.is_empty()).then(|| (given, origin(name.to_owned())))
            });
        let Some((port, origin)) = found else { return };
        if port.parse::<u16>().is_ok() {
            self.text("server.listen", &format!(":{port}"), &origin);
        } else {
            let advice = "a port is a number from 0 to 65535";
            self.errors.push(
                origin,
                "server.listen",
                Some(format!("\"{}\"", Echo(port))),
                advice,
            );
        }
    }

    /// Puts what is given under what is there already.
    fn beneath(&mut self, below: BTreeMap<String, (Value, Origin)>) {
        for (path, entry) in below {
            self.values.entry(path).or_insert(entry);
        }
    }

    /// What `demo` sets, where nothing but a default stands.
    fn demo(&mut self) {
        let secrets = secret::WELL_KNOWN
            .iter()
            .enumerate()
            .map(|(number, secret)| signing_secret(&format!("demo-{}", number + 1), secret));
        let overlay = [
            ("auth.secrets", Value::Array(secrets.collect())),
            ("auth.strict_claims", Value::Boolean(false)),
            ("inventory.mode", Value::String("simulated".into())),
            ("server.rate_limit_per_minute", Value::Integer(0)),
        ];
        for (path, value) in overlay {
            if self
                .values
                .get(path)
                .is_none_or(|(_, origin)| *origin == Origin::Default)
            {
                self.value(path, &value, &Origin::Profile);
            }
        }
    }

    fn text(&mut self, path: &str, text: &str, origin: &Origin) {
        let value = key(path).map_or_else(
            || Value::String(text.to_owned()),
            |key| key.kind.parse_text(text),
        );
        self.value(path, &value, origin);
    }

    fn value(&mut self, path: &str, value: &Value, origin: &Origin) {
        let Some(key) = key(path) else {
            self.unknown(path, origin);
            return;
        };
        match key.kind.normal(value) {
            Some(normal) => {
                self.values
                    .insert(path.to_owned(), (normal, origin.clone()));
            }
            None => {
                let advice = format!("not allowed; give {}", key.kind.allowed());
                self.errors
                    .push(origin, path, Some(key.kind.show(value)), advice);
            }
        }
    }

    fn unknown(&mut self, path: &str, origin: &Origin) {
        let paths = keys().map(Key::path);
        let nearest = paths.min_by_key(|known| distance(known, path));
        let written = |path: &str| match origin {
            Origin::DotEnv(_) | Origin::Environment(_) => variable(path),
            _ => path.to_owned(),
        };
        let advice = nearest.map_or_else(String::new, |near| {
            format!("; did you mean {}?", written(&near))
        });
        self.errors.push(
            origin,
            path,
            None,
            format!("there is no such setting{advice}"),
        );
    }

    fn is(&self, path: &str, expected: &Value) -> bool {
        self.values
            .get(path)
            .is_some_and(|(value, _)| value == expected)
    }

    fn finish(self) -> Result<Loaded, ConfigErrors> {
        let mut table = Table::new();
        let mut origins = BTreeMap::new();
        for (path, (value, origin)) in self.values {
            match path.split_once('.') {
                Some((section, name)) => {
                    let section = table
                        .entry(section)
                        .or_insert_with(|| Value::Table(Table::new()));
                    if let Value::Table(section) = section {
                        section.insert(name.to_owned(), value);
                    }
                }
                None => {
                    table.insert(path.clone(), value);
                }
            }
            origins.insert(path, origin);
        }
        let mut errors = self.errors;
        match Settings::try_from_table(table) {
            Ok(settings) => {
                contradictions(&settings, &origins, &mut errors);
                errors.into_result(Loaded { settings, origins })
            }
            // Every value passed its own check, so this is a fault of the key's declaration.
            Err(error) => {
                errors.push("configuration", "", None, error.to_string());
                Err(errors)
            }
        }
    }
}

impl Settings {
    fn try_from_table(table: Table) -> Result<Self, toml::de::Error> {
        Value::Table(table).try_into()
    }
}

/// Pairs of values that are fine alone and not together.
fn contradictions(
    settings: &Settings,
    origins: &BTreeMap<String, Origin>,
    errors: &mut ConfigErrors,
) {
    let mut ordered = |low: (&str, u64), high: (&str, u64)| {
        if low.1 > high.1 {
            let origin = origins
                .get(low.0)
                .max(origins.get(high.0))
                .cloned()
                .unwrap_or(Origin::Default);
            let advice = format!("must not be more than {} = {}", high.0, high.1);
            errors.push(origin, low.0, Some(low.1.to_string()), advice);
        }
    };
    let (retry, limits, store) = (&settings.retry, &settings.limits, &settings.store);
    ordered(
        ("retry.base_delay_ms", retry.base_delay_ms.0),
        ("retry.max_delay_ms", retry.max_delay_ms.0),
    );
    ordered(
        ("limits.page_default", limits.page_default.into()),
        ("limits.page_max", limits.page_max.into()),
    );
    ordered(
        ("store.pool_min_size", store.pool_min_size.into()),
        ("store.pool_size", store.pool_size.into()),
    );
    ordered(
        (
            "server.body_limit_bytes",
            settings.server.body_limit_bytes.into(),
        ),
        (
            "server.body_memory_bytes",
            settings.server.body_memory_bytes.into(),
        ),
    );
    ordered(
        ("server.body_timeout_ms", settings.server.body_timeout_ms.0),
        (
            "server.request_timeout_ms",
            settings.server.request_timeout_ms.0,
        ),
    );
}

fn key(path: &str) -> Option<&'static Key> {
    keys().find(|key| key.path() == path)
}

/// Edit distance, to find the key that was meant; paths are short.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.bytes().enumerate() {
            let substituted = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
#[path = "load_tests.rs"]
mod tests;
