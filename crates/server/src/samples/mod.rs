//! Samples: every process writes what it counted, a small row for each slot of time, so that graphs survive a crash and
//! any process can draw those of all.
//!
//! Owns the counting of commits (`counting`), the collecting of a slot (`collector`), and the task that writes
//! (`writer`). What a sample is, and how samples are merged, is in the domain. Invariant: no order waits for a sample, and
//! a stop only for two seconds: one that cannot be written is kept for later, up to a bound, and then dropped and counted.

mod collector;
mod counting;
mod figures;
mod sources;
mod unwritten;
mod writer;

pub use collector::Collector;
pub use counting::Counting;
pub use figures::SampleFigures;
pub use sources::Sources;
pub use writer::{SampleWriter, Sampling};
