//! Who is calling, and what they may do.
//!
//! Owns tokens: verifying them, remembering verified ones, making them. Invariant: an [`Identity`]
//! exists only for a token whose signature, times, issuer and audience were checked against this
//! process's settings, and never outlives the token. It leaves to each route which [`Scope`] it asks
//! for, and to the store that the tenant is part of every query.

mod cache;
mod claims;
mod identity;
mod mint;
mod scope;
mod token_file;
mod verify;

pub use identity::Identity;
pub use mint::{NewToken, mint};
pub use scope::{Scope, Scopes, UnknownScope};
pub use token_file::{ADMIN_TOKEN_FILE, write_token_file};
pub use verify::{TokenError, Verifier, bearer};
