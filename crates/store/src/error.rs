//! The errors of a store, distinguished by what the caller should do.

use std::error::Error as StdError;
use std::path::PathBuf;
use std::sync::Arc;

use crate::sources::Cause;
use waybill_domain::echo::quoted;
use waybill_domain::reservation::MoveRefusal;
use waybill_domain::text::{Sku, Tenant, Vendor};

/// The result of every store call.
pub type Result<T> = std::result::Result<T, Error>;

/// Why a call failed. The text is for people; [`with_sources`](crate::with_sources) adds the texts of the sources where
/// an error is logged. After any error but [`Error::OutcomeUnknown`] it is certain that nothing was written.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// Another write changed the row first; the caller loads the row and decides again.
    #[error("{what} was changed by another write meanwhile")]
    Conflict { what: &'static str },
    /// Another command with the same idempotency key came first; nothing of this one was written.
    #[error("the idempotency key was changed by another write meanwhile")]
    KeyUsed,
    /// The lease was taken over; its former owner must stop.
    #[error("consumer {consumer} is not owned by this process any more")]
    Fenced { consumer: String },
    /// The disk is full. Nothing was lost; writes succeed again when there is space.
    #[error("the disk is full")]
    DiskFull,
    /// The store cannot take more now.
    #[error("the store is busy: {what}")]
    Busy {
        what: &'static str,
        source: Option<Cause>,
    },
    /// The store is unavailable now.
    #[error("the store is not available: {detail}")]
    Unavailable {
        detail: String,
        source: Option<Cause>,
    },
    /// Whether it was committed cannot be found out.
    #[error("whether this was stored could not be found out; ask again with the same key")]
    OutcomeUnknown,
    /// A row, or rows that belong together, hold values that the types do not allow: a defect, or a change by hand.
    #[error("{what} has an invalid value: {detail}")]
    DamagedRow {
        what: &'static str,
        detail: String,
        source: Option<Cause>,
    },
    /// The database itself is damaged: its file or its pages, not the values of a row.
    #[error("the database is damaged: {detail}")]
    DamagedDatabase {
        detail: String,
        source: Option<Cause>,
    },
    /// A constraint of the schema refused what a decision wanted; a defect in the decision.
    #[error("the store's constraints refused it: {detail}")]
    Refused {
        detail: String,
        source: Option<Cause>,
    },
    /// Another process has the data directory.
    #[error("{} is in use by another process ({holder}); stop it, or choose another folder with --data", path.display())]
    Locked { path: PathBuf, holder: String },
    /// Written by a newer version.
    #[error(
        "the data was written by a newer version (schema {found}; this one knows up to {known}); start the newer version"
    )]
    NewerSchema { found: i64, known: i64 },
    /// Any other failure at start-up or of a command.
    #[error("{what}: {detail}")]
    Open {
        what: String,
        detail: String,
        source: Option<Cause>,
    },
}

impl Error {
    /// Whether the same call may succeed if it is made again, unchanged.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::DiskFull | Self::Busy { .. } | Self::Unavailable { .. } => true,
            Self::Conflict { .. }
            | Self::KeyUsed
            | Self::Fenced { .. }
            | Self::OutcomeUnknown
            | Self::DamagedRow { .. }
            | Self::DamagedDatabase { .. }
            | Self::Refused { .. }
            | Self::Locked { .. }
            | Self::NewerSchema { .. }
            | Self::Open { .. } => false,
        }
    }

    /// Whether the fault is in the data to be written or in the rows it concerns, and not in the store: a consumer that
    /// gets such an error for one event parks that event and goes on with the events of other orders.
    #[must_use]
    pub fn is_poison(&self) -> bool {
        match self {
            Self::Refused { .. } | Self::DamagedRow { .. } => true,
            Self::DamagedDatabase { .. }
            | Self::Conflict { .. }
            | Self::KeyUsed
            | Self::Fenced { .. }
            | Self::DiskFull
            | Self::Busy { .. }
            | Self::Unavailable { .. }
            | Self::OutcomeUnknown
            | Self::Locked { .. }
            | Self::NewerSchema { .. }
            | Self::Open { .. } => false,
        }
    }

    /// Whether one item of a batch may be the cause, so that the batch is halved to write the others without it. A
    /// damaged page counts, because only the items that touch it fail.
    #[must_use]
    pub fn is_item_fault(&self) -> bool {
        match self {
            Self::Conflict { .. }
            | Self::KeyUsed
            | Self::Refused { .. }
            | Self::DamagedRow { .. }
            | Self::DamagedDatabase { .. } => true,
            Self::Fenced { .. }
            | Self::DiskFull
            | Self::Busy { .. }
            | Self::Unavailable { .. }
            | Self::OutcomeUnknown
            | Self::Locked { .. }
            | Self::NewerSchema { .. }
            | Self::Open { .. } => false,
        }
    }
}

/// How many columns of a damaged row a message shows as its key.
pub const KEY_COLUMNS: usize = 2;

/// Errors without a source; [`Error::because`] adds one.
impl Error {
    /// The store cannot take more now.
    #[must_use]
    pub fn busy(what: &'static str) -> Self {
        Self::Busy { what, source: None }
    }

    /// The store is unavailable now.
    #[must_use]
    pub fn unavailable(detail: impl Into<String>) -> Self {
        Self::Unavailable {
            detail: detail.into(),
            source: None,
        }
    }

    /// A constraint refused a write.
    #[must_use]
    pub fn refused(detail: impl Into<String>) -> Self {
        Self::Refused {
            detail: detail.into(),
            source: None,
        }
    }

    /// A value in a row that the types do not allow.
    #[must_use]
    pub fn damaged_row(what: &'static str, detail: impl Into<String>) -> Self {
        Self::DamagedRow {
            what,
            detail: detail.into(),
            source: None,
        }
    }

    /// A move of reserved units that the rows do not allow.
    #[must_use]
    pub fn of_move(refusal: MoveRefusal) -> Self {
        match refusal {
            // The reservation ended, or was made, after the decision was made.
            MoveRefusal::NothingReserved | MoveRefusal::NotHeld | MoveRefusal::AlreadyReserved => {
                Self::Conflict {
                    what: "the reservation",
                }
            }
            MoveRefusal::TooMany { .. } => Self::refused(refusal.to_string()),
        }
    }

    /// The units that a decision was to reserve were sold meanwhile; the caller decides again.
    #[must_use]
    pub fn stock_is_gone() -> Self {
        Self::Conflict {
            what: "the stock that was to be reserved",
        }
    }

    /// The error that the stock row of a reservation does not exist.
    #[must_use]
    pub fn no_stock_row(tenant: &Tenant, sku: &Sku, vendor: &Vendor) -> Self {
        let detail = format!("{sku} at {vendor} of {tenant} has reservations but no row");
        Self::damaged_row("stock", detail)
    }

    /// The error that a column's value is not a valid `what`. `key` has the row's first columns and their values; long
    /// values are cut.
    #[must_use]
    pub fn damaged_value(
        what: &'static str,
        column: &str,
        value: &str,
        key: &[(&str, String)],
    ) -> Self {
        let key: Vec<String> = key.iter().map(|(name, v)| format!("{name} {v}")).collect();
        let value = quoted(value);
        let detail = format!("{column} is {value} in the row with {}", key.join(", "));
        Self::damaged_row(what, detail)
    }

    /// The database itself is damaged.
    #[must_use]
    pub fn damaged_database(detail: impl Into<String>) -> Self {
        Self::DamagedDatabase {
            detail: detail.into(),
            source: None,
        }
    }

    /// A store cannot be opened, or a command cannot use it: `what` happened, `detail` says why or what to do.
    #[must_use]
    pub fn open(what: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::Open {
            what: what.into(),
            detail: detail.into(),
            source: None,
        }
    }

    /// Keeps `cause` as the source. The variants whose text is complete have no source.
    #[must_use]
    pub fn because(mut self, cause: impl StdError + Send + Sync + 'static) -> Self {
        match &mut self {
            Self::Busy { source, .. }
            | Self::Unavailable { source, .. }
            | Self::Refused { source, .. }
            | Self::DamagedRow { source, .. }
            | Self::DamagedDatabase { source, .. }
            | Self::Open { source, .. } => *source = Some(Arc::new(cause)),
            Self::Conflict { .. }
            | Self::KeyUsed
            | Self::Fenced { .. }
            | Self::DiskFull
            | Self::OutcomeUnknown
            | Self::Locked { .. }
            | Self::NewerSchema { .. } => {}
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_damaged_row_is_poison_and_a_damaged_database_is_not() {
        let row = Error::damaged_row("the database", "a row may be named anything");
        let database = Error::damaged_database("a page is malformed");
        assert!(row.is_poison() && row.is_item_fault());
        assert!(!database.is_poison() && database.is_item_fault());
    }
}
