//! The settings themselves, by section, but for the sections of roles, which stand with their roles.
//!
//! Each key is declared once, with its type and its bounds; `waybill.default.toml` has its default and its meaning.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use serde::{Deserialize, Serialize};
use toml::Table;
use waybill_domain::money::Rounding;

use super::kinds::{Key, Kind};
use super::role::{RoleSettings, Section};
use super::section::section;
use super::values::{
    BrokerKind, CacheKind, InventoryMode, Listen, LogFormat, Millis, MillisRange, Profile, Secret,
    SigningSecret, Subscribe,
};

section!(Server, "server", {
    listen: Vec<Listen> => Kind::Addresses,
    header_timeout_ms: Millis => time(10, HOUR_MS),
    body_timeout_ms: Millis => time(10, HOUR_MS),
    request_timeout_ms: Millis => time(10, HOUR_MS),
    write_timeout_ms: Millis => time(10, HOUR_MS),
    idle_timeout_ms: Millis => time(10, HOUR_MS),
    body_limit_bytes: u32 => count(1_024, 1 << 30),
    body_memory_bytes: u32 => count(1_024, 1 << 31),
    head_limit_bytes: u32 => count(8_192, 1 << 20),
    max_connections: u32 => count(1, 1_000_000),
    max_streams: u32 => count(1, 1_000_000),
    client_share: f64 => Kind::Decimal { least: 0.0001, most: 1.0 },
    health_connections: u32 => count(1, 10_000),
    shutdown_deadline_ms: Millis => time(0, HOUR_MS),
    cors_origins: Vec<String> => Kind::TextList,
    rate_limit_per_minute: u32 => count(0, 100_000_000),
    rate_limit_clients: u32 => count(16, 10_000_000),
});

section!(Store, "store", {
    data: String => Kind::Text,
    url: Secret => Kind::DatabaseUrl,
    reader_connections: u32 => count(1, 64),
    wal_limit_mib: u32 => count(8, 1 << 20),
    checkpoint_pages: u32 => count(100, 20_000),
    background_share: f64 => Kind::Decimal { least: 0.01, most: 0.9 },
    cache_mib: u32 => count(1, 1 << 20),
    pool_size: u32 => count(1, 1_000),
    pool_min_size: u32 => count(0, 1_000),
    pool_wait_ms: Millis => time(1, HOUR_MS),
    listen_url: Secret => Kind::DatabaseUrl,
    unnamed_statements: bool => Kind::Switch,
    accept_concurrency: u32 => count(1, 64),
    parts: u32 => count(1, 64),
    statement_timeout_ms: Millis => time(10, HOUR_MS),
    lock_timeout_ms: Millis => time(10, HOUR_MS),
    idle_in_transaction_timeout_ms: Millis => time(10, HOUR_MS),
    tcp_timeout_ms: Millis => time(100, HOUR_MS),
    connect_timeout_ms: Millis => time(10, HOUR_MS),
    notify_interval_ms: Millis => time(0, 60_000),
});

section!(Intake, "intake", {
    queue_limit: u32 => count(1, 1_000_000),
    batch_limit: u32 => count(1, 10_000),
    wait_ms: Millis => time(1, HOUR_MS),
});

section!(Commands, "commands", {
    queue_limit: u32 => count(1, 1_000_000),
    wait_ms: Millis => time(1, HOUR_MS),
});

section!(Reads, "reads", {
    at_once: u32 => count(1, 1_000),
    queue_limit: u32 => count(1, 1_000_000),
    tenant_queue_limit: u32 => count(1, 1_000_000),
    wait_ms: Millis => time(1, HOUR_MS),
});

section!(Limits, "limits", {
    lines: u32 => count(1, 10_000),
    quantity: u32 => count(1, 1_000_000_000),
    metadata_keys: u32 => count(0, 10_000),
    metadata_bytes: u32 => count(0, 1 << 20),
    page_default: u32 => count(1, 1_000),
    page_max: u32 => count(1, 1_000),
    key_chars: u32 => count(16, 255),
});

section!(Orders, "orders", {
    rounding: Rounding => Kind::OneOf(&["half_even", "half_up"]),
});

section!(Auth, "auth", {
    secrets: Vec<SigningSecret> => Kind::Secrets,
    strict_claims: bool => Kind::Switch,
    roles: Vec<String> => Kind::TextList,
    issuer: String => Kind::Text,
    audience: String => Kind::Text,
    token_lifetime_ms: Millis => time(1_000, YEAR_MS),
    clock_skew_ms: Millis => time(0, 60_000),
    token_bytes: u32 => count(256, 65_536),
    token_requests_per_minute: u32 => count(0, 1_000_000),
    wrong_secrets_per_minute: u32 => count(0, 100_000),
    cache_tokens: u32 => count(0, 10_000_000),
});

section!(Inventory, "inventory", {
    mode: InventoryMode => Kind::OneOf(&["none", "simulated"]),
    failure_rate: f64 => Kind::Decimal { least: 0.0, most: 100.0 },
    latency_ms: MillisRange => Kind::TimeRange,
});

section!(Vendors, "vendors", {
    known: Vec<String> => Kind::TextList,
    vendor_a_url: String => Kind::OptionalText,
    vendor_b_url: String => Kind::OptionalText,
    sync_interval_ms: Millis => time(50, 24 * HOUR_MS),
    syncs_at_once: u32 => count(1, 1_000),
    plain_http: bool => Kind::Switch,
    timeout_ms: Millis => time(1, HOUR_MS),
    answer_limit_bytes: u32 => count(1_024, 1 << 30),
    calls_at_once: u32 => count(1, 1_000),
    order_timeout_ms: Millis => time(100, 30 * 24 * HOUR_MS),
    max_attempts: u32 => count(0, 1_000),
    retry_delay_ms: Millis => time(1, HOUR_MS),
});

section!(Breaker, "breaker", {
    failure_threshold: u32 => count(1, 1_000_000),
    timeout_ms: Millis => time(1, HOUR_MS),
    reset_timeout_ms: Millis => time(1, 24 * HOUR_MS),
});

section!(Retry, "retry", {
    max_attempts: u32 => count(0, 1_000),
    base_delay_ms: Millis => time(1, 24 * HOUR_MS),
    max_delay_ms: Millis => time(1, 24 * HOUR_MS),
});

section!(Consumers, "consumers", {
    poll_interval_ms: Millis => time(1, HOUR_MS),
    lease_ms: Millis => time(300, HOUR_MS),
    concurrency: u32 => count(1, 1_000),
    gather_ms: Millis => time(0, 60_000),
});

section!(Inbox, "inbox", {
    tenants: Vec<String> => Kind::TextList,
});

section!(Idempotency, "idempotency", {
    window_ms: Millis => time(1_000, YEAR_MS),
});

section!(Duplicates, "duplicates", {
    window_ms: Millis => time(0, YEAR_MS),
});

section!(Broker, "broker", {
    kind: BrokerKind => Kind::OneOf(BrokerKind::NAMES),
    subscribe: Subscribe => Kind::OneOf(&["auto", "always", "never"]),
    prefix: String => Kind::OptionalText,
    public_url: String => Kind::OptionalText,
    source_url: String => Kind::OptionalText,
    token: Secret => Kind::SecretText,
    kafka_brokers: String => Kind::OptionalText,
    kafka_partitions: u16 => count(1, 10_000),
    kafka_connection: Secret => Kind::SecretText,
    rabbitmq_url: Secret => Kind::SecretText,
    rabbitmq_order_queue: String => Kind::Text,
    rabbitmq_stock_queue: String => Kind::Text,
    sqs_endpoint: String => Kind::OptionalText,
    sqs_region: String => Kind::Text,
    sqs_access_key_id: String => Kind::OptionalText,
    sqs_secret_access_key: Secret => Kind::SecretText,
    sqs_session_token: Secret => Kind::SecretText,
});

section!(Cache, "cache", {
    kind: CacheKind => Kind::OneOf(&["none", "redis"]),
    url: Secret => Kind::RedisUrl,
    timeout_ms: Millis => time(1, 10_000),
    retry_ms: Millis => time(10, HOUR_MS),
});

section!(Samples, "samples", {
    interval_ms: Millis => time(0, 10_000),
});

section!(Log, "log", {
    level: String => Kind::OneOf(&["off", "error", "warn", "info", "debug", "trace"]),
    format: LogFormat => Kind::OneOf(&["auto", "json", "human"]),
    folder: String => Kind::OptionalText,
});

/// Everything the operator can decide. One that exists is within its bounds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    pub profile: Profile,
    /// By name.
    pub roles: BTreeSet<String>,
    pub server: Server,
    pub store: Store,
    pub intake: Intake,
    pub commands: Commands,
    pub reads: Reads,
    pub limits: Limits,
    pub orders: Orders,
    pub auth: Auth,
    pub inventory: Inventory,
    pub vendors: Vendors,
    pub breaker: Breaker,
    pub retry: Retry,
    pub consumers: Consumers,
    pub idempotency: Idempotency,
    pub inbox: Inbox,
    pub duplicates: Duplicates,
    pub broker: Broker,
    pub cache: Cache,
    pub samples: Samples,
    pub log: Log,
    /// The sections of roles, by name, read by [`Settings::section`].
    #[serde(skip)]
    pub(super) of_roles: Table,
}

const TOP: &[Key] = &[
    Key {
        section: "",
        name: "profile",
        kind: Kind::OneOf(&["standard", "demo"]),
    },
    Key {
        section: "",
        name: "roles",
        kind: Kind::Roles,
    },
];

/// Every key but those of roles.
pub(super) fn keys() -> impl Iterator<Item = &'static Key> {
    [
        TOP,
        Server::KEYS,
        Store::KEYS,
        Intake::KEYS,
        Commands::KEYS,
        Reads::KEYS,
        Limits::KEYS,
        Orders::KEYS,
        Auth::KEYS,
        Inventory::KEYS,
        Vendors::KEYS,
        Breaker::KEYS,
        Retry::KEYS,
        Consumers::KEYS,
        Inbox::KEYS,
        Idempotency::KEYS,
        Duplicates::KEYS,
        Broker::KEYS,
        Cache::KEYS,
        Samples::KEYS,
        Log::KEYS,
    ]
    .into_iter()
    .flatten()
}

impl Settings {
    /// The addresses to bind.
    #[must_use]
    pub fn listen_addresses(&self) -> Vec<SocketAddr> {
        self.server
            .listen
            .iter()
            .flat_map(|listen| listen.addresses(self.profile))
            .collect()
    }

    /// The PostgreSQL URL, when one is given.
    #[must_use]
    pub fn database_url(&self) -> Option<&str> {
        Some(self.store.url.expose()).filter(|url| !url.is_empty())
    }

    /// The PostgreSQL URL for LISTEN, if it differs (behind a pooler).
    #[must_use]
    pub fn listen_url(&self) -> Option<&str> {
        Some(self.store.listen_url.expose()).filter(|url| !url.is_empty())
    }

    #[must_use]
    pub fn runs(&self, role: &str) -> bool {
        self.roles.contains(role)
    }

    /// A process that runs every role that needs no broker, and has one, runs those that need one too.
    pub(super) fn publish_with_all(&mut self, known: &[RoleSettings]) {
        let mut usual = known.iter().filter(|known| known.role.in_all);
        if self.broker.kind.is_external() && usual.all(|known| self.runs(known.role.name)) {
            self.roles = known
                .iter()
                .map(|known| known.role.name.to_owned())
                .collect();
        }
    }

    /// The section of a role.
    ///
    /// # Panics
    /// The settings were loaded for roles without this section.
    #[must_use]
    pub fn section<S: Section>(&self) -> S {
        let table = self.of_roles.get(S::NAME).cloned();
        let read = table.and_then(|table| S::deserialize(table).ok());
        read.expect("loading reads the section of every role once, and refuses what does not fit")
    }

    /// Everything as a table, the sections of roles included.
    #[must_use]
    pub fn to_table(&self) -> Table {
        let mut table = Table::try_from(self).expect("settings were read from a table");
        table.extend(self.of_roles.clone());
        table
    }
}
