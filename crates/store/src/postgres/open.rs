//! Opens a store: checks the database, its schema, its durability settings and its identity, then starts the pool and
//! the notifications.

use super::connection::{Connections, Options, read_url};
use super::generation::Generation;
use super::lineage;
use super::migrate;
use super::notify::{Grown, Hearing, Notifier};
use super::plain;
use super::session::Session;
use super::shared::Shared;
use super::sharing;
use super::store::PostgresStore;
use super::transaction::Commits;
use super::unreachable::unreachable;
use crate::error::{Error, Result};
use crate::generations::{self, Former};
use crate::migrations::{self, Verdict};
use crate::model::Identity;
use crate::traits::{CommitListener, Now};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use tokio_postgres::Client;

/// The oldest supported server, as `server_version_num`.
const OLDEST: i32 = 140_000;

impl PostgresStore {
    /// Opens a store that was migrated. Orders are placed into the partitions in turn, beginning with
    /// `first_partition`; processes that start together begin with different ones.
    ///
    /// # Errors
    /// The database is unavailable, was not migrated, has the schema of a newer version, or may lose commits.
    pub async fn open(
        options: Options,
        now: Now,
        listener: Arc<dyn CommitListener>,
        first_partition: u32,
    ) -> Result<Self> {
        let (config, tls) = read_url(&options.url, &options)?;
        let client = Session::connect(&config, &tls)
            .await
            .map_err(|e| unreachable(&config, e))?;
        check_schema(&client).await?;
        check_promises(&client).await?;
        let identity = identify(&client).await?;
        let sequences = sequences(&client, identity.partitions).await?;
        let log_form = migrate::log_form(&client).await?;
        if let Some(change) = lineage::look(&client).await?.change() {
            tracing::warn!(
                change,
                "the database is on another line of history than was recorded: {}",
                lineage::ADVICE
            );
        }
        let generation = Arc::new(Generation::new(&identity.generation));
        let shared = options.unnamed_statements || is_shared(&client, &options).await?;
        let connections = Connections::new(&options, shared, generation.clone())?;
        let commits = Commits::new(connections);
        commits.connections.warm(options.pool_min).await?;
        // Closed only after the pool has opened connections, so that `migrate --restored` sees at least one connection
        // at every moment.
        client.end().await;
        let grown = Arc::new(Grown::default());
        let hearing = Hearing {
            listener: listener.clone(),
            partitions: identity.partitions,
            generation,
        };
        let notifier = Notifier::start(&options, shared, grown.clone(), hearing)?;
        let batches = (0..identity.partitions.max(1)).map(|_| AtomicU32::new(0));
        let batches = batches.collect();
        let shared = Shared {
            commits,
            now,
            identity,
            sequences,
            log_form,
            first_partition,
            batches,
            listener,
            told: grown,
            options,
        };
        Ok(Self::new(shared, notifier))
    }
}

/// Whether a pooler shares sessions; a second connection is opened to find out.
async fn is_shared(client: &Client, options: &Options) -> Result<bool> {
    let (config, tls) = read_url(&options.url, options)?;
    let connected = Session::connect(&config, &tls).await;
    let other = connected.map_err(|e| unreachable(&config, e))?;
    let shared = sharing::is_shared(client, &other).await;
    other.end().await;
    shared
}

async fn check_schema(client: &Client) -> Result<()> {
    let known = migrations::known();
    let advice =
        |what: String| Error::open(what, "run `waybill migrate`, or start with `--migrate`");
    let Some(found) = migrate::found(client).await? else {
        return Err(advice("the database has no tables of Waybill yet".into()));
    };
    match migrate::decide(client, found).await? {
        Verdict::Run => Ok(()),
        Verdict::ConsumerBatch => Err(advice(format!(
            "the database has schema {found}, this version needs {known}"
        ))),
        Verdict::Refuse => Err(Error::NewerSchema { found, known }),
    }
}

/// Refuses a server that is too old, or whose settings may lose commits.
async fn check_promises(client: &Client) -> Result<()> {
    // The configured value: another client of a pooled session may have changed the session's.
    const ASK: &str = "SELECT current_setting('server_version_num'), current_setting('fsync'), \
        current_setting('full_page_writes'), (SELECT reset_val FROM pg_settings WHERE name = 'synchronous_commit')";
    let row = plain::rows(client, ASK).await?.pop().unwrap_or_default();
    let [version, settings @ ..] = row.as_slice() else {
        return Err(Error::damaged_row(
            "the database's settings",
            "the server returned no settings",
        ));
    };
    let refuse = |what: String, detail: &str| Err(Error::open(what, detail));
    let version: i32 = version.parse().map_err(|_| {
        let detail = format!("server_version_num is {version}");
        Error::damaged_row("the database's settings", detail)
    })?;
    if version < OLDEST {
        return refuse(
            format!("the server is PostgreSQL {}", version / 10_000),
            "14 or newer is needed",
        );
    }
    let names = ["fsync", "full_page_writes", "synchronous_commit"];
    for (name, value) in names.into_iter().zip(settings) {
        if value == "off" {
            return refuse(
                format!("the database has {name} = off"),
                "committed orders would not survive power loss; set it to on",
            );
        }
    }
    Ok(())
}

async fn identify(client: &Client) -> Result<Identity> {
    let rows = plain::rows(client, "SELECT key, value FROM meta").await?;
    let mut meta: HashMap<String, String> = rows
        .into_iter()
        .filter_map(|row| <[String; 2]>::try_from(row).ok())
        .map(|[key, value]| (key, value))
        .collect();
    let mut take = |key: &'static str| {
        let missing = || Error::damaged_row("meta", format!("{key} is missing"));
        meta.remove(key).ok_or_else(missing)
    };
    let partitions = take("parts")?;
    let former = Former::read(take(generations::KEY).ok().as_deref())?;
    Ok(Identity {
        former,
        store_id: take("store_id")?,
        generation: take("generation")?,
        partitions: partitions
            .parse()
            .map_err(|_| Error::damaged_row("meta", format!("parts is {partitions}")))?,
        driver: "postgres",
        one_writer: false,
    })
}

/// The oid of each partition's sequence. A sequence whose last value is below the partition's newest position is
/// refused: it would give out positions twice.
async fn sequences(client: &Client, partitions: u16) -> Result<Vec<u32>> {
    let mut sequences = vec![];
    for partition in 0..partitions {
        let name = super::log::sequence(partition);
        // The log is read before the sequence: other processes may be appending, and a sequence only rises.
        let last = plain::number(client, &newest_of(partition)).await?;
        let at = plain::number(client, &stands_at(&name)).await?;
        if at < last {
            let detail = format!(
                "partition {partition}: the sequence is at {at}, the log at {last}; after a restore: `waybill migrate --restored`"
            );
            return Err(Error::damaged_row("the log's counter", detail));
        }
        let named = format!("SELECT '{name}'::regclass::oid");
        let oid = plain::number(client, &named).await?;
        let not_one = |_| Error::damaged_row("pg_class", format!("the oid of {name} is {oid}"));
        sequences.push(u32::try_from(oid).map_err(not_one)?);
    }
    Ok(sequences)
}

/// A SELECT of the number that a sequence gave out last.
pub fn stands_at(sequence: &str) -> String {
    format!("SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM {sequence}")
}

/// A SELECT of the newest position of a partition.
pub fn newest_of(partition: u16) -> String {
    format!(
        "SELECT greatest((SELECT max(position) FROM events WHERE part = {partition}), \
         (SELECT max(last_position) FROM archived_orders WHERE part = {partition}), 0)"
    )
}
