//! Logs, metrics, and numbers as figures.

#[cfg(test)]
pub mod alert_rule;
pub mod families;
pub mod figures;
pub mod inbox_figures;
pub mod logs;
pub mod metrics;
pub mod process;
pub mod tally;
