//! The exit codes of every command. They are documented in `docs/cli.md`; a script may rely on them.
//!
//! Invariant: a code keeps its meaning for good. A new meaning gets a new code.

use std::process::ExitCode;

use waybill_store::Error as StoreError;

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    Done,
    /// It failed for a reason without a code of its own: a file, the output, the settings.
    Failed,
    /// The command line is wrong.
    Usage,
    /// What was named does not exist.
    NotFound,
    /// The server refused; the same call will be refused again.
    Refused,
    /// No answer, or the server cannot do it now; the same call may succeed later.
    Unreachable,
    /// The command checked something and found a fault.
    Findings,
}

impl Exit {
    pub const ALL: [Self; 7] = [
        Self::Done,
        Self::Failed,
        Self::Usage,
        Self::NotFound,
        Self::Refused,
        Self::Unreachable,
        Self::Findings,
    ];

    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::NotFound => 3,
            Self::Refused => 4,
            Self::Unreachable => 5,
            Self::Findings => 6,
        }
    }

    /// For `--help` and the documentation.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed => "failed for another reason (a file, the output, the settings)",
            Self::Usage => "the command line is wrong",
            Self::NotFound => "what was named does not exist",
            Self::Refused => "the server refused it, and will again",
            Self::Unreachable => "no answer, or not possible now; trying again may help",
            Self::Findings => "it was looked at, and something is not as it should be",
        }
    }

    /// The list for `waybill --help`.
    #[must_use]
    pub fn help() -> String {
        let lines = Self::ALL.map(|exit| format!("\n  {}  {}", exit.code(), exit.meaning()));
        format!("Exit codes:{}", lines.concat())
    }

    /// What an error of the store means for a command that opened the store itself.
    #[must_use]
    pub fn of_store(error: &StoreError) -> Self {
        match error {
            StoreError::Busy { .. } | StoreError::Unavailable { .. } => Self::Unreachable,
            StoreError::Conflict { .. }
            | StoreError::KeyUsed
            | StoreError::Fenced { .. }
            | StoreError::DiskFull
            | StoreError::OutcomeUnknown
            | StoreError::DamagedRow { .. }
            | StoreError::DamagedDatabase { .. }
            | StoreError::Refused { .. }
            | StoreError::Locked { .. }
            | StoreError::NewerSchema { .. }
            | StoreError::Open { .. } => Self::Failed,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// Done, or findings.
impl From<bool> for Exit {
    fn from(fine: bool) -> Self {
        if fine { Self::Done } else { Self::Findings }
    }
}
