//! Maps SQLite's error codes to what the caller should do.

use crate::error::Error;
pub use crate::error::damaged_row;
use rusqlite::ErrorCode;

/// Translates an error of a statement. Whether the transaction is still open is checked elsewhere.
pub fn translate(error: &rusqlite::Error) -> Error {
    match error {
        rusqlite::Error::SqliteFailure(failure, message) => match failure.code {
            ErrorCode::DiskFull => Error::DiskFull,
            ErrorCode::ConstraintViolation => {
                Error::Refused(message.clone().unwrap_or_else(|| error.to_string()))
            }
            ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => Error::DamagedDatabase {
                detail: error.to_string(),
            },
            _ => Error::Unavailable(error.to_string()),
        },
        rusqlite::Error::FromSqlConversionFailure(..)
        | rusqlite::Error::InvalidColumnType(..)
        | rusqlite::Error::IntegralValueOutOfRange(..) => Error::DamagedRow {
            what: "a row",
            detail: error.to_string(),
        },
        _ => Error::Unavailable(error.to_string()),
    }
}

/// `?` for rusqlite results.
pub trait IntoStore<T> {
    fn store(self) -> crate::error::Result<T>;
}

impl<T> IntoStore<T> for rusqlite::Result<T> {
    fn store(self) -> crate::error::Result<T> {
        self.map_err(|error| translate(&error))
    }
}
