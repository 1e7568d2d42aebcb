//! `SampleStore` on PostgreSQL.

use super::super::samples;
use super::PostgresStore;
use crate::error::Result;
use crate::model::{Page, SamplePlace, SampleRange, SampleRow};
use crate::traits::SampleStore;
use async_trait::async_trait;
use waybill_domain::sample::{SlotSample, Step};
use waybill_domain::time::Time;

#[async_trait]
impl SampleStore for PostgresStore {
    async fn write_samples(&self, process: &str, rows: Vec<SlotSample>) -> Result<()> {
        let process = process.to_owned();
        self.write(|shared| async move { samples::write(&shared.commits, &process, &rows).await })
            .await
    }

    async fn samples(&self, range: SampleRange) -> Result<Page<SampleRow, SamplePlace>> {
        samples::read(self.read()?, &range).await
    }

    async fn remove_samples(&self, step: Step, before: Time, limit: usize) -> Result<usize> {
        self.write(
            |shared| async move { samples::remove(&shared.commits, step, before, limit).await },
        )
        .await
    }
}
