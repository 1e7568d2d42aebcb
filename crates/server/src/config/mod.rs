//! Configuration: every setting, from every source.
//!
//! Owns the keys, their bounds, where a value came from, and the refusal to start on a wrong or unsafe
//! one. Invariant: a [`Settings`] that exists has passed every check of its keys, so no other module
//! checks a bound again; errors are collected, never reported one at a time. It leaves the meaning of
//! a setting to the module of its section's name.
//!
//! Keys are declared once, in `settings` and in the files of roles, with their bounds; `waybill.default.toml` gives
//! their defaults and their meaning, and tests compare them. Which roles there are is passed in ([`Sources`]).

mod contradictions;
mod database;
mod dotenv;
mod environment;
mod errors;
mod file_text;
mod kinds;
mod layers;
mod load;
mod origin;
mod redis_address;
mod role;
mod safety;
mod secret;
mod section;
mod server_url;
mod settings;
mod sources;
mod values;

pub use errors::{ConfigError, ConfigErrors};
pub use kinds::{Key, RoleName};
pub use load::{DEFAULTS, Loaded, ROLES_MARK};
pub use origin::Origin;
pub use redis_address::shown as shown_redis_address;
pub use role::{RoleSection, RoleSettings, Section};
pub use safety::check_safety;
pub(crate) use section::section;
pub use settings::{
    Auth, Breaker, Broker, Cache, Consumers, Idempotency, Intake, Inventory, Limits, Log, Retry,
    Server, Settings, Store, Vendors,
};
pub use sources::{Flag, Sources};

/// What `section!` declares keys with.
pub mod declare {
    pub use super::kinds::Kind;
    pub use super::section::{HOUR_MS, YEAR_MS, count, time};
}
pub use values::{
    BrokerKind, CacheKind, InventoryMode, Listen, LogFormat, Millis, MillisRange, Profile, Secret,
    SigningSecret, Subscribe,
};
