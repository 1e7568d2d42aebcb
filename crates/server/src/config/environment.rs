//! Which environment variables are ours, and which key each one sets.
//!
//! `WAYBILL_<SECTION>__<KEY>` names any key; the older names are those that clients of earlier systems
//! already have in their deployments. An unknown `WAYBILL_*` is an error; other names that are not
//! listed here belong to other programs and are ignored.

/// Older names that mean one key as it stands. `DATABASE_URL`, `DB_*`, `REDIS_*`, `JWT_SECRET` and the ports
/// need more than a name and are read in `load`.
pub const LEGACY: [(&str, &str); 31] = [
    ("LOG_LEVEL", "log.level"),
    ("JWT_EXPIRES_IN", "auth.token_lifetime_ms"),
    ("INVENTORY_FAILURE_RATE", "inventory.failure_rate"),
    ("INVENTORY_LATENCY_MS", "inventory.latency_ms"),
    (
        "CIRCUIT_BREAKER_FAILURE_THRESHOLD",
        "breaker.failure_threshold",
    ),
    ("CIRCUIT_BREAKER_TIMEOUT", "breaker.timeout_ms"),
    ("CIRCUIT_BREAKER_RESET_TIMEOUT", "breaker.reset_timeout_ms"),
    ("RETRY_MAX_ATTEMPTS", "retry.max_attempts"),
    ("RETRY_BASE_DELAY", "retry.base_delay_ms"),
    ("RETRY_MAX_DELAY", "retry.max_delay_ms"),
    ("RATE_LIMIT_PER_MINUTE", "server.rate_limit_per_minute"),
    ("OUTBOX_POLL_INTERVAL", "consumers.poll_interval_ms"),
    ("WAYBILL_BROKER", "broker.kind"),
    ("KAFKA_BROKERS", "broker.kafka_brokers"),
    ("RABBITMQ_URL", "broker.rabbitmq_url"),
    ("RABBITMQ_QUEUE_ORDER", "broker.rabbitmq_order_queue"),
    ("RABBITMQ_QUEUE_STOCK_SYNC", "broker.rabbitmq_stock_queue"),
    ("SQS_ENDPOINT", "broker.sqs_endpoint"),
    ("AWS_REGION", "broker.sqs_region"),
    ("AWS_ACCESS_KEY_ID", "broker.sqs_access_key_id"),
    ("AWS_SECRET_ACCESS_KEY", "broker.sqs_secret_access_key"),
    ("AWS_SESSION_TOKEN", "broker.sqs_session_token"),
    ("VENDOR_A_URL", "vendors.vendor_a_url"),
    ("VENDOR_B_URL", "vendors.vendor_b_url"),
    ("CONCURRENT_WORKERS", "vendors.calls_at_once"),
    ("STOCK_SYNC_INTERVAL", "vendors.sync_interval_ms"),
    ("ORDER_TIMEOUT", "vendors.order_timeout_ms"),
    ("MAX_RETRY_ATTEMPTS", "vendors.max_attempts"),
    ("RETRY_DELAY", "vendors.retry_delay_ms"),
    ("DB_POOL_SIZE", "store.pool_size"),
    ("DB_POOL_MIN_SIZE", "store.pool_min_size"),
];

/// `WAYBILL_*` that are read elsewhere: by commands that call a server, and by the test suite.
const ELSEWHERE: [&str; 5] = [
    "WAYBILL_CONTEXT",
    "WAYBILL_TOKEN",
    "WAYBILL_URL",
    "WAYBILL_CONFIG",
    "WAYBILL_UPDATE_DOCS",
];
const TESTS: &str = "WAYBILL_TEST_";

/// What a variable that begins with `WAYBILL_` is about.
pub enum Ours {
    /// The key as it would be written in the file; it may not exist.
    Key(String),
    /// Read by other code of this project.
    Elsewhere,
    No,
}

pub fn ours(name: &str) -> Ours {
    let Some(rest) = name.strip_prefix("WAYBILL_") else {
        return Ours::No;
    };
    if ELSEWHERE.contains(&name) || name.starts_with(TESTS) {
        return Ours::Elsewhere;
    }
    if let Some((_, key)) = LEGACY.iter().find(|(legacy, _)| *legacy == name) {
        return Ours::Key((*key).to_owned());
    }
    Ours::Key(rest.to_ascii_lowercase().replacen("__", ".", 1))
}

/// A key as its variable.
pub fn variable(path: &str) -> String {
    format!(
        "WAYBILL_{}",
        path.replacen('.', "__", 1).to_ascii_uppercase()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_on_migrating_names_every_older_variable_and_its_key() {
        let page = include_str!("../../../../docs/migrating.md");
        let rows: Vec<&str> = page.lines().filter(|line| line.starts_with('|')).collect();
        for (name, key) in LEGACY
            .iter()
            .filter(|(name, _)| !name.starts_with("WAYBILL_"))
        {
            let (name, key) = (format!("`{name}`"), format!("`{key}`"));
            let has = |row: &&str| row.contains(&name) && row.contains(&key);
            assert!(rows.iter().any(has), "{name} and {key}");
        }
    }
}
