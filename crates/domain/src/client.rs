//! A client of the token endpoint, and the secrets by which it is known.
//!
//! Owns what a rotation and a revocation do, and whether there is room for a new client. Invariant: a client has one or
//! two live secrets until it is revoked, and none afterwards. Making secrets and hashing them is the server's; the domain sees hashes only.

use crate::problem::{Problem, code};
use crate::text::Tenant;
use crate::time::Time;
use std::fmt;
use std::sync::Arc;

/// The name that a client gives when it asks for a token. ASCII letters, digits, `.`, `_` and `-`, so that it needs no
/// encoding in a Basic header, a form or a path.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientId(Arc<str>);

impl ClientId {
    /// The longest accepted, in characters.
    pub const MAX_CHARS: usize = 64;

    /// Parses an id from outside.
    ///
    /// # Errors
    /// `required`, `text_too_long` or `invalid_text`, naming the field `id`.
    pub fn parse(text: &str) -> Result<Self, Problem> {
        let invalid = |code, detail: String| Err(Problem::new(code, "id", detail));
        if text.is_empty() {
            return invalid(code::REQUIRED, "must not be empty".into());
        }
        if text.len() > Self::MAX_CHARS {
            let detail = format!("at most {} characters", Self::MAX_CHARS);
            return invalid(code::TEXT_TOO_LONG, detail);
        }
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        // A path removes the names of folders (RFC 3986 section 5.2.4).
        if !text.chars().all(fits) || matches!(text, "." | "..") {
            let detail = "letters, digits, `.`, `_` and `-`, and not `.` or `..` alone";
            return invalid(code::INVALID_TEXT, detail.into());
        }
        Ok(Self(Arc::from(text)))
    }

    /// An id that was checked before, read back from the store.
    #[must_use]
    pub fn stored(text: &str) -> Self {
        Self(Arc::from(text))
    }

    /// The text itself.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", &*self.0)
    }
}

/// The SHA-256 of a secret.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SecretHash(pub [u8; 32]);

impl SecretHash {
    /// Reads 64 lower-case hexadecimal digits, as [`fmt::Display`] writes them; `None` for any other text.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut bytes = [0; 32];
        if text.len() != 2 * bytes.len() {
            return None;
        }
        for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
            *byte = digit(pair[0])? << 4 | digit(pair[1])?;
        }
        Some(Self(bytes))
    }
}

fn digit(ascii: u8) -> Option<u8> {
    match ascii {
        b'0'..=b'9' => Some(ascii - b'0'),
        b'a'..=b'f' => Some(ascii - b'a' + 10),
        _ => None,
    }
}

impl fmt::Display for SecretHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for SecretHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretHash(…)")
    }
}

/// A secret as it is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Secret {
    pub hash: SecretHash,
    pub created_at: Time,
}

impl Secret {
    /// A secret of two columns that are both empty or both not.
    #[must_use]
    pub fn stored(hash: Option<SecretHash>, created_at: Option<Time>) -> Option<Self> {
        let (hash, created_at) = hash.zip(created_at)?;
        Some(Self { hash, created_at })
    }
}

/// A client of the token endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Client {
    /// Unique in the store, over all tenants: a request for a token names no tenant.
    pub id: ClientId,
    pub tenant: Tenant,
    /// What its tokens may do, as a `scope` claim: names with spaces between them.
    pub scopes: String,
    pub newest: Secret,
    /// The secret before it, as long as it is live.
    pub older: Option<Secret>,
    pub created_at: Time,
    pub revoked_at: Option<Time>,
    /// 1 at first; each change adds 1.
    pub version: i64,
}

/// What becomes of the secrets that are live when a new one is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Earlier {
    /// The newest of them stays live beside the new one, until the next rotation; one before it ends.
    KeepNewest,
    /// All of them end: they may be known to others.
    End,
}

/// Why a client was not changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClientRefusal {
    #[error("the client was revoked; a revoked client does not come back")]
    Revoked,
    #[error("the client has one secret only")]
    NoOlderSecret,
}

impl Client {
    /// A new client with its first secret.
    #[must_use]
    pub fn new(id: ClientId, tenant: Tenant, scopes: String, hash: SecretHash, now: Time) -> Self {
        Self {
            id,
            tenant,
            scopes,
            newest: Secret {
                hash,
                created_at: now,
            },
            older: None,
            created_at: now,
            revoked_at: None,
            version: 1,
        }
    }

    /// The client with a new secret.
    ///
    /// # Errors
    /// The client is revoked.
    pub fn rotate(
        &self,
        hash: SecretHash,
        earlier: Earlier,
        now: Time,
    ) -> Result<Self, ClientRefusal> {
        self.check_live()?;
        Ok(Self {
            newest: Secret {
                hash,
                created_at: now,
            },
            older: match earlier {
                Earlier::KeepNewest => Some(self.newest),
                Earlier::End => None,
            },
            version: self.version + 1,
            ..self.clone()
        })
    }

    /// The client with its newest secret only.
    ///
    /// # Errors
    /// The client is revoked, or has one secret already.
    pub fn end_older(&self) -> Result<Self, ClientRefusal> {
        self.check_live()?;
        if self.older.is_none() {
            return Err(ClientRefusal::NoOlderSecret);
        }
        Ok(Self {
            older: None,
            version: self.version + 1,
            ..self.clone()
        })
    }

    /// The client without any live secret, for good; `None` when it is revoked already.
    #[must_use]
    pub fn revoke(&self, now: Time) -> Option<Self> {
        self.check_live().ok()?;
        Some(Self {
            revoked_at: Some(now),
            version: self.version + 1,
            ..self.clone()
        })
    }

    fn check_live(&self) -> Result<(), ClientRefusal> {
        match self.revoked_at {
            None => Ok(()),
            Some(_) => Err(ClientRefusal::Revoked),
        }
    }

    /// The hashes of the live secrets, in two places of which either may be empty.
    #[must_use]
    pub fn live(&self) -> [Option<SecretHash>; 2] {
        if self.revoked_at.is_some() {
            return [None, None];
        }
        [Some(self.newest.hash), self.older.map(|older| older.hash)]
    }
}

/// What a tenant has when one more client is to be made for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TenantClients {
    /// A client of any tenant has the new one's id.
    pub is_id_taken: bool,
    /// The tenant's clients, revoked ones included.
    pub clients: usize,
    /// Those of them that are revoked.
    pub revoked: usize,
}

/// Whether a client can be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Room {
    /// Yes, once so many revoked clients are deleted, those that were revoked first.
    After { deleted: usize },
    /// Another client has the id.
    Taken,
    /// The tenant has as many as it may have, and too few of them are revoked.
    Full,
}

impl TenantClients {
    /// The room for one more of at most `most` clients. A tenant that is above the limit, as after clients were made at
    /// the same time, gets below it again.
    #[must_use]
    pub fn room(self, most: usize) -> Room {
        // No error: a tenant with room deletes none.
        let deleted = (self.clients + 1).saturating_sub(most);
        if self.is_id_taken {
            Room::Taken
        } else if deleted > self.revoked {
            Room::Full
        } else {
            Room::After { deleted }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_client_takes_the_place_of_revoked_ones_where_there_is_no_other() {
        let room = |clients, revoked| {
            let found = TenantClients {
                is_id_taken: false,
                clients,
                revoked,
            };
            found.room(3)
        };
        for (clients, revoked, deleted) in [
            (0, 0, 0),
            (2, 2, 0),
            (3, 1, 1),
            (3, 3, 1),
            (4, 2, 2),
            (5, 5, 3),
        ] {
            let expected = Room::After { deleted };
            assert_eq!(room(clients, revoked), expected, "{clients} {revoked}");
        }
        for (clients, revoked) in [(3, 0), (4, 1), (5, 2)] {
            assert_eq!(room(clients, revoked), Room::Full, "{clients} {revoked}");
        }
    }

    #[test]
    fn an_id_that_is_taken_comes_before_everything_else() {
        for (clients, revoked) in [(0, 0), (3, 0), (9, 9)] {
            let found = TenantClients {
                is_id_taken: true,
                clients,
                revoked,
            };
            assert_eq!(found.room(3), Room::Taken);
        }
        let none = TenantClients {
            is_id_taken: false,
            clients: 0,
            revoked: 0,
        };
        assert_eq!(none.room(0), Room::Full);
    }

    fn hash(n: u8) -> SecretHash {
        SecretHash([n; 32])
    }

    fn client() -> Client {
        let id = ClientId::parse("order-app").expect("valid");
        let scopes = "order:read".to_owned();
        Client::new(id, Tenant::default(), scopes, hash(1), Time(10))
    }

    #[test]
    fn a_rotation_keeps_one_secret_and_the_third_ends_the_oldest() {
        let first = client();
        assert_eq!(first.live(), [Some(hash(1)), None]);
        let second = first.rotate(hash(2), Earlier::KeepNewest, Time(20));
        let second = second.expect("live");
        assert_eq!(second.live(), [Some(hash(2)), Some(hash(1))]);
        let third = second.rotate(hash(3), Earlier::KeepNewest, Time(30));
        let third = third.expect("live");
        assert_eq!(third.live(), [Some(hash(3)), Some(hash(2))]);
        assert_eq!(third.newest.created_at, Time(30));
        assert_eq!((third.created_at, third.version), (Time(10), 3));
    }

    #[test]
    fn a_rotation_can_end_every_earlier_secret() {
        let two = client().rotate(hash(2), Earlier::KeepNewest, Time(20));
        let one = two.expect("live").rotate(hash(3), Earlier::End, Time(30));
        assert_eq!(one.expect("live").live(), [Some(hash(3)), None]);
    }

    #[test]
    fn the_older_secret_is_ended_once() {
        let two = client().rotate(hash(2), Earlier::KeepNewest, Time(20));
        let one = two.expect("live").end_older().expect("it has two");
        assert_eq!((one.live(), one.version), ([Some(hash(2)), None], 3));
        assert_eq!(one.end_older(), Err(ClientRefusal::NoOlderSecret));
    }

    #[test]
    fn a_revoked_client_has_no_secret_and_gets_none() {
        let revoked = client().revoke(Time(20)).expect("live");
        assert_eq!(revoked.live(), [None, None]);
        assert_eq!((revoked.revoked_at, revoked.version), (Some(Time(20)), 2));
        let refused = Err(ClientRefusal::Revoked);
        assert_eq!(
            revoked.rotate(hash(2), Earlier::KeepNewest, Time(30)),
            refused
        );
        assert_eq!(revoked.end_older(), refused);
        assert_eq!(revoked.revoke(Time(30)), None);
    }

    #[test]
    fn an_id_needs_no_encoding_anywhere() {
        for good in ["a", "order-app", "A.b_c-9", &"x".repeat(64)] {
            assert_eq!(ClientId::parse(good).expect("valid").as_str(), good);
        }
        let code = |text: &str| ClientId::parse(text).unwrap_err().code;
        assert_eq!(code(""), code::REQUIRED);
        assert_eq!(code(&"x".repeat(65)), code::TEXT_TOO_LONG);
        for bad in ["a b", "a:b", "a/b", "a%b", "ä", ".", "..", "a\0", "a\n"] {
            assert_eq!(code(bad), code::INVALID_TEXT, "{bad:?}");
        }
    }

    #[test]
    fn a_hash_reads_back_and_is_not_printed_for_developers() {
        let mut bytes = [0xa0; 32];
        bytes[31] = 0x0f;
        let text = SecretHash(bytes).to_string();
        assert!(text.starts_with("a0") && text.ends_with("0f"), "{text}");
        assert_eq!(SecretHash::parse(&text), Some(SecretHash(bytes)));
        for bad in ["", &text[1..], &text.to_uppercase(), &"ä".repeat(32)] {
            assert_eq!(SecretHash::parse(bad), None, "{bad}");
        }
        assert!(!format!("{:?}", client()).contains("0101"));
    }
}
