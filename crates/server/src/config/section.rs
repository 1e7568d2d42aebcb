//! `section!`: declares a section of the settings where it is read.

use super::kinds::Kind;

/// Declares a section: a struct, and the list of its keys with what each may hold. Among the keys `count`, `time`,
/// `HOUR_MS` and `YEAR_MS` of this module are known, and `Kind`.
macro_rules! section {
    ($name:ident, $section:literal, { $($field:ident: $type:ty => $kind:expr,)+ }) => {
        #[doc = concat!("Section `", $section, "`; meanings in `waybill.default.toml`.")]
        #[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        pub struct $name { $(pub $field: $type,)+ }

        impl $crate::config::Section for $name {
            const NAME: &'static str = $section;
            const KEYS: &'static [$crate::config::Key] = {
                #[allow(unused_imports, reason = "a section uses some of them")]
                use $crate::config::declare::{HOUR_MS, Kind, YEAR_MS, count, time};
                &[$($crate::config::Key { section: $section, name: stringify!($field), kind: $kind },)+]
            };
        }
    };
}
pub(crate) use section;

/// A whole number within bounds.
#[must_use]
pub const fn count(least: i64, most: i64) -> Kind {
    Kind::Integer { least, most }
}

/// A time within bounds, in milliseconds.
#[must_use]
pub const fn time(least: u64, most: u64) -> Kind {
    Kind::Time { least, most }
}

pub const HOUR_MS: u64 = 3_600_000;
pub const YEAR_MS: u64 = 366 * 24 * HOUR_MS;
