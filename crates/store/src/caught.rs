//! A panic in a decision is a defect that concerns one item. It becomes an error of that item, so that neither a writer
//! nor a consumer ends with it.

use crate::error::{Error, Result};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs a decision.
///
/// # Errors
/// [`Error::Refused`] when it panics; the panic's message is in the log.
pub fn caught<T>(decide: impl FnOnce() -> T) -> Result<T> {
    catch_unwind(AssertUnwindSafe(decide)).map_err(|_| Error::refused("the decision panicked"))
}
