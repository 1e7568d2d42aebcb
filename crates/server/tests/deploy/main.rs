//! What operators are given in `deploy/` and `docs/operations.md`: it names things that exist, and each alert is
//! for a fault that moves its metric past its threshold.

mod alerts;
mod book;
mod churn;
mod doctor;
mod empty_postgres;
mod files;
mod held;
mod pool;
mod private_files;
mod rotation;
mod rules;
mod schema_4;
mod scrape;
mod services;
mod settings;
#[path = "../apart/shop.rs"]
#[allow(dead_code, reason = "the crate `apart` uses all of it")]
mod shop;
mod snapshot;
mod status;
mod store_down;
mod tokens;

use std::path::PathBuf;

const WAYBILL: &str = env!("CARGO_BIN_EXE_waybill");

/// A file of the repository, as text.
fn repository_file(path: &str) -> String {
    let path = repository().join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn repository() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}
