//! `docs/asyncapi.json` and the tables of `docs/events.md` are what the types write.
//!
//! `WAYBILL_UPDATE_DOCS=1 cargo test -p waybill-broker --test asyncapi` writes both anew. What a reader of earlier
//! messages would miss is found by `compatibility`.

mod document;
mod page;
mod samples;
mod schema;
mod words;

use std::path::PathBuf;

fn in_docs(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../docs")
        .join(name)
}

/// Compares a file of the documentation with what it is to be, or writes it.
fn hold(name: &str, wanted: &str) {
    let path = in_docs(name);
    if std::env::var_os("WAYBILL_UPDATE_DOCS").is_some() {
        std::fs::write(&path, wanted).expect("it can be written");
    }
    let found = std::fs::read_to_string(&path).expect("it is in the repository");
    assert!(
        found == wanted,
        "docs/{name} is not what the types say; write it anew with WAYBILL_UPDATE_DOCS=1, and look at the difference"
    );
}

#[test]
fn the_document_is_what_the_types_write() {
    let text = serde_json::to_string_pretty(&document::document()).expect("JSON");
    hold("asyncapi.json", &(text + "\n"));
}

#[test]
fn the_tables_of_the_page_are_what_the_types_write() {
    let before = std::fs::read_to_string(in_docs("events.md")).expect("it is in the repository");
    hold("events.md", &page::with_tables(&before));
}

#[test]
fn a_member_that_is_not_always_there_is_not_required() {
    let (full, least) = (
        serde_json::json!({"a": 1, "b": "x"}),
        serde_json::json!({"a": 2}),
    );
    let mut asked = vec![];
    let schema = schema::of(&[&full, &least], "", &mut |path| {
        asked.push(path.to_owned());
        serde_json::json!({})
    });
    assert_eq!(schema["required"], serde_json::json!(["a"]));
    assert_eq!(asked, ["a", "b"]);
}
