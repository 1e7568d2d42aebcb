//! Authentication: the identity of a caller and its scopes.
//!
//! Owns tokens: verifying, caching and making them, and recognising the clients that ask for one. Invariant: an
//! [`Identity`] exists only for a token whose signature, times, issuer and audience were checked against this process's
//! settings, and never outlives the token. Each route chooses the [`Scope`] it requires; the store makes the tenant part
//! of every query.

mod access_role;
mod cache;
mod claims;
mod client_secret;
mod clients;
mod identity;
mod mint;
mod scope;
mod token_error;
mod token_file;
mod verify;

pub use access_role::{AccessRoles, UnknownAccessRole};
pub use claims::LAST_SECOND;
pub use client_secret::{hash_of, new_secret};
pub use clients::{Clients, KnownClient, StoredClients};
pub use identity::Identity;
pub use mint::{MintError, NewToken, mint};
pub use scope::{Scope, Scopes, UnknownScope};
pub use token_error::TokenError;
pub use token_file::{ADMIN_TOKEN_FILE, write_token_file};
pub use verify::{Inspected, Verifier, bearer};
