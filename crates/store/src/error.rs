//! The errors of a store, distinguished by what the caller should do.

use std::path::PathBuf;

/// The result of every store call.
pub type Result<T> = std::result::Result<T, Error>;

/// What [`Error::Conflict`] names when the key of a command was used.
pub const COMMAND_KEY: &str = "the idempotency key";

/// Why a call was not done. Only [`Error::OutcomeUnknown`] may have left something behind.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// Another write came first; load again, decide again.
    #[error("{what} was changed by somebody else meanwhile")]
    Conflict { what: &'static str },
    /// The lease was taken over; its former owner must stop.
    #[error("consumer {consumer} is not owned by this process any more")]
    Fenced { consumer: String },
    /// No room on the disk. Nothing was lost; it works again when there is room.
    #[error("the disk is full")]
    DiskFull,
    /// The store cannot take more now.
    #[error("the store is busy: {0}")]
    Busy(&'static str),
    /// The store is unavailable now.
    #[error("the store is not available: {0}")]
    Unavailable(String),
    /// Whether it was committed cannot be found out.
    #[error("whether this was stored could not be found out; ask again with the same key")]
    OutcomeUnknown,
    /// A row, or rows that belong together, hold values that the types do not allow: a defect, or a change by hand.
    #[error("{what} holds what cannot be: {detail}")]
    DamagedRow { what: &'static str, detail: String },
    /// The database itself is damaged: its file or its pages, whatever the row.
    #[error("the database holds what cannot be: {detail}")]
    DamagedDatabase { detail: String },
    /// A constraint of the schema refused what a decision wanted; a defect in the decision.
    #[error("the store's constraints refused it: {0}")]
    Refused(String),
    /// Another process has the data directory.
    #[error("{} is in use by another process ({holder}); stop it, or choose another folder with --data", path.display())]
    Locked { path: PathBuf, holder: String },
    /// Written by a newer version.
    #[error(
        "the data was written by a newer version (schema {found}; this one knows up to {known}); start the newer version"
    )]
    NewerSchema { found: i64, known: i64 },
    /// Anything else at start-up.
    #[error("{what}: {detail}")]
    Open { what: String, detail: String },
}

impl Error {
    /// Whether the same call may succeed if it is made again, unchanged.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::DiskFull | Self::Busy(_) | Self::Unavailable(_) => true,
            Self::Conflict { .. }
            | Self::Fenced { .. }
            | Self::OutcomeUnknown
            | Self::DamagedRow { .. }
            | Self::DamagedDatabase { .. }
            | Self::Refused(_)
            | Self::Locked { .. }
            | Self::NewerSchema { .. }
            | Self::Open { .. } => false,
        }
    }

    /// Whether the fault lies in what was to be written or in the rows it is about, while the store itself is well: a
    /// consumer that met it at one event parks that event and goes on with those of other orders.
    #[must_use]
    pub fn is_poison(&self) -> bool {
        match self {
            Self::Refused(_) | Self::DamagedRow { .. } => true,
            Self::DamagedDatabase { .. }
            | Self::Conflict { .. }
            | Self::Fenced { .. }
            | Self::DiskFull
            | Self::Busy(_)
            | Self::Unavailable(_)
            | Self::OutcomeUnknown
            | Self::Locked { .. }
            | Self::NewerSchema { .. }
            | Self::Open { .. } => false,
        }
    }

    /// Whether one item of a batch may be the cause, so that the batch is halved to do the others without it. A damaged
    /// page counts: only the items that touch it fail.
    #[must_use]
    pub fn is_item_fault(&self) -> bool {
        match self {
            Self::Conflict { .. }
            | Self::Refused(_)
            | Self::DamagedRow { .. }
            | Self::DamagedDatabase { .. } => true,
            Self::Fenced { .. }
            | Self::DiskFull
            | Self::Busy(_)
            | Self::Unavailable(_)
            | Self::OutcomeUnknown
            | Self::Locked { .. }
            | Self::NewerSchema { .. }
            | Self::Open { .. } => false,
        }
    }
}

/// A value in a row that the types do not allow.
pub fn damaged_row(what: &'static str, detail: impl Into<String>) -> Error {
    Error::DamagedRow {
        what,
        detail: detail.into(),
    }
}
