//! Who may follow an order: a token in the header, or one that is good for nothing else in the address.

use std::sync::Arc;

use http::header;
use http::request::Parts;

use super::super::call::Call;
use super::super::codes;
use super::super::problem::Problem;
use crate::auth::{Identity, Scope, Scopes, TokenError};
use crate::http::access::Denied;
use crate::http::requests::Requests;

/// Reads the token from the header, or from the query: a browser cannot set the headers of an `EventSource` or a
/// `WebSocket`, so it passes a token that is good for following orders only. `known` are the parameters of the route,
/// `access_token` among them.
///
/// # Errors
/// 400 for a parameter that the route does not have, 401, 403.
pub fn of(
    requests: &Requests,
    head: Parts,
    known: &'static [&'static str],
) -> Result<Call, Problem> {
    if head.headers.contains_key(header::AUTHORIZATION) {
        let may_read = requests
            .access
            .caller(&head.headers, Scope::OrderRead)
            .is_ok();
        let scope = if may_read {
            Scope::OrderRead
        } else {
            Scope::OrderStream
        };
        return Call::open(requests, head, scope);
    }
    let in_header = Call::of(Arc::new(unverified()), head);
    let params = in_header.params(known)?;
    let token = params.one("access_token")?;
    let token = token.ok_or(Denied::Token(TokenError::Missing))?;
    let verified = requests.access.verify(token);
    let identity = verified.map_err(Denied::Token)?;
    if !identity.scopes.are_only(Scope::OrderStream) {
        let detail = "a token in an address may have the one scope order:stream and no other: addresses end up in logs";
        return Err(Problem::new(codes::INSUFFICIENT_SCOPE, detail).of("access_token"));
    }
    Ok(Call::of(identity, in_header.head))
}

/// The identity of a request whose token is not verified yet.
fn unverified() -> Identity {
    Identity {
        subject: String::new(),
        tenant: String::new(),
        scopes: Scopes::default(),
        until_micros: 0,
    }
}
