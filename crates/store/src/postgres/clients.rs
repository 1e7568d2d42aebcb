//! Clients of the token endpoint.

use super::once::{Claimed, Claims};
use super::pipeline::{Answers, Parameter, Pipeline, Sql, params};
use super::rows::{Columns, count};
use super::shared::Shared;
use super::transaction::{Commits, Failed, Open};
use crate::error::{Error, Result};
use crate::model::{ClientMade, Page};
use tokio_postgres::Row;
use tokio_postgres::types::Type;
use waybill_domain::client::{Client, ClientId, Room, Secret, SecretHash, TenantClients};
use waybill_domain::once::CommandClaim;
use waybill_domain::text::Tenant;

static TENANT_CLIENTS: Sql = Sql {
    text: "/* clients::of_tenant */ SELECT EXISTS (SELECT 1 FROM clients WHERE id = $1), count(*), count(revoked_at) FROM clients WHERE tenant = $2",
    types: &[Type::TEXT, Type::TEXT],
};

/// Deletes the tenant's clients that were revoked first. They are locked in the same order by all who delete.
static DELETE_REVOKED: Sql = Sql {
    text: "/* clients::delete_revoked */ DELETE FROM clients WHERE id IN (SELECT id FROM clients WHERE tenant = $1 AND revoked_at IS NOT NULL \
           ORDER BY revoked_at, id LIMIT $2 FOR UPDATE)",
    types: &[Type::TEXT, Type::INT8],
};

/// No row when another transaction has taken the id meanwhile.
static MAKE: Sql = Sql {
    text: "/* clients::make */ INSERT INTO clients (id, tenant, scopes, secret_hash, secret_at, older_hash, older_at, revoked_at, version, created_at) \
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT DO NOTHING RETURNING 1",
    types: &[
        Type::TEXT,
        Type::TEXT,
        Type::TEXT,
        Type::TEXT,
        Type::INT8,
        Type::TEXT,
        Type::INT8,
        Type::INT8,
        Type::INT8,
        Type::INT8,
    ],
};

static WRITE: Sql = Sql {
    text: "/* clients::write */ UPDATE clients SET scopes = $3, secret_hash = $4, secret_at = $5, older_hash = $6, older_at = $7, \
           revoked_at = $8, version = $9 WHERE id = $1 AND tenant = $2 AND version = $9 - 1 RETURNING 1",
    types: &[
        Type::TEXT,
        Type::TEXT,
        Type::TEXT,
        Type::TEXT,
        Type::INT8,
        Type::TEXT,
        Type::INT8,
        Type::INT8,
        Type::INT8,
    ],
};

macro_rules! select {
    ($name:literal, $rest:literal) => {
        concat!(
            "/* clients::",
            $name,
            " */ SELECT id, tenant, scopes, secret_hash, secret_at, older_hash, older_at, created_at, revoked_at, version FROM clients ",
            $rest
        )
    };
}

static BY_ID: Sql = Sql {
    text: select!("by_id", "WHERE id = $1"),
    types: &[Type::TEXT],
};

static LIST: Sql = Sql {
    text: select!("list", "WHERE tenant = $1 AND id > $2 ORDER BY id LIMIT $3"),
    types: &[Type::TEXT, Type::TEXT, Type::INT8],
};

/// All columns of a new client.
fn values(client: &Client) -> Vec<Parameter<'_>> {
    let mut values = changed_values(client);
    values.extend(params![client.created_at.0]);
    values
}

/// The columns that a change names or writes, in their order.
fn changed_values(client: &Client) -> Vec<Parameter<'_>> {
    params![
        client.id.as_str(),
        client.tenant.as_str(),
        client.scopes.as_str(),
        client.newest.hash.to_string(),
        client.newest.created_at.0,
        client.older.map(|older| older.hash.to_string()),
        client.older.map(|older| older.created_at.0),
        client.revoked_at.map(|at| at.0),
        client.version,
    ]
}

/// Fails when the command's key was used before.
fn check_free(
    answers: &mut Answers,
    claimed: Claimed,
    client: &Client,
    claim: Option<&CommandClaim>,
) -> Result<()> {
    if claimed.free(answers)?.allows(&client.tenant, claim) {
        Ok(())
    } else {
        Err(Error::KeyUsed)
    }
}

/// Records a new client, once per key.
pub async fn make(
    shared: &Shared,
    client: &Client,
    most: usize,
    claim: Option<&CommandClaim>,
) -> Result<ClientMade> {
    let mut attempts = shared.commits.attempts();
    loop {
        match attempt_make(shared, client, most, claim).await {
            Ok(made) => return Ok(made),
            Err(failed) => attempts.again(failed).await?,
        }
    }
}

async fn attempt_make(
    shared: &Shared,
    client: &Client,
    most: usize,
    claim: Option<&CommandClaim>,
) -> std::result::Result<ClientMade, Failed> {
    let (commits, now) = (&shared.commits, (shared.now)());
    let claims = Claims::of([(&client.tenant, claim)].into_iter());
    let (open, room) = commits
        .begin(
            |pipeline| {
                let claimed = claims.claim(pipeline, now);
                let of = params![client.id.as_str(), client.tenant.as_str()];
                (claimed, pipeline.add(&TENANT_CLIENTS, of))
            },
            |answers, (claimed, clients)| {
                check_free(answers, claimed, client, claim)?;
                Ok(tenant_clients_of(&answers.take(clients))?.room(most))
            },
        )
        .await?;
    let deleted = match room {
        Room::After { deleted } => deleted,
        Room::Taken => return refused(commits, open, ClientMade::Taken).await,
        Room::Full => return refused(commits, open, ClientMade::Full).await,
    };
    let (open, is_made) = commits
        .go_on(
            open,
            |pipeline| {
                let of = params![client.tenant.as_str(), count(deleted)];
                pipeline.add(&DELETE_REVOKED, of);
                pipeline.add(&MAKE, values(client))
            },
            |answers, made| Ok(!answers.take(made).is_empty()),
        )
        .await?;
    if !is_made {
        return refused(commits, open, ClientMade::Taken).await;
    }
    commits.commit(open, Pipeline::new(), None).await?;
    Ok(ClientMade::Made)
}

/// Ends a transaction that makes no client; the command's key stays free.
async fn refused(
    commits: &Commits,
    open: Open,
    why: ClientMade,
) -> std::result::Result<ClientMade, Failed> {
    commits.roll_back(open).await;
    Ok(why)
}

fn tenant_clients_of(rows: &[Row]) -> Result<TenantClients> {
    let row = rows.first();
    let row = row.ok_or_else(|| Error::unavailable("the database answered nothing"))?;
    let mut c = Columns::of(row);
    Ok(TenantClients {
        is_id_taken: c.get()?,
        clients: c.number("a count")?,
        revoked: c.number("a count")?,
    })
}

/// Writes a changed client over the version before it, once per key.
pub async fn write(shared: &Shared, client: &Client, claim: Option<&CommandClaim>) -> Result<()> {
    let mut attempts = shared.commits.attempts();
    while let Err(failed) = attempt_write(shared, client, claim).await {
        attempts.again(failed).await?;
    }
    Ok(())
}

async fn attempt_write(
    shared: &Shared,
    client: &Client,
    claim: Option<&CommandClaim>,
) -> std::result::Result<(), Failed> {
    let (commits, now) = (&shared.commits, (shared.now)());
    let claims = Claims::of([(&client.tenant, claim)].into_iter());
    let (open, ()) = commits
        .begin(
            |pipeline| {
                let claimed = claims.claim(pipeline, now);
                (claimed, pipeline.add(&WRITE, changed_values(client)))
            },
            |answers, (claimed, written)| {
                check_free(answers, claimed, client, claim)?;
                if answers.take(written).is_empty() {
                    return Err(Error::Conflict { what: "the client" });
                }
                Ok(())
            },
        )
        .await?;
    commits.commit(open, Pipeline::new(), None).await
}

/// The client of an id.
pub async fn by_id(commits: &Commits, id: &ClientId) -> Result<Option<Client>> {
    let rows = commits.read(&BY_ID, params![id.as_str()]).await?;
    rows.first().map(read).transpose()
}

/// A page of a tenant's clients, by id.
pub async fn list(
    commits: &Commits,
    tenant: &Tenant,
    after: Option<&ClientId>,
    limit: usize,
) -> Result<Page<Client, ClientId>> {
    let after = after.map_or("", ClientId::as_str);
    let parameters = params![tenant.as_str(), after, count(limit)];
    let rows = commits.read(&LIST, parameters).await?;
    let items = rows.iter().map(read).collect::<Result<_>>()?;
    Ok(Page::up_to(limit, items, |client: &Client| {
        client.id.clone()
    }))
}

fn read(row: &Row) -> Result<Client> {
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
