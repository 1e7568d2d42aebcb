//! HTTP: connections, bodies, routes and answers.
//!
//! A handler reads in order: authenticate, parse, decide, answer. Decisions are in `intake`, `commands` and
//! `waybill-domain`; the dialects only translate.

pub mod access;
pub mod body;
pub mod body_error;
mod cors;
pub mod descriptors;
pub mod dialect;
#[cfg(test)]
mod dialect_tests;
pub mod dialects;
mod docs;
pub mod edge;
mod full;
mod head;
mod head_timer;
pub mod health;
mod host;
pub mod idempotency_key;
pub mod json;
mod json_words;
pub mod listen;
pub mod members;
pub mod metrics;
mod object;
pub mod openapi;
#[cfg(test)]
mod reads_tests;
pub mod requests;
pub mod router;
pub mod serve;
mod socket;
mod spare;
pub mod state;
mod token_end;
pub mod unparsed;
pub mod v1;
pub mod worded;
