//! Opening a store: the database, its schema, what it promises, its identity; then the pool and the notifications.

use super::connection::{Connections, Options, read_url};
use super::errors::{IntoStore, corrupt};
use super::migrate::{self, connect, unreachable_database};
use super::notify::{Grown, Notifier};
use super::outcome::Commits;
use super::store::{PostgresStore, Shared};
use crate::error::{Error, Result};
use crate::migrations::{self, Verdict};
use crate::model::Identity;
use crate::store::{CommitListener, Now};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use tokio_postgres::Client;

/// The oldest server whose functions are used here.
const OLDEST: i32 = 130_000;

impl PostgresStore {
    /// Opens a store that was migrated. `first_part` is where the turn of parts begins, so that processes that start
    /// together do not follow each other.
    ///
    /// # Errors
    /// The database cannot be had, was not migrated, is a newer version's, or does not keep what it commits.
    pub async fn open(
        options: Options,
        now: Now,
        listener: Arc<dyn CommitListener>,
        first_part: u32,
    ) -> Result<Self> {
        let (config, tls) = read_url(&options.url, &options)?;
        let client = connect(&config, &tls)
            .await
            .map_err(|e| unreachable_database(&e))?;
        check_schema(&client).await?;
        check_promises(&client).await?;
        let identity = identify(&client).await?;
        let sequences = sequences(&client, identity.parts).await?;
        drop(client);
        let commits = Commits::new(Connections::new(&options)?);
        commits.connections.warm(options.pool_min).await?;
        let grown = Arc::new(Grown::default());
        let notifier = Notifier::start(&options, grown.clone(), listener.clone(), identity.parts)?;
        let shared = Shared {
            commits,
            now,
            identity,
            sequences,
            turn: AtomicU32::new(first_part),
            listener,
            told: grown,
            options,
        };
        Ok(Self::new(shared, notifier))
    }
}

async fn check_schema(client: &Client) -> Result<()> {
    let known = migrations::known();
    let advice = |what: String| Error::Open {
        what,
        detail: "run `waybill migrate`, or start with `--migrate`".into(),
    };
    let Some(found) = migrate::found(client).await? else {
        return Err(advice("the database has no tables of Waybill yet".into()));
    };
    match migrate::decide(client, found).await? {
        Verdict::Run => Ok(()),
        Verdict::Apply => Err(advice(format!(
            "the database has schema {found}, this version needs {known}"
        ))),
        Verdict::Refuse => Err(Error::NewerSchema { found, known }),
    }
}

/// A database that forgets what it has committed is refused.
async fn check_promises(client: &Client) -> Result<()> {
    let row = client
        .query_one(
            "SELECT current_setting('server_version_num')::int, current_setting('fsync'), current_setting('full_page_writes'), \
             current_setting('synchronous_commit')",
            &[],
        )
        .await
        .store()?;
    let refuse = |what: String, detail: &str| {
        let detail = detail.into();
        Err(Error::Open { what, detail })
    };
    let version: i32 = row.try_get(0).store()?;
    if version < OLDEST {
        return refuse(
            format!("the server is PostgreSQL {}", version / 10_000),
            "13 or newer is needed",
        );
    }
    for (index, name) in [
        (1, "fsync"),
        (2, "full_page_writes"),
        (3, "synchronous_commit"),
    ] {
        let value: &str = row.try_get(index).store()?;
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
    let rows = client
        .query("SELECT key, value FROM meta", &[])
        .await
        .store()?;
    let mut meta: HashMap<String, String> = rows.iter().map(|r| (r.get(0), r.get(1))).collect();
    let mut take = |key: &'static str| {
        let missing = || corrupt("meta", format!("{key} is missing"));
        meta.remove(key).ok_or_else(missing)
    };
    let parts = take("parts")?;
    Ok(Identity {
        store_id: take("store_id")?,
        generation: take("generation")?,
        parts: parts
            .parse()
            .map_err(|_| corrupt("meta", format!("parts is {parts}")))?,
        driver: "postgres",
        one_writer: false,
    })
}

/// The sequence of each part, by its number in the catalogue. One that stands before its part's newest event would
/// give positions twice.
async fn sequences(client: &Client, parts: u16) -> Result<Vec<u32>> {
    let mut sequences = vec![];
    for part in 0..parts {
        let name = super::log::sequence(part);
        let row = client
            .query_one(
                &format!(
                    "SELECT '{name}'::regclass::oid, (SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM {name}), \
                     COALESCE((SELECT max(position) FROM events WHERE part = {part}), 0)"
                ),
                &[],
            )
            .await
            .store()?;
        let (at, last): (i64, i64) = (row.try_get(1).store()?, row.try_get(2).store()?);
        if at < last {
            let detail = format!("part {part}: it says {at}, the log goes to {last}");
            return Err(corrupt("the log's counter", detail));
        }
        sequences.push(row.try_get(0).store()?);
    }
    Ok(sequences)
}
