//! A caller's command, done once per `Idempotency-Key`.
//!
//! Every command takes a [`Once`], with a key or without one. The key is looked up before the command is decided, and
//! claimed in the transaction that does it; a later request with the same key finds the claim. Without a key nothing is
//! looked up and no claim is written.

use waybill_domain::once::{CommandClaim, Reuse};
use waybill_domain::text::Tenant;
use waybill_domain::time::Time;
use waybill_store::ClaimStore;

use crate::command_error::CommandError;
use crate::intake::claims::{self, ClientKey};

/// Whose command it is, and its key.
pub struct Once {
    pub tenant: Tenant,
    claim: Option<CommandClaim>,
    /// The hash by which earlier versions claimed a key that was sent in quotes.
    earlier: Option<[u8; 16]>,
}

/// What makes two requests the same one.
pub struct Request<'a> {
    pub method: &'a str,
    pub path: &'a str,
    /// In its canonical form (RFC 8785).
    pub body: &'a str,
}

impl Once {
    /// A command without a key: it is done each time it is sent.
    #[must_use]
    pub fn without_key(tenant: Tenant) -> Self {
        Self {
            tenant,
            claim: None,
            earlier: None,
        }
    }

    /// A command with the key of a client.
    #[must_use]
    pub fn with_key(
        tenant: Tenant,
        client: &str,
        key: &ClientKey,
        request: &Request<'_>,
        expires_at: Time,
    ) -> Self {
        let parts = [request.method, request.path, request.body];
        let claim = CommandClaim {
            hash: claims::command_key(client, &key.value),
            request: claims::hash(&parts.map(str::as_bytes)),
            expires_at,
            outcome: String::new(),
        };
        let earlier = key.quoted.as_deref();
        Self {
            tenant,
            claim: Some(claim),
            earlier: earlier.map(|text| claims::command_key(client, text)),
        }
    }

    /// What the store is to claim.
    #[must_use]
    pub fn claim(&self) -> Option<CommandClaim> {
        self.claim.clone()
    }

    /// The same, with the answer for replays.
    #[must_use]
    pub fn claim_with(&self, outcome: &str) -> Option<CommandClaim> {
        let claim = self.claim()?;
        Some(CommandClaim {
            outcome: outcome.to_owned(),
            ..claim
        })
    }

    /// The outcome, if the command was done before.
    ///
    /// # Errors
    /// The key was used for another request; the store's.
    pub async fn done_before(
        &self,
        claims: &dyn ClaimStore,
    ) -> Result<Option<String>, CommandError> {
        let Some(claim) = &self.claim else {
            return Ok(None);
        };
        let mut done = claims.command_done(&self.tenant, claim.hash).await?;
        if let (None, Some(earlier)) = (&done, self.earlier) {
            done = claims.command_done(&self.tenant, earlier).await?;
        }
        match done.map(|done| done.answer(claim)) {
            None => Ok(None),
            Some(Reuse::Replay(outcome)) => Ok(Some(outcome)),
            Some(Reuse::OtherRequest) => Err(CommandError::KeyReused),
        }
    }
}
