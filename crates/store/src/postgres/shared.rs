//! The state that every call of a store shares: connections, identity, sequences of the log, and the listeners to
//! notify when the log grows.

use super::commit_status::CommitMarker;
use super::connection::Options;
use super::log::{self, End};
use super::notify::Grown;
use super::pipeline::Pipeline;
use super::transaction::{Commits, Failed, Open};
use crate::error::{Error, Result};
use crate::model::Identity;
use crate::packed::LogForm;
use crate::traits::{CommitListener, Now};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use waybill_domain::event::NewEvent;
use waybill_domain::partition;
use waybill_domain::time::Time;

/// The partition that a batch of orders is written to, until it is.
pub(super) struct PartitionInUse<'s> {
    pub partition: u16,
    batches: &'s AtomicU32,
}

impl Drop for PartitionInUse<'_> {
    fn drop(&mut self) {
        self.batches.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The state that every call of a store shares.
pub(super) struct Shared {
    pub commits: Commits,
    pub now: Now,
    pub identity: Identity,
    /// The oid of each partition's position sequence, by partition.
    pub sequences: Vec<u32>,
    pub log_form: LogForm,
    /// Where this process begins to place orders; processes that start together begin at different ones.
    pub first_partition: u32,
    /// Batches of orders that this process is writing, by partition.
    pub batches: Vec<AtomicU32>,
    pub listener: Arc<dyn CommitListener>,
    pub told: Arc<Grown>,
    pub options: Options,
}

impl Shared {
    /// A partition for a batch of orders: that of the moment, or the next one that no batch of this process is written to,
    /// so that batches at the same time do not wait for the same partition's lock.
    pub fn partition_for_orders(&self) -> PartitionInUse<'_> {
        let partitions = self.identity.partitions.max(1);
        let first = partition::of_moment((self.now)(), self.first_partition, partitions);
        let from_first = (0..partitions).map(|next| (first + next) % partitions);
        let free = from_first.into_iter().find(|partition| {
            let batches = &self.batches[usize::from(*partition)];
            batches.load(Ordering::Relaxed) == 0
        });
        let partition = free.unwrap_or(first);
        let batches = &self.batches[usize::from(partition)];
        batches.fetch_add(1, Ordering::Relaxed);
        PartitionInUse { partition, batches }
    }

    /// The end of a partition's log.
    pub fn log_end(&self, partition: u16) -> Result<End> {
        let sequence = self.sequences.get(usize::from(partition)).copied();
        let sequence = sequence.ok_or_else(|| {
            let last = self.sequences.len();
            let detail = format!("part is {partition}, and the log has {last} partitions");
            Error::damaged_row("a row", detail)
        })?;
        Ok(End {
            partition,
            sequence,
            form: self.log_form,
        })
    }

    /// Appends events to a partition of the log as the last step before COMMIT, and commits. If COMMIT is not answered,
    /// one of the events is looked up to find out whether it took effect.
    pub async fn append_and_commit<'p>(
        &'p self,
        open: Open,
        mut pipeline: Pipeline<'p>,
        partition: u16,
        now: Time,
        events: &[&'p NewEvent],
    ) -> std::result::Result<(), Failed> {
        let end = self.log_end(partition);
        let (open, end) = self.commits.unless_refused(open, end).await?;
        log::append(&mut pipeline, end, now, events);
        let mark = CommitMarker::of(partition, events);
        self.commits.commit(open, pipeline, mark).await?;
        self.listener.appended(events);
        Ok(())
    }

    /// Wakes the readers of a partition, in this process and in others.
    pub fn grown(&self, partition: u16) {
        self.listener.grown(partition);
        self.told.note(partition);
    }
}
