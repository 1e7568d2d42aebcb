//! Every setting is read by code. A setting that only has a name and a default tells an operator that something can
//! be decided when it cannot.

use std::collections::BTreeSet;
use std::path::Path;

use super::{repository, repository_file};

/// Files that name every setting, or compare two of them, without acting on what they say.
const NAME_THEM: [&str; 6] = [
    "layers.rs",
    "contradictions.rs",
    "load.rs",
    "load_tests.rs",
    "safety.rs",
    "environment.rs",
];

/// The code of the server without its tests, with chained calls on one line.
fn code() -> String {
    let mut code = String::new();
    let mut folders = vec![repository().join("crates/server/src")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder of the repository") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if is_read(&path) {
                let text = std::fs::read_to_string(path).expect("text");
                code.push_str(&named(without_tests(&text)));
            }
        }
    }
    let lines: Vec<&str> = code.lines().map(str::trim).collect();
    lines.join("\n").replace("\n.", ".")
}

/// A file up to its module of tests, if that stands in the file itself.
fn without_tests(text: &str) -> &str {
    let opens = |(at, _): &(usize, &str)| {
        let module = text[*at..].lines().nth(1);
        module.is_some_and(|line| line.starts_with("mod ") && line.ends_with('{'))
    };
    let begins = text.match_indices("#[cfg(test)]").find(opens);
    begins.map_or(text, |(at, _)| &text[..at])
}

/// Where a file is given one section, as `settings: &config::Breaker`, `settings.` means that section.
fn named(text: &str) -> String {
    let section = text.split("settings: ").skip(1).find_map(|rest| {
        let rest = rest.trim_start_matches('&').strip_prefix("config::")?;
        rest.split(|c: char| !c.is_ascii_alphanumeric()).next()
    });
    match section {
        Some(section) => text.replace("settings.", &format!("{}.", section.to_lowercase())),
        None => text.to_owned(),
    }
}

fn is_read(path: &Path) -> bool {
    let name = path.file_name().and_then(|n| n.to_str()).expect("a name");
    name.ends_with(".rs") && !NAME_THEM.contains(&name)
}

/// `section.key` of every setting that has a section.
fn settings() -> BTreeSet<String> {
    let defaults: toml::Table = repository_file("waybill.default.toml")
        .parse()
        .expect("TOML");
    let sections = defaults
        .iter()
        .filter_map(|(name, value)| Some((name, value.as_table()?)));
    sections
        .flat_map(|(name, keys)| keys.keys().map(move |key| format!("{name}.{key}")))
        .collect()
}

/// Whether the code has this path as words of their own.
fn has(code: &str, path: &str) -> bool {
    let is_word = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric() || c == '_');
    code.match_indices(path).any(|(at, _)| {
        let before = code[..at].chars().next_back();
        let after = code[at + path.len()..].chars().next();
        !is_word(before) && !is_word(after)
    })
}

#[test]
fn every_setting_is_read_by_code_under_the_name_of_its_section() {
    let code = code();
    let unread: Vec<String> = settings()
        .into_iter()
        .filter(|path| !has(&code, path))
        .collect();
    assert!(
        unread.is_empty(),
        "no code reads these; remove them, or read them as `section.key`: {unread:?}"
    );
}

#[test]
fn serve_refuses_a_role_without_work_and_says_which_roles_have_some() {
    let roles = "api, delivery, status, relay, stock-sync, allocation, housekeeping";
    for role in ["webhooks", "sourcing"] {
        let output = std::process::Command::new(super::WAYBILL)
            .args(["serve", "--roles", role])
            .env_clear()
            .env("JWT_SECRET", "0123456789abcdef0123456789abcdef")
            .output()
            .expect("it runs");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success(), "{role}");
        assert!(said.contains(role) && said.contains(roles), "{said}");
    }
}
