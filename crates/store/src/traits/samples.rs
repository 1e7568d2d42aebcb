//! What processes counted, for graphs.

use super::base::StoreBase;
use crate::error::Result;
use crate::model::{Page, SamplePlace, SampleRange, SampleRow};
use async_trait::async_trait;
use waybill_domain::sample::{SlotSample, Step};
use waybill_domain::time::Time;

/// A row for each process and slot. They are of the whole installation and hold nothing of a tenant.
#[async_trait]
pub trait SampleStore: StoreBase {
    /// Writes what a process counted, in one transaction. A row of the same process and slot is replaced. No slot may be
    /// there twice.
    async fn write_samples(&self, process: &str, rows: Vec<SlotSample>) -> Result<()>;

    /// A page of rows, by the beginning of their slots and by process.
    async fn samples(&self, range: SampleRange) -> Result<Page<SampleRow, SamplePlace>>;

    /// Deletes rows of slots that began before a time, the oldest first and up to `limit`; returns how many.
    async fn remove_samples(&self, step: Step, before: Time, limit: usize) -> Result<usize>;
}
