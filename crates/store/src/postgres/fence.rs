//! The fence of a lease: a transaction writes under it only while the lease is still held.

#[cfg(feature = "planted-defects")]
use super::defects;
use super::lock;
use super::pipeline::{Answers, Handle, Pipeline, Rows, params};
use super::rows::{Columns, small};
use crate::error::{Error, Result};
use crate::model::Lease;

/// The answer to a process that has lost the lease.
pub fn fenced(lease: &Lease) -> Error {
    Error::Fenced {
        consumer: lease.consumer.clone(),
    }
}

/// The pending lock of a lease's cursor.
pub struct Fence<'p> {
    lease: &'p Lease,
    cursor: Handle<Rows>,
}

/// Adds the lock of a lease's cursor.
pub fn fence<'p>(pipeline: &mut Pipeline<'p>, lease: &'p Lease) -> Fence<'p> {
    let cursor = &lock::CURSOR;
    #[cfg(feature = "planted-defects")]
    let cursor = if defects::unfenced() {
        &defects::CURSOR
    } else {
        cursor
    };
    let parameters = params![lease.consumer.as_str(), small(lease.partition), lease.epoch];
    let cursor = pipeline.add(cursor, parameters);
    Fence { lease, cursor }
}

impl Fence<'_> {
    /// The position of the consumer's cursor.
    ///
    /// # Errors
    /// [`Error::Fenced`] when another process has taken the lease.
    pub fn position(self, answers: &mut Answers) -> Result<i64> {
        let rows = answers.take(self.cursor);
        let row = rows.first().ok_or_else(|| fenced(self.lease))?;
        Columns::of(row).get()
    }
}
