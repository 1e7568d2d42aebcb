//! A real PostgreSQL for tests: private, on a free port, gone when the tests are.
//!
//! Owns servers ([`Postgres`]), a database per test ([`Database`]) and what their logs say about
//! deadlocks. Invariant: no server that was started here outlives its test process, and no deadlock
//! goes unnoticed. [`Postgres::shared`] is one server for a whole run: `scripts/test` starts it and
//! names it in `WAYBILL_TEST_POSTGRES_URL`, and without that the first test that asks starts one for its
//! own process. A test that stops or breaks its server starts its own.

pub(crate) mod address;
mod archive;
mod backend;
mod control;
mod database;
mod deadlocks;
mod instance;
mod killed;
mod programs;
mod server;
mod standby;

pub use archive::Archive;
pub use backend::KilledBackend;
pub use database::Database;
pub use instance::Postgres;
pub use server::{Mode, ServerOptions};
