//! `SampleStore` on SQLite.

use super::super::samples;
use super::super::schedule::Class;
use super::SqliteStore;
use crate::error::Result;
use crate::model::{Page, SamplePlace, SampleRange, SampleRow};
use crate::traits::SampleStore;
use async_trait::async_trait;
use waybill_domain::sample::{SlotSample, Step};
use waybill_domain::time::Time;

#[async_trait]
impl SampleStore for SqliteStore {
    async fn write_samples(&self, process: &str, rows: Vec<SlotSample>) -> Result<()> {
        let process = process.to_owned();
        self.writer
            .submit(Class::Background, move |tx| {
                samples::write(tx, &process, &rows)
            })
            .await
    }

    async fn samples(&self, range: SampleRange) -> Result<Page<SampleRow, SamplePlace>> {
        self.readers.read(move |c| samples::read(c, &range)).await
    }

    /// The writer is asked only if a reader has seen an old row: a quiet store is not written to.
    async fn remove_samples(&self, step: Step, before: Time, limit: usize) -> Result<usize> {
        let has_old = move |c: &rusqlite::Connection| samples::has_before(c, step, before);
        if !self.readers.read(has_old).await? {
            return Ok(0);
        }
        self.writer
            .submit(Class::Background, move |tx| {
                samples::remove(tx, step, before, limit)
            })
            .await
    }
}
