//! Opens a store: the folder, its lock, the schema, the identity, the counters; then starts the threads.

use super::accept;
use super::checkpoint::Checkpoints;
use super::connection::{self, Options};
use super::errors::IntoStore;
use super::leases;
use super::lock;
use super::migrate;
use super::moving;
use super::readers::{Gate, Readers};
use super::rounds::{OnFatal, Setup};
use super::schedule::Schedule;
use super::store::SqliteStore;
use super::tx::Counters;
use super::writer::Writer;
use crate::error::{Error, Result};
use crate::generations::{self, Former};
use crate::model::Identity;
use crate::traits::{CommitListener, Now};
use parking_lot::Mutex;
use rusqlite::{Connection, OptionalExtension, params};
use std::fs::{DirBuilder, File};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use uuid::Uuid;
use waybill_domain::status::OrderStatus;

impl SqliteStore {
    /// Opens the store in `options.directory`, or creates it.
    ///
    /// `new_id` makes the ids of a new store. `on_fatal` is called when it is unknown whether a commit is durable; it
    /// must end the process.
    ///
    /// # Errors
    /// [`Error::Locked`], [`Error::NewerSchema`], or an I/O error.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "a store is given its options for good"
    )]
    pub fn open(
        options: Options,
        now: Now,
        new_id: &mut dyn FnMut() -> Uuid,
        listener: Arc<dyn CommitListener>,
        on_fatal: OnFatal,
    ) -> Result<Self> {
        connection::check_version()?;
        let directory = &options.directory;
        let cannot = |e: std::io::Error| {
            Error::open(
                format!("cannot use the data folder {}", directory.display()),
                e.to_string(),
            )
            .because(e)
        };
        make_directory(directory).map_err(cannot)?;
        let lock = lock::take(directory)?;
        refuse_orphaned_log(directory)?;
        let mut writer_connection = connection::open_writer(&options)?;
        migrate::run(&writer_connection, directory)?;
        moving::refuse_moved(&writer_connection)?;
        leases::forget_former_owners(&writer_connection)?;
        let identity = identify(&writer_connection, new_id)?;
        let counters = load_counters(&writer_connection)?;
        let log_form = migrate::log_form(&writer_connection)?;
        let page_bytes: u64 = writer_connection
            .query_row("PRAGMA page_size", [], |row| row.get::<_, i64>(0))
            .store()?
            .unsigned_abs();
        let gate = Arc::new(Gate::default());
        let wal_bytes = Arc::new(AtomicU64::new(0));
        let checkpoints = Checkpoints::new(
            options.checkpoint_pages,
            options.wal_limit_bytes,
            page_bytes,
            gate.clone(),
            wal_bytes.clone(),
        );
        checkpoints.watch(&mut writer_connection)?;
        #[cfg(feature = "conformance")]
        super::observe::watch(&mut writer_connection)?;
        let readers = Readers::start(&options, gate)?;
        let setup = Setup {
            connection: writer_connection,
            counters,
            log_form,
            schedule: Schedule::new(options.background_share),
            checkpoints,
            listener,
            now: now.clone(),
            on_fatal,
        };
        let writer = Writer::start(setup, options.writer_queue)?;
        Ok(Self {
            identity,
            writer: Arc::new(writer),
            readers: Arc::new(readers),
            now,
            scan_limit: options.scan_limit,
            wal_bytes,
            claims_walk: Arc::default(),
            stuck_walk: Arc::default(),
            lock: Mutex::new(Some(lock)),
        })
    }
}

/// Creates a folder that only its owner can open, and syncs its parent so that it survives power loss; SQLite syncs the
/// files in it. An existing folder keeps its mode.
pub(super) fn make_directory(directory: &Path) -> std::io::Result<()> {
    let missing: Vec<_> = directory
        .ancestors()
        .take_while(|a| !a.as_os_str().is_empty() && !a.exists())
        .collect();
    if let Some(parent) = directory.parent() {
        std::fs::create_dir_all(parent)?;
    }
    match DirBuilder::new().mode(0o700).create(directory) {
        Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists && directory.is_dir() => {}
        made => made?,
    }
    for made in missing {
        let parent = made.parent().filter(|p| !p.as_os_str().is_empty());
        File::open(parent.unwrap_or(Path::new(".")))?.sync_all()?;
    }
    Ok(())
}

/// Refuses a folder with a write-ahead log but no database, as an incomplete copy leaves it. The log may hold the only
/// copy of acknowledged orders, and SQLite would delete it when it creates a new database.
fn refuse_orphaned_log(directory: &Path) -> Result<()> {
    let length = |name: &str| directory.join(name).metadata().map_or(0, |file| file.len());
    let (database, log) = (connection::FILE, format!("{}-wal", connection::FILE));
    if length(database) > 0 || length(&log) == 0 {
        return Ok(());
    }
    Err(Error::open(
        format!(
            "{} has {log} and no {database}, so orders that are only in the log would be lost",
            directory.display()
        ),
        format!("bring {database} back from where the folder was copied, or move {log} away"),
    ))
}

fn identify(connection: &Connection, new_id: &mut dyn FnMut() -> Uuid) -> Result<Identity> {
    for key in ["store_id", "generation"] {
        connection
            .execute(
                "INSERT INTO meta (key, value) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
                params![key, new_id().to_string()],
            )
            .store()?;
    }
    let read = |key: &str| {
        connection
            .query_row("SELECT value FROM meta WHERE key = ?1", [key], |row| {
                row.get(0)
            })
            .store()
    };
    let former = connection
        .query_row(
            "SELECT value FROM meta WHERE key = ?1",
            [generations::KEY],
            |row| row.get::<_, String>(0),
        )
        .optional()
        .store()?;
    Ok(Identity {
        former: Former::read(former.as_deref())?,
        store_id: read("store_id")?,
        generation: read("generation")?,
        partitions: 1,
        driver: "sqlite",
        one_writer: true,
    })
}

fn load_counters(connection: &Connection) -> Result<Counters> {
    let read = |name: &str| -> Result<i64> {
        connection
            .query_row(
                "SELECT COALESCE((SELECT value FROM counters WHERE name = ?1), 0)",
                [name],
                |row| row.get(0),
            )
            .store()
    };
    let last: i64 = connection
        .query_row("SELECT COALESCE(MAX(position), 0) FROM events", [], |row| {
            row.get(0)
        })
        .store()?;
    let position = read("position")?;
    if position < last {
        return Err(Error::damaged_row(
            "the log's counter",
            format!("the counter is at {position}, the log at {last}"),
        ));
    }
    let number = accept::load_number(connection)?;
    let mut by_status = [0; OrderStatus::ALL.len()];
    for status in OrderStatus::ALL {
        by_status[*status as usize] = read(status.as_str())?;
    }
    let parked = connection
        .query_row("SELECT COUNT(*) FROM parked", [], |row| row.get(0))
        .store()?;
    Ok(Counters {
        position,
        number,
        number_block: number,
        parked,
        by_status,
    })
}
