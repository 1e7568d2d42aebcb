//! Layers, names, and errors of the configuration, as an operator meets them.

use std::collections::BTreeSet;

use super::*;
use crate::config::settings::keys;
use crate::config::{
    InventoryMode, Key, Listen, Millis, RoleName, RoleSection, RoleSettings, section,
};

section!(Chef, "chef", {
    knives: u32 => count(1, 9),
});

/// The roles of a build: `api`, and one with a section.
fn roles() -> Vec<RoleSettings> {
    let role = |name, section| RoleSettings {
        role: RoleName {
            name,
            summary: "works",
            in_all: name != "courier",
        },
        section,
    };
    let chef = RoleSection::of::<Chef>("[chef]\nknives = 3\n");
    vec![
        role("api", None),
        role("delivery", None),
        role("status", None),
        role("courier", None),
        role("chef", Some(chef)),
    ]
}

fn file(text: &str) -> Sources {
    Sources {
        file: Some(("waybill.toml".into(), text.into())),
        ..Sources::default()
    }
}

fn environment(pairs: &[(&str, &str)]) -> Sources {
    let environment = pairs
        .iter()
        .map(|(name, value)| ((*name).into(), (*value).into()))
        .collect();
    Sources {
        environment,
        ..Sources::default()
    }
}

fn settings(sources: &Sources) -> Settings {
    Settings::load(&sources.clone().with_roles(roles())).unwrap_or_else(|errors| panic!("{errors}"))
}

fn complaints(sources: &Sources) -> Vec<String> {
    let errors =
        Settings::load(&sources.clone().with_roles(roles())).expect_err("something is wrong");
    errors.0.iter().map(ToString::to_string).collect()
}

fn paths(table: &Table) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (name, value) in table {
        match value {
            Value::Table(section) => {
                found.extend(section.keys().map(|key| format!("{name}.{key}")));
            }
            _ => {
                found.insert(name.clone());
            }
        }
    }
    found
}

#[test]
fn the_default_file_the_declared_keys_and_the_struct_name_the_same_keys() {
    let declared: BTreeSet<String> = keys().map(Key::path).collect();
    let documented = paths(&defaults().parse().expect("toml"));
    let structure = Table::try_from(Settings::of_profile(Profile::Standard)).expect("a table");
    assert_eq!(declared, documented);
    assert_eq!(declared, paths(&structure));
}

#[test]
fn both_profiles_load_by_themselves() {
    let standard = Settings::of_profile(Profile::Standard);
    assert_eq!(standard.intake.queue_limit, 2_000);
    assert_eq!(standard.idempotency.window_ms, Millis::new(86_400_000));
    assert_eq!(standard.inventory.mode, InventoryMode::None);
    let demo = Settings::of_profile(Profile::Demo);
    assert_eq!(demo.inventory.mode, InventoryMode::Simulated);
    assert!(!demo.auth.strict_claims);
    assert_eq!(demo.auth.secrets.len(), 3);
    assert!(
        demo.listen_addresses()
            .iter()
            .all(|address| address.ip().is_loopback())
    );
}

#[test]
fn later_sources_win_and_every_value_knows_its_origin() {
    let mut sources = file("[intake]\nqueue_limit = 1\nbatch_limit = 2\nwait_ms = \"3s\"\n");
    sources.dotenv =
        Some("WAYBILL_INTAKE__BATCH_LIMIT=20 # more\nWAYBILL_INTAKE__WAIT_MS=30s\n".into());
    sources
        .environment
        .insert("WAYBILL_INTAKE__WAIT_MS".into(), "300s".into());
    let loaded = load(&sources).expect("valid");
    let intake = &loaded.settings.intake;
    assert_eq!(
        (intake.queue_limit, intake.batch_limit, intake.wait_ms.get()),
        (1, 20, 300_000)
    );
    let origin = |key: &str| loaded.origins[key].to_string();
    assert_eq!(origin("intake.queue_limit"), "file waybill.toml");
    assert_eq!(
        origin("intake.batch_limit"),
        ".env WAYBILL_INTAKE__BATCH_LIMIT"
    );
    assert_eq!(
        origin("intake.wait_ms"),
        "environment WAYBILL_INTAKE__WAIT_MS"
    );
    assert_eq!(origin("limits.lines"), "default");
    let flagged = settings(&sources.flag("--wait", "intake.wait_ms", "5"));
    assert_eq!(flagged.intake.wait_ms, Millis::new(5));
}

#[test]
fn a_file_wins_over_the_demo_profile_wherever_the_profile_was_named() {
    let sources = file("profile = \"demo\"\n[inventory]\nmode = \"none\"\n");
    assert_eq!(settings(&sources).inventory.mode, InventoryMode::None);
    assert!(!settings(&sources).auth.strict_claims);
    let standard = sources.flag("--profile", "profile", "standard");
    assert!(settings(&standard).auth.strict_claims);
}

#[test]
fn the_address_of_redis_is_read_only_where_it_is_used() {
    let given = [("REDIS_HOST", "cache"), ("REDIS_PASSWORD", "hush")];
    assert_eq!(settings(&environment(&given)).cache.url.expose(), "");
    let wrong = [
        given[0],
        ("REDIS_URL", "redis://elsewhere"),
        ("REDIS_PORT", "?"),
    ];
    assert_eq!(settings(&environment(&wrong)).cache.url.expose(), "");
    let mut used = environment(&given);
    used.file = file("[cache]\nkind = \"redis\"\nurl = \"redis://of-the-file\"").file;
    let loaded = settings(&used);
    assert_eq!(loaded.cache.url.expose(), "redis://:hush@cache:6379");
    let shown = format!("{} {loaded:?}", loaded.to_table());
    assert!(!shown.contains("hush"), "{shown}");
    let named = used
        .clone()
        .flag("test", "cache.url", "redis://of-the-flag");
    assert_eq!(settings(&named).cache.url.expose(), "redis://of-the-flag");
    used.environment.extend(environment(&wrong).environment);
    assert_eq!(complaints(&used).len(), 1);
}

#[test]
fn no_secret_is_written() {
    let given = environment(&[
        ("RABBITMQ_URL", "amqp://u:hush@h"),
        ("AWS_SECRET_ACCESS_KEY", "hush"),
        ("DATABASE_URL", "postgres://u:hush@h/x"),
        ("JWT_SECRET", "hush"),
        ("WAYBILL_BROKER__TOKEN", "hush"),
    ]);
    let shown = settings(&given).to_table().to_string();
    assert!(!shown.contains("hush"), "{shown}");
    assert_eq!(shown.matches("[redacted]").count(), 5, "{shown}");
}

#[test]
fn the_older_names_are_understood() {
    let settings = settings(&environment(&[
        ("LOG_LEVEL", "debug"),
        ("JWT_SECRET", "a,b=c"),
        ("JWT_EXPIRES_IN", "12h"),
        ("INVENTORY_FAILURE_RATE", "0.01"),
        ("INVENTORY_LATENCY_MS", "50-150"),
        ("CIRCUIT_BREAKER_TIMEOUT", "4000"),
        ("RETRY_MAX_ATTEMPTS", "3"),
        ("RATE_LIMIT_PER_MINUTE", "5000"),
        ("OUTBOX_POLL_INTERVAL", "250"),
        ("DB_POOL_SIZE", "50"),
        ("VENDOR_A_URL", "http://localhost:3001"),
        ("VENDOR_B_URL", "http://localhost:3002"),
        ("STOCK_SYNC_INTERVAL", "30000"),
        ("ORDER_TIMEOUT", "60000"),
        ("MAX_RETRY_ATTEMPTS", "3"),
        ("RETRY_DELAY", "1000"),
        ("CONCURRENT_WORKERS", "5"),
        ("RABBITMQ_QUEUE_ORDER", "orders"),
        ("RABBITMQ_QUEUE_STOCK_SYNC", "stock"),
        ("DB_HOST", "db"),
        ("DB_NAME", "orders"),
        ("SOMEONE_ELSES", "business"),
        ("WAYBILL_TOKEN", "not a setting"),
        ("PORT", ""),
    ]));
    assert_eq!(settings.log.level, "debug");
    assert_eq!(settings.auth.secrets[0].secret.expose(), "a,b=c");
    assert_eq!(settings.auth.token_lifetime_ms, Millis::new(43_200_000));
    assert!((settings.inventory.failure_rate - 0.01).abs() < f64::EPSILON);
    assert_eq!(settings.inventory.latency_ms.most().get(), 150);
    assert_eq!(settings.breaker.timeout_ms, Millis::new(4_000));
    assert_eq!(settings.server.rate_limit_per_minute, 5_000);
    assert_eq!(settings.consumers.poll_interval_ms, Millis::new(250));
    assert_eq!(settings.store.pool_size, 50);
    let vendors = &settings.vendors;
    assert_eq!(
        (&*vendors.vendor_a_url, &*vendors.vendor_b_url),
        ("http://localhost:3001", "http://localhost:3002")
    );
    assert_eq!(vendors.sync_interval_ms, Millis::new(30_000));
    assert_eq!(vendors.order_timeout_ms, Millis::new(60_000));
    assert_eq!((vendors.max_attempts, vendors.calls_at_once), (3, 5));
    assert_eq!(vendors.retry_delay_ms, Millis::new(1_000));
    assert_eq!(
        (
            &*settings.broker.rabbitmq_order_queue,
            &*settings.broker.rabbitmq_stock_queue
        ),
        ("orders", "stock")
    );
    assert_eq!(
        settings.database_url(),
        Some("postgres://postgres@db:5432/orders")
    );
}

#[test]
fn the_port_of_the_role_wins_over_port_and_listen_over_both() {
    let ports = [
        ("PORT", "1"),
        ("ORDER_SERVICE_PORT", "2"),
        ("DELIVERY_SERVICE_PORT", "3"),
    ];
    let listen = |extra: &[(&str, &str)], flag: Option<&str>| {
        let mut sources = environment(&[&ports[..], extra].concat());
        if let Some(text) = flag {
            sources = sources.flag("--listen", "server.listen", text);
        }
        settings(&sources).server.listen
    };
    assert_eq!(listen(&[], None), [Listen::Port(2)]);
    assert_eq!(
        listen(&[("WAYBILL_ROLES", "delivery,status")], None),
        [Listen::Port(3)]
    );
    assert_eq!(
        listen(&[("WAYBILL_ROLES", "status")], None),
        [Listen::Port(1)]
    );
    assert_eq!(
        listen(&[("WAYBILL_ROLES", "chef")], None),
        [Listen::Port(1)]
    );
    assert_eq!(
        listen(&[("WAYBILL_SERVER__LISTEN", ":4")], None),
        [Listen::Port(4)]
    );
    assert_eq!(
        listen(&[], Some(":5,:6")),
        [Listen::Port(5), Listen::Port(6)]
    );
}

#[test]
fn every_error_of_every_source_is_reported_at_once() {
    let mut sources = file("[server]\nlisten = [\"nowhere\"]\nlisen = 1\n[limits]\nlines = 0\n");
    sources.dotenv = Some("RETRY_BASE_DELAY=soon\n".into());
    sources
        .environment
        .insert("WAYBILL_STORE__DATE".into(), "x".into());
    sources.environment.insert("PORT".into(), "http".into());
    let complaints = complaints(&sources.flag("--roles", "roles", "api,baker"));
    let expected = [
        "file waybill.toml: server.listen = [\"nowhere\"]: not allowed; give addresses",
        "file waybill.toml: server.lisen: there is no such setting; did you mean server.listen?",
        "file waybill.toml: limits.lines = 0: not allowed; give a whole number from 1 to 10000",
        ".env RETRY_BASE_DELAY: retry.base_delay_ms = \"soon\": not allowed; give milliseconds",
        "environment WAYBILL_STORE__DATE: store.date: there is no such setting; did you mean WAYBILL_STORE__DATA?",
        "environment PORT: server.listen = \"http\": a port is a number",
        "--roles: roles = [\"api\", \"baker\"]: not allowed",
    ];
    for text in expected {
        assert!(
            complaints.iter().any(|c| c.starts_with(text)),
            "{text}\nin {complaints:#?}"
        );
    }
    assert_eq!(complaints.len(), expected.len(), "{complaints:#?}");
}

#[test]
fn values_that_contradict_each_other_are_refused() {
    let complaints = complaints(&environment(&[("RETRY_BASE_DELAY", "2000")]));
    assert_eq!(
        complaints,
        [
            "environment RETRY_BASE_DELAY: retry.base_delay_ms = 2000: must not be more than retry.max_delay_ms = 1600"
        ]
    );
}

#[test]
fn a_file_that_is_not_toml_names_the_line_and_shows_no_secret() {
    let complaints = complaints(&file(
        "[auth]\nsecrets = [ { kid = \"a\", secret = \"hush\n",
    ));
    assert!(
        complaints[0].starts_with("file waybill.toml line 2: "),
        "{complaints:?}"
    );
    assert!(!complaints[0].contains("hush"));
}

#[test]
fn a_wrong_secret_list_is_not_shown() {
    let complaints = complaints(&file("[auth]\nsecrets = [\"hush\"]\n"));
    assert!(complaints[0].contains("[redacted]") && !complaints[0].contains("hush"));
    let twice = environment(&[("WAYBILL_AUTH__SECRETS", "a=x,a=y")]);
    assert!(Settings::load(&twice).is_err(), "two secrets of one kid");
}

#[test]
fn the_example_of_dotenv_is_valid_and_changes_no_default() {
    let example = include_str!("../../../../.env.example");
    let sources = Sources {
        dotenv: Some(example.into()),
        ..Sources::default()
    };
    assert_eq!(settings(&sources), settings(&Sources::default()));
}

#[test]
fn a_role_without_work_is_refused_with_the_roles_that_have_some() {
    for role in ["allocation", "relay", "webhooks", "stock-sync"] {
        let said = complaints(&environment(&[("WAYBILL_ROLES", role)]));
        assert_eq!(said.len(), 1, "{said:?}");
        let names = "some of api, delivery, status, courier, chef (api: works; ";
        assert!(
            said[0].contains(role) && said[0].contains(names),
            "{said:?}"
        );
    }
}

#[test]
fn a_setting_that_stood_for_nothing_is_refused() {
    let said = complaints(&environment(&[("WAYBILL_CONSUMERS__BATCH_LIMIT", "1")]));
    assert!(said[0].contains("no such setting"), "{said:?}");
}

#[test]
fn a_role_brings_its_own_settings() {
    let knives = |sources: &Sources| settings(sources).section::<Chef>().knives;
    assert_eq!(knives(&Sources::default()), 3);
    let given = environment(&[("WAYBILL_CHEF__KNIVES", "5")]);
    assert_eq!(knives(&given), 5);
    assert_eq!(
        settings(&given).to_table()["chef"]["knives"],
        Value::Integer(5)
    );
    let said = complaints(&file("[chef]\nknives = 10\nspoons = 1\n"));
    assert!(
        said[0].contains("a whole number from 1 to 9") && said[1].contains("no such setting"),
        "{said:?}"
    );
    let strange = Settings::load(&given).expect_err("a build without the role");
    assert!(strange.to_string().contains("no such setting"), "{strange}");
}

#[test]
fn all_roles_are_those_of_the_build() {
    let settings = settings(&Sources::default());
    let names: Vec<&str> = settings.roles.iter().map(String::as_str).collect();
    assert_eq!(names, ["api", "chef", "delivery", "status"]);
}

#[test]
fn a_role_that_requires_something_is_run_only_where_it_is_named() {
    for (given, runs) in [("all", false), ("all,courier", true), ("courier", true)] {
        let settings = settings(&environment(&[("WAYBILL_ROLES", given)]));
        assert_eq!(settings.runs("courier"), runs, "{given}");
    }
    let said = complaints(&environment(&[("WAYBILL_ROLES", "baker")]));
    assert!(said[0].contains("courier: works, not in all"), "{said:?}");
}
