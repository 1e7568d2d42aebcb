//! Which store the settings name, and how it is opened, migrated and examined.
//!
//! Invariant: all other code knows only [`Store`], except the commands that are about one kind of store.

use std::path::Path;
use std::sync::Arc;

use uuid::Uuid;
use waybill_domain::event::{LoggedEvent, NewEvent};
use waybill_domain::time::Time;
use waybill_store::moving::{Moved, Stage, move_store};
use waybill_store::postgres::{self, Migrated, PostgresStore};
use waybill_store::reads::{Bounds, Reads};
use waybill_store::sqlite::{self, SqliteStore};
use waybill_store::{CommitListener, Error, Now, Store};

use crate::clock::Clock;
use crate::config::Settings;
use crate::random::Entropy;

/// The exit code of a process that stopped because it does not know whether a commit is durable.
pub const EXIT_STORE_IN_DOUBT: i32 = 74;

/// How the embedded store is run.
#[must_use]
pub fn embedded(settings: &Settings) -> sqlite::Options {
    let store = &settings.store;
    sqlite::Options {
        reader_connections: store.reader_connections as usize,
        background_share: store.background_share,
        checkpoint_pages: store.checkpoint_pages,
        wal_limit_bytes: u64::from(store.wal_limit_mib) << 20,
        cache_kib: store.cache_mib * 1_024,
        ..sqlite::Options::new(&store.data)
    }
}

/// How the shared store is run, when an address is given.
#[must_use]
pub fn shared(settings: &Settings) -> Option<postgres::Options> {
    settings.database_url().map(|url| shared_at(settings, url))
}

/// The same, at an address of its own.
#[must_use]
pub fn shared_at(settings: &Settings, url: &str) -> postgres::Options {
    let store = &settings.store;
    postgres::Options {
        listen_url: settings.listen_url().map(str::to_owned),
        pool_min: store.pool_min_size as usize,
        pool_max: store.pool_size as usize,
        pool_wait_ms: store.pool_wait_ms.get(),
        accept_concurrency: store.accept_concurrency as usize,
        unnamed_statements: store.unnamed_statements,
        partitions: u16::try_from(store.parts).expect("the setting allows 64 partitions at most"),
        statement_timeout_ms: store.statement_timeout_ms.get(),
        lock_timeout_ms: store.lock_timeout_ms.get(),
        idle_in_transaction_timeout_ms: store.idle_in_transaction_timeout_ms.get(),
        tcp_timeout_ms: store.tcp_timeout_ms.get(),
        connect_timeout_ms: store.connect_timeout_ms.get(),
        notify_interval_ms: store.notify_interval_ms.get(),
        ..postgres::Options::new(url)
    }
}

/// Opens the store.
///
/// # Errors
/// The store cannot be opened, or a shared one was not migrated.
pub async fn open(
    settings: &Settings,
    clock: &Arc<dyn Clock>,
    entropy: &Arc<Entropy>,
    listener: Arc<dyn CommitListener>,
) -> Result<Arc<dyn Store>, Error> {
    let time = clock.clone();
    let now: Now = Arc::new(move || Time(time.now_micros()));
    if let Some(options) = shared(settings) {
        let first_partition = u32::try_from(entropy.range(0..u64::from(u16::MAX)))
            .expect("the range ends below 2^16");
        let store = PostgresStore::open(options, now, listener, first_partition).await?;
        return Ok(Arc::new(store));
    }
    let mut new_id = ids(clock.as_ref(), entropy);
    let options = embedded(settings);
    let store = SqliteStore::open(options, now, &mut new_id, listener, Arc::new(stop_at_once))?;
    Ok(Arc::new(store))
}

/// The reads of callers, bounded: at least one read connection is left to intake and consumers, and about half of the
/// others to tenants other than the busiest: a database with a few processors answers more reads at once slowly.
#[must_use]
pub fn reads(settings: &Settings, store: &Arc<dyn Store>) -> Reads {
    let connections = if settings.database_url().is_some() {
        settings.store.pool_size
    } else {
        settings.store.reader_connections
    };
    let reads = &settings.reads;
    let at_once = reads.at_once.min(connections.saturating_sub(1)).max(1) as usize;
    let bounds = Bounds {
        at_once,
        of_tenant: at_once.div_ceil(2),
        waiting: reads.queue_limit as usize,
        waiting_of_tenant: reads.tenant_queue_limit as usize,
    };
    Reads::new(store.clone(), bounds, reads.wait_ms.duration())
}

/// Brings the schema up to date; the embedded store is made or opened for it, and closed again.
///
/// # Errors
/// The schema is of a newer version; the store is unavailable; a server has the embedded store open.
pub async fn migrate(
    settings: &Settings,
    clock: &Arc<dyn Clock>,
    entropy: &Arc<Entropy>,
) -> Result<Migrated, Error> {
    let mut new_id = ids(clock.as_ref(), entropy);
    if let Some(options) = shared(settings) {
        return postgres::migrate(&options, &mut new_id).await;
    }
    let before = sqlite::inspect(settings.store.data.as_ref())?;
    let store = open_alone(settings, clock, entropy).await?;
    store.close().await;
    let after = sqlite::inspect(settings.store.data.as_ref())?;
    let schema = |found: &Option<sqlite::Inspection>| found.as_ref().map_or(0, |f| f.schema);
    Ok(Migrated {
        made_database: before.is_none(),
        from: schema(&before),
        to: schema(&after),
    })
}

/// Makes the log be written packed by processes that start from now on; the schema must be up to date.
///
/// # Errors
/// The store is unavailable; a server has the embedded store open.
pub async fn pack_log(settings: &Settings) -> Result<(), Error> {
    match shared(settings) {
        Some(options) => postgres::pack_log(&options).await,
        None => sqlite::pack_log(settings.store.data.as_ref()),
    }
}

/// Opens the store for a command that changes it, with nobody who follows its log in this process.
///
/// # Errors
/// As [`open`]; a server has the embedded store open.
pub async fn open_alone(
    settings: &Settings,
    clock: &Arc<dyn Clock>,
    entropy: &Arc<Entropy>,
) -> Result<Arc<dyn Store>, Error> {
    open(settings, clock, entropy, Arc::new(NoReaders)).await
}

/// Moves the embedded store in a folder into an empty database.
///
/// # Errors
/// As [`move_store`].
pub async fn move_into(
    from: &Path,
    to: &postgres::Options,
    clock: &Arc<dyn Clock>,
    entropy: &Arc<Entropy>,
    progress: &mut (dyn FnMut(Stage) + Send),
) -> Result<Moved, Error> {
    let mut new_id = ids(clock.as_ref(), entropy);
    move_store(from, to, &mut new_id, progress).await
}

/// For a store that is opened without anyone reading its log.
struct NoReaders;

impl CommitListener for NoReaders {
    fn committed(&self, _events: &Arc<[LoggedEvent]>) {}

    fn appended(&self, _events: &[&NewEvent]) {}

    fn grown(&self, _part: u16) {}
}

fn ids(clock: &dyn Clock, entropy: &Entropy) -> impl FnMut() -> Uuid + Send {
    || entropy.uuid_v7(clock.now_micros())
}

/// Ends the process at once, because it does not know whether the last commit is durable. No request may be answered
/// any more, so nothing is drained or flushed. The next start reads from the file what was stored.
#[expect(
    clippy::print_stderr,
    reason = "the process ends here; its log may be what failed"
)]
fn stop_at_once(why: &str) {
    eprintln!("waybill: {why}; stopping without another answer. Check the disk, then start again.");
    std::process::exit(EXIT_STORE_IN_DOUBT);
}
