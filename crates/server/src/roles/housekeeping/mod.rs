//! The role `housekeeping`: deletes what has expired and finds orders that are stuck.

pub mod task;
mod watchdog;
