//! What the relay reads and keeps.

use super::log;
use super::pipeline::{Sql, params};
use super::rows::{Columns, small};
use super::transaction::Commits;
use crate::error::{Error, Result};
use crate::model::{Positions, RelayStart};
use crate::relay_state::{PAUSED, START, read_paused, read_start, write_paused, write_start};
use tokio_postgres::types::Type;
use uuid::Uuid;
use waybill_domain::ids::OrderId;
use waybill_domain::text::Tenant;

static BEGUN: Sql = Sql {
    text: "/* relay::begun_by */ SELECT o.id FROM unnest($1, $2) AS o (tenant, id) WHERE EXISTS \
           (SELECT 1 FROM events e WHERE e.tenant = o.tenant AND e.order_id = o.id AND e.position <= $3 AND e.part = $4)",
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
    text: "/* relay::pause */ INSERT INTO meta (key, value) VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
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

/// Whether the relay is paused.
pub async fn paused(commits: &Commits) -> Result<bool> {
    read_paused(value(commits, PAUSED).await?.as_deref())
}

/// Pauses the relay, or lets it go on.
pub async fn pause(commits: &Commits, paused: bool) -> Result<()> {
    let parameters = params![PAUSED, write_paused(paused)];
    commits.write_through(&KEEP, parameters).await
}

async fn value(commits: &Commits, key: &str) -> Result<Option<String>> {
    let rows = commits.read(&VALUE, params![key]).await?;
    rows.first().map(|row| Columns::of(row).get()).transpose()
}
