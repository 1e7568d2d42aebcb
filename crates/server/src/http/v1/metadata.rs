//! `metadata`: the caller's own JSON object. It is kept as it was sent, so it must be bounded, and JSON that every reader
//! takes the same way (I-JSON, RFC 7493): a list or the feed that shows it must be readable for all its clients.

use serde_json::value::RawValue;
use waybill_domain::canonical::canonical;
use waybill_domain::problem::{Problem, code};

use crate::config::Limits;

/// How deep objects and arrays may be nested.
const DEPTH: usize = 32;

/// Checks that it is an object within the limits.
///
/// # Errors
/// `wrong_type` or `invalid_metadata`, naming `field`.
pub fn check(field: &str, raw: &RawValue, limits: &Limits) -> Result<(), Problem> {
    let text = raw.get();
    let invalid = |detail: String| Problem::new(code::INVALID_METADATA, field, detail);
    if !text.starts_with('{') {
        return Err(Problem::new(code::WRONG_TYPE, field, "expected an object"));
    }
    let most = limits.metadata_bytes as usize;
    if text.len() > most {
        return Err(invalid(format!(
            "at most {most} bytes; this has {}",
            text.len()
        )));
    }
    let shape = Shape::of(text);
    let most = limits.metadata_keys as usize;
    if shape.keys > most {
        return Err(invalid(format!(
            "at most {most} keys; this has {}",
            shape.keys
        )));
    }
    if shape.depth > DEPTH {
        return Err(invalid(format!(
            "at most {DEPTH} levels; this has {}",
            shape.depth
        )));
    }
    if shape.has_nul {
        return Err(invalid("a text must not contain the character NUL".into()));
    }
    canonical(text).map_err(|fault| invalid(fault.to_string()))?;
    Ok(())
}

/// Measures valid JSON text by its punctuation.
#[derive(Default)]
struct Shape {
    /// Keys of the outermost object.
    keys: usize,
    depth: usize,
    has_nul: bool,
}

impl Shape {
    fn of(text: &str) -> Self {
        let mut shape = Self::default();
        let mut depth = 0_usize;
        let mut in_string = false;
        let mut bytes = text.as_bytes();
        while let [byte, rest @ ..] = bytes {
            bytes = rest;
            match (in_string, byte) {
                (true, b'\\') => {
                    shape.has_nul |= rest.starts_with(b"u0000");
                    // An escaped character, such as `\"`, does not end the string.
                    bytes = rest.get(1..).unwrap_or_default();
                }
                (true, b'"') => in_string = false,
                (false, b'"') => in_string = true,
                (false, b':') if depth == 1 => shape.keys += 1,
                (false, b'{' | b'[') => {
                    depth += 1;
                    shape.depth = shape.depth.max(depth);
                }
                (false, b'}' | b']') => depth = depth.saturating_sub(1),
                _ => {}
            }
        }
        shape
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Profile, Settings};

    fn code_of(text: &str) -> Option<&'static str> {
        let limits = Settings::of_profile(Profile::Standard).limits;
        let raw = RawValue::from_string(text.to_owned()).expect("valid JSON");
        check("metadata", &raw, &limits).err().map(|p| p.code)
    }

    #[test]
    fn an_object_within_the_limits_is_taken() {
        assert_eq!(
            code_of(r#"{"a":{"b":[1,{"c:":2}]},"d\"{":"\\u0000"}"#),
            None
        );
    }

    #[test]
    fn too_many_keys_bytes_or_levels_are_refused_and_so_is_nul() {
        let keys: Vec<String> = (0..51).map(|n| format!("\"k{n}\":1")).collect();
        for text in [
            format!("{{{}}}", keys.join(",")),
            format!("{{\"a\":\"{}\"}}", "x".repeat(8_192)),
            format!("{{\"a\":{}{}}}", "[".repeat(32), "]".repeat(32)),
            r#"{"a":"\u0000"}"#.into(),
        ] {
            assert_eq!(code_of(&text), Some(code::INVALID_METADATA), "{text}");
        }
        assert_eq!(code_of("[]"), Some(code::WRONG_TYPE));
    }

    #[test]
    fn what_not_every_reader_takes_is_refused() {
        for text in [
            r#"{"n":1e400}"#,
            r#"{"a":"x\ud83d"}"#,
            r#"{"\ud83d":1}"#,
            r#"{"a":1,"a":2}"#,
            r#"{"a":{"b":1,"\u0062":2}}"#,
            r#"{"a":["\uffff"]}"#,
        ] {
            assert_eq!(code_of(text), Some(code::INVALID_METADATA), "{text}");
        }
    }
}
