//! Commands that are done once: the keys they claim (`waybill_domain::once`). Keys are claimed before any other row is
//! locked, and given back when the command is not done.

use super::pipeline::{Answers, Handle, Pipeline, Rows, Sql, params};
use super::rows::{Columns, count};
use super::transaction::{Commits, Failed};
use crate::error::Result;
use std::collections::{BTreeMap, HashSet};
use tokio_postgres::types::Type;
use uuid::Uuid;
use waybill_domain::once::{CommandClaim, CommandDone};
use waybill_domain::text::Tenant;
use waybill_domain::time::Time;

static CLAIM: Sql = Sql {
    text: "/* once::claim */ INSERT INTO command_claims AS c (tenant, hash, request, outcome, expires_at) SELECT * FROM unnest($1, $2, $3, $4, $5) \
           ON CONFLICT (hash, tenant) DO UPDATE SET request = excluded.request, outcome = excluded.outcome, expires_at = excluded.expires_at \
           WHERE c.expires_at <= $6 RETURNING tenant, hash",
    types: &[
        Type::TEXT_ARRAY,
        Type::UUID_ARRAY,
        Type::UUID_ARRAY,
        Type::TEXT_ARRAY,
        Type::INT8_ARRAY,
        Type::INT8,
    ],
};

static GIVE_BACK: Sql = Sql {
    text: "/* once::give_back */ DELETE FROM command_claims c USING unnest($1, $2) AS k (tenant, hash) WHERE c.hash = k.hash AND c.tenant = k.tenant",
    types: &[Type::TEXT_ARRAY, Type::UUID_ARRAY],
};

static FINISH: Sql = Sql {
    text: "/* once::finish */ UPDATE command_claims c SET outcome = $3 WHERE c.tenant = $1 AND c.hash = $2",
    types: &[Type::TEXT, Type::UUID, Type::TEXT],
};

static DONE: Sql = Sql {
    text: "/* once::done */ SELECT request, outcome FROM command_claims WHERE tenant = $1 AND hash = $2 AND expires_at > $3",
    types: &[Type::TEXT, Type::UUID, Type::INT8],
};

static FORGET: Sql = Sql {
    text: "/* once::forget */ DELETE FROM command_claims c USING (SELECT hash, tenant FROM command_claims WHERE expires_at <= $1 \
           ORDER BY hash, tenant LIMIT $2 FOR UPDATE) AS k WHERE c.hash = k.hash AND c.tenant = k.tenant RETURNING 1",
    types: &[Type::INT8, Type::INT8],
};

/// The primary key of a claim: tenant and hash.
type Key = (String, Uuid);

fn key(tenant: &Tenant, claim: &CommandClaim) -> Key {
    (tenant.as_str().to_owned(), Uuid::from_bytes(claim.hash))
}

/// The keys of some commands, each once, in the order in which they are locked.
#[derive(Default)]
pub struct Claims(BTreeMap<(Uuid, String), CommandClaim>);

impl Claims {
    /// Collects the keys of commands; a command may have none.
    pub fn of<'c>(commands: impl Iterator<Item = (&'c Tenant, Option<&'c CommandClaim>)>) -> Self {
        let mut all = BTreeMap::new();
        for (tenant, claim) in commands {
            let Some(claim) = claim else { continue };
            let (tenant, hash) = key(tenant, claim);
            // A later command of the batch with the same key does not get it.
            all.entry((hash, tenant)).or_insert_with(|| claim.clone());
        }
        Self(all)
    }

    /// Adds the statement that claims all keys; without keys there is no statement.
    pub fn claim<'p>(&'p self, pipeline: &mut Pipeline<'p>, now: Time) -> Claimed {
        if self.0.is_empty() {
            return Claimed(None);
        }
        let each = || self.0.iter();
        let claimed = pipeline.add(
            &CLAIM,
            params![
                each().map(|((_, t), _)| t.as_str()).collect::<Vec<_>>(),
                each().map(|((hash, _), _)| *hash).collect::<Vec<_>>(),
                each()
                    .map(|(_, c)| Uuid::from_bytes(c.request))
                    .collect::<Vec<_>>(),
                each().map(|(_, c)| c.outcome.as_str()).collect::<Vec<_>>(),
                each().map(|(_, c)| c.expires_at.0).collect::<Vec<_>>(),
                now.0,
            ],
        );
        Claimed(Some(claimed))
    }
}

/// The pending claims.
pub struct Claimed(Option<Handle<Rows>>);

impl Claimed {
    /// The keys that were free.
    pub fn free(self, answers: &mut Answers) -> Result<Free> {
        let Some(claimed) = self.0 else {
            return Ok(Free::default());
        };
        let rows = answers.take(claimed);
        let keys = rows.iter().map(|row| {
            let mut c = Columns::of(row);
            Ok((c.get()?, c.uuid()?))
        });
        keys.collect::<Result<_>>().map(Free)
    }
}

/// The keys that were free, each to be used by one command.
#[derive(Default)]
pub struct Free(HashSet<Key>);

impl Free {
    /// Whether the command's key was free and no earlier command of the batch has used it; true for a command without a
    /// key.
    pub fn allows(&self, tenant: &Tenant, claim: Option<&CommandClaim>) -> bool {
        claim.is_none_or(|claim| self.0.contains(&key(tenant, claim)))
    }

    /// Marks the command's key as used.
    pub fn uses(&mut self, tenant: &Tenant, claim: Option<&CommandClaim>) {
        if let Some(claim) = claim {
            self.0.remove(&key(tenant, claim));
        }
    }

    /// Gives back the keys of commands that are not done.
    pub fn give_back(&self, pipeline: &mut Pipeline<'_>) {
        if self.0.is_empty() {
            return;
        }
        let tenants: Vec<String> = self.0.iter().map(|(tenant, _)| tenant.clone()).collect();
        let hashes: Vec<Uuid> = self.0.iter().map(|(_, hash)| *hash).collect();
        pipeline.add(&GIVE_BACK, params![tenants, hashes]);
    }
}

/// Writes the outcome that a replay returns, for commands whose outcome is only known in the transaction.
pub fn finish<'p>(
    pipeline: &mut Pipeline<'p>,
    tenant: &'p Tenant,
    claim: &CommandClaim,
    outcome: String,
) {
    let hash = Uuid::from_bytes(claim.hash);
    pipeline.add(&FINISH, params![tenant.as_str(), hash, outcome]);
}

/// What was done with a key; `None` when it was not used. Returned only after the commit that used it has reached the
/// standby, if commits wait for one.
pub async fn done(
    commits: &Commits,
    tenant: &Tenant,
    hash: [u8; 16],
    now: Time,
) -> Result<Option<CommandDone>> {
    let mut attempts = commits.attempts();
    loop {
        match attempt_done(commits, tenant, hash, now).await {
            Ok(done) => return Ok(done),
            Err(failed) => attempts.again(failed).await?,
        }
    }
}

async fn attempt_done(
    commits: &Commits,
    tenant: &Tenant,
    hash: [u8; 16],
    now: Time,
) -> std::result::Result<Option<CommandDone>, Failed> {
    let (open, done) = commits
        .begin(
            |pipeline| {
                let parameters = params![tenant.as_str(), Uuid::from_bytes(hash), now.0];
                pipeline.add(&DONE, parameters)
            },
            |answers, done| {
                let done = answers.take(done);
                let read = done.first().map(|row| {
                    let mut c = Columns::of(row);
                    Ok(CommandDone {
                        request: c.uuid()?.into_bytes(),
                        outcome: c.get()?,
                    })
                });
                read.transpose()
            },
        )
        .await?;
    if done.is_some() {
        commits.tell_what_was_read(open).await?;
    } else {
        commits.roll_back(open).await;
    }
    Ok(done)
}

/// Deletes up to `limit` expired claims; returns how many.
pub async fn forget(commits: &Commits, now: Time, limit: usize) -> Result<usize> {
    let parameters = params![now.0, count(limit)];
    let rows = commits.write_one(&FORGET, parameters).await?;
    Ok(rows.len())
}
