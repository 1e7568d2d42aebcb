//! What is wrong with the configuration, all of it at once.

use std::fmt;

/// One thing that is wrong: where it was given, which key, what the value was, what is allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    /// `environment PORT`, `file ./waybill.toml`, `--listen`, …
    pub source: String,
    /// The setting it is about, as `section.key`; empty when it is about a whole source.
    pub key: String,
    /// The value as given; secrets are shown as `[redacted]`.
    pub value: Option<String>,
    /// What to do instead.
    pub advice: String,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.source)?;
        match (&self.key[..], &self.value) {
            ("", None) => {}
            ("", Some(value)) => write!(f, "{value}: ")?,
            (key, None) => write!(f, "{key}: ")?,
            (key, Some(value)) => write!(f, "{key} = {value}: ")?,
        }
        f.write_str(&self.advice)
    }
}

/// Every error of one load; never empty when it is returned.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ConfigErrors(pub Vec<ConfigError>);

impl ConfigErrors {
    pub(crate) fn push(
        &mut self,
        source: impl fmt::Display,
        key: &str,
        value: Option<String>,
        advice: impl Into<String>,
    ) {
        let (source, key) = (source.to_string(), key.to_owned());
        self.0.push(ConfigError {
            source,
            key,
            value,
            advice: advice.into(),
        });
    }

    pub(crate) fn into_result<T>(self, value: T) -> Result<T, Self> {
        if self.0.is_empty() {
            Ok(value)
        } else {
            Err(self)
        }
    }
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.0.len();
        write!(
            f,
            "{count} error{} in the configuration",
            if count == 1 { "" } else { "s" }
        )?;
        for error in &self.0 {
            write!(f, "\n  {error}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigErrors {}
