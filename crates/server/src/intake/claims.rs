//! The hashes behind claims: what is hashed is scoped, so that two clients' keys never meet.

use sha2::{Digest, Sha256};
use waybill_domain::intake::ClaimKind;

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

/// An idempotency key, scoped by the client that sent it.
#[must_use]
pub fn key(client: &str, key: &str) -> [u8; 16] {
    hash(&[
        ClaimKind::Key.as_str().as_bytes(),
        client.as_bytes(),
        key.as_bytes(),
    ])
}

/// A reference or a number that the caller gave; scoped by tenant alone.
#[must_use]
pub fn named(kind: ClaimKind, value: &str) -> [u8; 16] {
    hash(&[kind.as_str().as_bytes(), value.as_bytes()])
}
