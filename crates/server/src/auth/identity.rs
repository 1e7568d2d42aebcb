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
    /// From this time on, in microseconds since 1970, the token is worth nothing; `i64::MAX` for a token without end.
    pub until_micros: i64,
}

impl Identity {
    #[must_use]
    pub fn may(&self, scope: Scope) -> bool {
        self.scopes.allow(scope)
    }
}
