//! Who may follow an order: a token in the header, or one that is good for nothing else in the address.

use std::sync::Arc;

use http::header;
use http::request::Parts;

use super::super::call::Call;
use super::super::codes;
use super::super::params::Params;
use super::super::problem::Problem;
use crate::auth::{Identity, Scope};
use crate::http::access::{Access, in_header};
use crate::http::requests::Requests;

/// Reads the parameters of the route, `known` with `access_token` among them, and the token: from the header if there
/// is one, else from the query. A browser cannot set the headers of an `EventSource` or a `WebSocket`, so it passes a
/// token that is good for following orders only.
///
/// # Errors
/// 400 for a parameter that the route does not have, 401, 403.
pub fn of(
    requests: &Requests,
    head: Parts,
    known: &'static [&'static str],
) -> Result<(Call, Params), Problem> {
    let (identity, params) = if head.headers.contains_key(header::AUTHORIZATION) {
        let identity = by_header(&requests.access, &head)?;
        (identity, Params::of_query(&head.uri, known)?)
    } else {
        let params = Params::of_query(&head.uri, known)?;
        (by_address(&requests.access, &params)?, params)
    };
    Ok((Call::of(identity, head), params))
}

fn by_header(access: &Access, head: &Parts) -> Result<Arc<Identity>, Problem> {
    let identity = access.identify(in_header(&head.headers))?;
    if identity.may(Scope::OrderRead) || identity.may(Scope::OrderStream) {
        Ok(identity)
    } else {
        Err(access.lacking(Scope::OrderStream).into())
    }
}

fn by_address(access: &Access, params: &Params) -> Result<Arc<Identity>, Problem> {
    let identity = access.identify(params.one("access_token")?)?;
    if identity.scopes.are_only(Scope::OrderStream) {
        return Ok(identity);
    }
    access.count_lacking_scope();
    let detail = "a token in an address may have the one scope order:stream and no other: addresses end up in logs";
    Err(Problem::new(codes::INSUFFICIENT_SCOPE, detail).of("access_token"))
}
