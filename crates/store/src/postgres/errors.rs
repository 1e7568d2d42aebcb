//! Maps PostgreSQL's SQLSTATEs to what the caller should do.

use super::rows::BeyondSmallint;
use crate::error::Error;
use crate::sources::Cause;
use std::fmt;
use tokio_postgres::error::{DbError, Severity, SqlState};

/// Translates an error of a statement, and keeps it as the source.
pub fn translate(error: tokio_postgres::Error) -> Error {
    with_cause(meaning(&error), error)
}

/// Keeps an error of the client library as the source of `known`.
pub fn with_cause(known: Error, error: tokio_postgres::Error) -> Error {
    match error.as_db_error() {
        Some(db) => known.because(Reported(db.clone())),
        None => known.because(error),
    }
}

/// The server's report. Its text leaves out the message, which the store's error contains already, and DETAIL, which
/// may quote a whole row with a customer's data.
#[derive(Debug)]
pub struct Reported(DbError);

impl fmt::Display for Reported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SQLSTATE {}", self.0.code().code())?;
        match self.0.constraint() {
            Some(name) => write!(f, ", constraint {name}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Reported {}

/// Whether a statement was refused because it would have made a column null that cannot be.
pub fn is_null_refused(error: &Error) -> bool {
    let cause = std::error::Error::source(error).and_then(|source| source.downcast_ref::<Cause>());
    let reported = cause.and_then(|cause| cause.downcast_ref::<Reported>());
    reported.is_some_and(|reported| *reported.0.code() == SqlState::NOT_NULL_VIOLATION)
}

/// What an error of a statement means, without its source.
pub fn meaning(error: &tokio_postgres::Error) -> Error {
    let Some(db) = error.as_db_error() else {
        let source = std::error::Error::source(error);
        if let Some(beyond) = source.and_then(|s| s.downcast_ref::<BeyondSmallint>()) {
            return Error::refused(beyond.to_string());
        }
        return if error.is_closed() || std::error::Error::source(error).is_some() {
            Error::unavailable(with_source(error))
        } else {
            Error::refused(error.to_string())
        };
    };
    let code = db.code();
    if *code == SqlState::DISK_FULL {
        return Error::DiskFull;
    }
    if is_contention(code) {
        return Error::busy("other transactions are writing the same rows");
    }
    if *code == SqlState::UNIQUE_VIOLATION {
        return Error::Conflict {
            what: "a row that is to be new",
        };
    }
    match &code.code()[..2] {
        "22" | "23" => Error::refused(db.message().to_owned()),
        "53" => Error::busy("the database has no room for more"),
        "XX" => Error::damaged_database(db.message().to_owned()),
        _ if *code == SqlState::UNDEFINED_TABLE => Error::unavailable(format!(
            "{}; run `waybill migrate` on this database",
            db.message()
        )),
        _ => Error::unavailable(format!("{} ({})", db.message(), code.code())),
    }
}

/// Whether the transaction failed by a conflict with another one, so that it may succeed if it is repeated at once.
pub fn is_contention(code: &SqlState) -> bool {
    [
        SqlState::T_R_DEADLOCK_DETECTED,
        SqlState::T_R_SERIALIZATION_FAILURE,
        SqlState::LOCK_NOT_AVAILABLE,
        SqlState::QUERY_CANCELED,
    ]
    .contains(code)
}

/// Whether the server rejected the statement and goes on with the session: the transaction is then certain to be rolled
/// back. After a FATAL error, or a lost connection, a COMMIT that was already sent may have taken effect.
pub fn is_of_the_statement(error: &tokio_postgres::Error) -> bool {
    error
        .as_db_error()
        .and_then(DbError::parsed_severity)
        .is_some_and(|severity| severity == Severity::Error)
}

/// Whether the error only reports that an earlier error has aborted the transaction.
pub fn is_aftermath(error: &tokio_postgres::Error) -> bool {
    error.code() == Some(&SqlState::IN_FAILED_SQL_TRANSACTION)
}

/// tokio-postgres keeps the reason in the source.
fn with_source(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

/// `?` for tokio-postgres results.
pub trait IntoStore<T> {
    fn store(self) -> crate::error::Result<T>;
}

impl<T> IntoStore<T> for Result<T, tokio_postgres::Error> {
    fn store(self) -> crate::error::Result<T> {
        self.map_err(translate)
    }
}
