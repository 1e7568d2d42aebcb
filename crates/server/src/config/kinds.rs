//! What a key may hold: its kind, its bounds, and how a value given as TOML or as text becomes the one
//! normal form that [`Settings`](super::Settings) is read from.

use toml::Value;

use super::values::{Listen, Millis, MillisRange};

/// A role, as a list of roles shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RoleName {
    /// Its one name: flag, log field, section of the settings.
    pub name: &'static str,
    /// What it does, in a few words.
    pub summary: &'static str,
    /// Whether `all` includes it.
    pub in_all: bool,
}

/// A key of the configuration.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    /// Empty for a key at the top.
    pub section: &'static str,
    pub name: &'static str,
    pub kind: Kind,
}

impl Key {
    #[must_use]
    pub fn path(&self) -> String {
        if self.section.is_empty() {
            self.name.to_owned()
        } else {
            format!("{}.{}", self.section, self.name)
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    Integer {
        least: i64,
        most: i64,
    },
    Decimal {
        least: f64,
        most: f64,
    },
    Switch,
    /// Text that must not be empty.
    Text,
    /// Text that may be empty, which means that it is not set.
    OptionalText,
    /// Empty, or a PostgreSQL URL; its password is never shown.
    DatabaseUrl,
    /// Empty, or a URL of Redis; its password is never shown.
    RedisUrl,
    /// Text that may be empty and is never shown.
    SecretText,
    OneOf(&'static [&'static str]),
    /// A time in milliseconds, or with a unit.
    Time {
        least: u64,
        most: u64,
    },
    TimeRange,
    Addresses,
    TextList,
    Roles,
    Secrets,
}

/// Secrets at once: one in use, and a few that rotate in or out.
const MAX_SECRETS: usize = 8;

impl Kind {
    /// What is allowed, in the words of an error.
    pub fn allowed(self, roles: &[RoleName]) -> String {
        match self {
            Self::Integer { least, most } => format!("a whole number from {least} to {most}"),
            Self::Decimal { least, most } => format!("a number from {least} to {most}"),
            Self::Switch => "true or false".into(),
            Self::Text => "a text that is not empty".into(),
            Self::OptionalText | Self::SecretText => "a text".into(),
            Self::DatabaseUrl => "postgres://user:password@host:5432/name".into(),
            Self::RedisUrl => "redis://:password@host:6379".into(),
            Self::OneOf(names) => format!("one of {}", names.join(", ")),
            Self::Time { least, most } => format!(
                "milliseconds from {least} to {most}, or a text with a unit such as \"500ms\", \"30s\", \"5m\", \"24h\""
            ),
            Self::TimeRange => "milliseconds, or a range such as \"2000-8000\" or \"2s-8s\"".into(),
            Self::Addresses => {
                "addresses such as \":3000\", \"127.0.0.1:3000\", \"[::1]:3000\"".into()
            }
            Self::TextList => "a list of texts".into(),
            Self::Roles => {
                let names: Vec<&str> = roles.iter().map(|role| role.name).collect();
                let each = |role: &RoleName| {
                    let alone = if role.in_all { "" } else { ", not in all" };
                    format!("{}: {}{alone}", role.name, role.summary)
                };
                let summaries: Vec<String> = roles.iter().map(each).collect();
                format!(
                    "\"all\" or some of {} ({})",
                    names.join(", "),
                    summaries.join("; ")
                )
            }
            Self::Secrets => format!(
                "up to {MAX_SECRETS} of {{ kid = \"…\", secret = \"…\" }} with different kids (in the environment: kid=secret,kid=secret)"
            ),
        }
    }

    /// The value as it may be shown in an error.
    pub fn show(self, value: &Value) -> String {
        match self {
            Self::Secrets | Self::DatabaseUrl | Self::RedisUrl | Self::SecretText => {
                "[redacted]".into()
            }
            _ => value.to_string(),
        }
    }

    /// Text, as the environment and flags give it, as the TOML it stands for. Text that does not fit
    /// stays text, and `normal` refuses it.
    pub fn parse_text(self, text: &str) -> Value {
        let whole = || Value::String(text.to_owned());
        match self {
            Self::Integer { .. } => text.trim().parse().map_or_else(|_| whole(), Value::Integer),
            Self::Decimal { .. } => text.trim().parse().map_or_else(|_| whole(), Value::Float),
            Self::Switch => text.trim().parse().map_or_else(|_| whole(), Value::Boolean),
            Self::Addresses | Self::TextList | Self::Roles => {
                let parts = text
                    .split(',')
                    .map(str::trim)
                    .filter(|part| !part.is_empty());
                Value::Array(parts.map(|part| Value::String(part.to_owned())).collect())
            }
            Self::Secrets => secrets_from_text(text).unwrap_or_else(whole),
            Self::Text
            | Self::OptionalText
            | Self::DatabaseUrl
            | Self::RedisUrl
            | Self::SecretText
            | Self::OneOf(_)
            | Self::Time { .. }
            | Self::TimeRange => whole(),
        }
    }

    /// The normal form of a value, or `None` when it is not allowed.
    pub fn normal(self, value: &Value, known: &[RoleName]) -> Option<Value> {
        match self {
            Self::Integer { least, most } => value
                .as_integer()
                .filter(|n| (least..=most).contains(n))
                .map(Value::Integer),
            Self::Decimal { least, most } => number(value)
                .filter(|n| (least..=most).contains(n))
                .map(Value::Float),
            Self::Switch => value.as_bool().map(Value::Boolean),
            Self::Text => text(value)
                .filter(|text| !text.trim().is_empty())
                .map(Value::String),
            Self::OptionalText | Self::SecretText => text(value).map(Value::String),
            Self::DatabaseUrl => text(value)
                .filter(|url| url.is_empty() || super::database::parse(url).is_some())
                .map(Value::String),
            Self::RedisUrl => text(value)
                .filter(|url| url.is_empty() || super::redis_address::parse(url).is_some())
                .map(Value::String),
            Self::OneOf(names) => text(value)
                .filter(|text| names.contains(&text.as_str()))
                .map(Value::String),
            Self::Time { least, most } => time(value)
                .filter(|time| (least..=most).contains(&time.get()))
                .map(|time| Value::Integer(time.as_i64())),
            Self::TimeRange => time_range(value).map(|range| Value::String(range.into())),
            Self::Addresses => list(value, |text| Listen::parse(text).is_some())
                .filter(|list| !list.is_empty())
                .map(Value::Array),
            Self::TextList => list(value, |text| !text.is_empty()).map(Value::Array),
            Self::Roles => roles(value, known),
            Self::Secrets => secrets(value),
        }
    }
}

fn text(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

fn number(value: &Value) -> Option<f64> {
    value
        .as_float()
        .or_else(|| value.as_integer().map(|whole| whole as f64))
}

fn time(value: &Value) -> Option<Millis> {
    match value {
        Value::Integer(millis) => u64::try_from(*millis).ok().and_then(Millis::checked),
        Value::String(text) => Millis::parse(text),
        _ => None,
    }
}

/// Longest time of a range: a day, so that a wrong unit does not delay an order for a year.
const MAX_RANGE_MS: u64 = 86_400_000;

fn time_range(value: &Value) -> Option<MillisRange> {
    let range = match value {
        Value::Integer(_) => time(value).map(MillisRange::always),
        Value::String(text) => MillisRange::parse(text),
        _ => None,
    };
    range.filter(|range| range.most().get() <= MAX_RANGE_MS)
}

fn list(value: &Value, fits: impl Fn(&str) -> bool) -> Option<Vec<Value>> {
    let items = value.as_array()?;
    items
        .iter()
        .all(|item| item.as_str().is_some_and(&fits))
        .then(|| items.clone())
}

fn roles(value: &Value, known: &[RoleName]) -> Option<Value> {
    let named = list(value, |name| {
        name == "all" || known.iter().any(|role| role.name == name)
    })?;
    if named.is_empty() {
        return None;
    }
    let is_named = |wanted: &str| named.iter().any(|name| name.as_str() == Some(wanted));
    let all = is_named("all");
    let chosen = known
        .iter()
        .filter(|role| all && role.in_all || is_named(role.name));
    Some(Value::Array(
        chosen.map(|role| Value::String(role.name.into())).collect(),
    ))
}

fn secrets(value: &Value) -> Option<Value> {
    let entries = value.as_array()?;
    let mut kids = std::collections::BTreeSet::new();
    let fits = |entry: &Value| {
        let table = entry.as_table()?;
        let kid = table.get("kid")?.as_str()?;
        let secret = table.get("secret")?.as_str()?;
        Some(
            table.len() == 2
                && !kid.is_empty()
                && !secret.is_empty()
                && kids.insert(kid.to_owned()),
        )
    };
    let whole = entries.iter().map(fits).all(|fits| fits == Some(true));
    (whole && entries.len() <= MAX_SECRETS).then(|| value.clone())
}

fn secrets_from_text(text: &str) -> Option<Value> {
    let entries = text.split(',').map(|entry| {
        let (kid, secret) = entry.split_once('=')?;
        Some(signing_secret(kid.trim(), secret.trim()))
    });
    entries.collect::<Option<Vec<_>>>().map(Value::Array)
}

/// One entry of `auth.secrets`.
pub fn signing_secret(kid: &str, secret: &str) -> Value {
    Value::Table(toml::Table::from_iter([
        ("kid".to_owned(), Value::String(kid.to_owned())),
        ("secret".to_owned(), Value::String(secret.to_owned())),
    ]))
}
