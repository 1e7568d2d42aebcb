//! What is done with the units of a mock vendor.

use serde::Serialize;

/// What a call does with units.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Operation {
    Reduce,
    Restore,
    /// A count, or a fluctuation: the vendor's own business.
    Set,
}
