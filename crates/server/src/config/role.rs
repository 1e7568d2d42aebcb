//! What the settings know of a role: its name, what it does, and its own section. `roles` has the list.

use toml::Table;

use super::kinds::{Key, RoleName};

/// A section of the settings: a struct, and the keys that it is read from. Made by `section!`.
pub trait Section: serde::de::DeserializeOwned {
    const NAME: &'static str;
    const KEYS: &'static [Key];
}

/// A role, as far as settings are about it.
#[derive(Debug, Clone, Copy)]
pub struct RoleSettings {
    pub role: RoleName,
    pub section: Option<RoleSection>,
}

/// The section of a role.
#[derive(Debug, Clone, Copy)]
pub struct RoleSection {
    pub name: &'static str,
    pub keys: &'static [Key],
    /// The section as TOML, with the default and the meaning of each key.
    pub defaults: &'static str,
    /// Reads the struct of the section, to find a struct that does not fit its keys at start-up.
    pub(super) check: fn(&Table) -> Result<(), toml::de::Error>,
}

impl RoleSection {
    /// The section that a struct is read from.
    #[must_use]
    pub const fn of<S: Section>(defaults: &'static str) -> Self {
        Self {
            name: S::NAME,
            keys: S::KEYS,
            defaults,
            check: |table| S::deserialize(table.clone()).map(drop),
        }
    }
}
