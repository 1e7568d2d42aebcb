//! Backups: copying the store into one file beside the running server, examining such a file, and restoring it.
//!
//! **Invariant:** a backup has the state of the store at one moment, with everything acknowledged before the backup
//! began. A restored store has a new generation, so that no reader continues with an older cursor. `copy` makes the
//! file; bringing it to another machine is left to the operator.

use super::connection::{self, FILE};
use super::copy::{Copied, Partial, partial_of, refuse_existing, remove_left};
use super::errors::IntoStore;
use super::moving::MOVED_TO;
use super::open::make_directory;
use super::verify::{check_all, open_existing};
use super::{lock, migrate};
use crate::error::{Error, Result};
use crate::generations::{self, Former};
use crate::model::Positions;
use crate::verify::Report;
use rusqlite::{Connection, OpenFlags, OptionalExtension, params};
use serde::Serialize;
use std::fs::File;
use std::path::{Path, PathBuf};
use uuid::Uuid;
use waybill_domain::time::Time;

/// Key in `meta` of a backup: when the backup began, in microseconds since the epoch. A running store does not have it.
const TAKEN_AT: &str = "backup_taken_at";
/// Key in `meta` of a restored store: when the backup it was made from began, in microseconds since the epoch.
const RESTORED_TO: &str = "restored_to";

/// The contents of a backup, or of a store just restored from one.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Backup {
    pub file: PathBuf,
    pub bytes: u64,
    /// When the backup began: everything acknowledged before this time is in it. `None` for a store's own database
    /// file.
    pub taken_at: Option<Time>,
    pub store_id: String,
    pub generation: String,
    pub schema: i64,
    #[serde(flatten)]
    pub report: Report,
}

/// The stage of a backup, for the progress display.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    Copying(Copied),
    /// Recomputing the invariants over the copy.
    Checking,
}

/// Copies the store in `directory` into the file `to`, also while a server runs on it, and checks the copy. Violated
/// invariants are in the report; the backup is kept nevertheless, because the store has the same faults.
///
/// # Errors
/// There is no store, the file exists, the disk is full, or an I/O error. After an error there is no file.
pub fn create_backup(
    directory: &Path,
    to: &Path,
    taken_at: Time,
    progress: &mut dyn FnMut(Stage),
) -> Result<Backup> {
    refuse_existing(to)?;
    let source = open_existing(directory)?;
    let partial = Partial::copy(&source, to, &mut |copied| progress(Stage::Copying(copied)))?;
    drop(source);
    let copy = partial.open(OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    set_meta(&copy, TAKEN_AT, &taken_at.0.to_string())?;
    drop(copy);
    progress(Stage::Checking);
    let mut copy = partial.open(OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let backup = describe(&mut copy, to)?;
    drop(copy);
    partial.kept(to, false)?;
    Ok(backup)
}

/// Checks a backup and returns its contents.
///
/// # Errors
/// The file is no backup, is from a newer version, or cannot be read. Violated invariants are no error; the report
/// lists them.
pub fn verify_backup(file: &Path, progress: &mut dyn FnMut(Stage)) -> Result<Backup> {
    let mut backup = open_backup(file)?;
    progress(Stage::Checking);
    describe(&mut backup, file)
}

/// Makes a store from a backup, in a folder that is empty or does not exist. Its generation is `generation`, which must
/// be new. A backup of an older version is migrated. If an invariant is violated, no store is left, unless
/// `with_findings` is set.
///
/// # Errors
/// As [`verify_backup`]; or the folder is in use or not empty, or the disk is full. After an error there is no store in
/// the folder.
pub fn restore_backup(
    file: &Path,
    directory: &Path,
    generation: Uuid,
    with_findings: bool,
    progress: &mut dyn FnMut(Stage),
) -> Result<Backup> {
    let source = open_backup(file)?;
    let cannot = |e: std::io::Error| {
        Error::open(
            format!("cannot use the folder {}", directory.display()),
            e.to_string(),
        )
        .because(e)
    };
    make_directory(directory).map_err(cannot)?;
    // Wiping a store leaves its lock file, and a killed restore leaves its partial file, so both are allowed. Checked
    // before taking the lock and again under it, so that a folder that is not a store's is not changed.
    refuse_filled(directory)?;
    let _lock = lock::take(directory)?;
    refuse_filled(directory)?;
    let to = directory.join(FILE);
    remove_left(&to)?;
    let partial = Partial::copy(&source, &to, &mut |copied| progress(Stage::Copying(copied)))?;
    let mut copy = partial.open(OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    migrate::apply(&copy)?;
    begin_new_incarnation(&mut copy, generation)?;
    drop(copy);
    progress(Stage::Checking);
    let mut copy = partial.open(OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let restored = describe(&mut copy, &to)?;
    drop(copy);
    if restored.report.findings.is_empty() || with_findings {
        partial.kept(&to, false)?;
    }
    Ok(restored)
}

/// Replaces what the restored store must not inherit: the generation, and the notes of when the store was copied and
/// where it was moved to.
fn begin_new_incarnation(copy: &mut Connection, generation: Uuid) -> Result<()> {
    let change = copy.transaction().store()?;
    if let Some(ended) = meta(&change, "generation")? {
        let former = Former::read(meta(&change, generations::KEY)?.as_deref())?;
        let former = former.with(&ended, Positions(vec![last_position(&change)?]));
        set_meta(&change, generations::KEY, &former)?;
    }
    set_meta(&change, "generation", &generation.to_string())?;
    if let Some(taken_at) = meta(&change, TAKEN_AT)? {
        set_meta(&change, RESTORED_TO, &taken_at)?;
    }
    for of_another_life in [TAKEN_AT, MOVED_TO] {
        change
            .execute("DELETE FROM meta WHERE key = ?1", [of_another_life])
            .store()?;
    }
    change.commit().store()
}

fn refuse_filled(directory: &Path) -> Result<()> {
    let refuse = |detail: String| {
        Error::open(
            format!("{} cannot be the target of a restore", directory.display()),
            detail,
        )
    };
    let left = partial_of(Path::new(FILE)).into_os_string();
    if directory.join(FILE).symlink_metadata().is_ok() {
        return Err(refuse(
            "it holds a store already; name an empty folder with --data, or move that store away first"
                .into(),
        ));
    }
    for entry in directory.read_dir().map_err(|e| refuse(e.to_string()))? {
        let name = entry.map_err(|e| refuse(e.to_string()))?.file_name();
        if name != lock::FILE && name != left {
            let name = name.to_string_lossy();
            return Err(refuse(format!(
                "it is not empty (it holds {name}); name an empty folder with --data, or empty it yourself"
            )));
        }
    }
    Ok(())
}

fn open_backup(file: &Path) -> Result<Connection> {
    let no_backup = |why: String| Error::open(format!("{} is no backup", file.display()), why);
    // Opened as a plain file first, because SQLite does not say why a file cannot be opened.
    let found = File::open(file)
        .and_then(|opened| opened.metadata())
        .map_err(|e| no_backup(e.to_string()).because(e))?;
    if !found.is_file() {
        return Err(no_backup("it is not a file".into()));
    }
    let backup = connection::open_file(file, OpenFlags::SQLITE_OPEN_READ_ONLY)
        .map_err(|e| no_backup(e.to_string()).because(e))?;
    let tables: i64 = backup
        .query_row(
            "SELECT COUNT(*) FROM sqlite_schema WHERE name IN ('meta', 'events', 'orders')",
            [],
            |row| row.get(0),
        )
        .map_err(|e| no_backup(e.to_string()).because(e))?;
    if tables != 3 {
        return Err(no_backup(
            "it is a database, but not one of Waybill's".into(),
        ));
    }
    migrate::decide(&backup)?;
    Ok(backup)
}

fn describe(connection: &mut Connection, file: &Path) -> Result<Backup> {
    let report = check_all(connection)?;
    let pages = |pragma: &str| -> Result<u64> {
        connection
            .query_row(&format!("PRAGMA {pragma}"), [], |row| row.get(0))
            .store()
    };
    // A backup by an early version has neither.
    let named = |key: &str| Ok(meta(connection, key)?.unwrap_or_default());
    let taken_at = meta(connection, TAKEN_AT)?.or(meta(connection, RESTORED_TO)?);
    let taken_at = taken_at.map(|text| {
        let damaged = || Error::damaged_row("meta", format!("the time of the copy is {text}"));
        text.parse().map(Time).map_err(|_| damaged())
    });
    Ok(Backup {
        file: file.to_owned(),
        bytes: pages("page_count")? * pages("page_size")?,
        taken_at: taken_at.transpose()?,
        store_id: named("store_id")?,
        generation: named("generation")?,
        schema: migrate::found(connection)?,
        report,
    })
}

/// The highest position that the log has given out.
fn last_position(connection: &Connection) -> Result<i64> {
    let sql = "SELECT COALESCE((SELECT value FROM counters WHERE name = 'position'), 0)";
    connection.query_row(sql, [], |row| row.get(0)).store()
}

fn meta(connection: &Connection, key: &str) -> Result<Option<String>> {
    connection
        .query_row("SELECT value FROM meta WHERE key = ?1", [key], |row| {
            row.get(0)
        })
        .optional()
        .store()
}

fn set_meta(connection: &Connection, key: &str, value: &str) -> Result<()> {
    connection
        .execute(
            "INSERT INTO meta (key, value) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
            params![key, value],
        )
        .map(|_| ())
        .store()
}
