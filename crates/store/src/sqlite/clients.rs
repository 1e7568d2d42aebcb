//! Clients of the token endpoint.

use super::errors::IntoStore;
use super::once;
use super::rows::Columns;
use super::tx::{Tx, expect_one};
use crate::error::{Error, Result};
use crate::model::{ClientMade, Page};
use rusqlite::{Connection, Row, params};
use waybill_domain::client::{Client, ClientId, Room, Secret, SecretHash, TenantClients};
use waybill_domain::once::CommandClaim;
use waybill_domain::text::Tenant;

const COLUMNS: &str = "id, tenant, scopes, secret_hash, secret_at, older_hash, older_at, created_at, revoked_at, version";

/// Records a new client, once per key.
pub fn make(
    tx: &Tx<'_>,
    client: &Client,
    most: usize,
    claim: Option<&CommandClaim>,
) -> Result<ClientMade> {
    if let Some(claim) = claim
        && once::done(tx.connection, &client.tenant, &claim.hash, tx.now)?.is_some()
    {
        return Err(Error::KeyUsed);
    }
    let deleted = match tenant_clients(tx.connection, client)?.room(most) {
        Room::Taken => return Ok(ClientMade::Taken),
        Room::Full => return Ok(ClientMade::Full),
        Room::After { deleted } => deleted,
    };
    claimed(tx, &client.tenant, claim)?;
    delete_revoked(tx, &client.tenant, deleted)?;
    tx.execute(
        "INSERT INTO clients (id, tenant, scopes, secret_hash, secret_at, older_hash, older_at, created_at, revoked_at, version) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        params![
            client.id.as_str(),
            client.tenant.as_str(),
            client.scopes,
            client.newest.hash.to_string(),
            client.newest.created_at.0,
            client.older.map(|older| older.hash.to_string()),
            client.older.map(|older| older.created_at.0),
            client.created_at.0,
            client.revoked_at.map(|at| at.0),
            client.version,
        ],
    )?;
    Ok(ClientMade::Made)
}

fn claimed(tx: &Tx<'_>, tenant: &Tenant, claim: Option<&CommandClaim>) -> Result<()> {
    match claim {
        Some(claim) if !once::claim(tx, tenant, claim, &claim.outcome)? => Err(Error::KeyUsed),
        Some(_) | None => Ok(()),
    }
}

/// What the client's tenant has.
fn tenant_clients(connection: &Connection, client: &Client) -> Result<TenantClients> {
    connection
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM clients WHERE id = ?1), COUNT(*), COUNT(revoked_at) FROM clients WHERE tenant = ?2",
        )
        .store()?
        .query_row([client.id.as_str(), client.tenant.as_str()], |row| {
            Ok(TenantClients {
                is_id_taken: row.get(0)?,
                clients: row.get(1)?,
                revoked: row.get(2)?,
            })
        })
        .store()
}

/// Deletes the tenant's clients that were revoked first.
fn delete_revoked(tx: &Tx<'_>, tenant: &Tenant, number: usize) -> Result<()> {
    tx.execute(
        "DELETE FROM clients WHERE id IN (SELECT id FROM clients WHERE tenant = ?1 AND revoked_at IS NOT NULL ORDER BY revoked_at, id LIMIT ?2)",
        params![tenant.as_str(), number],
    )?;
    Ok(())
}

/// Writes a changed client over the version before it, once per key.
pub fn write(tx: &Tx<'_>, client: &Client, claim: Option<&CommandClaim>) -> Result<()> {
    claimed(tx, &client.tenant, claim)?;
    let changed = tx.execute(
        "UPDATE clients SET scopes = ?3, secret_hash = ?4, secret_at = ?5, older_hash = ?6, older_at = ?7, revoked_at = ?8, version = ?9 \
         WHERE id = ?1 AND tenant = ?2 AND version = ?9 - 1",
        params![
            client.id.as_str(),
            client.tenant.as_str(),
            client.scopes,
            client.newest.hash.to_string(),
            client.newest.created_at.0,
            client.older.map(|older| older.hash.to_string()),
            client.older.map(|older| older.created_at.0),
            client.revoked_at.map(|at| at.0),
            client.version,
        ],
    )?;
    expect_one(changed, "the client")
}

/// The client of an id.
pub fn by_id(connection: &Connection, id: &ClientId) -> Result<Option<Client>> {
    let sql = format!("SELECT {COLUMNS} FROM clients WHERE id = ?1");
    let mut select = connection.prepare_cached(&sql).store()?;
    let mut rows = select.query([id.as_str()]).store()?;
    rows.next().store()?.map(read).transpose()
}

/// A page of a tenant's clients, by id.
pub fn list(
    connection: &Connection,
    tenant: &Tenant,
    after: Option<&ClientId>,
    limit: usize,
) -> Result<Page<Client, ClientId>> {
    let sql =
        format!("SELECT {COLUMNS} FROM clients WHERE tenant = ?1 AND id > ?2 ORDER BY id LIMIT ?3");
    let mut select = connection.prepare_cached(&sql).store()?;
    let after = after.map_or("", ClientId::as_str);
    let mut rows = select
        .query(params![tenant.as_str(), after, limit])
        .store()?;
    let mut items = vec![];
    while let Some(row) = rows.next().store()? {
        items.push(read(row)?);
    }
    Ok(Page::up_to(limit, items, |client| client.id.clone()))
}

fn read(row: &Row<'_>) -> Result<Client> {
    let mut c = Columns::of(row);
    let id = c.text("a client id", |text| Some(ClientId::stored(text)))?;
    let tenant = c.text("a tenant", |text| Some(Tenant::stored(text)))?;
    let scopes = c.get()?;
    let newest = Secret {
        hash: c.text("the hash of a secret", SecretHash::parse)?,
        created_at: c.time()?,
    };
    let hash = c.optional_text("the hash of a secret", SecretHash::parse)?;
    let older = Secret::stored(hash, c.optional_time()?);
    Ok(Client {
        id,
        tenant,
        scopes,
        newest,
        older,
        created_at: c.time()?,
        revoked_at: c.optional_time()?,
        version: c.get()?,
    })
}
