//! The subcommands of `waybill`, one file each: its arguments, its help and what it prints.

pub mod config;
pub mod token;
