//! Copies a database into one file: as of one moment, beside processes that write, and durable before it gets its name.
//!
//! **Invariant:** under the final name there is a complete copy or nothing. It has everything that was committed before
//! the copy began. `backup` and `migrate` decide what to copy and what to change in the copy.
//!
//! The copy is made in one read transaction. It never starts again, even if the source is written meanwhile, and it
//! blocks neither readers nor the writer. While it runs, the write-ahead log of the source cannot be reused and grows.

use super::connection;
use super::errors::IntoStore;
use crate::error::{Error, Result};
use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};
use std::fs::{self, File, OpenOptions};
use std::path::{Path, PathBuf};

/// Pages copied between two reports of progress: 4 MiB.
const PAGES_A_STEP: i32 = 1_024;

/// The copy is synced as it grows, every 64 MiB. Left to the end, the kernel writes a gigabyte at once, and every commit
/// of the server waits behind it (measured: p99 of intake 960 ms, with this 190 to 250 ms, without a copy 140 to 200).
const STEPS_A_SYNC: u64 = 16;

/// How far a copy has come, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Copied {
    pub done: u64,
    pub total: u64,
}

/// A copy under a temporary name beside its final one; removed unless it is [`Partial::kept`].
pub struct Partial {
    path: PathBuf,
    done: bool,
}

impl Partial {
    /// Copies the database that `source` is connected to. The copy is readable by its owner alone, because it contains
    /// postal addresses.
    ///
    /// # Errors
    /// Another copy to this name is in progress or was killed, the disk is full, or an I/O error.
    pub fn copy(source: &Connection, to: &Path, progress: &mut dyn FnMut(Copied)) -> Result<Self> {
        let path = partial_of(to);
        create(&path)?;
        let partial = Self { path, done: false };
        let mut copy = partial.open(OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        // The copy has no earlier content to roll back to, and the whole file is synced at the end.
        copy.execute_batch("PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF;")
            .store()?;
        source.execute_batch("BEGIN DEFERRED").store()?;
        let file = File::open(&partial.path).map_err(|e| cannot_write(&partial.path, e))?;
        let synced = || file.sync_data().map_err(|e| cannot_write(to, e));
        let copied = copy_pages(source, &mut copy, &synced, progress);
        source.execute_batch("COMMIT").store()?;
        copied?;
        // One file, without a write-ahead log beside it.
        copy.execute_batch("PRAGMA journal_mode=DELETE").store()?;
        Ok(partial)
    }

    /// A connection to the copy.
    pub fn open(&self, access: OpenFlags) -> Result<Connection> {
        connection::open_file(&self.path, access)
    }

    /// Syncs the copy and renames it to `to`; `replace` allows an existing file to be replaced.
    pub fn kept(mut self, to: &Path, replace: bool) -> Result<()> {
        let cannot = |e: std::io::Error| cannot_write(to, e);
        File::open(&self.path)
            .and_then(|file| file.sync_all())
            .map_err(cannot)?;
        if !replace {
            refuse_existing(to)?;
        }
        fs::rename(&self.path, to).map_err(cannot)?;
        self.done = true;
        sync_folder_of(to).map_err(cannot)
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        if !self.done {
            // No error: the copy never had its final name, and if the partial file stays, the next copy reports it.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// The name of a copy until it is complete.
pub fn partial_of(to: &Path) -> PathBuf {
    let mut name = to.file_name().unwrap_or_default().to_owned();
    name.push(".partial");
    to.with_file_name(name)
}

/// Removes what a killed process left of a copy to `to`. The caller must know that no copy is being made.
pub fn remove_left(to: &Path) -> Result<()> {
    remove_if_there(&partial_of(to))
}

/// Removes a file if it exists and makes the removal survive power loss.
pub fn remove_if_there(path: &Path) -> Result<()> {
    match fs::remove_file(path).and_then(|()| sync_folder_of(path)) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
            Err(Error::open(format!("cannot remove {}", path.display()), e.to_string()).because(e))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

/// # Errors
/// There is a file of that name.
pub fn refuse_existing(to: &Path) -> Result<()> {
    if to.symlink_metadata().is_err() {
        return Ok(());
    }
    Err(Error::open(
        format!("{} exists and is not overwritten", to.display()),
        "name another file, or remove it yourself",
    ))
}

fn create(path: &Path) -> Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Ok(_) => Ok(()),
        Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => Err(Error::open(
            format!("{} is there already", path.display()),
            "another copy is being made, or one was interrupted; if none is running, remove the file",
        )),
        Err(e) => Err(cannot_write(path, e)),
    }
}

fn copy_pages(
    source: &Connection,
    copy: &mut Connection,
    sync: &dyn Fn() -> Result<()>,
    progress: &mut dyn FnMut(Copied),
) -> Result<()> {
    // This read begins the transaction: the copy has the state of this moment.
    let page_bytes: u64 = source
        .query_row(
            "SELECT page_size FROM pragma_page_size, (SELECT COUNT(*) FROM sqlite_schema)",
            [],
            |row| row.get(0),
        )
        .store()?;
    let backup = Backup::new(source, copy).store()?;
    for steps in 1_u64.. {
        let step = backup.step(PAGES_A_STEP).store()?;
        let at = backup.progress();
        let bytes = |pages: i32| u64::from(pages.unsigned_abs()) * page_bytes;
        progress(Copied {
            done: bytes(at.pagecount - at.remaining),
            total: bytes(at.pagecount),
        });
        match step {
            StepResult::Done => break,
            StepResult::More if steps % STEPS_A_SYNC == 0 => sync()?,
            StepResult::More => {}
            _ => return Err(Error::busy("another process uses the copy being made")),
        }
    }
    Ok(())
}

fn cannot_write(path: &Path, e: std::io::Error) -> Error {
    if e.kind() == std::io::ErrorKind::StorageFull {
        return Error::DiskFull;
    }
    Error::open(format!("cannot write {}", path.display()), e.to_string()).because(e)
}

/// Makes a rename or a removal in the folder of `path` survive power loss.
pub fn sync_folder_of(path: &Path) -> std::io::Result<()> {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}
