//! The hashes behind claims. Each hash includes its scope, so that the keys of two clients never collide.

use std::sync::Arc;

use sha2::{Digest, Sha256};
use waybill_domain::claim::ClaimKind;
use waybill_domain::content::Content;
use waybill_domain::order::HoldReason;

use super::stored::json;

/// The first 16 bytes of the SHA-256 over `parts`, each ended by a NUL (which no part contains).
#[must_use]
pub fn hash(parts: &[&[u8]]) -> [u8; 16] {
    let mut sha = Sha256::new();
    for part in parts {
        sha.update(part);
        sha.update([0]);
    }
    let digest = sha.finalize();
    let mut short = [0; 16];
    short.copy_from_slice(&digest[..16]);
    short
}

/// The body of an order. Its parts are read into exact types first and metadata is in its canonical form (RFC 8785), so
/// that spelling and the order of members make no difference. The dialect stands for its route: each has one by which
/// orders are placed.
///
/// Hashes of orders without metadata are those that earlier versions made.
#[must_use]
pub fn order_body(
    dialect: &str,
    content: &str,
    personal: Option<&str>,
    holds: &[HoldReason],
) -> [u8; 16] {
    let holds: Vec<&str> = holds.iter().map(|hold| hold.as_str()).collect();
    let parts = [dialect, content, personal.unwrap_or(""), &holds.join(",")];
    hash(&parts.map(str::as_bytes))
}

/// The idempotency key of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientKey {
    /// What it is compared by.
    pub value: String,
    /// The header's text, where that is the value in the quotes of a structured field. Earlier versions stored keys by
    /// this text, so it is claimed and looked up beside the value.
    pub quoted: Option<String>,
}

impl ClientKey {
    /// The texts by which the key is known: the value first.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        [Some(self.value.as_str()), self.quoted.as_deref()]
            .into_iter()
            .flatten()
    }
}

/// An idempotency key, scoped by the client that sent it.
#[must_use]
pub fn key(client: &str, key: &str) -> [u8; 16] {
    hash(&[
        ClaimKind::Key.as_str().as_bytes(),
        client.as_bytes(),
        key.as_bytes(),
    ])
}

/// The key of a command, scoped by the client that sent it. It is another one than the same key of an order.
#[must_use]
pub fn command_key(client: &str, key: &str) -> [u8; 16] {
    hash(&[b"command", client.as_bytes(), key.as_bytes()])
}

/// The fingerprint of an order without a key: its customer and its lines, in any order. Scoped by tenant alone, because
/// a repeated request may come by another client of the same tenant.
#[must_use]
pub fn duplicate(content: &Content) -> [u8; 16] {
    let mut lines: Vec<Arc<str>> = content.lines.iter().map(json).collect();
    lines.sort_unstable();
    let customer = content.customer_id.as_deref().unwrap_or("");
    let first = [ClaimKind::Duplicate.as_str(), customer].into_iter();
    let parts: Vec<&[u8]> = first
        .chain(lines.iter().map(|line| &**line))
        .map(str::as_bytes)
        .collect();
    hash(&parts)
}

/// A reference or a number that the caller gave; scoped by tenant alone.
#[must_use]
pub fn named(kind: ClaimKind, value: &str) -> [u8; 16] {
    hash(&[kind.as_str().as_bytes(), value.as_bytes()])
}
