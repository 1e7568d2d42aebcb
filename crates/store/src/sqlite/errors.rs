//! Maps SQLite's error codes to what the caller should do.

use crate::error::Error;
use rusqlite::ErrorCode;

/// Translates an error of a statement, and keeps it as the source. The round checks whether the transaction is still
/// open.
pub fn translate(error: rusqlite::Error) -> Error {
    meaning(&error).because(error)
}

fn meaning(error: &rusqlite::Error) -> Error {
    match error {
        rusqlite::Error::SqliteFailure(failure, message) => match failure.code {
            ErrorCode::DiskFull => Error::DiskFull,
            ErrorCode::ConstraintViolation => {
                Error::refused(message.clone().unwrap_or_else(|| error.to_string()))
            }
            ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => {
                Error::damaged_database(error.to_string())
            }
            _ => Error::unavailable(error.to_string()),
        },
        rusqlite::Error::FromSqlConversionFailure(..)
        | rusqlite::Error::InvalidColumnType(..)
        | rusqlite::Error::IntegralValueOutOfRange(..) => {
            Error::damaged_row("a row", error.to_string())
        }
        _ => Error::unavailable(error.to_string()),
    }
}

/// `?` for rusqlite results.
pub trait IntoStore<T> {
    fn store(self) -> crate::error::Result<T>;
}

impl<T> IntoStore<T> for rusqlite::Result<T> {
    fn store(self) -> crate::error::Result<T> {
        self.map_err(translate)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::error::Error as _;

    #[test]
    fn an_error_of_a_statement_keeps_its_sources_and_the_log_names_each_once() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), [7; 4_096]).expect("written");
        let connection = rusqlite::Connection::open(file.path()).expect("opened when first read");
        let read = connection.query_row("SELECT * FROM sqlite_schema", [], |_| Ok(()));
        let error = read.store().expect_err("it is no database");
        assert!(matches!(error, Error::DamagedDatabase { .. }), "{error}");
        let cause = error.source().expect("the library's error");
        let lowest = cause.source().expect("SQLite's code");
        assert!(lowest.is::<rusqlite::ffi::Error>(), "{lowest:?}");
        let logged = crate::with_sources(&error);
        assert!(logged.ends_with("Error code 26"), "{logged}");
        let own = "file is not a database";
        assert_eq!(logged.matches(own).count(), 1, "{logged}");
    }
}
