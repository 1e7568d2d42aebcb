//! `Idempotency-Key`: how every route reads it.
//!
//! A key is 1 to `limits.key_chars` characters, each a visible ASCII character or a space (0x20 to 0x7E), in one header
//! line. Tabs, other control characters and bytes beyond ASCII are refused, because proxies and logs change them, and
//! a key that changed on its way makes a second order.

use http::{HeaderMap, HeaderName};

static NAME: HeaderName = HeaderName::from_static("idempotency-key");

/// The header's name, as messages write it.
pub const FIELD: &str = "Idempotency-Key";

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

/// The key of a request, if it has one.
///
/// # Errors
/// [`KeyError`].
pub fn read(headers: &HeaderMap, limit: usize) -> Result<Option<&str>, KeyError> {
    let mut lines = headers.get_all(&NAME).iter();
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
    if key.trim().is_empty() {
        return Err(KeyError::Empty);
    }
    Ok(Some(key))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn with(keys: &[&[u8]]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for key in keys {
            let value = HeaderValue::from_bytes(key).expect("a header can hold it");
            headers.append(&NAME, value);
        }
        headers
    }

    #[test]
    fn a_key_is_one_line_of_visible_ascii_and_spaces() {
        assert_eq!(read(&HeaderMap::new(), 255), Ok(None));
        for key in ["k", "web 8812/~", "\"quoted\"", &"k".repeat(255)] {
            assert_eq!(read(&with(&[key.as_bytes()]), 255), Ok(Some(key)));
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
            (&["k".repeat(256).as_bytes()], long),
        ] {
            assert_eq!(read(&with(keys), 255), Err(error), "{keys:?}");
        }
    }
}
