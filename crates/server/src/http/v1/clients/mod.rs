//! `/v1/clients`: the clients of the token endpoint, of the caller's tenant.
//!
//! Invariant: a secret is in the answer that makes it and in nothing else: no row, no stored answer, no log line. A
//! replayed answer therefore has none, and says so.

mod change;
mod view;

use std::sync::Arc;

use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};
use waybill_domain::client::{Client, ClientId};
use waybill_domain::echo::Echo;
use waybill_domain::precondition::Tag;
use waybill_domain::problem::code;
use waybill_domain::retry_after::RetryAfter;
use waybill_store::ClientMade;

pub use self::change::{__path_revoke, __path_rotate, revoke, rotate};
use self::view::{ClientView, IssuedView, NewBody};
use super::answer::{Answer, set};
use super::apis::ClientsApi;
use super::call::{Call, versioned};
use super::cursor::Cursor;
use super::kept::Kept;
use super::page::Page;
use super::problem::Problem;
use super::{codes, errors, member, preconditions, strict};
use crate::auth::{Scope, Scopes, hash_of, new_secret};
use crate::commands::is_key_used;
use crate::http::json;
use crate::once::Once;

/// Clients of one tenant. They are made by hand, one for a service; a thousand is far above any installation and keeps
/// the table small.
const MOST: usize = 1_000;

/// The clients of the tenant, revoked ones included.
#[utoipa::path(
    get, path = "/v1/clients", operation_id = "listClients", tag = "clients",
    params(
        ("after" = Option<String>, Query, description = "Goes on after this cursor"),
        ("limit" = Option<u32>, Query, description = "Items at most"),
    ),
    responses((status = 200, description = "By id", body = Page<ClientView<'static>>)),
    security(("token" = ["admin"])),
)]
pub async fn list(State(api): State<Arc<ClientsApi>>, request: Request) -> Answer {
    let call = Call::open(&api.requests, request.into_parts().0, Scope::Admin)?;
    let params = call.params(&["after", "limit"])?;
    let after = params.one("after")?.map(Cursor::client).transpose()?;
    let limit = params.limit(&api.requests.limits)?;
    let store = api.reads.turn(&call.tenant).await?;
    let page = store.list_clients(&call.tenant, after, limit).await?;
    let items = page.items.iter().map(ClientView::of).collect();
    let next = page.next.as_ref().map(Cursor::of_client);
    Ok(json::of(&Page { items, next }).into_response())
}

/// One client.
#[utoipa::path(
    get, path = "/v1/clients/{id}", operation_id = "getClient", tag = "clients",
    params(
        ("id" = String, Path, description = "The client's id"),
        ("If-None-Match" = Option<String>, Header, description = "Answers 304 when its version is still this one", example = "\"3\""),
    ),
    responses((status = 200, description = "The client", body = ClientView<'static>, headers(("ETag" = String, description = "Its version, in quotes"))), (status = 304, description = "The caller has it already")),
    security(("token" = ["admin"])),
)]
pub async fn get(
    State(api): State<Arc<ClientsApi>>,
    Path(id): Path<String>,
    request: Request,
) -> Answer {
    let call = Call::open(&api.requests, request.into_parts().0, Scope::Admin)?;
    call.params(&[])?;
    let asked = call.preconditions()?;
    let client = found(&api, &call, &id).await?;
    let tag = Tag::of(client.version);
    preconditions::show(&asked, tag, &ClientView::of(&client))
}

/// Makes a client with its first secret, which is shown this once.
#[utoipa::path(
    post, path = "/v1/clients", operation_id = "createClient", tag = "clients",
    params(
        ("Idempotency-Key" = Option<String>, Header, description = "Done once: the same key and request again is answered with what the first came to, without the secret", example = "web-8812"),
    ),
    request_body(content = NewBody),
    responses((status = 201, description = "The client and its secret", body = IssuedView<'static>, headers(("Location" = String, description = "Where it is"), ("ETag" = String, description = "Its version, in quotes")))),
    security(("token" = ["admin"])),
)]
pub async fn create(State(api): State<Arc<ClientsApi>>, request: Request) -> Answer {
    let (call, body, once) = Call::command(&api.requests, request, Scope::Admin).await?;
    let body: NewBody = strict::read(&body)?;
    let id = ClientId::parse(&body.id)?;
    let scopes = scopes(&body.scopes)?;
    if let Some(kept) = before(&api, &once).await? {
        return Ok(at(&id, kept.answer(StatusCode::CREATED)));
    }
    let secret = new_secret(&api.contexts.entropy);
    let hash = hash_of(secret.expose());
    let tenant = call.tenant.clone();
    let client = Client::new(id, tenant, scopes.to_string(), hash, api.contexts.now());
    let claim = once.claim_with(&json::of(&IssuedView::again(&client)).0);
    match api.store.make_client(&client, MOST, claim).await {
        Ok(ClientMade::Made) => {
            tracing::info!(client = %client.id, tenant = %client.tenant, by = %call.identity.subject, "client made");
            let view = IssuedView::first(&client, secret.expose());
            let answer = versioned(StatusCode::CREATED, client.version, &view);
            Ok(at(&client.id, answer))
        }
        Ok(ClientMade::Taken) => {
            let detail = "a client of this store has this id already";
            Err(Problem::new(codes::CLIENT_ID_TAKEN, detail).of("id"))
        }
        Ok(ClientMade::Full) => {
            let detail = format!("there are {MOST} clients, and no revoked one makes room");
            Err(Problem::new(codes::TOO_MANY_CLIENTS, detail).with(member::LIMIT, &MOST))
        }
        Err(error) if is_key_used(&error) => match before(&api, &once).await? {
            Some(kept) => Ok(at(&client.id, kept.answer(StatusCode::CREATED))),
            None => Err(key_expired()),
        },
        Err(error) => Err(error.into()),
    }
}

/// The key was used when the client was to be made, and is free now.
fn key_expired() -> Problem {
    let detail = "the key's earlier use has just expired; nothing was made, send it again";
    Problem::new(codes::UNAVAILABLE, detail).retry_after(RetryAfter::Soon)
}

/// An answer that says where the client is.
fn at(id: &ClientId, mut answer: Response) -> Response {
    set(&mut answer, header::LOCATION, &format!("/v1/clients/{id}"));
    answer
}

/// The scopes of a new client.
fn scopes(names: &[String]) -> Result<Scopes, Problem> {
    if names.len() > Scope::ALL.len() {
        let detail = format!(
            "there are {} scopes; this has {}",
            Scope::ALL.len(),
            names.len()
        );
        return Err(Problem::new(code::INVALID_VALUE, detail).of("scopes"));
    }
    let mut all = vec![];
    for (place, name) in names.iter().enumerate() {
        let known = Scope::ALL.into_iter().find(|scope| scope.name() == name);
        let unknown = || {
            let detail = format!(
                "there is no scope {}; there are {}",
                Echo(name),
                Scope::ALL.map(Scope::name).join(", ")
            );
            Problem::new(code::INVALID_VALUE, detail).of(format!("scopes[{place}]"))
        };
        all.push(known.ok_or_else(unknown)?);
    }
    if all.is_empty() {
        let detail = "a client needs at least one scope";
        return Err(Problem::new(code::REQUIRED, detail).of("scopes"));
    }
    Ok(all.into_iter().collect())
}

/// What the same request came to before.
async fn before(api: &ClientsApi, once: &Once) -> Result<Option<Kept>, Problem> {
    let done = once.done_before(&*api.claims).await;
    let done = done.map_err(|error| errors::of_command(error, not_found))?;
    done.map(Kept::read).transpose()
}

/// A client of the caller's tenant.
async fn found(api: &ClientsApi, call: &Call, id: &str) -> Result<Client, Problem> {
    let id = ClientId::parse(id).map_err(|_| not_found())?;
    let store = api.reads.turn(&call.tenant).await?;
    let client = store.client(&id).await?;
    client
        .filter(|client| client.tenant == call.tenant)
        .ok_or_else(not_found)
}

fn not_found() -> Problem {
    Problem::new(codes::CLIENT_NOT_FOUND, "no client of yours has this id")
}

fn shown(client: &Client) -> Response {
    versioned(StatusCode::OK, client.version, &ClientView::of(client))
}
