//! ARCHITECTURE.md names files that exist: `store/sqlite/rounds.rs` is short for `crates/store/src/sqlite/rounds.rs`.

use std::path::Path;

#[test]
fn every_path_in_the_architecture_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let text = std::fs::read_to_string(root.join("ARCHITECTURE.md")).expect("ARCHITECTURE.md");
    let crates = ["broker", "domain", "server", "store", "testkit"];
    let named: Vec<&str> = text
        .split('`')
        .skip(1)
        .step_by(2)
        .filter(|word| word.ends_with(".rs") && !word.contains('*') && !word.contains("NAME"))
        .filter(|word| {
            crates
                .iter()
                .any(|name| word.starts_with(&format!("{name}/")))
        })
        .collect();
    assert!(named.len() > 40, "it names files: {named:?}");
    let is_there = |path: &&str| {
        let (of, rest) = path.split_once('/').expect("it begins with a crate");
        let below = root.join("crates").join(of);
        below.join("src").join(rest).exists() || below.join(rest).exists()
    };
    let missing: Vec<&&str> = named.iter().filter(|path| !is_there(path)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}
