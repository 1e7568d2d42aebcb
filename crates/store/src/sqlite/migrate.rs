//! Migrates the schema, one numbered file at a time, each in its own transaction, after making a copy of the data.

use super::connection;
use super::copy::{Copied, Partial, remove_if_there, remove_left};
use super::errors::IntoStore;
use super::lock;
use crate::error::{Error, Result};
use crate::migrations::{self, MIGRATIONS, MIN_COMPATIBLE, Migration, Verdict};
use crate::packed::{self, LogForm};
use rusqlite::{Connection, OpenFlags, OptionalExtension, params};
use std::path::{Path, PathBuf};

/// The statements of each migration, in the order of [`MIGRATIONS`].
const SQL: [&str; MIGRATIONS.len()] = [
    include_str!("../../migrations/sqlite/0001_initial.sql"),
    include_str!("../../migrations/sqlite/0002_many_processes.sql"),
    include_str!("../../migrations/sqlite/0003_short_chains.sql"),
    include_str!("../../migrations/sqlite/0004_by_tenant.sql"),
    include_str!("../../migrations/sqlite/0005_commands_once.sql"),
    include_str!("../../migrations/sqlite/0006_discards.sql"),
    include_str!("../../migrations/sqlite/0007_shipment_copies.sql"),
    include_str!("../../migrations/sqlite/0008_parked_of_tenant.sql"),
    include_str!("../../migrations/sqlite/0009_inbox.sql"),
    include_str!("../../migrations/sqlite/0010_trace.sql"),
    include_str!("../../migrations/sqlite/0011_inbox_held.sql"),
    include_str!("../../migrations/sqlite/0012_clients.sql"),
    include_str!("../../migrations/sqlite/0013_vendors.sql"),
    include_str!("../../migrations/sqlite/0014_sourcing.sql"),
    include_str!("../../migrations/sqlite/0015_backorders.sql"),
    include_str!("../../migrations/sqlite/0016_packed_log.sql"),
    include_str!("../../migrations/sqlite/0017_archive.sql"),
    include_str!("../../migrations/sqlite/0018_samples.sql"),
];

/// How many copies from before migrations are kept; older ones are deleted.
const COPIES_KEPT: usize = 3;

/// The schema a database has; 0 when it is new.
pub fn found(connection: &Connection) -> Result<i64> {
    connection
        .query_row("PRAGMA user_version", [], |row| row.get(0))
        .store()
}

/// What to do with a database.
///
/// # Errors
/// [`Error::NewerSchema`] when it was written by a newer version and does not say that this one may run on it.
pub fn decide(connection: &Connection) -> Result<Verdict> {
    let found = found(connection)?;
    let known = migrations::known();
    // Only a newer schema's note is needed, and a database without tables has no `meta` to read.
    let note = if found > known {
        note(connection)?
    } else {
        None
    };
    match migrations::decide(found, known, note.as_deref()) {
        Verdict::Refuse => Err(Error::NewerSchema { found, known }),
        verdict @ (Verdict::ConsumerBatch | Verdict::Run) => Ok(verdict),
    }
}

fn note(connection: &Connection) -> Result<Option<String>> {
    meta(connection, MIN_COMPATIBLE)
}

fn meta(connection: &Connection, key: &str) -> Result<Option<String>> {
    let sql = "SELECT value FROM meta WHERE key = ?1";
    connection
        .query_row(sql, [key], |row| row.get(0))
        .optional()
        .store()
}

/// How the log of a database is written.
pub fn log_form(connection: &Connection) -> Result<LogForm> {
    Ok(LogForm::read(meta(connection, packed::KEY)?.as_deref()))
}

/// Makes the log of the store in `directory` be written packed from now on. Older binaries are refused from then on. The
/// schema must be the newest.
///
/// # Errors
/// [`Error::Locked`] while a server has it open, [`Error::NewerSchema`], or an I/O error.
pub fn pack_log(directory: &Path) -> Result<()> {
    let _lock = lock::take(directory)?;
    let connection = connection::open_for_change(directory)?;
    let change =
        rusqlite::Transaction::new_unchecked(&connection, rusqlite::TransactionBehavior::Immediate)
            .store()?;
    let found = found(&change)?;
    let note = migrations::packed_note(found)?;
    set_meta(&change, packed::KEY, packed::PACKED)?;
    set_meta(&change, MIN_COMPATIBLE, &note)?;
    change.commit().store()
}

fn set_meta(connection: &Connection, key: &str, value: &str) -> Result<()> {
    let sql = "INSERT INTO meta (key, value) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = excluded.value";
    connection.execute(sql, params![key, value]).store()?;
    Ok(())
}

/// Applies the missing migrations to the store in `directory`. If one changes a schema that holds data, the database is
/// copied first.
///
/// # Errors
/// [`Error::NewerSchema`], or no room for the copy; nothing was changed then.
pub fn run(connection: &Connection, directory: &Path) -> Result<()> {
    match decide(connection)? {
        Verdict::ConsumerBatch => {}
        Verdict::Run | Verdict::Refuse => return Ok(()),
    }
    let found = found(connection)?;
    if found > 0 && changes_something(found) {
        let kept = keep_copy(directory, found + 1)?;
        tracing::info!(copy = %kept.display(), "the store was copied before its schema is migrated");
    }
    apply_after(connection, found)
}

/// Applies the missing migrations without making a copy.
pub fn apply(connection: &Connection) -> Result<()> {
    apply_after(connection, found(connection)?)
}

/// Whether a migration after `found` has statements for this driver; some only concern the other driver.
fn changes_something(found: i64) -> bool {
    let missing = MIGRATIONS.iter().zip(SQL).filter(|(m, _)| m.number > found);
    let mut lines = missing.flat_map(|(_, sql)| sql.lines());
    lines.any(|line| !line.trim().is_empty() && !line.starts_with("--"))
}

fn apply_after(connection: &Connection, found: i64) -> Result<()> {
    for (migration, sql) in MIGRATIONS.iter().zip(SQL) {
        if migration.number > found {
            apply_one(connection, migration, sql)?;
            tracing::info!(number = migration.number, "schema migrated");
        }
    }
    Ok(())
}

fn apply_one(connection: &Connection, migration: &Migration, sql: &str) -> Result<()> {
    // The transaction is rolled back if it is dropped before its commit.
    let change =
        rusqlite::Transaction::new_unchecked(connection, rusqlite::TransactionBehavior::Immediate)
            .store()?;
    change.execute_batch(sql).store()?;
    if migration.number == 1 {
        // A new store: no older binary has ever run on it.
        set_meta(&change, packed::KEY, packed::PACKED)?;
    }
    let log = log_form(&change)?;
    set_meta(&change, MIN_COMPATIBLE, &migration.note(log))?;
    change
        .pragma_update(None, "user_version", migration.number)
        .store()?;
    change.commit().store()
}

/// The name of a copy from before a migration, without the schema's number.
const BEFORE: &str = "waybill.db.before-";

fn keep_copy(directory: &Path, next: i64) -> Result<PathBuf> {
    let path = directory.join(format!("{BEFORE}{next:04}"));
    let source = connection::open_reader(directory)?;
    // A process that was killed while making a copy did not migrate, so the present data are at least as new. The lock
    // on the folder excludes that another process makes a copy now.
    remove_left(&path)?;
    let copy = Partial::copy(&source, &path, &mut |_: Copied| {})?;
    check(&copy.open(OpenFlags::SQLITE_OPEN_READ_ONLY)?)?;
    copy.kept(&path, true)?;
    let copies = copies(directory)?;
    for old in copies.iter().rev().skip(COPIES_KEPT) {
        remove_if_there(old)?;
    }
    Ok(path)
}

/// # Errors
/// [`Error::DamagedDatabase`] when the file is damaged.
pub fn check(connection: &Connection) -> Result<()> {
    let found: String = connection
        .query_row("PRAGMA quick_check(5)", [], |row| row.get(0))
        .store()?;
    if found == "ok" {
        return Ok(());
    }
    Err(Error::damaged_database(found))
}

/// The copies from before migrations in `directory`, oldest first.
pub fn copies(directory: &Path) -> Result<Vec<PathBuf>> {
    let cannot = |e: std::io::Error| {
        Error::open(
            format!("cannot read {}", directory.display()),
            e.to_string(),
        )
        .because(e)
    };
    let mut copies = vec![];
    for entry in directory.read_dir().map_err(cannot)? {
        let path = entry.map_err(cannot)?.path();
        let name = path.file_name().and_then(|name| name.to_str());
        if name.is_some_and(|name| name.starts_with(BEFORE)) {
            copies.push(path);
        }
    }
    // Four digits: the order of names is the order of numbers.
    copies.sort();
    Ok(copies)
}
