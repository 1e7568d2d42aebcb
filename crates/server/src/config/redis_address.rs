//! The address of Redis: one URL, or the `REDIS_*` names that build it.
//!
//! Deployments of earlier systems always have these names, so they are read only when `cache.kind` is `redis`: else not
//! even a wrong one is an error. If both are given they must be the same address.

use std::collections::BTreeMap;

use super::errors::ConfigErrors;
use super::server_url::{ServerUrl, encode};

const PORT: u16 = 6379;
const NAMES: [&str; 3] = ["REDIS_HOST", "REDIS_PORT", "REDIS_PASSWORD"];

/// Reads `redis://` and `rediss://`.
pub fn parse(url: &str) -> Option<ServerUrl> {
    ServerUrl::parse(url, &["redis://", "rediss://"])
}

/// Host and port, without login, of a URL that was checked.
#[must_use]
pub fn shown(url: &str) -> String {
    parse(url).map_or_else(String::new, |url| {
        format!("{}:{}", url.host, url.port.unwrap_or(PORT))
    })
}

/// The URL of `REDIS_URL` and `REDIS_*`, and the name of the variable it came from.
pub fn url(
    environment: &BTreeMap<String, String>,
    errors: &mut ConfigErrors,
) -> Option<(&'static str, String)> {
    let get = |name: &str| environment.get(name).filter(|value| !value.is_empty());
    let port = match get("REDIS_PORT").map(|port| port.parse::<u16>()) {
        Some(Err(_)) => {
            let given = get("REDIS_PORT").cloned();
            let advice = "a port is a number from 1 to 65535";
            errors.push("environment REDIS_PORT", "cache.url", given, advice);
            return None;
        }
        Some(Ok(port)) => Some(port),
        None => None,
    };
    if let Some(whole) = get("REDIS_URL") {
        let parsed = parse(whole);
        for name in parsed.iter().flat_map(|url| contradicting(url, get, port)) {
            let value = get(name).filter(|_| name != "REDIS_PASSWORD").cloned();
            let advice = "says something else than REDIS_URL; give one of the two";
            errors.push(format!("environment {name}"), "cache.url", value, advice);
        }
        return Some(("REDIS_URL", whole.clone()));
    }
    let first = NAMES.into_iter().find(|name| get(name).is_some())?;
    let login = get("REDIS_PASSWORD").map(|password| format!(":{}@", encode(password)));
    let login = login.unwrap_or_default();
    let host = get("REDIS_HOST").map_or("localhost", String::as_str);
    let port = port.unwrap_or(PORT);
    Some((first, format!("redis://{login}{host}:{port}")))
}

fn contradicting<'a>(
    url: &ServerUrl,
    get: impl Fn(&str) -> Option<&'a String>,
    port: Option<u16>,
) -> Vec<&'static str> {
    let differs =
        |name: &str, there: Option<&str>| get(name).is_some_and(|here| Some(&here[..]) != there);
    let checks = [
        ("REDIS_HOST", differs("REDIS_HOST", Some(&url.host))),
        (
            "REDIS_PORT",
            port.is_some_and(|port| port != url.port.unwrap_or(PORT)),
        ),
        (
            "REDIS_PASSWORD",
            differs("REDIS_PASSWORD", url.password.as_deref()),
        ),
    ];
    let checks = checks.into_iter().filter(|(_, differs)| *differs);
    checks.map(|(name, _)| name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> (Option<String>, ConfigErrors) {
        let given = pairs.iter();
        let given = given.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let mut errors = ConfigErrors::default();
        let found = url(&given.collect(), &mut errors);
        (found.map(|(_, url)| url), errors)
    }

    #[test]
    fn the_parts_build_a_url_that_reads_back_and_is_shown_without_its_login() {
        let (built, errors) = read(&[("REDIS_HOST", "cache"), ("REDIS_PASSWORD", "p@:/%")]);
        let built = built.expect("a URL");
        let parsed = parse(&built).expect("it reads back");
        assert_eq!(parsed.password.as_deref(), Some("p@:/%"));
        assert_eq!(shown(&built), "cache:6379");
        assert_eq!(errors.0, []);
        assert_eq!(read(&[("REDIS_HOST", ""), ("DB_HOST", "h")]).0, None);
    }

    #[test]
    fn parts_that_say_something_else_than_the_url_are_all_named() {
        let whole = ("REDIS_URL", "redis://:hush@h:7000/2");
        let (found, errors) = read(&[whole, ("REDIS_HOST", "h"), ("REDIS_PORT", "7000")]);
        assert_eq!((found.as_deref(), errors.0), (Some(whole.1), vec![]));
        let (_, errors) = read(&[whole, ("REDIS_HOST", "o"), ("REDIS_PASSWORD", "hush-hush")]);
        assert_eq!(errors.0.len(), 2);
        assert!(!errors.to_string().contains("hush"));
        let (found, errors) = read(&[("REDIS_PORT", "seven")]);
        assert_eq!((found, errors.0.len()), (None, 1));
    }
}
