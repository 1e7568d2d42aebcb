//! A caller whose token was verified.

use super::scope::{Scope, Scopes};

/// Who calls, for whom, and what they may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The client or user, as the token names it.
    pub subject: String,
    /// Part of every query, so that a caller sees its own tenant's rows only.
    pub tenant: String,
    pub scopes: Scopes,
    /// When the token expires, in microseconds since 1970; `i64::MAX` for a token that does not.
    pub until_micros: i64,
}

impl Identity {
    #[must_use]
    pub fn may(&self, scope: Scope) -> bool {
        self.scopes.allow(scope)
    }
}
