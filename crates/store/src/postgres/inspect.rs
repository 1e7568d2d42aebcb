//! Examines a database and a pooler in front of it, for `waybill doctor`. Changes nothing.

use super::connection::{Options, read_url};
use super::errors::IntoStore;
use super::migrate;
use super::snapshots::{self, OpenTransaction};
use super::unreachable::unreachable;
use super::{lineage, plain, sharing};
use crate::error::{Error, Result};
use crate::migrations::{self, Verdict};
use std::collections::BTreeMap;
use std::future::poll_fn;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_postgres::{AsyncMessage, Client};
use waybill_domain::time::Time;

/// How long to wait for an answer; only a server in trouble takes longer.
const PATIENCE: Duration = Duration::from_secs(2);

/// Counts the standbys that commits wait for; `pg_stat_replication` also lists base backups and asynchronous standbys.
/// A role that may not read the state of other sessions cannot tell them apart, so for it all rows count.
const STANDBYS: &str = "SELECT count(*) FROM pg_stat_replication \
    WHERE sync_state IS NULL OR sync_state IN ('sync', 'quorum')";

/// The log file whose archiving failed, if the last attempt failed.
const NOT_ARCHIVED: &str = "SELECT last_failed_wal FROM pg_stat_archiver \
    WHERE last_failed_time > COALESCE(last_archived_time, '-infinity')";

/// The findings about a database and the pooler in front of it.
#[derive(Clone, Debug)]
pub struct Inspection {
    pub version: String,
    /// The schema found (`None`: never migrated), the newest this binary knows, and whether it may run on what was
    /// found.
    pub schema: Option<i64>,
    pub known: i64,
    pub usable: bool,
    settings: BTreeMap<String, String>,
    /// Whether the server is a standby, which takes no writes.
    pub in_recovery: bool,
    /// Standbys that are connected now and that a commit may wait for.
    pub standbys: i64,
    /// The write-ahead log file that could not be archived, if the last attempt failed.
    pub not_archived: Option<String>,
    /// How the database's line of history differs from the one that was noted.
    pub other_lineage: Option<String>,
    /// How far this process's clock is ahead of the database's.
    pub clock_skew_ms: i64,
    /// The transaction of another session that has been open for longest, and whether this role sees the transactions
    /// of other roles.
    pub oldest_snapshot: Option<OpenTransaction>,
    pub sees_other_roles: bool,
    pub connections: i64,
    pub max_connections: i64,
    /// Whether two clients were given one session, as by a pooler in transaction mode.
    pub shares_sessions: bool,
    /// Whether a statement prepared on one connection still ran after the sessions were exchanged.
    pub keeps_statements: bool,
    /// Whether a notification arrived at the address that the store listens on.
    pub hears_notifications: bool,
}

impl Inspection {
    /// A setting of the server that durability or calm depends on, in its own unit; empty when there is none of this name.
    #[must_use]
    pub fn setting(&self, name: &str) -> &str {
        self.settings.get(name).map_or("", String::as_str)
    }
}

/// Examines the database. `now` is the clock of this process.
///
/// # Errors
/// The database cannot be reached.
pub async fn inspect(options: &Options, now: &(dyn Fn() -> Time + Sync)) -> Result<Inspection> {
    let client = connect(options, &options.url, None).await?;
    let schema = migrate::found(&client).await?;
    let usable = match schema {
        Some(schema) => migrate::decide(&client, schema).await? != Verdict::Refuse,
        None => true,
    };
    let (shares_sessions, keeps_statements) = sessions(options, &client).await?;
    let hears_notifications = match (shares_sessions, &options.listen_url) {
        // A LISTEN would stay behind in a session of the pooler.
        (true, None) => false,
        _ => hears(options).await,
    };
    let settings = settings(&client).await?;
    let max_connections = match settings.get("max_connections") {
        Some(text) => text.parse().map_err(|_| {
            let detail = format!("max_connections is {text}");
            Error::damaged_row("the database's settings", detail)
        })?,
        None => 0,
    };
    Ok(Inspection {
        version: text(&client, "SHOW server_version").await?,
        schema,
        known: migrations::known(),
        usable,
        in_recovery: text(&client, "SELECT pg_is_in_recovery()").await? == "t",
        standbys: plain::number(&client, STANDBYS).await?,
        not_archived: plain::cell(&client, NOT_ARCHIVED).await?,
        other_lineage: match schema {
            Some(_) => lineage::look(&client).await?.change(),
            None => None,
        },
        clock_skew_ms: skew(&client, now).await?,
        oldest_snapshot: snapshots::oldest(&client).await?,
        sees_other_roles: snapshots::sees_others(&client).await?,
        connections: plain::number(
            &client,
            "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'",
        )
        .await?,
        max_connections,
        shares_sessions,
        keeps_statements,
        hears_notifications,
        settings,
    })
}

/// Opens a connection outside the pool; it ends with the client. A notification that arrives on it is passed to
/// `arrived`.
async fn connect(
    options: &Options,
    url: &str,
    arrived: Option<mpsc::Sender<()>>,
) -> Result<Client> {
    let (config, tls) = read_url(url, options)?;
    let connected = config.connect(tls).await;
    let (client, mut connection) = connected.map_err(|e| unreachable(&config, e))?;
    tokio::spawn(async move {
        while let Some(Ok(message)) = poll_fn(|cx| connection.poll_message(cx)).await {
            if let (AsyncMessage::Notification(_), Some(arrived)) = (message, &arrived) {
                // No error: a full channel already has a notification, and one is enough.
                let _ = arrived.try_send(());
            }
        }
    });
    Ok(client)
}

/// Uses two clients at once: whether they are given the same session, and whether a statement prepared by one can still
/// be run then.
async fn sessions(options: &Options, client: &Client) -> Result<(bool, bool)> {
    let other = connect(options, &options.url, None).await?;
    let shared = sharing::is_shared(client, &other).await?;
    // With unnamed statements there is nothing to test, and a named one would stay in a session of the pooler.
    if !shared || options.unnamed_statements {
        return Ok((shared, !shared));
    }
    let Ok(prepared) = client.prepare("SELECT 1").await else {
        return Ok((shared, false));
    };
    plain::begin(&other, "SELECT 1").await?;
    // The other client has the session now. If the pooler has no second session, the query waits and shows nothing.
    let ran = timeout(PATIENCE, client.query(&prepared, &[])).await;
    plain::roll_back(&other).await.store()?;
    Ok((shared, !matches!(ran, Ok(Err(_)))))
}

async fn settings(client: &Client) -> Result<BTreeMap<String, String>> {
    // The configured value: another client of a pooled session may have changed the session's.
    let sql = "SELECT name, reset_val FROM pg_settings WHERE name IN \
               ('fsync', 'full_page_writes', 'synchronous_commit', 'synchronous_standby_names', 'archive_mode', 'max_connections', \
               'max_wal_size', 'checkpoint_timeout', 'shared_buffers', 'wal_compression')";
    let rows = plain::rows(client, sql).await?.into_iter();
    let pairs = rows.filter_map(|row| <[String; 2]>::try_from(row).ok());
    Ok(pairs.map(|[name, value]| (name, value)).collect())
}

/// How far this process's clock is ahead of the database's, in milliseconds: our clock is read before and after the
/// database's, and the middle counts.
async fn skew(client: &Client, now: &(dyn Fn() -> Time + Sync)) -> Result<i64> {
    let before = now();
    let there = plain::number(
        client,
        "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint",
    )
    .await?;
    let after = now();
    Ok((before.0.midpoint(after.0) - there) / 1_000)
}

/// Whether a notification arrives at the address that the store listens on.
async fn hears(options: &Options) -> bool {
    let address = options.listen_url.as_ref().unwrap_or(&options.url);
    let (sender, mut arrivals) = mpsc::channel(1);
    let tried = async {
        let listening = connect(options, address, Some(sender)).await?;
        let telling = connect(options, address, None).await?;
        if sharing::is_shared(&listening, &telling).await? {
            return Ok(false);
        }
        let listen = plain::tell_own_session(&listening, "LISTEN waybill_doctor");
        listen.await.store()?;
        plain::notify(&telling, "waybill_doctor", "")
            .await
            .store()?;
        // The client is kept until then, because its connection ends with it.
        let came = timeout(PATIENCE, arrivals.recv()).await;
        drop(listening);
        Ok::<bool, Error>(matches!(came, Ok(Some(()))))
    };
    let tried = timeout(PATIENCE * 2, tried).await;
    matches!(tried, Ok(Ok(true)))
}

async fn text(client: &Client, sql: &str) -> Result<String> {
    Ok(plain::cell(client, sql).await?.unwrap_or_default())
}
