//! The packed form of the log: one row holds the events that a transaction appends one after the other about one order,
//! or about none.
//!
//! A row's position is that of its last event; the events before it have the positions before it. So a reader that
//! looks for the rows after its cursor also finds the row that the cursor is inside of, and passes over the events it
//! has had. Within a row, what events repeat (ids, the request's ids, the phrases of their bodies) is written once or
//! as a reference, because eight events for each order otherwise are most of what a store writes and keeps.
//!
//! `group` decides which events share a row, `codec` has the form of a row, `text` that of the texts in it.

mod bytes;
mod codec;
mod group;
mod kinds;
mod phrases;
mod text;

pub use crate::readable::LogRow;
pub use codec::{Place, pack, unpack};
pub use group::groups;
pub use kinds::{WantedKinds, kinds_of};

/// Whether a store writes its log packed. Both forms are read, side by side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogForm {
    /// One row for each event: of a store made before schema [`SINCE`], until it is told to change.
    Plain,
    Packed,
}

/// The first schema whose binaries read a packed log.
pub const SINCE: i64 = 16;

/// What stands in the column `type` of a packed row: no type that there is, so that a binary before [`SINCE`] that still
/// runs stops at the row instead of passing it.
pub const TYPE: &str = "packed";

/// The columns of a row of the log as a log of `schema` has them.
#[must_use]
pub fn columns_of(schema: i64, columns: &str) -> String {
    if schema < SINCE {
        columns.replace(
            "event_count, kinds, packed",
            "CAST(1 AS smallint), CAST(NULL AS bigint), CAST(NULL AS bytea)",
        )
    } else {
        columns.to_owned()
    }
}

/// The key in `meta` that says how the log is written, and its value for [`LogForm::Packed`].
pub const KEY: &str = "log_form";
pub const PACKED: &str = "packed";

impl LogForm {
    /// Reads the value in `meta`; a store without one writes the plain form.
    #[must_use]
    pub fn read(stored: Option<&str>) -> Self {
        if stored == Some(PACKED) {
            Self::Packed
        } else {
            Self::Plain
        }
    }
}
