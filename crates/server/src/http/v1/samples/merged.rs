//! Reads the rows of a range, page by page, and merges those of the same slot.

use std::collections::BTreeMap;

use waybill_domain::sample::Sample;
use waybill_domain::text::Tenant;
use waybill_domain::time::Time;
use waybill_store::reads::Reads;
use waybill_store::{SampleRange, SampleRow, with_sources};

use super::range::{Range, invalid};
use crate::http::v1::problem::Problem;

/// Rows in one turn of reading: what is parsed without a pause holds up the other requests of the thread.
const PAGE: usize = 250;
/// Rows that one request reads at most: those of forty processes that ran all the time.
const MOST_ROWS: usize = 60_000;

/// What all processes counted in one slot.
#[derive(Default)]
pub struct MergedSlot {
    pub sample: Sample,
    /// How many processes wrote.
    pub processes: u64,
}

/// The first and the last slot that a process wrote.
pub struct Seen {
    pub first: Time,
    pub last: Time,
}

/// The slots of a range.
#[derive(Default)]
pub struct Merged {
    pub slots: BTreeMap<Time, MergedSlot>,
    pub processes: BTreeMap<String, Seen>,
    /// Rows that cannot be read.
    pub unreadable: u64,
}

impl Merged {
    /// Reads and merges.
    ///
    /// # Errors
    /// `invalid_parameter` when there are too many rows; the store's.
    pub async fn read(reads: &Reads, tenant: &Tenant, range: &Range) -> Result<Self, Problem> {
        let mut merged = Self::default();
        let (mut after, mut rows) = (None, 0);
        loop {
            let asked = SampleRange {
                step: range.step,
                from: range.from,
                to: range.to,
                process: range.process.clone(),
                after,
                limit: PAGE,
            };
            let store = reads.turn(tenant).await?;
            let page = store.samples(asked).await?;
            drop(store);
            rows += page.items.len();
            if rows > MOST_ROWS {
                let detail = format!(
                    "more than {MOST_ROWS} rows of processes lie between {} and {}: ask for a shorter time, or for one process",
                    range.from, range.to
                );
                return Err(invalid("from", detail));
            }
            page.items.into_iter().for_each(|row| merged.add(row));
            after = page.next;
            tokio::task::yield_now().await;
            if after.is_none() {
                return Ok(merged);
            }
        }
    }

    fn add(&mut self, row: SampleRow) {
        let SampleRow {
            start,
            process,
            sample,
        } = row;
        match sample {
            Ok(sample) => {
                let slot = self.slots.entry(start).or_default();
                slot.sample.merge(&sample);
                slot.processes += 1;
            }
            Err(error) => {
                self.unreadable += 1;
                if self.unreadable == 1 {
                    let error = with_sources(&error);
                    tracing::warn!(error, "a sample cannot be read; it is left out of graphs");
                }
            }
        }
        let seen = self.processes.entry(process).or_insert(Seen {
            first: start,
            last: start,
        });
        seen.last = start;
    }
}
