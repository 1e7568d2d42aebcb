//! Text from outside: limited in length, without control characters, valid before it is used. Of an identifier every
//! character can be seen, so that two that look the same are the same.

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

/// Characters without a shape of their own (Unicode's category Cf and the property `Default_Ignorable_Code_Point`):
/// two names that differ in one look the same, and some programs remove them.
fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}' | '\u{890}'..='\u{891}'
        | '\u{8e2}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
        | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{110bd}' | '\u{110cd}' | '\u{13430}'..='\u{1343f}'
        | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// Code points that are never characters (Unicode section 23.7): the last two of every plane, and U+FDD0 to U+FDEF.
fn is_noncharacter(c: char) -> bool {
    u32::from(c) & 0xfffe == 0xfffe || matches!(c, '\u{fdd0}'..='\u{fdef}')
}

/// What a character is that must not stand in an identifier.
fn unfit(c: char) -> Option<&'static str> {
    match c {
        // Most identifiers are ASCII, whose only unfit characters are controls.
        c if c.is_ascii() && !c.is_ascii_control() => None,
        c if is_control(c) => Some("control characters"),
        c if is_invisible(c) => Some("invisible characters"),
        c if is_noncharacter(c) => Some("noncharacters"),
        _ => None,
    }
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

/// Checks the characters of an identifier: no control characters, no invisible ones, no noncharacters.
///
/// # Errors
/// `invalid_text`, naming `field` and the character.
pub fn check_characters(field: &str, text: &str) -> Result<(), Problem> {
    let mut found = text.chars().filter_map(|c| unfit(c).map(|kind| (kind, c)));
    found.next().map_or(Ok(()), |(kind, wrong)| {
        let detail = format!("must not contain {kind}; found {}", named(wrong));
        Err(invalid(field, detail))
    })
}

/// Checks a name that something is found by again (an id, a number, a reference, a code): at most `max` characters,
/// each as [`check_characters`] has them, and no blank at either end. It may be empty.
///
/// # Errors
/// `text_too_long` or `invalid_text`, naming `field`.
pub fn check_code(field: &str, text: &str, max: usize) -> Result<(), Problem> {
    check_characters(field, text)?;
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

/// Refuses the names that a path reads as folders (RFC 3986 section 5.2.4): clients and proxies remove them before a
/// request is sent.
fn check_no_dots(field: &str, text: &str) -> Result<(), Problem> {
    if matches!(text, "." | "..") {
        let detail = format!("must not be . or .., which a path removes; found {text}");
        return Err(invalid(field, detail));
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
                check_no_dots($field, text)?;
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
    fn every_character_of_a_name_can_be_seen_and_it_is_no_folder() {
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
            "K\u{ad}1",
            "K\u{200b}1",
            "\u{feff}K",
            "K\u{e0041}",
            "K\u{fdd0}",
            "K\u{ffff}",
            "K\u{10fffe}",
            ".",
            "..",
        ] {
            assert_eq!(Sku::parse(bad).unwrap_err().code, code::INVALID_TEXT);
        }
        for good in ["K 1-ü/№", "a.b", "...", ".a", "茶", "קפה", "👕"] {
            assert!(Sku::parse(good).is_ok(), "{good}");
        }
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
