//! HTTP: connections, bodies, routes and answers.
//!
//! A handler reads in order: authenticate, parse, decide, answer. Decisions are in `intake`, `commands` and
//! `waybill-domain`; the dialects only translate.

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
