//! The embedded store: SQLite in WAL mode, one writing connection owned by one thread, and a few reading connections.
//!
//! Invariant: an answer is sent only after COMMIT with `synchronous=FULL` has returned. SQL guards what the domain has
//! decided. Files are named as in the other driver.

mod accept;
mod apply;
mod archive;
mod backorders;
mod backup;
mod bisect;
mod changes;
mod checkpoint;
mod claims;
mod clients;
mod connection;
mod copy;
#[cfg(feature = "planted-defects")]
mod defects;
mod errors;
mod held;
mod inbox;
mod inspect;
mod jobs;
mod leases;
mod lock;
mod log;
mod migrate;
mod moving;
#[cfg(feature = "conformance")]
pub mod observe;
mod once;
mod open;
mod orders;
mod parked;
mod personal;
mod readers;
mod relay;
mod rounds;
mod rows;
mod samples;
mod schedule;
mod service;
mod shipments;
mod stats;
mod stock;
mod store;
mod turn;
mod tx;
mod values;
mod vendors;
mod verify;
mod wipe;
mod work;
mod writer;

pub use backup::{Backup, Stage, create_backup, restore_backup, verify_backup};
pub use connection::Options;
pub use copy::Copied;
pub use inspect::{Inspection, inspect};
pub use lock::holder;
pub use migrate::pack_log;
pub(crate) use moving::Source;
pub use store::SqliteStore;
pub use verify::{look, open_for_verify, side};
pub use wipe::wipe;
