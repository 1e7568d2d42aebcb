//! The `waybill` binary's rooms: `cli` and `http` take requests in, `intake` and `roles` decide with
//! `waybill-domain`, and `waybill-store` keeps what they decided.

pub mod auth;
pub mod cli;
pub mod client;
pub mod clock;
pub mod config;
pub mod http;
pub mod inventory;
pub mod random;
pub mod resilience;
