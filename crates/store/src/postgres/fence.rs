//! The fence of a lease: what is written under it is written only while the lease is still held.

#[cfg(feature = "planted-defects")]
use super::defects;
use super::lock;
use super::pipeline::{Pipeline, params};
use super::rows::small;
use crate::error::Error;
use crate::model::Lease;

/// The answer to a process that has lost the lease.
pub fn fenced(lease: &Lease) -> Error {
    Error::Fenced {
        consumer: lease.consumer.clone(),
    }
}

/// Adds the lock of a lease's cursor; its answer is empty when the lease is lost.
pub fn fence<'p>(pipeline: &mut Pipeline<'p>, lease: &'p Lease) {
    let cursor = &lock::CURSOR;
    #[cfg(feature = "planted-defects")]
    let cursor = if defects::unfenced() {
        &defects::CURSOR
    } else {
        cursor
    };
    pipeline.add(
        cursor,
        params![lease.consumer.as_str(), small(lease.partition), lease.epoch],
    );
}
