//! Text from outside: limited in length, without control characters, valid before it is used.

use crate::echo::quoted;
use crate::problem::{Problem, code};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;

/// The longest free text (names, notes, address lines), in characters, unless a field says otherwise.
pub const TEXT_CHARS: usize = 500;

/// Characters that move a terminal's cursor, end a line or reverse the direction of what follows (Unicode's control
/// characters, line and paragraph separators, and bidirectional controls).
fn is_control(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn invalid(field: &str, detail: String) -> Problem {
    Problem::new(code::INVALID_TEXT, field, detail)
}

fn check_length(field: &str, text: &str, max: usize) -> Result<(), Problem> {
    // Bytes bound characters from above, so the common case needs no count.
    if text.len() > max && text.chars().count() > max {
        let found = text.chars().count();
        return Err(Problem::new(
            code::TEXT_TOO_LONG,
            field,
            format!("at most {max} characters; this has {found}"),
        ));
    }
    Ok(())
}

/// Checks free text that a person wrote (names, addresses, notes): at most `max` characters; tabs and line breaks are
/// fine, other control characters are not.
///
/// # Errors
/// `text_too_long` or `invalid_text`, naming `field`.
pub fn check(field: &str, text: &str, max: usize) -> Result<(), Problem> {
    let is_wrong = |c: &char| c.is_control() && !matches!(c, '\t' | '\n' | '\r');
    if let Some(wrong) = text.chars().find(is_wrong) {
        let detail = format!(
            "a text must not contain control characters other than tabs and line breaks; found {}",
            named(wrong)
        );
        return Err(invalid(field, detail));
    }
    check_length(field, text, max)
}

/// Checks a name that something is found by again (an id, a number, a reference, a code): at most `max` characters,
/// none of them a control character, and no blank at either end. It may be empty.
///
/// # Errors
/// `text_too_long` or `invalid_text`, naming `field`.
pub fn check_code(field: &str, text: &str, max: usize) -> Result<(), Problem> {
    if let Some(wrong) = text.chars().find(|c| is_control(*c)) {
        let detail = format!(
            "must not contain control characters; found {}",
            named(wrong)
        );
        return Err(invalid(field, detail));
    }
    check_length(field, text, max)?;
    if text.trim().len() != text.len() {
        let detail = format!("must not begin or end with a blank; found {}", quoted(text));
        return Err(invalid(field, detail));
    }
    Ok(())
}

/// As [`check_code`], and not empty or blank.
///
/// # Errors
/// Those of [`check_code`], and `required`.
pub fn check_name(field: &str, text: &str, max: usize) -> Result<(), Problem> {
    check_not_blank(field, text)?;
    check_code(field, text, max)
}

/// As [`check`], and not empty or blank.
///
/// # Errors
/// Those of [`check`], and `required`.
pub fn check_filled(field: &str, text: &str, max: usize) -> Result<(), Problem> {
    check_not_blank(field, text)?;
    check(field, text, max)
}

fn check_not_blank(field: &str, text: &str) -> Result<(), Problem> {
    if text.trim().is_empty() {
        return Err(Problem::new(code::REQUIRED, field, "must not be empty"));
    }
    Ok(())
}

/// A character by its number, as `U+001B`.
fn named(c: char) -> String {
    format!("U+{:04X}", u32::from(c))
}

macro_rules! name_type {
    ($(#[$doc:meta])* $name:ident, $max:expr, $field:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The longest accepted, in characters.
            pub const MAX_CHARS: usize = $max;

            /// Parses a value from outside.
            ///
            /// # Errors
            /// `required`, `text_too_long` or `invalid_text`.
            pub fn parse(text: &str) -> Result<Self, Problem> {
                check_name($field, text, Self::MAX_CHARS)?;
                Ok(Self(Arc::from(text)))
            }

            /// A value that was checked before, read back from the store.
            #[must_use]
            pub fn stored(text: &str) -> Self {
                Self(Arc::from(text))
            }

            /// The text itself.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", &*self.0)
            }
        }
    };
}

name_type!(
    /// A stock keeping unit; case-sensitive.
    Sku, 100, "sku"
);
name_type!(
    /// A stock source; [`Vendor::local`] is our own warehouse.
    Vendor, 60, "vendor"
);
name_type!(
    /// A tenant, whose data are separate from those of others; part of every key.
    Tenant, 60, "tenant"
);

impl Vendor {
    /// Our own warehouse.
    pub const LOCAL: &'static str = "local";
    /// The inventory service, for skus that are not tracked here.
    pub const INVENTORY: &'static str = "inventory";

    /// The built-in vendor.
    #[must_use]
    pub fn local() -> Self {
        Self::stored(Self::LOCAL)
    }

    /// Whether stock of this vendor is held in our own stock rows.
    #[must_use]
    pub fn is_local(&self) -> bool {
        self.as_str() == Self::LOCAL
    }
}

impl Default for Tenant {
    fn default() -> Self {
        Self::stored("default")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_bounded_in_characters_and_has_no_nul() {
        assert!(Sku::parse(&"ü".repeat(100)).is_ok());
        assert_eq!(
            Sku::parse(&"ü".repeat(101)).unwrap_err().code,
            code::TEXT_TOO_LONG
        );
        assert_eq!(Sku::parse("a\0b").unwrap_err().code, code::INVALID_TEXT);
        assert_eq!(Sku::parse("  ").unwrap_err().code, code::REQUIRED);
    }

    #[test]
    fn a_name_has_no_control_characters_and_no_blank_at_its_ends() {
        for bad in [
            " K-1",
            "K-1 ",
            "K\u{a0}1\u{a0}",
            "K\n1",
            "\tK-1",
            "K\u{1b}[2J",
            "K\u{7}",
            "K\u{7f}",
            "K\u{85}1",
            "K\u{2028}1",
            "K\u{202e}1",
        ] {
            assert_eq!(Sku::parse(bad).unwrap_err().code, code::INVALID_TEXT);
        }
        assert!(Sku::parse("K 1-ü/№").is_ok());
    }

    #[test]
    fn free_text_has_tabs_and_line_breaks_and_no_other_control_characters() {
        assert_eq!(check("notes", " one\ttwo\r\nthree ", 100), Ok(()));
        for bad in ["a\0b", "a\u{1b}b", "a\u{9b}b"] {
            assert_eq!(
                check("notes", bad, 100).unwrap_err().code,
                code::INVALID_TEXT
            );
        }
    }
}
