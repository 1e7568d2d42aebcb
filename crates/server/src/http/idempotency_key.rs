//! The idempotency key of a request: its rule is part of a dialect.
//!
//! A key is 1 to a number of characters, each a visible ASCII character or a space (0x20 to 0x7E), in one header line.
//! Tabs, other control characters and bytes beyond ASCII are refused, because proxies and logs change them, and a key
//! that changed on its way makes a second order.
//!
//! The IETF draft of the header writes the key as a string of a structured field (RFC 8941 section 3.3.3), in double
//! quotes; most clients send it bare. `"web-1"` and `web-1` are one key. Text that only looks quoted, as `"a"b"`, is
//! taken as it is.

use http::HeaderMap;
use waybill_domain::problem::code;

use super::v1::problem::Problem;
use crate::config::Limits;
use crate::intake::claims::ClientKey;

/// How a dialect takes idempotency keys.
#[derive(Clone, Copy, Debug)]
pub struct KeyRule {
    /// The header, as messages write it.
    pub header: &'static str,
    pub need: KeyNeed,
    /// The longest key, in characters.
    pub chars: fn(&Limits) -> u32,
}

/// Which requests must have a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyNeed {
    None,
    /// A new order without a number or reference of its own, because nothing else tells a repeated request.
    UnnamedOrders,
    /// Everything that makes or changes something.
    All,
}

/// Why a key cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    #[error("the header stands more than once; send one key")]
    Several,
    #[error("the key is empty")]
    Empty,
    #[error("expected visible ASCII characters and spaces; found another character")]
    Character,
    #[error("at most {limit} characters; this has {found}")]
    TooLong { limit: usize, found: usize },
}

impl KeyRule {
    /// The key of a request, if it has one.
    ///
    /// # Errors
    /// `idempotency_key_invalid`.
    pub fn read(&self, headers: &HeaderMap, limits: &Limits) -> Result<Option<ClientKey>, Problem> {
        let limit = (self.chars)(limits) as usize;
        read(headers, self.header, limit)
            .map_err(|error| Problem::new(code::KEY_INVALID, error.to_string()).of(self.header))
    }

    /// Whether a new order may come with this key; a named one has a number or reference of its own.
    ///
    /// # Errors
    /// `idempotency_key_required`.
    pub fn check_order(&self, key: Option<&ClientKey>, is_named: bool) -> Result<(), Problem> {
        let needed = match self.need {
            KeyNeed::None => false,
            KeyNeed::UnnamedOrders => !is_named,
            KeyNeed::All => true,
        };
        self.unless_missing(key, needed)
    }

    /// Whether a command may come with this key.
    ///
    /// # Errors
    /// `idempotency_key_required`.
    pub fn check_command(&self, key: Option<&ClientKey>) -> Result<(), Problem> {
        self.unless_missing(key, self.need == KeyNeed::All)
    }

    fn unless_missing(&self, key: Option<&ClientKey>, needed: bool) -> Result<(), Problem> {
        if key.is_some() || !needed {
            return Ok(());
        }
        let header = self.header;
        let detail = match self.need {
            KeyNeed::None | KeyNeed::UnnamedOrders => format!(
                "send the header {header}, or give the order an orderNumber or clientReference, so that a repeated request makes no second order"
            ),
            KeyNeed::All => {
                format!("send the header {header}, so that a repeated request does nothing twice")
            }
        };
        Err(Problem::new(code::KEY_REQUIRED, detail).of(header))
    }
}

fn read(headers: &HeaderMap, header: &str, limit: usize) -> Result<Option<ClientKey>, KeyError> {
    let mut lines = headers.get_all(header).iter();
    let Some(line) = lines.next() else {
        return Ok(None);
    };
    if lines.next().is_some() {
        return Err(KeyError::Several);
    }
    let bytes = line.as_bytes();
    if !bytes.iter().all(|byte| (0x20..=0x7e).contains(byte)) {
        return Err(KeyError::Character);
    }
    // ASCII, so bytes are characters.
    if bytes.len() > limit {
        let found = bytes.len();
        return Err(KeyError::TooLong { limit, found });
    }
    let key = std::str::from_utf8(bytes).map_err(|_| KeyError::Character)?;
    let unquoted = unquoted(key);
    let value = unquoted.as_deref().unwrap_or(key);
    if value.trim().is_empty() {
        return Err(KeyError::Empty);
    }
    Ok(Some(ClientKey {
        value: value.to_owned(),
        quoted: unquoted.is_some().then(|| key.to_owned()),
    }))
}

/// The value of a structured field's string; `None` for other text.
fn unquoted(text: &str) -> Option<String> {
    let inner = text.strip_prefix('"')?.strip_suffix('"')?;
    let mut value = String::with_capacity(inner.len());
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        match c {
            '"' => return None,
            '\\' => match chars.next()? {
                escaped @ ('"' | '\\') => value.push(escaped),
                _ => return None,
            },
            c => value.push(c),
        }
    }
    Some(value)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    const NAME: &str = "idempotency-key";

    fn with(keys: &[&[u8]]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for key in keys {
            let value = HeaderValue::from_bytes(key).expect("a header can hold it");
            headers.append(NAME, value);
        }
        headers
    }

    #[test]
    fn a_key_is_one_line_of_visible_ascii_and_spaces() {
        assert_eq!(read(&HeaderMap::new(), NAME, 255), Ok(None));
        for key in [
            "k",
            "web 8812/~",
            "\"a\"b\"",
            "\"a\\b\"",
            "\"",
            &"k".repeat(255),
        ] {
            let bare = ClientKey {
                value: key.to_owned(),
                quoted: None,
            };
            assert_eq!(read(&with(&[key.as_bytes()]), NAME, 255), Ok(Some(bare)));
        }
        let long = KeyError::TooLong {
            limit: 255,
            found: 256,
        };
        for (keys, error) in [
            (&[&b"a"[..], b"a"][..], KeyError::Several),
            (&[b"a", b""], KeyError::Several),
            (&[b"a\tb"], KeyError::Character),
            (&["schlüssel".as_bytes()], KeyError::Character),
            (&[b"\xff"], KeyError::Character),
            (&[b""], KeyError::Empty),
            (&[b"   "], KeyError::Empty),
            (&[b"\"\""], KeyError::Empty),
            (&["k".repeat(256).as_bytes()], long),
        ] {
            assert_eq!(read(&with(keys), NAME, 255), Err(error), "{keys:?}");
        }
    }

    #[test]
    fn a_key_in_the_quotes_of_a_structured_field_is_the_key_within() {
        for (sent, value) in [("\"web-1\"", "web-1"), (r#""a \"b\" \\""#, r#"a "b" \"#)] {
            let key = ClientKey {
                value: value.to_owned(),
                quoted: Some(sent.to_owned()),
            };
            assert_eq!(read(&with(&[sent.as_bytes()]), NAME, 255), Ok(Some(key)));
        }
    }
}
