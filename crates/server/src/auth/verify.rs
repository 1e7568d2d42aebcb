//! Verifies Bearer tokens: HS256 JWTs (RFC 7519, with the advice of RFC 8725).
//!
//! The algorithm is HS256, also if the header names another; `kid` is looked up exactly and never used as a
//! path or a query; `jku`, `x5u` and `jwk` are never followed; `crit` is refused, as nothing critical is
//! understood. Signatures are compared in constant time by the cryptography library.

use std::sync::Arc;

use jsonwebtoken::{Algorithm, DecodingKey, Header, Validation};

use super::cache::Cache;
use super::claims::{Claims, Expected};
use super::identity::Identity;
use super::token_error::TokenError;
use crate::config::Auth;

/// The token of an `Authorization` header: scheme `Bearer` in any case (RFC 9110 section 11.1).
#[must_use]
pub fn bearer(authorization: &str) -> Option<&str> {
    let (scheme, token) = authorization.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

/// Checks tokens against the secrets and claims of the settings; shared by all requests.
pub struct Verifier {
    keys: Vec<(String, DecodingKey)>,
    validation: Validation,
    expected: Expected,
    token_bytes: usize,
    cache: Cache,
}

impl Verifier {
    #[must_use]
    pub fn new(auth: &Auth) -> Self {
        let keys = auth.secrets.iter().map(|signing| {
            (
                signing.kid.clone(),
                DecodingKey::from_secret(signing.secret.expose().as_bytes()),
            )
        });
        // The library checks algorithm and signature; claims are checked in `claims`, by our clock.
        let mut validation = Validation::new(Algorithm::HS256);
        validation.required_spec_claims.clear();
        validation.validate_exp = false;
        validation.validate_aud = false;
        Self {
            keys: keys.collect(),
            validation,
            expected: Expected {
                issuer: auth.issuer.clone(),
                audience: auth.audience.clone(),
                strict: auth.strict_claims,
                skew_micros: auth.clock_skew_ms.micros(),
            },
            token_bytes: auth.token_bytes as usize,
            cache: Cache::new(auth.cache_tokens as usize),
        }
    }

    /// The identity of a valid token. A cached token costs a look-up and a comparison with the clock.
    ///
    /// # Errors
    /// The token is invalid or expired; the request is 401 (or its dialect's status).
    pub fn verify(&self, token: &str, now_micros: i64) -> Result<Arc<Identity>, TokenError> {
        if token.is_empty() {
            return Err(TokenError::Missing);
        }
        if token.len() > self.token_bytes {
            return Err(TokenError::TooLarge {
                limit: self.token_bytes,
            });
        }
        if let Some(identity) = self.cache.get(token, now_micros) {
            return Ok(identity);
        }
        let claims = self.signed_claims(token)?;
        let identity = Arc::new(claims.check(&self.expected, now_micros)?);
        self.cache.put(token, &identity);
        Ok(identity)
    }

    /// What a valid token stands for, with its times. Not cached.
    ///
    /// # Errors
    /// The token is invalid or expired.
    pub fn inspect(&self, token: &str, now_micros: i64) -> Result<Inspected, TokenError> {
        let limit = self.token_bytes;
        if token.len() > limit {
            return Err(TokenError::TooLarge { limit });
        }
        let claims = self.signed_claims(token)?;
        let (exp_s, iat_s) = claims.times_s();
        let identity = claims.check(&self.expected, now_micros)?;
        Ok(Inspected {
            identity,
            exp_s,
            iat_s,
        })
    }

    /// The claims, after the signature was verified.
    fn signed_claims(&self, token: &str) -> Result<Claims, TokenError> {
        let header = jsonwebtoken::decode_header(token).map_err(|_| TokenError::Malformed)?;
        if !acceptable(&header) {
            return Err(TokenError::Malformed);
        }
        let mut refused = TokenError::UnknownKey;
        for (_, key) in self
            .keys
            .iter()
            .filter(|(kid, _)| header.kid.as_ref().is_none_or(|k| k == kid))
        {
            match jsonwebtoken::decode::<Claims>(token, key, &self.validation) {
                Ok(decoded) => return Ok(decoded.claims),
                Err(error) => match error.kind() {
                    // A token without a kid may have been signed with any of the secrets in use.
                    jsonwebtoken::errors::ErrorKind::InvalidSignature => {
                        refused = TokenError::BadSignature;
                    }
                    _ => return Err(TokenError::Malformed),
                },
            }
        }
        Err(refused)
    }
}

/// A valid token, looked into.
pub struct Inspected {
    pub identity: Identity,
    /// When it ends, in seconds since 1970.
    pub exp_s: Option<i64>,
    /// When it was made, in seconds since 1970.
    pub iat_s: Option<i64>,
}

/// Requires HS256, and refuses tokens of another type and those with critical extensions.
fn acceptable(header: &Header) -> bool {
    let is_token = header.typ.as_deref().is_none_or(|typ| {
        ["jwt", "at+jwt", "application/at+jwt"]
            .iter()
            .any(|known| typ.eq_ignore_ascii_case(known))
    });
    header.alg == Algorithm::HS256 && header.crit.is_none() && is_token
}

#[cfg(test)]
#[path = "verify_tests.rs"]
mod tests;
