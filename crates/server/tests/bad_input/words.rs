//! Words that a message must not have: names of Rust's types and of serde's, and the forms of `{:?}`.

const WORDS: [&str; 24] = [
    "Some(",
    "None",
    "Ok(",
    "Err(",
    "\\u{",
    "i64",
    "u64",
    "u32",
    "f64",
    "usize",
    "struct ",
    "enum ",
    "tuple",
    "sequence",
    "floating point",
    "integer `",
    "unit value",
    "newtype",
    "variant",
    "expected ident",
    "RawValue",
    "Quantities",
    "serde",
    "::",
];

/// The first such word in an answer. Its correlation id, which comes last, is hexadecimal and says nothing.
pub fn of_rust(text: &str) -> Option<&'static str> {
    let text = text.split("\"correlationId\"").next().unwrap_or(text);
    let is_ipv6 = |word: &str| word == "::" && text.contains("[::");
    WORDS
        .into_iter()
        .find(|word| text.contains(word) && !is_ipv6(word))
}

#[test]
fn a_message_in_rusts_words_is_found() {
    for message in [
        "expected i64; found floating point `5.0`",
        "Some(01a2)",
        "Quantities { ordered: 1 }",
        "found \"a\\u{1b}\"",
    ] {
        assert!(of_rust(message).is_some(), "{message}");
    }
    assert_eq!(of_rust("expected a whole number; found 5.5"), None);
}
