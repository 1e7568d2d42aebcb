//! The order service and the delivery service of the compose file, each with a database, and a broker by its profile.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;
use serde_norway::Value;

use super::files::{compose, environment, said, waybill, words};

const SERVICES: [&str; 2] = ["orders", "delivery"];
/// The profile, which is the broker's name in the settings, and the service that has it.
const BROKERS: [(&str, &str); 3] = [
    ("kafka", "kafka"),
    ("rabbitmq", "rabbitmq"),
    ("sqs", "elasticmq"),
];

fn profiles(service: &Value) -> BTreeSet<String> {
    words(&service["profiles"]).into_iter().collect()
}

#[test]
fn each_service_has_a_database_of_its_own_and_waits_for_every_broker_that_may_be_chosen() {
    let services = compose();
    let mut databases = BTreeSet::new();
    for name in SERVICES {
        let service = &services[name];
        let chosen: BTreeSet<_> = BROKERS
            .iter()
            .map(|(profile, _)| (*profile).into())
            .collect();
        assert_eq!(profiles(service), chosen, "{name}");
        let database = environment(service)["DB_HOST"].clone();
        for waited in [&database, &format!("migrate-{name}")] {
            assert!(
                service["depends_on"][waited.as_str()].is_mapping(),
                "{name}: {waited}"
            );
            assert_eq!(profiles(&services[waited]), chosen, "{waited}");
        }
        assert_eq!(
            environment(&services[&format!("migrate-{name}")])["DB_HOST"],
            database
        );
        databases.insert(database);
        for (_, broker) in BROKERS.into_iter().chain([("redis", "redis")]) {
            // Only those of the chosen profiles are there.
            assert_eq!(
                service["depends_on"][broker]["required"], false,
                "{name}: {broker}"
            );
        }
    }
    assert_eq!(databases.len(), 2);
    let volumes: BTreeSet<_> = databases
        .iter()
        .flat_map(|d| words(&services[d]["volumes"]))
        .collect();
    assert_eq!(volumes.len(), 2, "{volumes:?}");
}

#[test]
fn a_broker_and_redis_have_an_image_a_health_check_and_the_profile_of_their_name() {
    let services = compose();
    for (profile, name) in BROKERS.into_iter().chain([("redis", "redis")]) {
        let service = &services[name];
        assert_eq!(profiles(service), [profile.to_owned()].into(), "{name}");
        let image = service["image"].as_str().expect("an image");
        let (_, version) = image.split_once(':').expect("a version");
        assert!(version.starts_with(|c: char| c.is_ascii_digit()), "{image}");
        assert!(service["healthcheck"]["test"].is_sequence(), "{name}");
        assert_eq!(service["restart"], "unless-stopped", "{name}");
    }
}

#[test]
fn without_a_profile_none_of_them_starts() {
    for (name, service) in compose() {
        let beside = [
            "postgres",
            "migrate",
            "pgbouncer",
            "api-1",
            "api-2",
            "worker-1",
            "worker-2",
        ];
        let has_none = service["profiles"].is_null();
        assert_eq!(has_none, beside.contains(&name.as_str()), "{name}");
    }
}

/// What a process takes from this environment, as `config dump` shows it.
fn dump(arguments: &[String], environment: &BTreeMap<String, String>) -> Json {
    let mut dump = vec!["config".to_owned(), "dump".into(), "--json".into()];
    dump.extend_from_slice(arguments);
    let output = waybill(&dump, environment);
    assert!(output.status.success(), "{}", said(&output));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

#[test]
fn the_binary_accepts_every_variable_with_every_broker_and_redis() {
    // A binary that was built without one of them refuses it.
    let has_brokers = cfg!(all(
        feature = "kafka",
        feature = "rabbitmq",
        feature = "sqs"
    ));
    if !has_brokers || cfg!(not(feature = "redis")) {
        return;
    }
    let services = compose();
    for (name, (broker, host)) in SERVICES.into_iter().flat_map(|s| BROKERS.map(|b| (s, b))) {
        let service = &services[name];
        let arguments = words(&service["command"])[1..].to_vec();
        let mut environment = environment(service);
        environment.insert("WAYBILL_BROKER".into(), broker.into());
        environment.insert("WAYBILL_CACHE__KIND".into(), "redis".into());
        let mut check = vec!["config".to_owned(), "check".into()];
        check.extend_from_slice(&arguments);
        let output = waybill(&check, &environment);
        assert!(
            output.status.success(),
            "{name}, {broker}: {}",
            said(&output)
        );

        let dump = dump(&arguments, &environment).to_string();
        for variable in environment.keys().filter(|name| !name.starts_with("DB_")) {
            let source = format!("environment {variable}\"");
            assert!(dump.contains(&source), "{name}: {variable} is not read");
        }
        assert!(compose().contains_key(host), "{host}");
    }
}

#[test]
fn the_addresses_of_brokers_and_redis_are_services_of_the_file() {
    let services = compose();
    for name in SERVICES {
        let environment = environment(&services[name]);
        for (variable, host) in [
            ("KAFKA_BROKERS", "kafka:9092"),
            ("RABBITMQ_URL", "@rabbitmq:5672"),
            ("SQS_ENDPOINT", "//elasticmq:9324"),
            ("REDIS_URL", "//redis:6379"),
        ] {
            assert!(environment[variable].ends_with(host), "{name}: {variable}");
            let host = host.trim_start_matches(['/', '@']);
            let (host, _) = host.split_once(':').expect("a port");
            assert!(services.contains_key(host), "{host}");
        }
    }
    let told = environment(&services["kafka"])["KAFKA_ADVERTISED_LISTENERS"].clone();
    assert_eq!(told, "PLAINTEXT://kafka:9092", "what clients are sent to");
    let orders = environment(&services["orders"]);
    let user = &environment(&services["rabbitmq"])["RABBITMQ_DEFAULT_USER"];
    let password = &environment(&services["rabbitmq"])["RABBITMQ_DEFAULT_PASS"];
    assert!(orders["RABBITMQ_URL"].contains(&format!("//{user}:{password}@")));
}
