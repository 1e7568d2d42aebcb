//! The roles a process may play, by their one name (subcommand, span, metric prefix, section).

use std::fmt;

use serde::{Deserialize, Serialize};

/// A part of the binary that can run in a process of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    Api,
    Allocation,
    Delivery,
    Status,
    Relay,
    Webhooks,
    StockSync,
    Housekeeping,
}

impl Role {
    pub const ALL: [Self; 8] = [
        Self::Api,
        Self::Allocation,
        Self::Delivery,
        Self::Status,
        Self::Relay,
        Self::Webhooks,
        Self::StockSync,
        Self::Housekeeping,
    ];

    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::Allocation => "allocation",
            Self::Delivery => "delivery",
            Self::Status => "status",
            Self::Relay => "relay",
            Self::Webhooks => "webhooks",
            Self::StockSync => "stock-sync",
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
