//! Reads answers that contain values no JSON parser accepts.
//!
//! Orders from before metadata was checked may hold a number such as `1e400` or half of a surrogate pair. Both match
//! JSON's grammar, but parsers refuse them. One such value must not hide the rest of the answer, so it is kept as text.

use std::collections::BTreeMap;

use serde_json::Value;
use serde_json::value::RawValue;

/// Deeper than any answer of ours; below it a value is kept as text.
const DEEPEST: usize = 64;

/// A body, and how many of its values could only be kept as text.
///
/// # Errors
/// The body is no JSON at all.
pub fn read(body: &[u8]) -> Result<(Value, usize), serde_json::Error> {
    match serde_json::from_slice(body) {
        Ok(value) => Ok((value, 0)),
        Err(error) => {
            let raw: &RawValue = serde_json::from_slice(body).map_err(|_| error)?;
            let mut kept = 0;
            let value = part(raw.get(), 0, &mut kept);
            Ok((value, kept))
        }
    }
}

fn part(raw: &str, depth: usize, kept: &mut usize) -> Value {
    if let Ok(value) = serde_json::from_str(raw) {
        return value;
    }
    if depth < DEEPEST {
        if let Ok(members) = serde_json::from_str::<BTreeMap<String, &RawValue>>(raw) {
            let member =
                |(name, raw): (String, &RawValue)| (name, part(raw.get(), depth + 1, kept));
            return Value::Object(members.into_iter().map(member).collect());
        }
        if let Ok(items) = serde_json::from_str::<Vec<&RawValue>>(raw) {
            let item = |raw: &RawValue| part(raw.get(), depth + 1, kept);
            return Value::Array(items.into_iter().map(item).collect());
        }
    }
    *kept += 1;
    Value::String(raw.trim_matches('"').to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_value_that_cannot_be_read_is_kept_as_text_and_hides_nothing() {
        let body = br#"{"items":[{"id":"1","metadata":{"n":1e400,"a":["x\ud83d",2]}},{"id":"2"}],"next":null}"#;
        let (value, kept) = read(body).unwrap();
        let metadata = json!({"n": "1e400", "a": ["x\\ud83d", 2]});
        let expected =
            json!({"items": [{"id": "1", "metadata": metadata}, {"id": "2"}], "next": null});
        assert_eq!((value, kept), (expected, 2));
    }

    #[test]
    fn what_is_no_json_is_an_error() {
        assert!(read(b"{\"a\":1e400").is_err());
        assert!(read(b"\xff").is_err());
        assert_eq!(read(b"{\"a\":1}").unwrap(), (json!({"a": 1}), 0));
    }
}
