//! A caller whose token was verified.

use super::scope::{Scope, Scopes};

/// Who calls, for whom, and what they may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The client or user, as the token names it.
    pub subject: String,
    /// Part of every query; nobody sees another tenant's rows.
    pub tenant: String,
    pub scopes: Scopes,
}

impl Identity {
    #[must_use]
    pub fn may(&self, scope: Scope) -> bool {
        self.scopes.allow(scope)
    }
}
