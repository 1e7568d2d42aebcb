//! Clients of the token endpoint.

use super::base::StoreBase;
use crate::error::Result;
use crate::model::{ClientMade, Page};
use async_trait::async_trait;
use waybill_domain::client::{Client, ClientId};
use waybill_domain::once::CommandClaim;
use waybill_domain::text::Tenant;

/// Clients with the hashes of their secrets.
#[async_trait]
pub trait ClientStore: StoreBase {
    /// Records a new client, once per key. A tenant has up to `most` clients, revoked ones included: the client that
    /// was revoked first makes room for a new one. Processes that record clients at the same moment may exceed `most`
    /// by their number.
    ///
    /// Fails with [`crate::Error::KeyUsed`] when a request with the same key was committed before. A client that is not
    /// made leaves its key free.
    async fn make_client(
        &self,
        client: &Client,
        most: usize,
        claim: Option<CommandClaim>,
    ) -> Result<ClientMade>;

    /// Writes a changed client over the version before it, once per key.
    ///
    /// Fails with [`crate::Error::Conflict`] when the client has another version by now, and with
    /// [`crate::Error::KeyUsed`] when a request with the same key was committed before.
    async fn write_client(&self, client: &Client, claim: Option<CommandClaim>) -> Result<()>;

    /// The client of an id, whichever tenant it is of: for a caller that has yet to prove who it is.
    async fn client(&self, id: &ClientId) -> Result<Option<Client>>;

    /// A page of a tenant's clients, revoked ones included, by the bytes of their ids.
    async fn list_clients(
        &self,
        tenant: &Tenant,
        after: Option<ClientId>,
        limit: usize,
    ) -> Result<Page<Client, ClientId>>;
}
