//! Rotating and revoking a client.

use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::{Path, Request, State};
use http::StatusCode;
use waybill_domain::client::{Client, ClientRefusal, Earlier};
use waybill_domain::precondition::Preconditions;
use waybill_store::Error as StoreError;

use super::super::answer::Answer;
use super::super::apis::ClientsApi;
use super::super::call::{Call, versioned};
use super::super::kept::Kept;
use super::super::problem::Problem;
use super::super::{codes, errors, strict};
use super::view::{ClientView, IssuedView, RevokeBody, RotateBody};
use super::{before, found, not_found, shown};
use crate::auth::{Scope, hash_of, new_secret};
use crate::commands::{Thing, Tries, is_key_used};
use crate::http::json;
use crate::once::Once;

/// A request that changes a client.
struct Change<'a> {
    api: &'a ClientsApi,
    call: &'a Call,
    id: &'a str,
    asked: Preconditions,
    once: Once,
}

/// What is decided about a client. `U` is [`Infallible`] where a client never stays as it is.
enum Decided<U> {
    /// The client after the change.
    Changed(Client),
    /// It is so already; nothing is written.
    Unchanged(U),
}

/// What a change came to.
enum Outcome<U> {
    /// It was decided, and written if there was something to write.
    Done(Decided<U>),
    /// The same request was done before, with this answer.
    Before(Kept),
}

/// Gives a client a new secret, which is shown this once. The secret before it stays live until the next rotation, so
/// that the client's processes can be given the new one in turn; a third one ends.
#[utoipa::path(
    post, path = "/v1/clients/{id}/rotate", operation_id = "rotateClient", tag = "clients",
    params(
        ("id" = String, Path, description = "The client's id"),
        ("Idempotency-Key" = Option<String>, Header, description = "Done once: the same key and request again is answered with what the first came to, without the secret", example = "web-8812"),
        ("If-Match" = Option<String>, Header, description = "Only if its version is still this one; `*`: only if it is there", example = "\"3\""),
    ),
    request_body(content = RotateBody),
    responses((status = 200, description = "The client and its new secret", body = IssuedView<'static>, headers(("ETag" = String, description = "Its version, in quotes")))),
    security(("token" = ["admin"])),
)]
pub async fn rotate(
    State(api): State<Arc<ClientsApi>>,
    Path(id): Path<String>,
    request: Request,
) -> Answer {
    let (call, body, once) = Call::command(&api.requests, request, Scope::Admin).await?;
    let asked = call.preconditions()?;
    let body: RotateBody = strict::read_or_empty(&body)?;
    let earlier = if body.revoke_old {
        Earlier::End
    } else {
        Earlier::KeepNewest
    };
    let secret = new_secret(&api.contexts.entropy);
    let hash = hash_of(secret.expose());
    let change = Change {
        api: &api,
        call: &call,
        id: &id,
        asked,
        once,
    };
    let decide = |client: &Client| {
        let rotated = client.rotate(hash, earlier, api.contexts.now());
        rotated.map(Decided::Changed).map_err(Problem::from)
    };
    let again = |client: &Client| json::of(&IssuedView::again(client)).0;
    match change.make::<Infallible>(decide, again).await? {
        Outcome::Done(Decided::Changed(client)) => {
            tracing::info!(client = %client.id, tenant = %client.tenant, by = %call.identity.subject, "client rotated");
            let view = IssuedView::first(&client, secret.expose());
            Ok(versioned(StatusCode::OK, client.version, &view))
        }
        Outcome::Done(Decided::Unchanged(never)) => match never {},
        Outcome::Before(kept) => Ok(kept.answer(StatusCode::OK)),
    }
}

/// Ends a client for good: its secrets give no token any more. Its id is free again only after a new client took its
/// place because the tenant had as many as it may have. Tokens that it has stay valid until they expire. A client that
/// is revoked already is answered as it is.
#[utoipa::path(
    post, path = "/v1/clients/{id}/revoke", operation_id = "revokeClient", tag = "clients",
    params(
        ("id" = String, Path, description = "The client's id"),
        ("Idempotency-Key" = Option<String>, Header, description = "Done once: the same key and request again is answered with what the first came to", example = "web-8812"),
        ("If-Match" = Option<String>, Header, description = "Only if its version is still this one; `*`: only if it is there", example = "\"3\""),
    ),
    request_body(content = RevokeBody),
    responses((status = 200, description = "The client", body = ClientView<'static>, headers(("ETag" = String, description = "Its version, in quotes")))),
    security(("token" = ["admin"])),
)]
pub async fn revoke(
    State(api): State<Arc<ClientsApi>>,
    Path(id): Path<String>,
    request: Request,
) -> Answer {
    let (call, body, once) = Call::command(&api.requests, request, Scope::Admin).await?;
    let asked = call.preconditions()?;
    let body: RevokeBody = strict::read_or_empty(&body)?;
    let change = Change {
        api: &api,
        call: &call,
        id: &id,
        asked,
        once,
    };
    let decide = |client: &Client| {
        if body.old_secret_only {
            let ended = client.end_older();
            return ended.map(Decided::Changed).map_err(Problem::from);
        }
        Ok(match client.revoke(api.contexts.now()) {
            Some(revoked) => Decided::Changed(revoked),
            None => Decided::Unchanged(client.clone()),
        })
    };
    let again = |client: &Client| json::of(&ClientView::of(client)).0;
    match change.make(decide, again).await? {
        Outcome::Done(Decided::Changed(client)) => {
            let what = if body.old_secret_only {
                "older secret of a client ended"
            } else {
                "client revoked"
            };
            tracing::info!(client = %client.id, tenant = %client.tenant, by = %call.identity.subject, "{what}");
            Ok(shown(&client))
        }
        Outcome::Done(Decided::Unchanged(client)) => Ok(shown(&client)),
        Outcome::Before(kept) => Ok(kept.answer(StatusCode::OK)),
    }
}

impl Change<'_> {
    /// Decides on the present client and writes the result; once more when another change came between. `again` gives
    /// the answer to a replay.
    async fn make<U>(
        self,
        decide: impl Fn(&Client) -> Result<Decided<U>, Problem>,
        again: impl Fn(&Client) -> String,
    ) -> Result<Outcome<U>, Problem> {
        let queue = &self.api.queue;
        let key = (&self.call.tenant, self.id);
        let not_done = |error| errors::of_command(error, not_found);
        let mut tries = Tries::begin(queue, Thing::Client, key)
            .await
            .map_err(not_done)?;
        loop {
            if let Some(kept) = before(self.api, &self.once).await? {
                return Ok(Outcome::Before(kept));
            }
            let client = found(self.api, self.call, self.id).await?;
            self.asked.check(Some(client.version))?;
            let changed = match decide(&client)? {
                Decided::Changed(changed) => changed,
                unchanged @ Decided::Unchanged(_) => return Ok(Outcome::Done(unchanged)),
            };
            let claim = self.once.claim_with(&again(&changed));
            match self.api.store.write_client(&changed, claim).await {
                Ok(()) => return Ok(Outcome::Done(Decided::Changed(changed))),
                Err(error) if is_key_used(&error) => tries.again().await.map_err(not_done)?,
                Err(StoreError::Conflict { .. }) => tries.again().await.map_err(not_done)?,
                Err(error) => return Err(error.into()),
            }
        }
    }
}

impl From<ClientRefusal> for Problem {
    fn from(refusal: ClientRefusal) -> Self {
        let code = match refusal {
            ClientRefusal::Revoked => codes::CLIENT_REVOKED,
            ClientRefusal::NoOlderSecret => codes::NO_OLDER_SECRET,
        };
        Self::new(code, refusal.to_string())
    }
}
