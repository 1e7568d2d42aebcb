//! Calls to vendors over HTTP.
//!
//! Owns which address may be called (`address`), one call (`call`), the reading of an answer (`listing`), and what keeps
//! a vendor from harming anything else (`caller`: its breaker, its rate, its share of calls).
//! Invariants: nothing that a vendor answers is trusted: every answer has a bound in bytes and in time, redirects are
//! not followed, and a row that cannot be true is refused. No call is made inside a transaction.

pub mod address;
mod call;
mod caller;
pub mod configured;
mod listing;
mod pace;
mod reply;

/// Vendors of all tenants together, at most.
pub const MOST_VENDORS: usize = 1_000;

pub use call::{CallFault, HttpCalls, Kept};
pub use caller::{Callers, Turn, VendorCaller};
pub use reply::Reply;
