//! Pages under `docs/` that are generated from the code, as a whole or between two markers.

use std::path::PathBuf;

fn path(page: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../docs")
        .join(page)
}

/// The page as it stands; empty when there is none yet.
pub fn read(page: &str) -> String {
    std::fs::read_to_string(path(page)).unwrap_or_default()
}

/// Fails when the page differs from the code; with `WAYBILL_UPDATE_DOCS` set, writes the page instead.
pub fn assert_current(page: &str, expected: &str, test: &str) {
    if std::env::var_os("WAYBILL_UPDATE_DOCS").is_some() {
        std::fs::write(path(page), expected).expect("docs/ can be written");
        return;
    }
    let found = read(page);
    let differs = found
        .lines()
        .zip(expected.lines())
        .position(|(a, b)| a != b);
    let line = differs.unwrap_or_else(|| found.lines().count().min(expected.lines().count())) + 1;
    assert!(
        found == expected,
        "docs/{page} is stale from line {line} on; make it anew with\n  \
         WAYBILL_UPDATE_DOCS=1 cargo test -p waybill-domain --test {test}"
    );
}
