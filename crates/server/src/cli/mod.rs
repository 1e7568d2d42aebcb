//! What can be typed after `waybill`: one file a command.

pub mod client_args;
pub mod config;
pub mod dlq;
pub mod duration;
pub mod load;
pub mod order;
pub mod output;
pub mod seed;
pub mod stock;
pub mod token;
