//! Reading a JSON body into a type, strictly, so that an error names its field.
//!
//! A valid body is parsed once, without tracking paths. A body that fails is parsed again with its path tracked, and
//! serde's message is translated into one of our codes.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::error::Category;
use waybill_domain::echo::Echo;
use waybill_domain::problem::code;

use super::codes;
use super::nearest::nearest;
use super::problem::Problem;
use crate::http::json_words;
pub use crate::http::object::Object;

/// Reads a body.
///
/// # Errors
/// `malformed_json`, `unknown_field`, `duplicate_field`, `required` or `wrong_type`.
pub fn read<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, Problem> {
    match serde_json::from_slice::<Object<T>>(body) {
        Ok(Object(read)) => Ok(read),
        Err(error) => Err(explain::<Object<T>>(body, &error)),
    }
}

/// The same; a body that is empty reads as an object without fields.
///
/// # Errors
/// As [`read`].
pub fn read_or_empty<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    read(if body.is_empty() { b"{}" } else { body })
}

/// A body without fields.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Nothing {}

fn explain<'a, T: Deserialize<'a>>(body: &'a [u8], error: &serde_json::Error) -> Problem {
    if body.is_empty() {
        return Problem::new(
            code::MALFORMED_JSON,
            "the body is empty; a JSON object is expected",
        );
    }
    if error.classify() != Category::Data {
        return Problem::new(code::MALFORMED_JSON, json_words::syntax(error));
    }
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    match serde_path_to_error::deserialize::<_, T>(&mut deserializer) {
        Err(error) => {
            let path = error.path().to_string();
            translate(
                path.trim_start_matches('.'),
                &error.into_inner().to_string(),
            )
        }
        // The same bytes fail the same way, so this cannot happen; if it does, the first error is reported.
        Ok(_) => translate("", &error.to_string()),
    }
}

/// Translates serde's message about a field into a problem.
fn translate(path: &str, message: &str) -> Problem {
    let message = message
        .rsplit_once(" at line ")
        .map_or(message, |(message, _)| message);
    let path = if path == "?" { "" } else { path };
    if let Some(rest) = message.strip_prefix("unknown field `") {
        let (name, expected) = rest.split_once('`').unwrap_or((rest, ""));
        let known: Vec<&str> = expected.split('`').skip(1).step_by(2).collect();
        let hint = match nearest(name, &known) {
            Some(near) => format!("did you mean {near}?"),
            None => format!("there are {}", known.join(", ")),
        };
        return Problem::new(code::UNKNOWN_FIELD, hint).of(child(path, name));
    }
    if let Some(name) = quoted(message, "missing field `") {
        let detail = format!("{name} is required");
        return Problem::new(code::REQUIRED, detail).of(child(path, name));
    }
    if let Some(name) = quoted(message, "duplicate field `") {
        let detail = format!("{name} stands twice");
        return Problem::new(codes::DUPLICATE_FIELD, detail).of(child(path, name));
    }
    Problem::new(code::WRONG_TYPE, json_words::wrong_type(message)).of(path)
}

fn quoted<'a>(message: &'a str, before: &str) -> Option<&'a str> {
    message.strip_prefix(before)?.split('`').next()
}

/// The path of a field below another; the path may name the field already.
fn child(path: &str, name: &str) -> String {
    let (path, name) = (Echo(path).to_string(), Echo(name).to_string());
    let ends_with_it = path == name || path.ends_with(&format!(".{name}"));
    if path.is_empty() || ends_with_it {
        return if path.is_empty() { name } else { path };
    }
    format!("{path}.{name}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::value::RawValue;

    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    #[expect(dead_code, reason = "only reading it is of interest")]
    struct Body<'a> {
        name: Option<String>,
        #[serde(borrow)]
        lines: Vec<Object<Line<'a>>>,
    }

    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    #[expect(dead_code, reason = "only reading it is of interest")]
    struct Line<'a> {
        sku: String,
        requires_shipping: Option<bool>,
        #[serde(borrow)]
        unit_price: Option<&'a RawValue>,
    }

    fn found(body: &str) -> (&'static str, String) {
        let problem = read::<Body<'_>>(body.as_bytes()).err().expect("refused");
        (problem.code(), problem.field().to_owned())
    }

    #[test]
    fn an_error_names_its_field() {
        for (body, code, field) in [
            (
                r#"{"lines":[{"sku":"a"},{"skuu":"b"}]}"#,
                "unknown_field",
                "lines[1].skuu",
            ),
            (r#"{"line":[]}"#, "unknown_field", "line"),
            (r#"{"lines":[{"sku":7}]}"#, "wrong_type", "lines[0].sku"),
            (
                r#"{"lines":[{"sku":"a","requiresShipping":"yes"}]}"#,
                "wrong_type",
                "lines[0].requiresShipping",
            ),
            (
                r#"{"lines":[{"unitPrice":1.5}]}"#,
                "required",
                "lines[0].sku",
            ),
            (
                r#"{"lines":[{"sku":"a","sku":"b"}]}"#,
                "duplicate_field",
                "lines[0].sku",
            ),
            (r#"{"lines":{}}"#, "wrong_type", "lines"),
            (r#"["name",[]]"#, "wrong_type", ""),
            (r#"{"lines":[["a",true,null]]}"#, "wrong_type", "lines[0]"),
            (r#"7"#, "wrong_type", ""),
            (r#"{"lines":["#, "malformed_json", ""),
            (r#"{"lines":[]} x"#, "malformed_json", ""),
            ("", "malformed_json", ""),
        ] {
            assert_eq!(found(body), (code, field.to_owned()), "{body}");
        }
    }
}
