//! Text from a request that a message repeats: cut to a fixed length, and with control characters escaped.
//!
//! Invariant: the length of a message does not depend on the length of the input. [`Echo`] shows one value and
//! [`quoted`] shows it in quotes; [`sentence`] bounds a whole message, which may also contain a library's text that
//! repeats the input.

use std::fmt::{self, Write as _};

/// The most characters of a value that a message repeats.
pub const ECHO_CHARS: usize = 60;

/// The most characters of a whole message.
pub const SENTENCE_CHARS: usize = 600;

/// The first [`ECHO_CHARS`] characters of a value, and whether there are more.
fn beginning(text: &str) -> (&str, bool) {
    match text.char_indices().nth(ECHO_CHARS) {
        Some((end, _)) => (&text[..end], true),
        None => (text, false),
    }
}

/// Shows at most [`ECHO_CHARS`] characters of a value, with `…` if it was cut. Control characters are escaped.
#[derive(Clone, Copy, Debug)]
pub struct Echo<'a>(pub &'a str);

impl fmt::Display for Echo<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (beginning, cut) = beginning(self.0);
        for shown in beginning.chars() {
            if shown.is_control() {
                write!(out, "{}", shown.escape_unicode())?;
            } else {
                out.write_char(shown)?;
            }
        }
        if cut {
            out.write_char('…')?;
        }
        Ok(())
    }
}

/// At most [`ECHO_CHARS`] characters of a value as a JSON string: in quotes, with quotes, backslashes and control
/// characters escaped. `…` follows the closing quote if the value was cut.
#[must_use]
pub fn quoted(text: &str) -> String {
    let (beginning, cut) = beginning(text);
    let shown = serde_json::to_string(beginning).unwrap_or_default();
    if cut { format!("{shown}…") } else { shown }
}

/// A message of at most [`SENTENCE_CHARS`] characters; one that is longer ends in `…`.
#[must_use]
pub fn sentence(mut text: String) -> String {
    // Bytes bound characters from above, so the usual message needs no count.
    if text.len() > SENTENCE_CHARS
        && let Some((end, _)) = text.char_indices().nth(SENTENCE_CHARS)
    {
        text.truncate(end);
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_shown_whole_up_to_its_bound_and_cut_beyond() {
        assert_eq!(Echo("MUG-1").to_string(), "MUG-1");
        let longest = "ü".repeat(ECHO_CHARS);
        assert_eq!(Echo(&longest).to_string(), longest);
        let shown = Echo(&"ü".repeat(1 << 20)).to_string();
        assert_eq!(shown, format!("{longest}…"));
    }

    #[test]
    fn control_characters_are_escaped() {
        assert_eq!(Echo("a\u{1b}[2J\n").to_string(), "a\\u{1b}[2J\\u{a}");
    }

    #[test]
    fn a_quoted_value_is_cut_at_the_same_length_and_escaped_as_json() {
        assert_eq!(quoted("a\u{1b}\"b"), r#""a\u001b\"b""#);
        let longest = "ü".repeat(ECHO_CHARS);
        assert_eq!(quoted(&longest), format!("\"{longest}\""));
        assert_eq!(quoted(&format!("{longest}ü")), format!("\"{longest}\"…"));
    }

    #[test]
    fn a_sentence_is_bounded_in_characters() {
        assert_eq!(sentence("short".into()), "short");
        let cut = sentence("ü".repeat(1 << 20));
        assert_eq!(cut.chars().count(), SENTENCE_CHARS + 1);
        assert!(cut.ends_with('…'));
    }
}
