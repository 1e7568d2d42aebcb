//! What a message repeats of a request: cut, and harmless on a terminal.
//!
//! Invariant: no message grows with what was sent. [`Echo`] shows one value; [`sentence`] bounds a whole message, which
//! may also hold words of a library that repeat the input.

use std::fmt::{self, Write as _};

/// Characters of a value that a message repeats: enough to find it by.
pub const ECHO_CHARS: usize = 60;

/// Characters of a whole message.
pub const SENTENCE_CHARS: usize = 600;

/// The beginning of a value from outside, with `…` where it was cut. Control characters are escaped.
#[derive(Clone, Copy, Debug)]
pub struct Echo<'a>(pub &'a str);

impl fmt::Display for Echo<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut chars = self.0.chars();
        for shown in chars.by_ref().take(ECHO_CHARS) {
            if shown.is_control() {
                write!(out, "{}", shown.escape_unicode())?;
            } else {
                out.write_char(shown)?;
            }
        }
        if chars.next().is_some() {
            out.write_char('…')?;
        }
        Ok(())
    }
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
    fn a_sentence_is_bounded_in_characters() {
        assert_eq!(sentence("short".into()), "short");
        let cut = sentence("ü".repeat(1 << 20));
        assert_eq!(cut.chars().count(), SENTENCE_CHARS + 1);
        assert!(cut.ends_with('…'));
    }
}
