//! Makes tokens: for the command line, for `demo`, and for the dialect that issues them.

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde::Serialize;

use super::claims::{NAME, is_name};
use super::scope::Scopes;
use crate::clock::MICROS_PER_SECOND;
use crate::config::{Auth, Millis};

/// The claims of a new token.
#[derive(Debug, Clone)]
pub struct NewToken<'a> {
    pub subject: &'a str,
    pub tenant: &'a str,
    pub scopes: Scopes,
    pub lifetime: Millis,
}

#[derive(Serialize)]
struct MintedClaims<'a> {
    iss: &'a str,
    aud: &'a str,
    sub: &'a str,
    /// Clients of the services dialect read the claim of this name.
    #[serde(rename = "clientId")]
    client_id: &'a str,
    tenant: &'a str,
    scope: String,
    iat: i64,
    exp: i64,
}

/// Why no token was made.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum MintError {
    /// `check_safety` refuses to start a server with such settings.
    #[error(
        "there is no secret to sign with; set JWT_SECRET or auth.secrets, or use --profile demo"
    )]
    NoSecret,
    /// A verifier would refuse it.
    #[error("the {what} must be {NAME}")]
    Name { what: &'static str },
    /// A verifier would refuse it.
    #[error("the token would have {found} bytes; a server takes {most} (auth.token_bytes)")]
    TooLong { found: usize, most: u32 },
}

/// Signs with the first secret.
///
/// The token is valid at once for any verifier with the same settings, and names its secret by `kid`.
///
/// # Errors
/// [`MintError`]; what a verifier of the same settings would refuse is not signed.
pub fn mint(auth: &Auth, token: &NewToken<'_>, now_micros: i64) -> Result<String, MintError> {
    for (what, name) in [("subject", token.subject), ("tenant", token.tenant)] {
        if !is_name(name) {
            return Err(MintError::Name { what });
        }
    }
    let signing = auth.secrets.first().ok_or(MintError::NoSecret)?;
    let mut header = Header::new(Algorithm::HS256);
    header.kid = Some(signing.kid.clone());
    let iat = now_micros.max(0) / MICROS_PER_SECOND;
    let lifetime = token.lifetime.micros() / MICROS_PER_SECOND;
    let claims = MintedClaims {
        iss: &auth.issuer,
        aud: &auth.audience,
        sub: token.subject,
        client_id: token.subject,
        tenant: token.tenant,
        scope: token.scopes.to_string(),
        iat,
        exp: iat + lifetime.max(1),
    };
    let key = EncodingKey::from_secret(signing.secret.expose().as_bytes());
    let made = jsonwebtoken::encode(&header, &claims, &key)
        .expect("texts and numbers make JSON, and an HMAC takes a key of any length");
    if made.len() > auth.token_bytes as usize {
        return Err(MintError::TooLong {
            found: made.len(),
            most: auth.token_bytes,
        });
    }
    Ok(made)
}
