//! The modules of the `waybill` binary: `cli` and `http` take requests, `intake`, `commands` and `roles` decide with
//! `waybill-domain`, and `waybill-store` makes the result durable.

#![cfg_attr(not(test), deny(clippy::print_stdout, clippy::print_stderr))]
// What people read is written for them: `Display`, never `Debug`.
#![cfg_attr(not(test), deny(clippy::use_debug))]

pub mod app;
pub mod auth;
pub mod backend;
pub mod brokers;
pub mod carrier;
pub mod cli;
pub mod client;
pub mod clock;
pub mod command_error;
pub mod commands;
pub mod config;
pub mod consumers;
pub mod context;
pub mod http;
pub mod intake;
pub mod inventory;
pub mod observe;
pub mod once;
pub mod process;
pub mod random;
pub mod redis;
pub mod resilience;
pub mod roles;
pub mod samples;
pub mod vendor_mock;
pub mod vendors;
