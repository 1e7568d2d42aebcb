//! Logs, metrics, and numbers as figures.

pub mod figures;
pub mod logs;
pub mod metrics;
pub mod process;
