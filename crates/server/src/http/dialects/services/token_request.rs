//! Reads the parameters of a request about tokens, in JSON or as a form, and the client that asks.
//!
//! Older clients send JSON, for which everything wrong is `invalid_request`; forms get the codes of RFC 6749.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde_json::value::RawValue;

use axum::response::{IntoResponse, Response};

use super::token_words;
use crate::http::json::Raw;
use crate::http::members::members;

/// The longest parameter: a token as long as the setting `auth.token_bytes` may allow.
pub const PARAMETER_CHARS: usize = 65_536;

/// The names of the parameters that are read; others are ignored.
const NAMES: [&str; 5] = ["client_id", "client_secret", "grant_type", "scope", "token"];

/// The parameters of a request. An empty one counts as missing (RFC 6749 section 3.2).
#[derive(Debug, Default)]
pub struct Parameters {
    pub is_form: bool,
    values: [Option<String>; NAMES.len()],
}

/// Why a request about tokens is refused.
#[derive(Debug, PartialEq, Eq)]
pub struct Refused {
    pub status: StatusCode,
    pub error: &'static str,
    pub description: String,
}

impl Refused {
    pub fn invalid_request(description: impl Into<String>) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            error: "invalid_request",
            description: description.into(),
        }
    }

    /// The same for an unknown client and a wrong secret, so that the answer does not say which clients there are.
    pub fn invalid_client() -> Self {
        Self {
            status: StatusCode::UNAUTHORIZED,
            error: "invalid_client",
            description: "Unknown client or wrong secret".into(),
        }
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let body = Raw(token_words::body(self.error, &self.description));
        let mut response = (self.status, body).into_response();
        if self.status == StatusCode::UNAUTHORIZED {
            let challenge = HeaderValue::from_static("Basic realm=\"waybill\"");
            let headers = response.headers_mut();
            headers.insert(header::WWW_AUTHENTICATE, challenge);
        }
        response
    }
}

/// An id and a secret that were sent.
#[derive(Debug, PartialEq, Eq)]
pub struct Credentials {
    pub id: String,
    pub secret: String,
}

impl Parameters {
    /// Reads a body; an empty one has no parameters.
    ///
    /// # Errors
    /// It cannot be read, or has a parameter twice, or one that is too long.
    pub fn read(headers: &HeaderMap, body: &[u8]) -> Result<Self, Refused> {
        let is_form = is_form(headers);
        let values = if is_form {
            of_form(body)?
        } else if body.is_empty() {
            Default::default()
        } else {
            of_json(body)?
        };
        for (name, value) in NAMES.iter().zip(&values) {
            let found = value.as_ref().map_or(0, |text| text.chars().count());
            if found > PARAMETER_CHARS {
                let description =
                    format!("{name}: at most {PARAMETER_CHARS} characters; this has {found}");
                return Err(Refused::invalid_request(description));
            }
        }
        let values = values.map(|value| value.filter(|text| !text.is_empty()));
        Ok(Self { is_form, values })
    }

    /// A parameter by its name.
    pub fn get(&self, name: &str) -> Option<&str> {
        let index = NAMES.iter().position(|known| *known == name)?;
        self.values[index].as_deref()
    }

    /// The client's id and secret, from the header `Authorization` or the body.
    ///
    /// # Errors
    /// They are missing, or given in both places (RFC 6749 section 2.3).
    pub fn credentials(&self, headers: &HeaderMap) -> Result<Credentials, Refused> {
        let (id, secret) = (self.get("client_id"), self.get("client_secret"));
        // A token in this header is not looked at: older clients send one with every request.
        let header = headers.get(header::AUTHORIZATION);
        if let Some(encoded) = header.and_then(of_basic) {
            let basic = basic(encoded).ok_or_else(|| {
                Refused::invalid_request("The header Authorization cannot be read")
            })?;
            if secret.is_some() || id.is_some_and(|id| id != basic.id) {
                return Err(Refused::invalid_request(
                    "Give the client in the header Authorization or in the body, not in both",
                ));
            }
            return Ok(basic);
        }
        match (id, secret) {
            (Some(id), Some(secret)) => Ok(Credentials {
                id: id.to_owned(),
                secret: secret.to_owned(),
            }),
            _ if self.is_form => Err(Refused::invalid_client()),
            _ => Err(Refused::invalid_request(
                "client_id and client_secret are required",
            )),
        }
    }
}

/// Whether a body is a form by its media type.
fn is_form(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE);
    kind.is_some_and(crate::http::body::is_form)
}

type Values = [Option<String>; NAMES.len()];

fn of_json(body: &[u8]) -> Result<Values, Refused> {
    let found = members(body, NAMES).map_err(|_| {
        Refused::invalid_request("The body is no JSON object, or has a parameter twice")
    })?;
    let mut values = Values::default();
    for ((name, raw), value) in NAMES.iter().zip(found).zip(&mut values) {
        *value = raw.map(|raw| text(name, raw)).transpose()?;
    }
    Ok(values)
}

fn text(name: &str, raw: &RawValue) -> Result<String, Refused> {
    serde_json::from_str(raw.get())
        .map_err(|_| Refused::invalid_request(format!("{name} must be a text")))
}

fn of_form(body: &[u8]) -> Result<Values, Refused> {
    let mut values = Values::default();
    for (name, value) in form_urlencoded::parse(body) {
        let Some(index) = NAMES.iter().position(|known| *known == name) else {
            continue;
        };
        if values[index].replace(value.into_owned()).is_some() {
            let description = format!("{} is given twice", NAMES[index]);
            return Err(Refused::invalid_request(description));
        }
    }
    Ok(values)
}

/// What a Basic header holds; `None` for another scheme.
fn of_basic(header: &HeaderValue) -> Option<&str> {
    let (scheme, encoded) = header.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("basic").then_some(encoded)
}

/// The credentials in a Basic header; both parts are encoded as in a form (RFC 6749 section 2.3.1).
fn basic(encoded: &str) -> Option<Credentials> {
    let both = STANDARD.decode(encoded.trim()).ok()?;
    let both = String::from_utf8(both).ok()?;
    let (id, secret) = both.split_once(':')?;
    Some(Credentials {
        id: decoded(id),
        secret: decoded(secret),
    })
}

/// A text of a form, decoded. A colon and an equals sign have been split off or do not matter, so the text is the name
/// of one pair.
fn decoded(text: &str) -> String {
    let escaped = text.replace('&', "%26").replace('=', "%3D");
    let mut pairs = form_urlencoded::parse(escaped.as_bytes());
    pairs
        .next()
        .map_or_else(String::new, |(name, _)| name.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(name: header::HeaderName, value: &str) -> HeaderMap {
        let value = HeaderValue::from_str(value).expect("valid");
        HeaderMap::from_iter([(name, value)])
    }

    fn form(body: &str) -> Result<Parameters, Refused> {
        let kind = "application/x-www-form-urlencoded";
        Parameters::read(&with(header::CONTENT_TYPE, kind), body.as_bytes())
    }

    #[test]
    fn both_encodings_give_the_same_parameters() {
        let of_json = Parameters::read(
            &HeaderMap::new(),
            br#"{"client_id":"a b","scope":"","grant_type":"x","other":[1]}"#,
        );
        for read in [form("client_id=a+b&scope=&grant_type=%78&other=1"), of_json] {
            let read = read.expect("read");
            assert_eq!(read.get("client_id"), Some("a b"));
            assert_eq!(
                (read.get("scope"), read.get("grant_type")),
                (None, Some("x"))
            );
        }
    }

    #[test]
    fn a_parameter_stands_once_and_is_a_text() {
        let json = |body: &str| Parameters::read(&HeaderMap::new(), body.as_bytes());
        for read in [
            form("scope=a&scope=b"),
            json(r#"{"scope":"a","scope":"b"}"#),
            json(r#"{"scope":1}"#),
            json(r#"["scope"]"#),
            json("{"),
        ] {
            assert_eq!(read.expect_err("refused").error, "invalid_request");
        }
    }

    #[test]
    fn a_basic_header_is_decoded_twice_and_excludes_a_secret_in_the_body() {
        let sent = STANDARD.encode("a%3Ab:c+d%25=&");
        let headers = with(header::AUTHORIZATION, &format!("basic {sent}"));
        let expected = Credentials {
            id: "a:b".into(),
            secret: "c d%=&".into(),
        };
        let none = Parameters::default();
        assert_eq!(none.credentials(&headers), Ok(expected));
        let both = form("client_secret=x").expect("read");
        let refused = both.credentials(&headers).expect_err("refused");
        assert_eq!(refused.error, "invalid_request");
    }
}
