//! The engine of every consumer: which process reads which partition, how a batch is decided and written, and what
//! happens to an event that cannot be applied. The roles decide what a consumer does with its events.

pub mod background;
mod batch;
pub mod combined;
mod consumer;
pub mod consuming;
pub mod handler;
pub mod inbox;
pub mod lag;
pub mod lease_manager;
pub mod leases;
pub mod newly_parked;
mod outcomes;
pub mod owner;
pub mod parked_watch;
pub mod parking;
pub mod partition_task;
mod renewal;
pub mod resources;
pub mod share;
#[cfg(test)]
mod stock_tests;
