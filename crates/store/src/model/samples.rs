//! Samples of processes, as they are asked for and read.

use crate::error::Result;
use waybill_domain::sample::{Sample, Step};
use waybill_domain::time::Time;

/// Which samples to read.
#[derive(Clone, Debug)]
pub struct SampleRange {
    pub step: Step,
    /// Slots that begin then or later.
    pub from: Time,
    /// Slots that begin before this time.
    pub to: Time,
    /// Of one process; `None` is all.
    pub process: Option<String>,
    /// The `next` of the page before.
    pub after: Option<SamplePlace>,
    pub limit: usize,
}

impl SampleRange {
    /// The place after which the page begins.
    pub(crate) fn place(&self) -> SamplePlace {
        self.after.clone().unwrap_or_else(|| SamplePlace {
            start: self.from,
            // No process has this name.
            process: String::new(),
        })
    }
}

/// The place of a sample in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SamplePlace {
    pub start: Time,
    pub process: String,
}

/// What a process wrote about a slot.
#[derive(Clone, Debug)]
pub struct SampleRow {
    pub start: Time,
    pub process: String,
    /// [`crate::Error::DamagedRow`] when it cannot be read; the other rows can.
    pub sample: Result<Sample>,
}

impl SampleRow {
    pub(crate) fn place(&self) -> SamplePlace {
        SamplePlace {
            start: self.start,
            process: self.process.clone(),
        }
    }
}
