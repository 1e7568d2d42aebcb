//! The errors of a store, distinguished by what the caller should do.

use std::path::PathBuf;

/// The result of every store call.
pub type Result<T> = std::result::Result<T, Error>;

/// What [`Error::Corrupt`] names when it is the database itself that is damaged, and not a row in it.
pub const DATABASE: &str = "the database";

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
    /// A row says what cannot be; a defect, or a hand in the tables.
    #[error("{what} holds what cannot be: {detail}")]
    Corrupt { what: &'static str, detail: String },
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
            | Self::Corrupt { .. }
            | Self::Refused(_)
            | Self::Locked { .. }
            | Self::NewerSchema { .. }
            | Self::Open { .. } => false,
        }
    }

    /// Whether the fault lies in what was to be written or in the rows it is about, while the store itself is well: a
    /// consumer that met it at one event need not stop for those of other orders.
    #[must_use]
    pub fn is_of_one_event(&self) -> bool {
        match self {
            Self::Refused(_) => true,
            Self::Corrupt { what, .. } => *what != DATABASE,
            Self::Conflict { .. }
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

    /// Whether the fault lies with one unit of a batch, so that the others may be done without it.
    #[must_use]
    pub fn is_of_one_unit(&self) -> bool {
        matches!(
            self,
            Self::Conflict { .. } | Self::Refused(_) | Self::Corrupt { .. }
        )
    }
}
