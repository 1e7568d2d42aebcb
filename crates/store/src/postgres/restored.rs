//! Prepares a database that was restored to an earlier time, or that lost its newest commits in a failover.
//!
//! Owns the new generation, which makes older cursors recognisable, and the counters, which must not give out numbers
//! that are in the tables already. Invariant: nothing is changed while another connection is open, because a running
//! process only knows the state before the restore.

use super::connection::{Options, read_url};
use super::migrate::{Migrated, migrate};
use super::open::{newest_of, stands_at};
use super::session::Session;
use super::unreachable::unreachable;
use super::{lineage, log, plain};
use crate::error::{Error, Result};
use crate::generations::{self, Former};
use crate::model::Positions;
use std::time::Duration;
use tokio_postgres::Client;
use uuid::Uuid;

/// What was done to a database that was restored.
#[derive(Clone, Debug)]
pub struct NewIncarnation {
    pub migrated: Migrated,
    pub generation: String,
    pub former: String,
    /// Counters that were below the highest number in the tables and were raised.
    pub moved: Vec<MovedCounter>,
}

/// A counter with its value before and after.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MovedCounter {
    pub name: String,
    pub from: i64,
    pub to: i64,
}

/// How long to wait for other connections to end: a process that has just ended may leave one open for a moment.
const PATIENCE: Duration = Duration::from_secs(5);
const POLL: Duration = Duration::from_millis(100);

/// The other connections to this database that are of this user or of Waybill, in words.
const COMPANY: &str = "SELECT COALESCE(NULLIF(application_name, ''), 'somebody') || ' from ' || COALESCE(host(client_addr), 'this machine') \
    || ' (process ' || pid || ')' FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() \
    AND backend_type = 'client backend' AND (usename = current_user OR application_name LIKE 'waybill%') ORDER BY pid";

/// Begins a new incarnation: migrates the schema, moves the counters past the numbers in the tables and writes a new
/// generation. Every call writes another generation.
///
/// # Errors
/// Another connection is open; the database is unavailable; or an error of [`migrate`].
pub async fn begin_new_incarnation(
    options: &Options,
    new_id: &mut (dyn FnMut() -> Uuid + Send),
) -> Result<NewIncarnation> {
    let (config, tls) = read_url(&options.url, options)?;
    let connected = Session::connect(&config, &tls).await;
    let client = connected.map_err(|e| unreachable(&config, e))?;
    alone(&client, PATIENCE).await?;
    let migrated = migrate(options, new_id).await?;
    // `migrate` has closed its connection, but the server may still list it for a moment.
    alone(&client, PATIENCE).await?;
    let partitions = meta(&client, "parts").await?;
    let partitions: u16 = partitions
        .parse()
        .map_err(|_| Error::damaged_row("meta", format!("parts is {partitions}")))?;
    let mut moved = vec![];
    for partition in 0..partitions {
        moved.extend(move_on(&client, &log::sequence(partition), &newest_of(partition)).await?);
    }
    let newest =
        "SELECT greatest((SELECT max(n) FROM orders), (SELECT max(n) FROM archived_orders), 0)";
    moved.extend(move_on(&client, "order_numbers", newest).await?);
    let former = meta(&client, "generation").await?;
    let generation = new_id().to_string();
    let mut ended = vec![];
    for partition in 0..partitions {
        ended.push(plain::number(&client, &newest_of(partition)).await?);
    }
    let known = plain::cell(&client, &value_of(generations::KEY)).await?;
    let known = Former::read(known.as_deref())?.with(&former, Positions(ended));
    let change = format!(
        "INSERT INTO meta (key, value) VALUES ('{}', '{}') ON CONFLICT (key) DO UPDATE SET value = excluded.value; \
         UPDATE meta SET value = '{generation}' WHERE key = 'generation'",
        generations::KEY,
        // The text of a former generation is an id, and this of a database that may be damaged.
        known.replace('\'', "''")
    );
    plain::change(&client, &change).await?;
    lineage::note(&client, true).await?;
    // A process that connected meanwhile may have read the former generation.
    alone(&client, Duration::ZERO).await?;
    Ok(NewIncarnation {
        migrated,
        generation,
        former,
        moved,
    })
}

/// Records the server and timeline that the database has now, for an operator who knows that no commit was lost.
/// Returns what differed from the former record.
///
/// # Errors
/// The database is unavailable or was not migrated.
pub async fn accept_lineage(options: &Options) -> Result<Option<String>> {
    let (config, tls) = read_url(&options.url, options)?;
    let connected = Session::connect(&config, &tls).await;
    let client = connected.map_err(|e| unreachable(&config, e))?;
    Ok(lineage::note(&client, true).await?.change())
}

/// Waits until no other connection is open, for `patience` at most.
async fn alone(client: &Client, patience: Duration) -> Result<()> {
    let waited = async {
        while !company(client).await?.is_empty() {
            tokio::time::sleep(POLL).await;
        }
        Ok(())
    };
    if let Ok(alone) = tokio::time::timeout(patience, waited).await {
        return alone;
    }
    let company = company(client).await?;
    if company.is_empty() {
        return Ok(());
    }
    Err(Error::open(
        "a restored database must have no other connections, and others are connected",
        format!(
            "{}; stop every process of Waybill (a pooler keeps its connections longer: RECONNECT, or stop it), then run this again",
            company.join(", ")
        ),
    ))
}

async fn company(client: &Client) -> Result<Vec<String>> {
    let rows = plain::rows(client, COMPANY).await?;
    Ok(rows.into_iter().flatten().collect())
}

async fn meta(client: &Client, key: &str) -> Result<String> {
    let missing = || Error::damaged_row("meta", format!("{key} is missing"));
    let value = plain::cell(client, &value_of(key)).await?;
    value.ok_or_else(missing)
}

fn value_of(key: &str) -> String {
    format!("SELECT value FROM meta WHERE key = '{key}'")
}

/// Raises a counter to the highest number in the tables if it is below; never lowers it.
async fn move_on(client: &Client, name: &str, newest: &str) -> Result<Option<MovedCounter>> {
    let from = plain::number(client, &stands_at(name)).await?;
    let to = plain::number(client, newest).await?;
    if from >= to {
        return Ok(None);
    }
    let change = format!("SELECT setval('{name}', {to})");
    plain::change(client, &change).await?;
    let name = name.to_owned();
    Ok(Some(MovedCounter { name, from, to }))
}
