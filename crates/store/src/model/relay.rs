//! Where the relay begins.

/// Where a relay begins that has never run on this store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RelayStart {
    /// Before the first event of the log.
    Beginning,
    /// After the newest event of each partition.
    Now,
}
