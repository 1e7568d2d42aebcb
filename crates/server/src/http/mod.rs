//! How requests come in: connections, bodies, routes, and what is answered.
//!
//! Handlers read like the story: authenticate, parse, decide, answer. What is decided stands in `intake`,
//! `commands` and `waybill-domain`; the dialects only translate.

pub mod access;
pub mod body;
mod cors;
pub mod dialects;
mod docs;
pub mod edge;
pub mod health;
pub mod json;
mod json_words;
pub mod listen;
mod metrics;
mod object;
pub mod openapi;
pub mod router;
pub mod serve;
mod socket;
mod token_end;
pub mod v1;
