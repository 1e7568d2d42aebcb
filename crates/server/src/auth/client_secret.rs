//! Makes the secrets of clients, and hashes them.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use waybill_domain::client::SecretHash;

use crate::config::Secret;
use crate::random::Entropy;

/// Begins every secret, so that one that was published by mistake is found by a search.
const PREFIX: &str = "wbs_";
const RANDOM_BYTES: usize = 32;

/// Makes a secret: 32 random bytes in base64url after the prefix, 47 characters in all.
#[must_use]
pub fn new_secret(entropy: &Entropy) -> Secret {
    let random: [u8; RANDOM_BYTES] = entropy.bytes();
    Secret::new(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(random)))
}

/// The hash under which a secret is kept. A slow hash protects passwords, which can be guessed from a dictionary; of a
/// secret with 256 random bits there is no dictionary, so SHA-256 is enough.
#[must_use]
pub fn hash_of(secret: &str) -> SecretHash {
    SecretHash(Sha256::digest(secret.as_bytes()).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_long_recognisable_and_never_the_same() {
        let entropy = Entropy::from_seed(1);
        let (one, other) = (new_secret(&entropy), new_secret(&entropy));
        assert!(one.expose().starts_with(PREFIX) && one.expose().len() == 47);
        assert_ne!(one.expose(), other.expose());
        assert_ne!(hash_of(one.expose()), hash_of(other.expose()));
        assert_eq!(hash_of(one.expose()), hash_of(one.expose()));
    }
}
