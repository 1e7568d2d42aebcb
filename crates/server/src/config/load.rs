//! Lays the sources over each other and remembers who set what.
//!
//! defaults < profile < file < `.env` < environment < flags. Every value is checked where it stands,
//! so a wrong one is reported even when a later source would have hidden it.

use std::collections::BTreeMap;

use toml::{Table, Value};

use super::errors::ConfigErrors;
use super::layers::Layers;
use super::origin::Origin;
use super::settings::Settings;
use super::sources::Sources;
use super::values::Profile;

/// Every key, its default and its meaning. The sections of roles stand at the end, as copies.
pub const DEFAULTS: &str = include_str!("../../../../waybill.default.toml");

impl Settings {
    /// Reads every source, the later ones over the earlier.
    ///
    /// # Errors
    /// Everything that is wrong, in all sources, at once.
    pub fn load(sources: &Sources) -> Result<Self, ConfigErrors> {
        load(sources).map(|loaded| loaded.settings)
    }

    /// The settings of a profile with nothing else given and without roles; no file and no environment is read.
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

/// Begins the line below which the file has copies of what stands with the roles.
pub const ROLES_MARK: &str = "# --- Sections of roles.";

/// The defaults of everything but the roles.
fn defaults() -> &'static str {
    DEFAULTS
        .split_once(ROLES_MARK)
        .map_or(DEFAULTS, |(base, _)| base)
}

pub(super) fn load(sources: &Sources) -> Result<Loaded, ConfigErrors> {
    let mut layers = Layers::new(&sources.roles);
    let sections = sources.roles.iter().filter_map(|role| role.section);
    for text in std::iter::once(defaults()).chain(sections.map(|section| section.defaults)) {
        let defaults: Table = text
            .parse()
            .expect("compiled-in defaults are TOML, and a test reads them");
        layers.table(&defaults, &Origin::Default);
    }
    let base = std::mem::take(&mut layers.values);

    if let Some((path, text)) = &sources.file {
        layers.file(path, text);
    }
    let dotenv = layers.variables(sources);
    for flag in &sources.flags {
        layers.text(&flag.key, &flag.text, &Origin::Flag(flag.name));
    }
    layers.ports(sources, &dotenv);
    layers.redis_address(sources, &dotenv);
    layers.beneath(base);
    if layers.is("profile", &Value::String("demo".into())) {
        layers.demo();
    }
    let (mut settings, origins) = layers.finish()?;
    settings.publish_with_all(&sources.roles);
    Ok(Loaded { settings, origins })
}

#[cfg(test)]
#[path = "load_tests.rs"]
mod tests;
