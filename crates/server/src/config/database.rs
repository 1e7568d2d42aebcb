//! The address of PostgreSQL: one URL, or the `DB_*` names that build it.
//!
//! If both are given they must be the same address; a choice between two would be a guess.

use std::collections::BTreeMap;

use super::errors::ConfigErrors;
use super::server_url::{ServerUrl, encode};

/// Reads `postgres://` and `postgresql://`.
pub fn parse(url: &str) -> Option<ServerUrl> {
    ServerUrl::parse(url, &["postgres://", "postgresql://"])
}

const NAMES: [&str; 5] = ["DB_HOST", "DB_PORT", "DB_NAME", "DB_USER", "DB_PASSWORD"];

/// The URL of `DATABASE_URL` and `DB_*`, and the name of the variable it came from.
pub fn url(
    environment: &BTreeMap<String, String>,
    errors: &mut ConfigErrors,
) -> Option<(&'static str, String)> {
    let get = |name: &str| environment.get(name).filter(|value| !value.is_empty());
    let port = match get("DB_PORT").map(|port| port.parse::<u16>()) {
        Some(Err(_)) => {
            let given = get("DB_PORT").cloned();
            errors.push(
                "environment DB_PORT",
                "store.url",
                given,
                "a port is a number from 1 to 65535",
            );
            return None;
        }
        Some(Ok(port)) => Some(port),
        None => None,
    };
    if let Some(whole) = get("DATABASE_URL") {
        if let Some(parsed) = parse(whole) {
            refuse_contradictions(&parsed, environment, port, errors);
        }
        return Some(("DATABASE_URL", whole.clone()));
    }
    let first = NAMES.into_iter().find(|name| get(name).is_some())?;
    let Some(name) = get("DB_NAME") else {
        let advice =
            "DB_* build the database URL and DB_NAME is missing; give it, or DATABASE_URL instead";
        errors.push(format!("environment {first}"), "store.url", None, advice);
        return None;
    };
    let user = encode(get("DB_USER").map_or("postgres", String::as_str));
    let password = get("DB_PASSWORD")
        .map(|text| format!(":{}", encode(text)))
        .unwrap_or_default();
    let host = get("DB_HOST").map_or("localhost", String::as_str);
    let port = port.unwrap_or(5432);
    Some((
        first,
        format!("postgres://{user}{password}@{host}:{port}/{name}"),
    ))
}

fn refuse_contradictions(
    url: &ServerUrl,
    environment: &BTreeMap<String, String>,
    port: Option<u16>,
    errors: &mut ConfigErrors,
) {
    let get = |name: &str| environment.get(name).filter(|value| !value.is_empty());
    let differs =
        |name: &str, there: Option<&str>| get(name).is_some_and(|here| Some(&here[..]) != there);
    let contradicting = [
        ("DB_HOST", differs("DB_HOST", Some(&url.host))),
        (
            "DB_PORT",
            port.is_some_and(|port| port != url.port.unwrap_or(5432)),
        ),
        ("DB_NAME", differs("DB_NAME", Some(&url.name))),
        ("DB_USER", differs("DB_USER", url.user.as_deref())),
        (
            "DB_PASSWORD",
            differs("DB_PASSWORD", url.password.as_deref()),
        ),
    ];
    for (name, _) in contradicting
        .into_iter()
        .filter(|(_, contradicts)| *contradicts)
    {
        let value = get(name).filter(|_| name != "DB_PASSWORD").cloned();
        let advice = "says something else than DATABASE_URL; give one of the two";
        errors.push(format!("environment {name}"), "store.url", value, advice);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    }

    #[test]
    fn the_parts_build_a_url_that_reads_back() {
        let mut errors = ConfigErrors::default();
        let parts = given(&[
            ("DB_HOST", "db"),
            ("DB_NAME", "orders"),
            ("DB_USER", "u"),
            ("DB_PASSWORD", "p@:/%"),
        ]);
        let (_, built) = url(&parts, &mut errors).expect("a url");
        let read = parse(&built).expect("it reads back");
        assert_eq!(read.password.as_deref(), Some("p@:/%"));
        assert_eq!(
            (read.host.as_str(), read.port, read.name.as_str()),
            ("db", Some(5432), "orders")
        );
        assert_eq!(errors.0, []);
    }

    #[test]
    fn parts_that_agree_with_the_url_are_fine_and_others_are_all_named() {
        let whole = ("DATABASE_URL", "postgresql://u:p@h/orders?sslmode=require");
        let mut errors = ConfigErrors::default();
        url(
            &given(&[whole, ("DB_HOST", "h"), ("DB_PORT", "5432")]),
            &mut errors,
        );
        assert_eq!(errors.0, []);
        url(
            &given(&[whole, ("DB_HOST", "other"), ("DB_PASSWORD", "hush")]),
            &mut errors,
        );
        assert_eq!(errors.0.len(), 2);
        assert!(!errors.to_string().contains("hush"));
    }

    #[test]
    fn parts_without_a_name_are_refused() {
        let mut errors = ConfigErrors::default();
        assert_eq!(url(&given(&[("DB_HOST", "h")]), &mut errors), None);
        assert_eq!(errors.0.len(), 1);
    }
}
