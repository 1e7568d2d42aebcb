//! Migrates the schema, one numbered file at a time, each in its own transaction.

use super::connection::{Options, read_url};
use super::errors::IntoStore;
use super::session::Session;
use super::unreachable::unreachable;
use super::{lineage, log, plain};
use crate::error::{Error, Result};
use crate::migrations::{self, MIGRATIONS, MIN_COMPATIBLE, Migration, Verdict};
use crate::packed::{self, LogForm};
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Config};
use tokio_postgres_rustls::MakeRustlsConnect;
use uuid::Uuid;

/// The statements of each migration, in the order of [`MIGRATIONS`].
const SQL: [&str; MIGRATIONS.len()] = [
    include_str!("../../migrations/postgres/0001_initial.sql"),
    include_str!("../../migrations/postgres/0002_many_processes.sql"),
    include_str!("../../migrations/postgres/0003_short_chains.sql"),
    include_str!("../../migrations/postgres/0004_by_tenant.sql"),
    include_str!("../../migrations/postgres/0005_commands_once.sql"),
    include_str!("../../migrations/postgres/0006_discards.sql"),
    include_str!("../../migrations/postgres/0007_shipment_copies.sql"),
    include_str!("../../migrations/postgres/0008_parked_of_tenant.sql"),
    include_str!("../../migrations/postgres/0009_inbox.sql"),
    include_str!("../../migrations/postgres/0010_trace.sql"),
    include_str!("../../migrations/postgres/0011_inbox_held.sql"),
    include_str!("../../migrations/postgres/0012_clients.sql"),
    include_str!("../../migrations/postgres/0013_vendors.sql"),
    include_str!("../../migrations/postgres/0014_sourcing.sql"),
    include_str!("../../migrations/postgres/0015_backorders.sql"),
    include_str!("../../migrations/postgres/0016_packed_log.sql"),
    include_str!("../../migrations/postgres/0017_archive.sql"),
    include_str!("../../migrations/postgres/0018_samples.sql"),
];

/// What a migration did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Migrated {
    /// Whether the database itself was created.
    pub made_database: bool,
    pub from: i64,
    pub to: i64,
}

/// One lock for all processes that migrate this database. It ends with the transaction: a lock of the session would
/// stay in the session of a pooler. A second process waits for it and then finds every migration applied.
const LOCK: &str = "SELECT pg_advisory_xact_lock(22873, -1)";

/// Applies the missing migrations, and creates the database if it does not exist and the user may create it. Several
/// processes may call it at once.
///
/// # Errors
/// [`Error::NewerSchema`]; the database is unavailable; or an error of a statement.
pub async fn migrate(
    options: &Options,
    new_id: &mut (dyn FnMut() -> Uuid + Send),
) -> Result<Migrated> {
    let (config, tls) = read_url(&options.url, options)?;
    let (session, made_database) = match Session::connect(&config, &tls).await {
        Ok(session) => (session, false),
        Err(error) if error.code() == Some(&SqlState::UNDEFINED_DATABASE) => {
            make_database(&config, &tls).await?;
            (Session::connect(&config, &tls).await.store()?, true)
        }
        Err(error) => return Err(unreachable(&config, error)),
    };
    let migrated = bring_up_to_date(&session, options.partitions, new_id).await;
    session.end().await;
    let (from, to) = migrated?;
    Ok(Migrated {
        made_database,
        from,
        to,
    })
}

/// Returns the schema before and after.
async fn bring_up_to_date(
    client: &Client,
    partitions: u16,
    new_id: &mut (dyn FnMut() -> Uuid + Send),
) -> Result<(i64, i64)> {
    let table = "CREATE TABLE IF NOT EXISTS schema_version (number bigint PRIMARY KEY)";
    plain::change(client, &format!("{LOCK}; {table}")).await?;
    let mut from = found(client).await?.unwrap_or(0);
    let mut applied = false;
    match decide(client, from).await? {
        Verdict::Run => {}
        Verdict::ConsumerBatch => {
            for (migration, sql) in MIGRATIONS.iter().zip(SQL) {
                if migration.number <= from {
                    continue;
                }
                if apply(client, migration, sql, partitions, new_id).await? {
                    applied = true;
                    tracing::info!(number = migration.number, "schema migrated");
                } else if !applied {
                    // Another process has applied it meanwhile.
                    from = migration.number;
                }
            }
        }
        Verdict::Refuse => {
            let known = migrations::known();
            return Err(Error::NewerSchema { found: from, known });
        }
    }
    lineage::note(client, false).await?;
    Ok((from, from.max(migrations::known())))
}

/// What to do with a database that has a schema.
pub async fn decide(client: &Client, found: i64) -> Result<Verdict> {
    let known = migrations::known();
    let note = if found > known {
        let sql = format!("SELECT value FROM meta WHERE key = '{MIN_COMPATIBLE}'");
        plain::cell(client, &sql).await?
    } else {
        None
    };
    Ok(migrations::decide(found, known, note.as_deref()))
}

/// Applies one migration in one transaction. Returns false if another process has applied it meanwhile.
async fn apply(
    client: &Client,
    migration: &Migration,
    sql: &str,
    partitions: u16,
    new_id: &mut (dyn FnMut() -> Uuid + Send),
) -> Result<bool> {
    let number = migration.number;
    plain::begin(client, LOCK).await?;
    if found(client).await?.is_some_and(|found| found >= number) {
        plain::roll_back(client).await.store()?;
        return Ok(false);
    }
    let (first, log) = if number == 1 {
        // A new store: no older binary has ever run on it.
        (birth(partitions, new_id), LogForm::Packed)
    } else {
        (String::new(), log_form(client).await?)
    };
    let note = migration.note(log);
    let whole = format!(
        "{sql} {first} INSERT INTO schema_version (number) VALUES ({number}); \
         INSERT INTO meta (key, value) VALUES ('{MIN_COMPATIBLE}', '{note}') \
         ON CONFLICT (key) DO UPDATE SET value = excluded.value"
    );
    plain::go_on(client, &whole).await?;
    plain::commit(client).await.store()?;
    Ok(true)
}

/// How the log of a database is written.
pub async fn log_form(client: &Client) -> Result<LogForm> {
    let sql = format!("SELECT value FROM meta WHERE key = '{}'", packed::KEY);
    Ok(LogForm::read(plain::cell(client, &sql).await?.as_deref()))
}

/// Makes the log of a database be written packed, by processes that start from now on. Older binaries are refused from
/// then on; one that still runs stops at the first packed row of a partition that it reads.
///
/// # Errors
/// The database is unavailable, or [`Error::NewerSchema`].
pub async fn pack_log(options: &Options) -> Result<()> {
    let (config, tls) = read_url(&options.url, options)?;
    let connected = Session::connect(&config, &tls).await;
    let client = connected.map_err(|e| unreachable(&config, e))?;
    plain::begin(&client, LOCK).await?;
    note_packed_log(&client).await?;
    plain::commit(&client).await.store()?;
    client.end().await;
    Ok(())
}

/// Notes in a transaction that the log has packed rows.
pub async fn note_packed_log(client: &Client) -> Result<()> {
    let found = found(client).await?.unwrap_or(0);
    let note = migrations::packed_note(found)?;
    let change = format!(
        "INSERT INTO meta (key, value) VALUES ('{}', '{}'), ('{MIN_COMPATIBLE}', '{note}') \
         ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        packed::KEY,
        packed::PACKED
    );
    plain::go_on(client, &change).await
}

/// Notes in a transaction that the store has archived orders, if it has some.
pub async fn note_archive(client: &Client) -> Result<()> {
    let any = "SELECT count(*) FROM (SELECT 1 FROM archived_orders LIMIT 1) AS archived";
    if plain::number(client, any).await? == 0 {
        return Ok(());
    }
    let noted = format!("SELECT value FROM meta WHERE key = '{MIN_COMPATIBLE}'");
    let noted = plain::cell(client, &noted).await?;
    match migrations::archive_note(noted.as_deref()) {
        None => Ok(()),
        Some(note) => {
            let change = format!("UPDATE meta SET value = '{note}' WHERE key = '{MIN_COMPATIBLE}'");
            plain::go_on(client, &change).await
        }
    }
}

/// The statements that give a new store its identity and a sequence of positions for each partition.
fn birth(partitions: u16, new_id: &mut (dyn FnMut() -> Uuid + Send)) -> String {
    let partitions = partitions.clamp(1, 64);
    let mut sql = format!(
        "INSERT INTO meta (key, value) VALUES ('store_id', '{}'), ('generation', '{}'), ('parts', '{partitions}'), ('{}', '{}');",
        new_id(),
        new_id(),
        packed::KEY,
        packed::PACKED
    );
    for partition in 0..partitions {
        sql.push_str(&format!("CREATE SEQUENCE {};", log::sequence(partition)));
    }
    sql
}

/// The schema a database has; `None` when it was never migrated.
pub async fn found(client: &Client) -> Result<Option<i64>> {
    // Asked first: a statement that fails would end the transaction it is in.
    let there = "SELECT to_regclass('schema_version')";
    if plain::cell(client, there).await?.is_none() {
        return Ok(None);
    }
    let number = plain::cell(client, "SELECT max(number) FROM schema_version").await?;
    let damaged = |number| Error::damaged_row("schema_version", format!("number is {number}"));
    let read = number.map(|number| number.parse().map_err(|_| damaged(number)));
    read.transpose()
}

/// Creates the database that the address names, over a connection to the database `postgres`.
async fn make_database(config: &Config, tls: &MakeRustlsConnect) -> Result<()> {
    // Without a name in the address, the server takes the user's.
    let name = config.get_dbname().or(config.get_user());
    let name = name.unwrap_or("postgres").to_owned();
    let mut elsewhere = config.clone();
    elsewhere.dbname("postgres");
    let session = Session::connect(&elsewhere, tls)
        .await
        .map_err(|e| unreachable(&elsewhere, e))?;
    let made = plain::create_database(&session, &name).await;
    session.end().await;
    match made {
        // Another process has created it meanwhile.
        Err(error)
            if error.code() == Some(&SqlState::DUPLICATE_DATABASE)
                || error.code() == Some(&SqlState::UNIQUE_VIOLATION) =>
        {
            Ok(())
        }
        Err(error) => {
            let what = format!("the database {name} does not exist and cannot be created");
            let said = super::errors::meaning(&error);
            let detail =
                format!("{said}; ask its administrator to create it, or grant the user CREATEDB");
            Err(super::errors::with_cause(Error::open(what, detail), error))
        }
        Ok(()) => Ok(()),
    }
}
