//! Clients of the token endpoint.

use super::super::clients;
use super::super::schedule::Class;
use super::SqliteStore;
use crate::error::Result;
use crate::model::{ClientMade, Page};
use crate::traits::ClientStore;
use async_trait::async_trait;
use waybill_domain::client::{Client, ClientId};
use waybill_domain::once::CommandClaim;
use waybill_domain::text::Tenant;

#[async_trait]
impl ClientStore for SqliteStore {
    async fn make_client(
        &self,
        client: &Client,
        most: usize,
        claim: Option<CommandClaim>,
    ) -> Result<ClientMade> {
        let client = client.clone();
        self.writer
            .submit(Class::Foreground, move |tx| {
                clients::make(tx, &client, most, claim.as_ref())
            })
            .await
    }

    async fn write_client(&self, client: &Client, claim: Option<CommandClaim>) -> Result<()> {
        let client = client.clone();
        self.writer
            .submit(Class::Foreground, move |tx| {
                clients::write(tx, &client, claim.as_ref())
            })
            .await
    }

    async fn client(&self, id: &ClientId) -> Result<Option<Client>> {
        let id = id.clone();
        self.readers.read(move |c| clients::by_id(c, &id)).await
    }

    async fn list_clients(
        &self,
        tenant: &Tenant,
        after: Option<ClientId>,
        limit: usize,
    ) -> Result<Page<Client, ClientId>> {
        let tenant = tenant.clone();
        self.readers
            .read(move |c| clients::list(c, &tenant, after.as_ref(), limit))
            .await
    }
}
