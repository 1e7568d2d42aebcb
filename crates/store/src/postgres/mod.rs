//! The shared store: PostgreSQL 14 or newer, any number of processes, each with a pool of connections.
//!
//! Invariant: an answer is sent only after COMMIT was answered without the warning that the wait for a standby was
//! cancelled. Rows are locked in one order everywhere, each class by one ordered SELECT before it is written. The last
//! flush of a transaction ends in COMMIT, so that other transactions never wait for a process between the two. SQL
//! guards what the domain has decided. Files are named as in the other driver.

mod accept;
mod answers;
mod apply;
mod archive;
mod backorders;
mod bisect;
mod changes;
mod claims;
mod clients;
mod commit_status;
mod connection;
#[cfg(feature = "planted-defects")]
mod defects;
mod due;
mod errors;
mod feed;
mod fence;
mod generation;
mod held;
mod inbox;
mod inspect;
mod leases;
mod lineage;
mod lock;
mod log;
mod migrate;
mod moving;
mod notify;
mod once;
mod open;
mod orders;
mod parked;
mod personal;
mod pipeline;
mod plain;
mod relay;
mod restored;
mod room;
mod rows;
mod samples;
mod service;
mod session;
mod shared;
mod sharing;
mod shipments;
mod single;
mod snapshots;
mod stats;
mod step;
mod stock;
mod store;
mod stuck;
mod tls;
mod transaction;
mod turn;
mod unreachable;
mod values;
mod vendors;
mod verify;
mod waits;
mod work;

pub use connection::Options;
pub use inspect::{Inspection, inspect};
pub use lineage::ADVICE as LINEAGE_ADVICE;
pub use migrate::{Migrated, migrate, pack_log};
pub(crate) use moving::{Target, holds};
pub use restored::{MovedCounter, NewIncarnation, accept_lineage, begin_new_incarnation};
pub use snapshots::OpenTransaction;
pub use store::PostgresStore;
pub use verify::{look, open_for_verify, side};
