//! The engine of every consumer: who reads which partition, how a batch is decided and written, and what becomes of an
//! event that cannot be applied. What a consumer does with its events is its role's.

pub mod background;
mod batch;
pub mod consumer;
pub mod handler;
pub mod lag;
pub mod lease_manager;
pub mod owner;
mod parked_watch;
mod parking;
pub mod share;
