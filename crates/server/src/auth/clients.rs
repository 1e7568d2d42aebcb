//! Recognises the clients of the token endpoint by id and secret: those of the store, and in `demo` three more.
//!
//! Invariant: an unknown id, a wrong secret, a revoked client and the right secret cost the same: one look-up in the
//! store, the same number of hashes, and the same number of comparisons in constant time. Nothing is remembered between
//! requests, so a revoked client gets no token from the moment its revocation is committed.

use std::sync::Arc;

use async_trait::async_trait;
use subtle::{Choice, ConstantTimeEq};
use waybill_domain::client::{Client, ClientId};
use waybill_domain::text::Tenant;
use waybill_store::Error as StoreError;
use waybill_store::reads::Reads;

use super::client_secret::hash_of;
use super::scope::Scopes;
use crate::config::Profile;

/// The clients of `demo`, which loopback alone reaches.
const DEMO_CLIENTS: [&str; 3] = ["demo-client", "test-client", "order-app"];
const DEMO_SECRET: &str = "demo-secret";

/// Looks up a client by its id.
#[async_trait]
pub trait FindClient: Send + Sync {
    /// The client, of whichever tenant.
    async fn find(&self, id: &ClientId) -> Result<Option<Client>, StoreError>;
}

/// The clients of the store.
pub struct StoredClients(pub Arc<Reads>);

#[async_trait]
impl FindClient for StoredClients {
    async fn find(&self, id: &ClientId) -> Result<Option<Client>, StoreError> {
        // The tenant is not known yet. All requests for tokens have one place in the queue of reads, under a name that
        // no tenant has, so that a flood of them takes no turn of a tenant.
        let reading = self.0.turn(&Tenant::stored("")).await?;
        reading.client(id).await
    }
}

/// A client that gave a live secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownClient {
    pub id: String,
    pub tenant: Tenant,
    /// What its tokens may have at most.
    pub scopes: Scopes,
    /// What a token has for which no scope was asked.
    pub default_scopes: Scopes,
}

/// Recognises clients.
pub struct Clients {
    demo: Vec<DemoClient>,
    stored: Arc<dyn FindClient>,
}

/// Two hashes, so that comparing costs the same for each.
struct DemoClient {
    id: [u8; 32],
    secret: [u8; 32],
}

/// What the check of a secret is made of; a test counts it.
trait SecretChecks {
    fn hash(&mut self, text: &str) -> [u8; 32];
    /// Takes the same time for all values.
    fn equal(&mut self, one: &[u8; 32], other: &[u8; 32]) -> Choice;
}

struct RealChecks;

impl SecretChecks for RealChecks {
    fn hash(&mut self, text: &str) -> [u8; 32] {
        hash_of(text).0
    }

    fn equal(&mut self, one: &[u8; 32], other: &[u8; 32]) -> Choice {
        one.ct_eq(other)
    }
}

impl Clients {
    /// The clients of a store, and those of a profile.
    #[must_use]
    pub fn new(profile: Profile, stored: Arc<dyn FindClient>) -> Self {
        let names: &[&str] = match profile {
            Profile::Demo => &DEMO_CLIENTS,
            Profile::Standard => &[],
        };
        let demo = |name: &&str| DemoClient {
            id: hash_of(name).0,
            secret: hash_of(DEMO_SECRET).0,
        };
        Self {
            demo: names.iter().map(demo).collect(),
            stored,
        }
    }

    /// The client of this id, if the secret is one of its live ones.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn recognise(
        &self,
        id: &str,
        secret: &str,
    ) -> Result<Option<KnownClient>, StoreError> {
        self.recognise_by(&mut RealChecks, id, secret).await
    }

    async fn recognise_by(
        &self,
        checks: &mut (impl SecretChecks + Send),
        id: &str,
        secret: &str,
    ) -> Result<Option<KnownClient>, StoreError> {
        // A text that no client can have as its id is looked up too, under an id that none has.
        let asked = ClientId::parse(id).unwrap_or_else(|_| ClientId::stored(""));
        let stored = self.stored.find(&asked).await?;
        let (id_hash, secret_hash) = (checks.hash(id), checks.hash(secret));
        let mut is_demo = Choice::from(0);
        for demo in &self.demo {
            is_demo |= checks.equal(&demo.id, &id_hash) & checks.equal(&demo.secret, &secret_hash);
        }
        let mut is_stored = Choice::from(0);
        for live in stored.as_ref().map_or([None, None], Client::live) {
            let hash = live.map_or([0; 32], |hash| hash.0);
            is_stored |= checks.equal(&hash, &secret_hash) & Choice::from(u8::from(live.is_some()));
        }
        Ok(match stored.filter(|_| is_stored.into()) {
            Some(client) => Some(of_store(client)),
            None if is_demo.into() => Some(of_demo(id)),
            None => None,
        })
    }
}

fn of_store(client: Client) -> KnownClient {
    // Scopes that only a newer version knows give nothing here.
    let scopes = Scopes::of_claim(&client.scopes);
    KnownClient {
        id: client.id.as_str().to_owned(),
        tenant: client.tenant,
        scopes,
        default_scopes: scopes,
    }
}

fn of_demo(id: &str) -> KnownClient {
    KnownClient {
        id: id.to_owned(),
        tenant: Tenant::default(),
        scopes: Scopes::OF_DEMO_CLIENTS,
        default_scopes: Scopes::OF_DEMO_TOKENS,
    }
}

#[cfg(test)]
mod tests {
    use parking_lot::Mutex;
    use waybill_domain::client::Earlier;
    use waybill_domain::time::Time;

    use super::*;

    /// A store with some clients that counts look-ups.
    #[derive(Default)]
    struct Shelf {
        clients: Vec<Client>,
        lookups: Mutex<u32>,
    }

    #[async_trait]
    impl FindClient for Shelf {
        async fn find(&self, id: &ClientId) -> Result<Option<Client>, StoreError> {
            *self.lookups.lock() += 1;
            Ok(self.clients.iter().find(|client| client.id == *id).cloned())
        }
    }

    #[derive(Debug, Default, PartialEq, Eq)]
    struct CountedChecks {
        hashes: u32,
        comparisons: u32,
    }

    impl SecretChecks for CountedChecks {
        fn hash(&mut self, text: &str) -> [u8; 32] {
            self.hashes += 1;
            RealChecks.hash(text)
        }

        fn equal(&mut self, one: &[u8; 32], other: &[u8; 32]) -> Choice {
            self.comparisons += 1;
            RealChecks.equal(one, other)
        }
    }

    fn client(id: &str, secret: &str) -> Client {
        let id = ClientId::parse(id).expect("valid");
        let tenant = Tenant::stored("shop");
        let scopes = "order:read later:scope".to_owned();
        Client::new(id, tenant, scopes, hash_of(secret), Time(1))
    }

    fn shelf() -> Shelf {
        let one = client("one", "a");
        let two = client("two", "a")
            .rotate(hash_of("b"), Earlier::KeepNewest, Time(2))
            .expect("live");
        let gone = client("gone", "a").revoke(Time(2)).expect("live");
        Shelf {
            clients: vec![one, two, gone],
            lookups: Mutex::default(),
        }
    }

    async fn knows(clients: &Clients, id: &str, secret: &str) -> bool {
        let known = clients.recognise(id, secret).await;
        known.expect("the shelf answers").is_some()
    }

    #[tokio::test]
    async fn only_a_client_with_a_live_secret_is_recognised() {
        let standard = Clients::new(Profile::Standard, Arc::new(shelf()));
        for (id, secret) in [("one", "a"), ("two", "a"), ("two", "b")] {
            assert!(knows(&standard, id, secret).await, "{id} {secret}");
        }
        for (id, secret) in [
            ("one", "b"),
            ("two", "c"),
            ("gone", "a"),
            ("other", "a"),
            ("", ""),
            ("a b", "a"),
            ("demo-client", DEMO_SECRET),
        ] {
            assert!(!knows(&standard, id, secret).await, "{id} {secret}");
        }
        let demo = Clients::new(Profile::Demo, Arc::new(shelf()));
        for id in DEMO_CLIENTS {
            assert!(knows(&demo, id, DEMO_SECRET).await);
            assert!(!knows(&demo, id, "demo-secret2").await);
        }
        assert!(knows(&demo, "one", "a").await && !knows(&demo, "one", DEMO_SECRET).await);
    }

    #[tokio::test]
    async fn a_client_has_its_own_tenant_and_the_scopes_this_version_knows() {
        let clients = Clients::new(Profile::Demo, Arc::new(shelf()));
        let known = clients.recognise("one", "a").await.expect("it answers");
        let known = known.expect("recognised");
        assert_eq!((known.id.as_str(), known.tenant.as_str()), ("one", "shop"));
        assert_eq!(known.scopes.to_string(), "order:read");
        assert_eq!(known.default_scopes, known.scopes);
    }

    /// Counts the work, because time says nothing on a busy machine.
    #[tokio::test]
    async fn unknown_wrong_revoked_and_right_cost_the_same() {
        for profile in [Profile::Standard, Profile::Demo] {
            let shelf = Arc::new(shelf());
            let clients = Clients::new(profile, shelf.clone());
            let mut costs = vec![];
            for (id, secret) in [
                ("one", "a"),
                ("two", "a"),
                ("two", "b"),
                ("one", "wrong"),
                ("gone", "a"),
                ("unknown", "a"),
                ("no id at all", "a"),
                ("", ""),
                ("demo-client", DEMO_SECRET),
                ("demo-client", "wrong"),
            ] {
                let mut work = CountedChecks::default();
                let known = clients.recognise_by(&mut work, id, secret).await;
                known.expect("the shelf answers");
                let lookups = std::mem::take(&mut *shelf.lookups.lock());
                costs.push((id, lookups, work));
            }
            let (_, lookups, work) = &costs[0];
            assert!(*lookups == 1 && work.hashes == 2 && work.comparisons >= 2);
            for (id, of_this, cost) in &costs {
                assert_eq!((of_this, cost), (lookups, work), "{id} {profile:?}");
            }
        }
    }
}
