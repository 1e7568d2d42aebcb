//! Clients of the token endpoint.

use super::super::clients;
use super::PostgresStore;
use crate::error::Result;
use crate::model::{ClientMade, Page};
use crate::traits::ClientStore;
use async_trait::async_trait;
use waybill_domain::client::{Client, ClientId};
use waybill_domain::once::CommandClaim;
use waybill_domain::text::Tenant;

#[async_trait]
impl ClientStore for PostgresStore {
    async fn make_client(
        &self,
        client: &Client,
        most: usize,
        claim: Option<CommandClaim>,
    ) -> Result<ClientMade> {
        let client = client.clone();
        self.write(
            |shared| async move { clients::make(&shared, &client, most, claim.as_ref()).await },
        )
        .await
    }

    async fn write_client(&self, client: &Client, claim: Option<CommandClaim>) -> Result<()> {
        let client = client.clone();
        self.write(|shared| async move { clients::write(&shared, &client, claim.as_ref()).await })
            .await
    }

    async fn client(&self, id: &ClientId) -> Result<Option<Client>> {
        clients::by_id(self.read()?, id).await
    }

    async fn list_clients(
        &self,
        tenant: &Tenant,
        after: Option<ClientId>,
        limit: usize,
    ) -> Result<Page<Client, ClientId>> {
        clients::list(self.read()?, tenant, after.as_ref(), limit).await
    }
}
