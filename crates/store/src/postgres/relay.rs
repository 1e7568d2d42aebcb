//! What the relay reads and keeps.

use super::fence::fence;
use super::log;
use super::once::Claims;
use super::pipeline::{Pipeline, Sql, params};
use super::rows::{Columns, small};
use super::shared::Shared;
use super::transaction::{Commits, Failed};
use crate::error::{Error, Result};
use crate::model::{
    Lease, Positions, RelayCommand, RelayNote, RelayStart, RelayState, ReplayProgress,
};
use crate::relay_state::{
    Entry, KEYS, START, of_command, of_note, of_progress, read_start, read_state, write_start,
};
use tokio_postgres::types::Type;
use uuid::Uuid;
use waybill_domain::ids::OrderId;
use waybill_domain::once::CommandClaim;
use waybill_domain::text::Tenant;

static BEGUN: Sql = Sql {
    text: "/* relay::begun_by */ SELECT o.id FROM unnest($1, $2) AS o (tenant, id) WHERE EXISTS \
           (SELECT 1 FROM events e WHERE e.tenant = o.tenant AND e.order_id = o.id AND e.position - e.event_count < $3 AND e.part = $4)",
    types: &[Type::TEXT_ARRAY, Type::UUID_ARRAY, Type::INT8, Type::INT2],
};

/// Those of `orders` that have an event of a partition at or before a position.
pub async fn begun_by(
    commits: &Commits,
    partition: u16,
    position: i64,
    orders: &[(Tenant, OrderId)],
) -> Result<Vec<OrderId>> {
    let tenants: Vec<&str> = orders.iter().map(|(tenant, _)| tenant.as_str()).collect();
    let ids: Vec<Uuid> = orders.iter().map(|(_, id)| id.0).collect();
    let parameters = params![tenants, ids, position, small(partition)];
    let rows = commits.read(&BEGUN, parameters).await?;
    rows.iter().map(|row| Columns::of(row).order_id()).collect()
}

static KEEP_FIRST: Sql = Sql {
    text: "/* relay::start */ INSERT INTO meta (key, value) VALUES ($1, $2) ON CONFLICT DO NOTHING",
    types: &[Type::TEXT, Type::TEXT],
};

static KEEP: Sql = Sql {
    text: "/* relay::keep */ INSERT INTO meta (key, value) VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
    types: &[Type::TEXT, Type::TEXT],
};

static STATE: Sql = Sql {
    text: "/* relay::state */ SELECT key, value FROM meta WHERE key COLLATE \"C\" >= $1 AND key COLLATE \"C\" < $2",
    types: &[Type::TEXT, Type::TEXT],
};

static VALUE: Sql = Sql {
    text: "/* relay::value */ SELECT value FROM meta WHERE key = $1",
    types: &[Type::TEXT],
};

/// Where the relay began; the first call of all processes decides it.
pub async fn start(commits: &Commits, partitions: u16, start: RelayStart) -> Result<Positions> {
    if let Some(stored) = value(commits, START).await? {
        return read_start(&stored);
    }
    let wanted = match start {
        RelayStart::Beginning => Positions::beginning(partitions),
        RelayStart::Now => log::positions(commits, partitions).await?,
    };
    let wanted = write_start(&wanted);
    commits
        .write_through(&KEEP_FIRST, params![START, wanted])
        .await?;
    let stored = value(commits, START).await?;
    let missing = || Error::damaged_row("meta", format!("{START} is missing"));
    read_start(&stored.ok_or_else(missing)?)
}

/// Everything that is kept about the relay.
pub async fn state(commits: &Commits) -> Result<RelayState> {
    let rows = commits.read(&STATE, params![KEYS[0], KEYS[1]]).await?;
    let entries = rows.iter().map(|row| {
        let mut c = Columns::of(row);
        Ok((c.get()?, c.get()?))
    });
    read_state(entries.collect::<Result<_>>()?)
}

/// Keeps what a person asks of the relay, once per key.
pub async fn command(
    shared: &Shared,
    tenant: &Tenant,
    command: &RelayCommand,
    claim: Option<&CommandClaim>,
) -> Result<()> {
    let entry = of_command(command);
    let mut attempts = shared.commits.attempts();
    while let Err(failed) = attempt_command(shared, tenant, &entry, claim).await {
        attempts.again(failed).await?;
    }
    Ok(())
}

async fn attempt_command(
    shared: &Shared,
    tenant: &Tenant,
    (key, value): &Entry,
    claim: Option<&CommandClaim>,
) -> std::result::Result<(), Failed> {
    let (commits, now) = (&shared.commits, (shared.now)());
    let claims = Claims::of([(tenant, claim)].into_iter());
    let (open, ()) = commits
        .begin(
            |pipeline| {
                let claimed = claims.claim(pipeline, now);
                pipeline.add(&KEEP, params![key.as_str(), value.as_str()]);
                claimed
            },
            |answers, claimed| {
                if claimed.free(answers)?.allows(tenant, claim) {
                    Ok(())
                } else {
                    Err(Error::KeyUsed)
                }
            },
        )
        .await?;
    commits.commit(open, Pipeline::new(), None).await
}

/// Keeps what a process of the relay notes.
pub async fn note(commits: &Commits, note: &RelayNote) -> Result<()> {
    let (key, value) = of_note(note);
    commits.write_through(&KEEP, params![key, value]).await
}

/// Keeps how far a replay has come.
pub async fn replayed(shared: &Shared, lease: &Lease, progress: &ReplayProgress) -> Result<()> {
    let entry = of_progress(progress);
    let mut attempts = shared.commits.attempts();
    while let Err(failed) = attempt_replayed(&shared.commits, lease, &entry).await {
        attempts.again(failed).await?;
    }
    Ok(())
}

async fn attempt_replayed(
    commits: &Commits,
    lease: &Lease,
    (key, value): &Entry,
) -> std::result::Result<(), Failed> {
    let (open, _) = commits
        .begin(
            |pipeline| fence(pipeline, lease),
            |answers, fence| fence.position(answers),
        )
        .await?;
    let mut pipeline = Pipeline::new();
    pipeline.add(&KEEP, params![key.as_str(), value.as_str()]);
    commits.commit(open, pipeline, None).await
}

async fn value(commits: &Commits, key: &str) -> Result<Option<String>> {
    let rows = commits.read(&VALUE, params![key]).await?;
    rows.first().map(|row| Columns::of(row).get()).transpose()
}
