//! Log lines have their fields in words: no `?` in the macros of tracing. Clippy's `use_debug` forbids Debug output where
//! text is printed or written; it does not see these fields, nor `format!`.

use std::path::PathBuf;

/// Files of the code that runs, without their tests.
fn sources() -> Vec<(PathBuf, String)> {
    let crates = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..");
    let folders = ["server", "store", "domain"].map(|name| crates.join(name).join("src"));
    let mut folders = Vec::from(folders);
    let mut sources = vec![];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder of the repository") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|kind| kind == "rs") {
                let text = std::fs::read_to_string(&path).expect("text");
                let code = text.split("#[cfg(test)]").next().unwrap_or_default();
                sources.push((path, code.to_owned()));
            }
        }
    }
    sources
}

/// Whether a line has a field of tracing's macros that is shown by Debug: `field = ?value`, or `?value` by itself.
fn has_debug_field(line: &str) -> bool {
    let mut places = line.match_indices('?').map(|(at, _)| line.split_at(at));
    places.any(|(before, after)| {
        let begins = before.trim_end();
        let is_field = begins.is_empty() || begins.ends_with(['=', ',', '(']);
        // A parameter of SQL is `?1`, a group of a regular expression `(?:`.
        is_field && after[1..].starts_with(|c: char| c.is_alphabetic() || c == '&' || c == '*')
    })
}

#[test]
fn no_field_of_a_log_line_is_debug_output() {
    assert!(has_debug_field(
        "info!(addresses = ?ready.addresses, \"x\")"
    ));
    assert!(has_debug_field("    ?settings,"));
    assert!(!has_debug_field("let x = read()?;"));
    let sources = sources();
    assert!(sources.len() > 100, "the sources are where they were");
    for (path, code) in sources {
        for line in code.lines().filter(|line| !line.trim().starts_with("//")) {
            assert!(!has_debug_field(line), "{}: {line}", path.display());
        }
    }
}
