//! Text from elsewhere, made safe to print: the one type for the cells of tables and for values within a line.
//!
//! A customer's id or an error of the server may hold an escape sequence that moves the cursor, a line break that
//! forges a row, or a mark that turns the direction of the text. Each such character is shown as its escape.

use std::borrow::Cow;
use std::fmt::{self, Write as _};

use serde_json::Value;
use unicode_width::UnicodeWidthStr as _;

/// A value on one line, without control characters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cell(String);

impl Cell {
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(escaped(text, Lines::Escape).into_owned())
    }

    /// How many columns of a terminal it takes.
    #[must_use]
    pub fn width(&self) -> usize {
        self.0.width()
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    #[must_use]
    pub fn into_string(self) -> String {
        self.0
    }
}

/// Text without quotes, nothing for null, everything else as JSON.
impl From<&Value> for Cell {
    fn from(value: &Value) -> Self {
        match value {
            Value::Null => Self::default(),
            Value::String(text) => Self::new(text),
            other => Self::new(&other.to_string()),
        }
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self::new(&text)
    }
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// Whether line ends are kept.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Lines {
    Keep,
    Escape,
}

/// Text with every control character and every mark of direction as its escape. The form `\u001b` is that of JSON,
/// so that a JSON document keeps its meaning.
#[must_use]
pub fn escaped(text: &str, lines: Lines) -> Cow<'_, str> {
    let keeps = |c: char| !is_unsafe(c) || (c == '\n' && lines == Lines::Keep);
    if text.chars().all(keeps) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            c if keeps(c) => safe.push(c),
            '\n' => safe.push_str("\\n"),
            '\r' => safe.push_str("\\r"),
            '\t' => safe.push_str("\\t"),
            c => {
                // Writing to a String cannot fail.
                let _ = write!(safe, "\\u{:04x}", u32::from(c));
            }
        }
    }
    Cow::Owned(safe)
}

/// C0, DEL and C1; line and paragraph separators; marks and overrides of direction.
fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_moves_the_cursor_or_forges_a_row_is_left() {
        let shown = Cell::new("a\u{1b}[2Jb\u{7}\r\nc\u{9b}1m\u{202e}d\u{7f}").to_string();
        assert_eq!(shown, "a\\u001b[2Jb\\u0007\\r\\nc\\u009b1m\\u202ed\\u007f");
        assert_eq!(
            Cell::new(&shown).as_str(),
            shown,
            "escaping twice changes nothing"
        );
    }

    #[test]
    fn an_escaped_json_document_still_says_the_same() {
        let document = serde_json::json!({"id": "a\u{9b}\u{202e}\u{7f}\u{1b}b"});
        let text = escaped(&document.to_string(), Lines::Keep).into_owned();
        assert!(text.is_ascii(), "{text}");
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), document);
    }

    #[test]
    fn width_is_what_a_terminal_takes() {
        assert_eq!(Cell::new("漢字").width(), 4);
        assert_eq!(Cell::new("e\u{301}").width(), 1);
    }
}
