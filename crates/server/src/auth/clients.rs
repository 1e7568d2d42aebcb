//! The clients that may have tokens, and their secrets.

use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};

use crate::config::Profile;

/// The clients of `demo`, which loopback alone reaches.
const DEMO_CLIENTS: [&str; 3] = ["demo-client", "test-client", "order-app"];
const DEMO_SECRET: &str = "demo-secret";

/// Clients with their secrets. Outside `demo` there are none.
pub struct Clients(Vec<Client>);

/// A client as it is kept: two hashes, so that comparing costs the same for each.
struct Client {
    id: [u8; 32],
    secret: [u8; 32],
}

impl Clients {
    /// The clients of a profile.
    #[must_use]
    pub fn of_profile(profile: Profile) -> Self {
        let names: &[&str] = match profile {
            Profile::Demo => &DEMO_CLIENTS,
            Profile::Standard => &[],
        };
        let client = |name: &&str| Client {
            id: hash(name),
            secret: hash(DEMO_SECRET),
        };
        Self(names.iter().map(client).collect())
    }

    /// Whether there is such a client with this secret. The work is the same whether the client is unknown, the secret
    /// wrong or both right: both texts are hashed and compared with every client's, in constant time.
    #[must_use]
    pub fn know(&self, id: &str, secret: &str) -> bool {
        let (id, secret) = (hash(id), hash(secret));
        let known = self.0.iter().fold(Choice::from(0), |known, client| {
            known | (client.id.ct_eq(&id) & client.secret.ct_eq(&secret))
        });
        known.into()
    }
}

fn hash(text: &str) -> [u8; 32] {
    Sha256::digest(text.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_client_with_its_secret_is_known() {
        let demo = Clients::of_profile(Profile::Demo);
        for id in DEMO_CLIENTS {
            assert!(demo.know(id, DEMO_SECRET) && !demo.know(id, "demo-secret2"));
        }
        assert!(!demo.know("other", DEMO_SECRET) && !demo.know("", ""));
        assert!(!Clients::of_profile(Profile::Standard).know("demo-client", DEMO_SECRET));
    }
}
