//! What the operator decided: every setting, from every place it may be given.
//!
//! Owns the keys, their bounds, where a value came from, and the refusal to start on a wrong or unsafe
//! one. Invariant: a [`Settings`] that exists has passed every check of its keys, so no other room
//! checks a bound again; errors are collected, never reported one at a time. It leaves the meaning of
//! a setting to the room that bears its section's name.
//!
//! Keys are declared once, in `settings`, with their bounds; `waybill.default.toml` gives their
//! defaults and their meaning, and a test holds the two together.

mod database;
mod dotenv;
mod environment;
mod errors;
mod kinds;
mod load;
mod role;
mod safety;
mod secret;
mod settings;
mod sources;
mod values;

pub use errors::{ConfigError, ConfigErrors};
pub use load::{Loaded, Origin};
pub use role::Role;
pub use safety::check_safety;
pub use settings::{
    Auth, Breaker, Consumers, Delivery, Housekeeping, Idempotency, Intake, Inventory, Limits, Log,
    Retry, Server, Settings, Status, Store,
};
pub use sources::{Flag, Sources};
pub use values::{
    InventoryMode, Listen, LogFormat, Millis, MillisRange, Profile, Secret, SigningSecret,
};
