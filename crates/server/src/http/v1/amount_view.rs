//! Amounts and numbers that are shown as strings.

use std::fmt::Display;

use serde::{Serialize, Serializer};
use waybill_domain::money::Shown;

/// A decimal string.
pub struct Amount(pub Shown);

impl Serialize for Amount {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        as_text(&self.0, serializer)
    }
}

/// Writes a value as the string that people read.
pub fn as_text<S: Serializer>(value: &impl Display, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}
