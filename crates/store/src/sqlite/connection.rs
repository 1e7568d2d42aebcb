//! Opens connections, and checks the settings that durability depends on.

use super::errors::IntoStore;
use crate::error::{Error, Result};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};
use std::fs::OpenOptions;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Settings of the embedded store.
#[derive(Clone, Debug)]
pub struct Options {
    /// The data directory; created if it is missing.
    pub directory: PathBuf,
    pub reader_connections: usize,
    /// Read jobs that may wait in the queue; the next one fails with [`Error::Busy`].
    pub reader_queue: usize,
    /// Jobs that may wait for the writer, per class; the next one fails with [`Error::Busy`].
    pub writer_queue: usize,
    /// The least share of the writer's time that background work gets, 0 to 0.9.
    pub background_share: f64,
    /// WAL pages after which the writer checkpoints.
    pub checkpoint_pages: u32,
    /// WAL size in bytes above which readers are held back for a moment so that the log can be reused.
    pub wal_limit_bytes: u64,
    /// Page cache of the writing connection, in KiB.
    pub cache_kib: u32,
    /// Rows a filtered list may look at in one call.
    pub scan_limit: usize,
}

impl Options {
    /// The defaults, in `directory`.
    #[must_use]
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self {
            directory: directory.into(),
            reader_connections: 3,
            reader_queue: 4_096,
            writer_queue: 1_024,
            background_share: 0.2,
            checkpoint_pages: 1_000,
            wal_limit_bytes: 64 << 20,
            cache_kib: 28 << 10,
            scan_limit: 20_000,
        }
    }
}

/// The database file within the data directory.
pub const FILE: &str = "waybill.db";

/// How long a statement waits for a lock that another process holds.
pub const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// SQLite 3.7.0 to 3.51.2 can lose committed writes in WAL mode.
const OLDEST_SAFE: i32 = 3_051_003;

/// Refuses a library that can lose what it has committed.
pub fn check_version() -> Result<()> {
    let version = rusqlite::version_number();
    if version < OLDEST_SAFE {
        return Err(Error::open(
            "SQLite is too old",
            format!(
                "{} can lose committed writes; 3.51.3 is needed",
                rusqlite::version()
            ),
        ));
    }
    Ok(())
}

/// Makes the file of a new database, readable by its owner alone, because it contains postal addresses. SQLite gives
/// the files that it makes beside it the same mode, and takes an empty file for a new database.
fn make_private(path: &Path) -> std::io::Result<()> {
    let mut options = OpenOptions::new();
    match options.write(true).create_new(true).mode(0o600).open(path) {
        Ok(file) => file.sync_all(),
        // The name may also be a dangling symbolic link; SQLite would create its target.
        Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => {
            std::fs::metadata(path).map(|_| ())
        }
        Err(e) => Err(e),
    }
}

/// Opens the one writing connection.
pub fn open_writer(options: &Options) -> Result<Connection> {
    let path = options.directory.join(FILE);
    make_private(&path).map_err(|e| unreadable(&path, e))?;
    let connection = Connection::open_with_flags(
        &path,
        OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_CREATE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )
    .store()?;
    connection.busy_timeout(BUSY_TIMEOUT).store()?;
    let mode: String = connection
        .query_row("PRAGMA journal_mode=WAL", [], |row| row.get(0))
        .store()?;
    if mode != "wal" {
        return Err(Error::open(
            format!("{} cannot use a write-ahead log", path.display()),
            format!("journal mode is {mode}; use a local disk"),
        ));
    }
    connection
        .pragma_update(None, "synchronous", synchronous())
        .store()?;
    connection
        .pragma_update(None, "wal_autocheckpoint", 0)
        .store()?;
    connection
        .pragma_update(None, "foreign_keys", false)
        .store()?;
    connection
        .pragma_update(None, "temp_store", "MEMORY")
        .store()?;
    connection
        .pragma_update(None, "cache_size", -i64::from(options.cache_kib))
        .store()?;
    connection
        .pragma_update(
            None,
            "journal_size_limit",
            // No error: a limit beyond every file is no limit.
            i64::try_from(options.wal_limit_bytes).unwrap_or(i64::MAX),
        )
        .store()?;
    keep_plans(&connection)?;
    connection.set_prepared_statement_cache_capacity(256);
    Ok(connection)
}

#[cfg(not(feature = "planted-defects"))]
fn synchronous() -> &'static str {
    "FULL"
}

/// With the test-only feature, `WAYBILL_TEST_DEFECT=synchronous_off` or `synchronous_normal` plants a defect that
/// power loss must reveal: a damaged file, or a sound one that misses what was acknowledged last.
#[cfg(feature = "planted-defects")]
fn synchronous() -> &'static str {
    use crate::sqlite::defects::defect;
    if defect("synchronous_off") {
        "OFF"
    } else if defect("synchronous_normal") {
        "NORMAL"
    } else {
        "FULL"
    }
}

/// A plan does not depend on the values bound (SQLite's query planner stability guarantee). Without it, the bundled
/// library prepares a statement again whenever a value is bound to it (measured: a tenth of all processor time).
fn keep_plans(connection: &Connection) -> Result<()> {
    connection
        .set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)
        .map(|_| ())
        .store()
}

/// Opens a reading connection beside a writing one.
pub fn open_reader(directory: &Path) -> Result<Connection> {
    let path = directory.join(FILE);
    let opened = open_file(&path, OpenFlags::SQLITE_OPEN_READ_ONLY).and_then(readable);
    match opened {
        Ok(connection) => Ok(connection),
        Err(_) if is_at_rest(&path) => open_immutable(&path).map_err(|e| unreadable(&path, e)),
        Err(error) => Err(unreadable(&path, error)),
    }
}

/// Reads the first page: only then does SQLite open the file and create the files it needs beside it.
fn readable(connection: Connection) -> Result<Connection> {
    let read = connection.query_row("PRAGMA user_version", [], |row| row.get::<_, i64>(0));
    read.store()?;
    Ok(connection)
}

/// Whether all data are in the database file itself (no write-ahead log has content). Then a user who may not write the
/// folder can read the file without the files that SQLite would create beside it.
fn is_at_rest(path: &Path) -> bool {
    let log = path.with_extension("db-wal");
    std::fs::metadata(log).map_or(true, |log| log.len() == 0)
}

/// Opens a database that no process has open, without making a file beside it.
fn open_immutable(path: &Path) -> Result<Connection> {
    let mut address = String::from("file:");
    for byte in path.as_os_str().as_encoded_bytes() {
        match byte {
            b'/' | b'-' | b'_' | b'.' => address.push(char::from(*byte)),
            b if b.is_ascii_alphanumeric() => address.push(char::from(*b)),
            b => address.push_str(&format!("%{b:02X}")),
        }
    }
    address.push_str("?immutable=1");
    let access = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI;
    open_file(Path::new(&address), access).and_then(readable)
}

/// Why a database file or its folder could not be opened, with its path, its owner and what to do.
pub fn unreadable(path: &Path, error: impl std::error::Error + Send + Sync + 'static) -> Error {
    let why = error.to_string();
    let what = format!("cannot read {}", path.display());
    let Ok(file) = std::fs::metadata(path) else {
        return Error::open(what, why).because(error);
    };
    let owner = owner_name(file.uid());
    let no_database = why.contains("not a database");
    let advice = if no_database {
        "it is no SQLite database: name the data folder of Waybill with --data, or restore a backup"
            .to_owned()
    } else {
        as_its_owner(file.uid(), &owner)
    };
    Error::open(what, format!("{why}; it belongs to {owner}; {advice}")).because(error)
}

/// Advice to run the command as the file's owner. When the caller is the owner or root already, ownership is not the
/// reason, so the advice is to look at the mode.
fn as_its_owner(uid: u32, owner: &str) -> String {
    let me = rustix::process::geteuid().as_raw();
    if me == uid || me == 0 {
        "look at its mode (ls -l), and at its file system".to_owned()
    } else if uid == 0 {
        "run the command as root: sudo waybill …".to_owned()
    } else {
        format!("run the command as its owner: sudo -u {owner} waybill …")
    }
}

/// The name of a user, or the number where it has none.
fn owner_name(uid: u32) -> String {
    let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let number = uid.to_string();
    let named = users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)? == number).then(|| name.to_owned())
    });
    named.unwrap_or(format!("#{number}"))
}

/// Opens a store's database for a command that changes it while no server has it open.
pub fn open_for_change(directory: &Path) -> Result<Connection> {
    let file = directory.join(FILE);
    let writer = open_file(&file, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    writer.pragma_update(None, "synchronous", "FULL").store()?;
    Ok(writer)
}

/// Opens any database file, a copy for example; with `SQLITE_OPEN_READ_ONLY` for nothing but reading.
pub fn open_file(path: &Path, access: OpenFlags) -> Result<Connection> {
    let connection =
        Connection::open_with_flags(path, access | OpenFlags::SQLITE_OPEN_NO_MUTEX).store()?;
    connection.busy_timeout(BUSY_TIMEOUT).store()?;
    let reading = access.contains(OpenFlags::SQLITE_OPEN_READ_ONLY);
    connection
        .pragma_update(None, "query_only", reading)
        .store()?;
    connection
        .pragma_update(None, "cache_size", -2_048)
        .store()?;
    connection
        .pragma_update(None, "temp_store", "MEMORY")
        .store()?;
    keep_plans(&connection)?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(connection)
}
