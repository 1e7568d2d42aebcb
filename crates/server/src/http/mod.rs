//! How requests come in: connections, bodies, routes, and what is answered.

pub mod body;
pub mod listen;
pub mod serve;
mod socket;
