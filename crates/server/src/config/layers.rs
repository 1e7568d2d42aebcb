//! The values of all sources, laid over each other in their normal form, each with its origin.

use std::collections::BTreeMap;
use std::path::Path;

use toml::{Table, Value};
use waybill_domain::echo::Echo;

use super::contradictions::contradictions;
use super::database;
use super::dotenv;
use super::environment::{LEGACY, Ours, ours, variable};
use super::errors::ConfigErrors;
use super::kinds::{Key, RoleName, signing_secret};
use super::origin::Origin;
use super::redis_address;
use super::role::RoleSettings;
use super::secret;
use super::settings::{Settings, keys};
use super::sources::Sources;

/// Who set what, by `section.key`.
pub type Origins = BTreeMap<String, Origin>;

/// The values so far, in normal form, each with its origin.
pub struct Layers<'a> {
    pub values: BTreeMap<String, (Value, Origin)>,
    errors: ConfigErrors,
    /// Their sections are settings too.
    roles: &'a [RoleSettings],
    names: Vec<RoleName>,
}

impl<'a> Layers<'a> {
    pub fn new(roles: &'a [RoleSettings]) -> Self {
        Self {
            values: BTreeMap::new(),
            errors: ConfigErrors::default(),
            roles,
            names: roles.iter().map(|role| role.role).collect(),
        }
    }

    fn keys(&self) -> impl Iterator<Item = &'static Key> + use<'a> {
        let sections = self.roles.iter().filter_map(|role| role.section);
        keys().chain(sections.flat_map(|section| section.keys))
    }

    fn key(&self, path: &str) -> Option<&'static Key> {
        self.keys().find(|key| key.path() == path)
    }

    pub fn table(&mut self, table: &Table, origin: &Origin) {
        for (name, value) in table {
            match value {
                Value::Table(section) if self.keys().any(|key| key.section == name) => {
                    for (key, value) in section {
                        self.value(&format!("{name}.{key}"), value, origin);
                    }
                }
                value => self.value(name, value, origin),
            }
        }
    }

    pub fn file(&mut self, path: &Path, text: &str) {
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
    pub fn variables(&mut self, sources: &Sources) -> BTreeMap<String, String> {
        let dotenv = sources.dotenv.as_deref().unwrap_or_default();
        let mut dotenv = dotenv::parse(dotenv, &mut self.errors);
        dotenv.retain(|name, _| !sources.environment.contains_key(name));
        let both = both(sources, &dotenv);
        if let Some((name, url)) = database::url(&both, &mut self.errors) {
            self.text("store.url", &url, &origin_of(name, &dotenv));
        }
        self.some_variables(&dotenv, Origin::DotEnv);
        self.some_variables(&sources.environment, Origin::Environment);
        dotenv
    }

    /// The address of Redis, if it is to be used; a source that sets `cache.url` wins over it, but for the file.
    pub fn redis_address(&mut self, sources: &Sources, dotenv: &BTreeMap<String, String>) {
        if !self.is("cache.kind", &Value::String("redis".into())) {
            return;
        }
        let set = self.values.get("cache.url");
        if set.is_some_and(|(_, origin)| !matches!(origin, Origin::File(_))) {
            return;
        }
        let both = both(sources, dotenv);
        if let Some((name, url)) = redis_address::url(&both, &mut self.errors) {
            self.text("cache.url", &url, &origin_of(name, dotenv));
        }
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

    /// The ports of earlier deployments: by role, then `PORT`; a source that sets `server.listen` wins over both.
    pub fn ports(&mut self, sources: &Sources, dotenv: &BTreeMap<String, String>) {
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
    pub fn beneath(&mut self, below: BTreeMap<String, (Value, Origin)>) {
        for (path, entry) in below {
            self.values.entry(path).or_insert(entry);
        }
    }

    /// Applies what `demo` sets to keys that still have their defaults.
    pub fn demo(&mut self) {
        let secrets = secret::WELL_KNOWN
            .iter()
            .enumerate()
            .map(|(number, secret)| signing_secret(&format!("demo-{}", number + 1), secret));
        let overlay = [
            ("auth.secrets", Value::Array(secrets.collect())),
            ("auth.strict_claims", Value::Boolean(false)),
            ("inventory.mode", Value::String("simulated".into())),
            ("server.rate_limit_per_minute", Value::Integer(0)),
            ("duplicates.window_ms", Value::Integer(10_000)),
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

    pub fn text(&mut self, path: &str, text: &str, origin: &Origin) {
        let value = self.key(path).map_or_else(
            || Value::String(text.to_owned()),
            |key| key.kind.parse_text(text),
        );
        self.value(path, &value, origin);
    }

    fn value(&mut self, path: &str, value: &Value, origin: &Origin) {
        let Some(key) = self.key(path) else {
            self.unknown(path, origin);
            return;
        };
        match key.kind.normal(value, &self.names) {
            Some(normal) => {
                self.values
                    .insert(path.to_owned(), (normal, origin.clone()));
            }
            None => {
                let advice = format!("not allowed; give {}", key.kind.allowed(&self.names));
                self.errors
                    .push(origin, path, Some(key.kind.show(value)), advice);
            }
        }
    }

    fn unknown(&mut self, path: &str, origin: &Origin) {
        let paths = self.keys().map(Key::path);
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

    pub fn is(&self, path: &str, expected: &Value) -> bool {
        self.values
            .get(path)
            .is_some_and(|(value, _)| value == expected)
    }

    pub fn finish(self) -> Result<(Settings, Origins), ConfigErrors> {
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
        match read(table, self.roles) {
            Ok(settings) => {
                contradictions(&settings, &origins, &mut errors);
                errors.into_result((settings, origins))
            }
            // Every value passed its own check, so this is a fault of the key's declaration.
            Err(error) => {
                errors.push("configuration", "", None, error.to_string());
                Err(errors)
            }
        }
    }
}

/// `.env` with the environment over it.
fn both(sources: &Sources, dotenv: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let mut both = dotenv.clone();
    both.extend(sources.environment.clone());
    both
}

/// Which of the two a variable came from.
fn origin_of(name: &str, dotenv: &BTreeMap<String, String>) -> Origin {
    if dotenv.contains_key(name) {
        Origin::DotEnv(name.to_owned())
    } else {
        Origin::Environment(name.to_owned())
    }
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

/// The settings of a table whose values passed their own checks.
fn read(mut table: Table, roles: &[RoleSettings]) -> Result<Settings, toml::de::Error> {
    let mut of_roles = Table::new();
    for section in roles.iter().filter_map(|role| role.section) {
        if let Some(Value::Table(values)) = table.remove(section.name) {
            (section.check)(&values)?;
            of_roles.insert(section.name.to_owned(), Value::Table(values));
        }
    }
    let mut settings: Settings = Value::Table(table).try_into()?;
    settings.of_roles = of_roles;
    Ok(settings)
}
