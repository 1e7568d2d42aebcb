//! Every read of a handler goes through the queue that shares the store's readers among tenants.

use std::path::Path;

/// Methods of [`waybill_store::Store`] that read for a caller.
const READS: [&str; 10] = [
    "order",
    "orders",
    "list_orders",
    "shipment",
    "list_shipments",
    "stock",
    "order_events",
    "feed",
    "snapshot",
    "list_parked",
];

/// Source files below a folder, with their text.
fn sources(folder: &Path, found: &mut Vec<(String, String)>) {
    for entry in folder.read_dir().expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            sources(&path, found);
        } else {
            let text = std::fs::read_to_string(&path).expect("text");
            found.push((path.display().to_string(), text));
        }
    }
}

#[test]
fn handlers_read_in_their_tenants_turn() {
    let mut files = vec![];
    let http = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/http");
    sources(&http, &mut files);
    assert!(files.len() > 30, "the sources are there");
    for (name, text) in files {
        let text: String = text.split_whitespace().collect();
        let pasts = READS.map(|read| [format!("api.store.{read}("), format!("api.log.{read}(")]);
        for past in pasts.into_iter().flatten() {
            assert!(
                !text.contains(past.as_str()),
                "{name}: read with `api.reads.turn(&tenant)`, not with {past}…)"
            );
        }
    }
}
