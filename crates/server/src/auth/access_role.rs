//! Named sets of scopes (`auth.roles`), so that a person is a "viewer" or an "operator" and not a list of scopes.
//!
//! Not the roles of a process (`serve --roles`), which say what work it does.

use std::collections::BTreeMap;

use super::scope::{Scopes, UnknownScope};
use crate::config::{Auth, ConfigErrors, Settings};

/// Sets at most.
const MOST: usize = 64;
/// The longest name, in bytes.
const NAME_BYTES: usize = 64;

/// Why a set cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AccessRoleFault {
    #[error(
        "{0:?} is no set of scopes; write NAME=SCOPES, the scopes with spaces between them, such as \"viewer=order:read stock:read\""
    )]
    NoPair(String),
    #[error("the name {0:?} must be 1 to {NAME_BYTES} of a-z, 0-9, - and _")]
    Name(String),
    #[error("{0} stands twice")]
    Twice(String),
    #[error("{0} has no scope")]
    Empty(String),
    #[error("{name}: {fault}")]
    Scope { name: String, fault: UnknownScope },
    #[error("there are {0} sets; {MOST} at most")]
    TooMany(usize),
}

/// A name that is no set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no role {name}; there are {known} (auth.roles)")]
pub struct UnknownAccessRole {
    name: String,
    known: String,
}

/// The sets of the settings, by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AccessRoles(BTreeMap<String, Scopes>);

impl AccessRoles {
    /// Reads the sets.
    ///
    /// # Errors
    /// The first one that cannot be read.
    pub fn of(auth: &Auth) -> Result<Self, AccessRoleFault> {
        if auth.roles.len() > MOST {
            return Err(AccessRoleFault::TooMany(auth.roles.len()));
        }
        let mut sets = BTreeMap::new();
        for line in &auth.roles {
            let no_pair = || AccessRoleFault::NoPair(line.clone());
            let (name, list) = line.split_once('=').ok_or_else(no_pair)?;
            let name = name.trim().to_owned();
            if !is_name(&name) {
                return Err(AccessRoleFault::Name(name));
            }
            let scopes = Scopes::parse(list).map_err(|fault| AccessRoleFault::Scope {
                name: name.clone(),
                fault,
            })?;
            if scopes == Scopes::default() {
                return Err(AccessRoleFault::Empty(name));
            }
            if sets.insert(name.clone(), scopes).is_some() {
                return Err(AccessRoleFault::Twice(name));
            }
        }
        Ok(Self(sets))
    }

    /// The sets of a process that is about to start.
    ///
    /// # Errors
    /// One cannot be read, with the setting's name.
    pub fn checked(settings: &Settings) -> Result<Self, ConfigErrors> {
        Self::of(&settings.auth).map_err(|fault| {
            let mut errors = ConfigErrors::default();
            errors.push("auth", "auth.roles", None, fault.to_string());
            errors
        })
    }

    /// The scopes of the set of this name.
    ///
    /// # Errors
    /// There is none.
    pub fn scopes(&self, name: &str) -> Result<Scopes, UnknownAccessRole> {
        self.0.get(name).copied().ok_or_else(|| UnknownAccessRole {
            name: name.to_owned(),
            known: self.names().collect::<Vec<_>>().join(", "),
        })
    }

    /// The names of all sets, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

fn is_name(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
    (1..=NAME_BYTES).contains(&name.len()) && name.chars().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::Scope;
    use crate::config::Profile;

    fn read(lines: &[&str]) -> Result<AccessRoles, AccessRoleFault> {
        let mut auth = Settings::of_profile(Profile::Demo).auth;
        auth.roles = lines.iter().map(ToString::to_string).collect();
        AccessRoles::of(&auth)
    }

    #[test]
    fn the_default_sets_grow_from_reading_to_everything() {
        let sets = AccessRoles::checked(&Settings::of_profile(Profile::Standard)).expect("read");
        let set = |name| sets.scopes(name).expect("there");
        let (viewer, operator, admin) = (set("viewer"), set("operator"), set("admin"));
        assert!(operator.cover(viewer) && admin.cover(operator));
        assert!(viewer.allow(Scope::OrderRead) && !viewer.allow(Scope::OrderCancel));
        assert!(operator.allow(Scope::DeadLetterWrite) && !operator.allow(Scope::Admin));
    }

    #[test]
    fn a_name_that_is_no_set_is_refused_with_those_that_are() {
        let sets = read(&["a=order:read", "b=stock:read"]).expect("read");
        let said = sets.scopes("c").expect_err("unknown").to_string();
        assert!(
            said.contains("no role c") && said.contains("a, b"),
            "{said}"
        );
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        let wrong = |lines: &[&str]| read(lines).expect_err("refused").to_string();
        assert!(wrong(&["viewer"]).contains("write NAME=SCOPES"));
        assert!(wrong(&["Viewer=order:read"]).contains("\"Viewer\""));
        assert!(wrong(&["a=order:read", "a=admin"]).contains("a stands twice"));
        assert!(wrong(&["a="]).contains("a has no scope"));
        assert!(wrong(&["a=order:raed"]).contains("there is no scope order:raed"));
        let many: Vec<String> = (0..=MOST).map(|n| format!("r{n}=admin")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert!(wrong(&many).contains("64 at most"));
    }
}
