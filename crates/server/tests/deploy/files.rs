//! The image, the compose file and the unit: what they name is there, and the binary accepts their settings.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Output};

use serde_norway::Value;

use super::{WAYBILL, repository, repository_file};

/// What the required variables of compose.yaml are replaced by.
const SECRET: &str = "0123456789abcdef0123456789abcdef0123456789abcdef";

/// The services of the file.
pub fn compose() -> BTreeMap<String, Value> {
    let mut file: Value =
        serde_norway::from_str(&repository_file("deploy/compose.yaml")).expect("YAML");
    // What is merged may itself be merged from something.
    for _ in 0..2 {
        file.apply_merge().expect("its << are mappings");
    }
    serde_norway::from_value(file["services"].clone()).expect("services")
}

/// The services that run our image.
fn ours() -> Vec<(String, Value)> {
    let ours = compose()
        .into_iter()
        .filter(|(_, s)| s["image"] == "waybill");
    ours.collect()
}

pub fn words(list: &Value) -> Vec<String> {
    let list = list.as_sequence().into_iter().flatten();
    list.map(|word| word.as_str().expect("text").to_owned())
        .collect()
}

/// `${NAME:?why}` and `${NAME:-default}`, as compose replaces them. Nothing else is used.
fn replaced(text: &str) -> String {
    let Some((before, rest)) = text.split_once("${") else {
        return text.to_owned();
    };
    let (variable, after) = rest.split_once('}').expect("it ends");
    let value = match (variable.split_once(":?"), variable.split_once(":-")) {
        (Some(_), _) => SECRET,
        (_, Some((_, default))) => default,
        _ => panic!("{text} may be missing without anybody being told"),
    };
    format!("{before}{value}{}", replaced(after))
}

pub fn waybill(arguments: &[String], environment: &BTreeMap<String, String>) -> Output {
    let empty = tempfile::tempdir().expect("a folder");
    Command::new(WAYBILL)
        .args(arguments)
        .env_clear()
        .envs(environment)
        .current_dir(&empty)
        .output()
        .expect("the binary runs")
}

pub fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// The variables of a service, with the defaults of what they name.
pub fn environment(service: &Value) -> BTreeMap<String, String> {
    let variables = service["environment"].as_mapping().expect("a mapping");
    let text = |v: &Value| v.as_str().expect("text, in quotes").to_owned();
    let variables = variables.iter();
    variables
        .map(|(name, value)| (text(name), replaced(&text(value))))
        .collect()
}

#[test]
fn every_service_of_ours_has_settings_that_a_server_starts_with() {
    let ours = ours();
    assert!(ours.len() >= 5, "{}", ours.len());
    for (name, service) in ours {
        let arguments = words(&service["command"]);
        let environment = environment(&service);
        if arguments[0] == "migrate" {
            let help = [arguments[0].clone(), "--help".into()];
            assert!(waybill(&help, &environment).status.success(), "{name}");
        } else {
            assert_eq!(arguments[0], "serve", "{name}");
        }
        let mut check = vec!["config".to_owned(), "check".to_owned()];
        check.extend_from_slice(&arguments[1..]);
        // A binary without the broker refuses it.
        if cfg!(feature = "kafka") || !environment.contains_key("WAYBILL_BROKER") {
            let output = waybill(&check, &environment);
            assert!(output.status.success(), "{name}: {}", said(&output));
        }
    }
}

#[test]
fn secrets_are_required_and_stand_in_no_file() {
    let text = repository_file("deploy/compose.yaml");
    for name in ["JWT_SECRET", "PASSWORD"] {
        for line in text
            .lines()
            .filter(|l| l.trim_start().contains(&format!("{name}: ")))
        {
            assert!(line.contains(":?"), "{line}");
        }
    }
    let unit = repository_file("deploy/waybill.service");
    assert!(unit.contains("EnvironmentFile="));
    for line in unit.lines().filter(|l| !l.starts_with('#')) {
        assert!(!line.contains("SECRET"), "{line}");
    }
}

#[test]
fn two_take_orders_on_3000_and_8000_and_two_work_behind_them() {
    let mut published = vec![];
    let mut workers = 0;
    for (name, service) in ours().into_iter().filter(|(_, s)| s["profiles"].is_null()) {
        let command = words(&service["command"]);
        let Some(roles) = command.iter().position(|w| w == "--roles") else {
            continue;
        };
        let roles = command[roles + 1].as_str();
        let listen = command
            .iter()
            .position(|w| w == "--listen")
            .expect("--listen")
            + 1;
        for port in words(&service["ports"]) {
            let (outside, inside) = port.split_once(':').expect("two ports");
            assert_eq!(command[listen], format!(":{inside}"), "{name}");
            published.push(outside.to_owned());
        }
        if roles == "api" {
            assert!(service["ports"].is_sequence(), "{name} publishes nothing");
        } else {
            assert!(
                ["delivery", "status", "housekeeping"]
                    .iter()
                    .all(|r| roles.contains(r))
            );
            workers += 1;
        }
    }
    published.sort();
    assert_eq!(
        (published, workers),
        (vec!["3000".into(), "8000".into()], 2)
    );
}

#[test]
fn a_service_that_another_waits_for_becomes_healthy_or_ends() {
    let services = compose();
    let image = repository_file("deploy/Dockerfile");
    for (name, service) in &services {
        let Some(waits) = service["depends_on"].as_mapping() else {
            continue;
        };
        for (other, how) in waits {
            let other = other.as_str().expect("a name");
            let awaited = services.get(other);
            let awaited = awaited.unwrap_or_else(|| panic!("{name} waits for {other}"));
            match how["condition"].as_str() {
                Some("service_healthy") => assert!(
                    awaited["healthcheck"]["test"].is_sequence()
                        || (awaited["image"] == "waybill" && image.contains("HEALTHCHECK")),
                    "{other} has no health check"
                ),
                Some("service_completed_successfully") => {
                    assert_eq!(awaited["restart"], "no", "{other} never ends");
                }
                how => panic!("{name} waits for {other} by {how:?}"),
            }
        }
    }
}

#[test]
fn the_image_copies_what_is_there_and_runs_commands_of_the_binary() {
    let file = repository_file("deploy/Dockerfile").replace("\\\n", " ");
    let ignore = repository_file("deploy/Dockerfile.dockerignore");
    let mut users = vec![];
    for line in file.lines() {
        let (instruction, rest) = line.split_once(' ').unwrap_or((line, ""));
        match instruction {
            "COPY" if !rest.contains("--from=") => {
                let paths: Vec<&str> = rest.split_whitespace().collect();
                for path in &paths[..paths.len() - 1] {
                    assert!(repository().join(path).exists(), "{path} is not there");
                    let kept = ignore.lines().any(|l| l == format!("!{path}"));
                    assert!(kept, "{path} is ignored");
                }
            }
            "USER" => users.push(rest),
            "CMD" | "HEALTHCHECK" => {
                let list = &rest[rest.find('[').expect("the exec form: there is no shell")..];
                let list: Vec<String> = serde_json::from_str(list).expect("a JSON list");
                let list: Vec<String> = list.into_iter().filter(|w| !w.starts_with('/')).collect();
                let mut help = list;
                help.push("--help".into());
                let output = waybill(&help, &BTreeMap::new());
                assert!(output.status.success(), "{help:?}: {}", said(&output));
            }
            _ => {}
        }
    }
    assert_eq!(users.last(), Some(&"nonroot"));
    let wanted = repository_file("Cargo.toml");
    let wanted = wanted
        .lines()
        .find_map(|l| l.strip_prefix("rust-version = \""));
    let wanted = wanted.expect("it is there").trim_end_matches('"');
    assert!(
        file.contains(&format!("FROM rust:{wanted}-")),
        "not Rust {wanted}"
    );
}

#[test]
fn a_server_is_given_longer_to_stop_than_its_shutdown_may_take() {
    let defaults = repository_file("waybill.default.toml");
    let deadline = defaults
        .lines()
        .find_map(|l| l.strip_prefix("shutdown_deadline_ms = "));
    let deadline: u32 = deadline
        .and_then(|text| text.trim_matches('"').strip_suffix('s')?.parse().ok())
        .expect("seconds");
    let seconds = |text: &str| {
        text.trim()
            .trim_end_matches('s')
            .parse::<u32>()
            .expect("seconds")
    };
    let unit = repository_file("deploy/waybill.service");
    let wait = unit.lines().find_map(|l| l.strip_prefix("TimeoutStopSec="));
    assert!(seconds(wait.expect("it is set")) > deadline);
    assert!(unit.contains("KillSignal=SIGTERM") && unit.contains("Type=exec"));
    for (name, service) in ours() {
        let grace = service["stop_grace_period"].as_str().expect("it is set");
        assert!(seconds(grace) > deadline, "{name}");
    }
}

#[test]
fn the_unit_starts_commands_of_the_binary_with_settings_that_it_knows() {
    let unit = repository_file("deploy/waybill.service");
    let lines = unit.lines().filter(|l| l.starts_with("ExecStart"));
    for line in lines {
        let (_, command) = line.split_once('=').expect("a command");
        let (program, arguments) = command.split_once(' ').expect("arguments");
        assert_eq!(Path::new(program).file_name(), Some("waybill".as_ref()));
        let mut words: Vec<String> = arguments.split(' ').map(str::to_owned).collect();
        words.push("--help".into());
        let output = waybill(&words, &BTreeMap::new());
        assert!(output.status.success(), "{line}: {}", said(&output));
    }
    let settings = unit
        .lines()
        .filter_map(|line| line.strip_prefix("Environment="))
        .flat_map(str::split_whitespace)
        .map(|setting| setting.split_once('=').expect("a value"))
        .chain([("JWT_SECRET", SECRET)]);
    let settings = settings.map(|(k, v)| (k.to_owned(), v.to_owned()));
    let output = waybill(
        &["config".into(), "check".into()],
        &settings.collect::<BTreeMap<_, _>>(),
    );
    assert!(output.status.success(), "{}", said(&output));
}
