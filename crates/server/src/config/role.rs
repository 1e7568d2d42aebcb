//! The roles that this build can run, by their one name (flag, log field, section of the settings).
//!
//! Invariant: every role here has work. A role that is planned but not built is not accepted.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A part of the binary that can run in a process of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    Api,
    Delivery,
    Status,
    Housekeeping,
}

impl Role {
    pub const ALL: [Self; 4] = [Self::Api, Self::Delivery, Self::Status, Self::Housekeeping];

    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::Delivery => "delivery",
            Self::Status => "status",
            Self::Housekeeping => "housekeeping",
        }
    }

    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.name() == name)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
