//! Text that came from outside: bounded, without NUL, never half-valid.

use crate::refusal::{Problem, code};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;

/// The longest free text (names, notes, address lines), in characters, unless a field says otherwise.
pub const TEXT_CHARS: usize = 500;

/// The beginning of a wrong value, enough to find it by in an answer.
pub(crate) fn clip(text: &str) -> String {
    text.chars().take(40).collect()
}

/// Checks a text from outside: at most `max` characters and no NUL (one such value would fail a batch).
///
/// # Errors
/// `text_too_long` or `invalid_text`, naming `field`.
pub fn check(field: &str, text: &str, max: usize) -> Result<(), Problem> {
    if text.contains('\0') {
        return Err(Problem::new(
            code::INVALID_TEXT,
            field,
            "a text must not contain the character NUL",
        ));
    }
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

/// As [`check`], and not empty or blank.
///
/// # Errors
/// Those of [`check`], and `required`.
pub fn check_filled(field: &str, text: &str, max: usize) -> Result<(), Problem> {
    if text.trim().is_empty() {
        return Err(Problem::new(code::REQUIRED, field, "must not be empty"));
    }
    check(field, text, max)
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
                check_filled($field, text, Self::MAX_CHARS)?;
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
    /// Whose data it is; part of every key.
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
}
