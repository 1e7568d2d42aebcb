//! What is wrong with a JSON body, in terms of JSON. Only this module reads serde's messages, which name Rust's types.

use serde_json::error::Category;

/// Why a text is not JSON, and where.
#[must_use]
pub fn syntax(error: &serde_json::Error) -> String {
    let place = format!("line {} column {}", error.line(), error.column());
    if error.classify() == Category::Eof {
        return format!("the JSON ends too early, at {place}");
    }
    let message = error.to_string();
    let what = message
        .rsplit_once(" at line ")
        .map_or(message.as_str(), |(what, _)| what);
    let what = match what {
        "expected ident" => "expected true, false or null",
        "key must be a string" => "expected a name in double quotes",
        "trailing characters" => "expected nothing more",
        "recursion limit exceeded" => "objects and arrays are nested too deep",
        "lone leading surrogate in hex escape" | "unexpected end of hex escape" => {
            "an escape is cut short, or half of a surrogate pair"
        }
        "invalid escape" => "this is no escape of JSON",
        "number out of range" => "the number is too large",
        what if what.starts_with("control character") => {
            "a control character in a text must be escaped"
        }
        what if what.starts_with("invalid unicode") => "the text is not UTF-8",
        what => what,
    };
    format!("{what}, at {place}")
}

/// What was expected instead of a value of another type.
#[must_use]
pub fn wrong_type(message: &str) -> String {
    let message = message
        .rsplit_once(" at line ")
        .map_or(message, |(message, _)| message);
    let rest = ["invalid type: ", "invalid value: ", "invalid length "]
        .iter()
        .find_map(|prefix| message.strip_prefix(prefix));
    let parts = rest.and_then(|rest| rest.rsplit_once(", expected "));
    let (found, expected) = parts.unwrap_or(("", ""));
    match found_in_words(found) {
        Some(found) => format!("expected {}; found {found}", expected_in_words(expected)),
        None => format!("expected {}", expected_in_words(expected)),
    }
}

fn expected_in_words(expected: &str) -> &'static str {
    let is_integer = |name: &str| {
        let digits = name.strip_prefix(['i', 'u']);
        digits
            .is_some_and(|d| d == "size" || !d.is_empty() && d.bytes().all(|b| b.is_ascii_digit()))
    };
    match expected {
        "a string" | "a borrowed string" | "str" => "a text",
        "a boolean" => "true or false",
        "a sequence" => "an array",
        "f32" | "f64" => "a number",
        name if is_integer(name) => "a whole number",
        name if name.starts_with("an object")
            || name.starts_with("a map")
            || name.starts_with("struct ") =>
        {
            "an object"
        }
        _ => "a value of another type",
    }
}

fn found_in_words(found: &str) -> Option<String> {
    let in_ticks = || found.split('`').nth(1).unwrap_or("");
    let kind = found.split(' ').next().unwrap_or("");
    Some(match kind {
        "integer" | "floating" => format!("the number {}", in_ticks()),
        "boolean" => in_ticks().to_owned(),
        "string" | "character" => "a text".into(),
        "sequence" => "an array".into(),
        "map" => "an object".into(),
        "null" | "unit" | "Option" => "null".into(),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use serde::de::DeserializeOwned;

    use super::*;

    #[derive(Deserialize)]
    #[expect(dead_code, reason = "only reading it is of interest")]
    struct Order {
        sku: String,
        count: i64,
        shipped: bool,
        lines: Vec<Order>,
    }

    fn told<T: DeserializeOwned>(json: &str) -> String {
        let error = serde_json::from_str::<T>(json).err().expect("refused");
        match error.classify() {
            Category::Data => wrong_type(&error.to_string()),
            _ => syntax(&error),
        }
    }

    #[test]
    fn a_value_of_the_wrong_type_is_told_in_words_of_json() {
        for (json, words) in [
            (r#"{"sku":7}"#, "expected a text; found the number 7"),
            (r#"{"sku":null}"#, "expected a text; found null"),
            (
                r#"{"count":5.5}"#,
                "expected a whole number; found the number 5.5",
            ),
            (
                r#"{"count":"a, expected b"}"#,
                "expected a whole number; found a text",
            ),
            (
                r#"{"count":99999999999999999999}"#,
                "expected a whole number; found the number 1e+20",
            ),
            (
                r#"{"shipped":"yes"}"#,
                "expected true or false; found a text",
            ),
            (r#"{"lines":{}}"#, "expected an array; found an object"),
            (r#"{"lines":[true]}"#, "expected an object; found true"),
        ] {
            assert_eq!(told::<Order>(json), words, "{json}");
        }
    }

    #[test]
    fn what_is_no_json_is_told_with_its_place() {
        for (json, words) in [
            (r#"{"a":"#, "the JSON ends too early, at line 1 column 5"),
            (r#"{"a":1} x"#, "expected nothing more, at line 1 column 9"),
            (
                r#"{a:1}"#,
                "expected a name in double quotes, at line 1 column 2",
            ),
            ("tru", "the JSON ends too early, at line 1 column 3"),
            (
                r#""\ud800""#,
                "an escape is cut short, or half of a surrogate pair, at line 1 column 8",
            ),
        ] {
            let told = told::<serde_json::Value>(json);
            assert_eq!(told, words, "{json}");
        }
    }
}
