//! Checks the token of a request and its scope.

use std::sync::Arc;

use http::{HeaderMap, header};
use waybill_domain::time::Time;

use crate::auth::{Identity, Scope, TokenError, Verifier, bearer};
use crate::clock::Clock;
use crate::observe::metrics::Metrics;

/// Why a request is refused before its handler.
#[derive(Debug)]
pub enum Denied {
    /// The token is missing, invalid or expired.
    Token(TokenError),
    /// The token does not have this scope.
    Scope(Scope),
}

/// Verifies tokens and counts refusals.
#[derive(Clone)]
pub struct Access {
    pub verifier: Arc<Verifier>,
    pub clock: Arc<dyn Clock>,
    /// Counts the refusals.
    pub metrics: Arc<Metrics>,
}

impl Access {
    /// The caller, if the token is good and has the scope.
    ///
    /// # Errors
    /// [`Denied`].
    pub fn caller(&self, headers: &HeaderMap, scope: Scope) -> Result<Arc<Identity>, Denied> {
        let identity = self.identify(in_header(headers))?;
        if identity.may(scope) {
            Ok(identity)
        } else {
            Err(self.lacking(scope))
        }
    }

    /// The caller where guests are let in: the guest, if there is no token. What a token's scopes are does not matter,
    /// because a guest needs none.
    ///
    /// # Errors
    /// There is a token, and it is not good.
    pub fn caller_or_guest(
        &self,
        headers: &HeaderMap,
        guest: &Arc<Identity>,
    ) -> Result<Arc<Identity>, Denied> {
        match in_header(headers) {
            None => Ok(guest.clone()),
            token @ Some(_) => self.identify(token),
        }
    }

    /// The identity of the token that was sent, wherever that was; a refusal is counted.
    ///
    /// # Errors
    /// [`Denied::Token`].
    pub fn identify(&self, token: Option<&str>) -> Result<Arc<Identity>, Denied> {
        let trusted = token
            .ok_or(TokenError::Missing)
            .and_then(|token| self.verify(token));
        trusted.map_err(|error| {
            self.metrics.token_refused(error.code());
            Denied::Token(error)
        })
    }

    /// The refusal of a good token that does not have this scope, which is counted.
    #[must_use]
    pub fn lacking(&self, scope: Scope) -> Denied {
        self.count_lacking_scope();
        Denied::Scope(scope)
    }

    /// Counts the refusal of a good token for its scopes.
    pub fn count_lacking_scope(&self) {
        self.metrics.token_refused("insufficient_scope");
    }

    /// The identity that a token stands for now.
    ///
    /// # Errors
    /// The token is invalid or expired.
    pub fn verify(&self, token: &str) -> Result<Arc<Identity>, TokenError> {
        self.verifier.verify(token, self.clock.now_micros())
    }

    /// The time by which tokens are checked.
    #[must_use]
    pub fn now(&self) -> Time {
        Time(self.clock.now_micros())
    }
}

/// The token of the header `Authorization`, if there is one.
#[must_use]
pub fn in_header(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?;
    value.to_str().ok().and_then(bearer)
}
