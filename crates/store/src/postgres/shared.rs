//! The state that every call of a store shares: connections, identity, sequences of the log, and the listeners to
//! notify when the log grows.

use super::commit_status::CommitMarker;
use super::connection::Options;
use super::log;
use super::notify::Grown;
use super::pipeline::Pipeline;
use super::transaction::{Commits, Failed, Open};
use crate::error::{Error, Result};
use crate::model::Identity;
use crate::traits::{CommitListener, Now};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use waybill_domain::event::NewEvent;
use waybill_domain::time::Time;

/// The state that every call of a store shares.
pub(super) struct Shared {
    pub commits: Commits,
    pub now: Now,
    pub identity: Identity,
    /// The oid of each partition's position sequence, by partition.
    pub sequences: Vec<u32>,
    /// Counts batches; the next batch's partition follows from it.
    pub turn: AtomicU32,
    pub listener: Arc<dyn CommitListener>,
    pub told: Arc<Grown>,
    pub options: Options,
}

impl Shared {
    /// The partition of the next batch. Batches take the partitions in turn, so that concurrent batches rarely wait for
    /// the same partition's lock.
    pub fn next_part(&self) -> u16 {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        // Exact: the remainder is below a u16.
        (turn % u32::from(self.identity.partitions.max(1))) as u16
    }

    fn sequence(&self, partition: u16) -> Result<u32> {
        let sequence = self.sequences.get(usize::from(partition)).copied();
        sequence.ok_or_else(|| {
            let last = self.sequences.len();
            let detail = format!("part is {partition}, and the log has {last} partitions");
            Error::damaged_row("a row", detail)
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
        let sequence = self.sequence(partition);
        let (open, sequence) = self.commits.unless_refused(open, sequence).await?;
        log::append(&mut pipeline, partition, sequence, now, events);
        let mark = CommitMarker::of(partition, events);
        self.commits.commit(open, pipeline, mark).await
    }

    /// Wakes the readers of a partition, in this process and in others.
    pub fn grown(&self, partition: u16) {
        self.listener.grown(partition);
        self.told.note(partition);
    }
}
