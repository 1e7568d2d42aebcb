//! Reads the claims of a token strictly: a claim that is present must be valid, even if it is not needed.

use serde::Deserialize;
use serde::de::{Deserializer, Error as _};
use waybill_domain::text;

use super::identity::Identity;
use super::scope::Scopes;
use super::token_error::TokenError;

/// The last second of the year 9999 (`NumericDate`, RFC 7519 section 2); later times are mistakes, such
/// as milliseconds.
pub const LAST_SECOND: u64 = 253_402_300_799;

/// Longest subject and tenant; both are stored with every order.
const NAME_BYTES: usize = 128;

/// Unknown claims are ignored, a known one that stands twice is refused.
#[derive(Debug, Deserialize)]
pub struct Claims {
    #[serde(default, deserialize_with = "seconds")]
    exp: Option<i64>,
    #[serde(default, deserialize_with = "seconds")]
    nbf: Option<i64>,
    #[serde(default, deserialize_with = "seconds")]
    iat: Option<i64>,
    #[serde(default, deserialize_with = "present")]
    iss: Option<String>,
    #[serde(default, deserialize_with = "present")]
    aud: Option<Audience>,
    #[serde(default, rename = "clientId", deserialize_with = "present")]
    client_id: Option<Name>,
    #[serde(default, deserialize_with = "present")]
    sub: Option<Name>,
    #[serde(default, rename = "userId", deserialize_with = "present")]
    user_id: Option<Name>,
    #[serde(default, deserialize_with = "present")]
    id: Option<Name>,
    #[serde(default, deserialize_with = "present")]
    tenant: Option<Name>,
    #[serde(default, deserialize_with = "present")]
    scope: Option<String>,
}

/// RFC 7519 section 4.1.3: one name or several.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Several(Vec<String>),
}

/// Text, or a whole number, as which some issuers write user ids; not empty, bounded, every character visible.
#[derive(Debug, Deserialize)]
#[serde(try_from = "RawName")]
struct Name(String);

#[derive(Deserialize)]
#[serde(untagged)]
enum RawName {
    Text(String),
    Number(u64),
}

impl TryFrom<RawName> for Name {
    type Error = &'static str;

    fn try_from(raw: RawName) -> Result<Self, &'static str> {
        let name = match raw {
            RawName::Text(text) => text,
            RawName::Number(number) => number.to_string(),
        };
        if is_name(&name) {
            Ok(Self(name))
        } else {
            Err(NAME)
        }
    }
}

/// What a subject and a tenant must be.
pub const NAME: &str = "a name of 1 to 128 bytes without control or invisible characters";

/// Whether a text may be a subject or a tenant, in a token that is read and in one that is made.
#[must_use]
pub fn is_name(text: &str) -> bool {
    (1..=NAME_BYTES).contains(&text.len()) && text::check_characters("name", text).is_ok()
}

/// Unlike serde's own reading of an `Option`, takes `null` for a wrong value, not for none.
fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(from: D) -> Result<Option<T>, D::Error> {
    T::deserialize(from).map(Some)
}

/// A time in seconds, whole or not; text, negative and huge ones are refused.
fn seconds<'de, D: Deserializer<'de>>(from: D) -> Result<Option<i64>, D::Error> {
    let number = serde_json::Number::deserialize(from)?;
    let whole = number.as_u64().or_else(|| {
        // A fraction of a second is cut off. The comparison is false for NaN, so that is refused too.
        number
            .as_f64()
            .filter(|time| (0.0..=LAST_SECOND as f64).contains(time))
            .map(|time| time as u64)
    });
    whole
        .filter(|time| *time <= LAST_SECOND)
        .and_then(|time| i64::try_from(time).ok())
        .map(Some)
        .ok_or_else(|| D::Error::custom("a time in seconds since 1970"))
}

/// The claims that the settings require.
#[derive(Debug, Clone)]
pub struct Expected {
    pub issuer: String,
    pub audience: String,
    /// Whether `exp`, `iss`, `aud` and `scope` must be there.
    pub strict: bool,
    pub skew_micros: i64,
}

impl Claims {
    /// When the token ends and when it was made, in seconds since 1970.
    pub fn times_s(&self) -> (Option<i64>, Option<i64>) {
        (self.exp, self.iat)
    }

    /// The identity that the claims stand for.
    pub fn check(self, expected: &Expected, now_micros: i64) -> Result<Identity, TokenError> {
        let latest = now_micros + expected.skew_micros;
        let until = match self.exp {
            Some(exp) => micros(exp) + expected.skew_micros,
            None if expected.strict => return Err(TokenError::MissingClaim("exp")),
            None => i64::MAX,
        };
        if until <= now_micros {
            return Err(TokenError::Expired);
        }
        if self.nbf.is_some_and(|nbf| micros(nbf) > latest)
            || self.iat.is_some_and(|iat| micros(iat) > latest)
        {
            return Err(TokenError::NotYetValid);
        }
        match &self.iss {
            Some(iss) if *iss != expected.issuer => return Err(TokenError::WrongIssuer),
            None if expected.strict => return Err(TokenError::MissingClaim("iss")),
            Some(_) | None => {}
        }
        match &self.aud {
            Some(aud) if !aud.contains(&expected.audience) => {
                return Err(TokenError::WrongAudience);
            }
            None if expected.strict => return Err(TokenError::MissingClaim("aud")),
            Some(_) | None => {}
        }
        let scopes = match self.scope {
            Some(scope) => Scopes::of_claim(&scope),
            None if expected.strict => return Err(TokenError::MissingClaim("scope")),
            None => Scopes::WITHOUT_CLAIM,
        };
        let subject = self.client_id.or(self.sub).or(self.user_id).or(self.id);
        let Name(subject) = subject.ok_or(TokenError::MissingClaim("sub"))?;
        let tenant = self
            .tenant
            .map_or_else(|| "default".to_owned(), |Name(tenant)| tenant);
        Ok(Identity {
            subject,
            tenant,
            scopes,
            until_micros: until,
        })
    }
}

fn micros(seconds: i64) -> i64 {
    seconds * crate::clock::MICROS_PER_SECOND
}

impl Audience {
    fn contains(&self, name: &str) -> bool {
        match self {
            Self::One(one) => one == name,
            Self::Several(several) => several.iter().any(|one| one == name),
        }
    }
}
