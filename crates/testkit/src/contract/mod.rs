//! Checks every answer that a test gets against the specification that the server publishes: the status, the media
//! type, the schema of the body.
//!
//! The specification is that of the binary that the tests start, with all roles, printed once per test program
//! (`waybill openapi`). Invariant: a member, a status or a keyword that is not described is a mismatch, so the document
//! cannot fall behind the server.

mod document;
mod schema;

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use http::Method;
use serde_json::Value;

use crate::answer::Answer;
use document::{Document, Found};

static DOCUMENT: OnceLock<Document> = OnceLock::new();

/// Takes the specification of this binary; all later answers are checked against it.
///
/// # Panics
/// The binary does not print one.
pub fn learn(binary: &Path) {
    DOCUMENT.get_or_init(|| {
        let printed = Command::new(binary)
            .arg("openapi")
            .env_clear()
            // No file of settings is found there.
            .current_dir("/")
            .stdin(Stdio::null())
            .output()
            .expect("the binary runs");
        let text = String::from_utf8_lossy(&printed.stdout);
        let specification = serde_json::from_str(&text).unwrap_or_else(|why| {
            let said = String::from_utf8_lossy(&printed.stderr);
            panic!("waybill openapi printed no document ({why}): {said}")
        });
        Document::new(specification)
    });
}

/// How an answer differs from the specification; `None` when it does not, or none is known.
pub fn mismatch(method: &Method, path: &str, answer: &Answer) -> Option<String> {
    let document = DOCUMENT.get()?;
    let path = path.split('?').next().unwrap_or_default();
    // Connections and heads that are refused have not reached a route; the edge gives every other request an id.
    answer.header("x-correlation-id")?;
    let found = match document.find(method, path) {
        Found::Operation(found) => found,
        Found::Nothing => {
            let prefixes = ["/v1/", "/api/", "/orders", "/delivery/", "/auth/"];
            let ours = prefixes.iter().any(|prefix| path.starts_with(prefix));
            let done = !answer.status.is_client_error() && !answer.status.is_server_error();
            let asked = *method != Method::OPTIONS && *method != Method::HEAD;
            return (ours && done && asked).then(|| {
                format!(
                    "{method} {path} answered {}, and is not described",
                    answer.status
                )
            });
        }
    };
    let fault = held_against(document, found, answer).err()?;
    Some(format!(
        "{method} {path} is not as the specification says: {fault}\n{} {}",
        answer.status,
        answer.text()
    ))
}

fn held_against(document: &Document, operation: &Value, answer: &Answer) -> Result<(), String> {
    let status = answer.status.as_str();
    let response = operation["responses"]
        .get(status)
        .ok_or_else(|| format!("the status {status} is not described"))?;
    let Some(content) = response.get("content") else {
        let empty = answer.body.is_empty();
        return if empty {
            Ok(())
        } else {
            Err(format!("{status} has no body"))
        };
    };
    let kind = answer.header("content-type").unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    let described = content
        .get(kind)
        .ok_or_else(|| format!("{status} has no content of the type {kind:?}"))?;
    if !kind.ends_with("json") {
        return Ok(());
    }
    let body: Value = serde_json::from_slice(&answer.body).map_err(|why| why.to_string())?;
    schema::check(document.whole(), &described["schema"], &body, "")
}
