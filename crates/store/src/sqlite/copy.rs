//! Copies a database into one file: as of one moment, beside processes that write, and durable before it gets its name.
//!
//! **Invariant:** under the final name there is a complete copy or nothing. It has everything that was committed before
//! the copy began. What is copied, and what is changed in the copy, is decided by `backup` and `migrate`.
//!
//! The copy is made in one read transaction. It never starts again, however much is written meanwhile, and blocks
//! nobody; but while it runs the write-ahead log of the source cannot be reused and grows.

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
    /// Copies the database `source` is connected to. Whoever reads the copy must be its owner, as it holds
    /// addresses.
    ///
    /// # Errors
    /// Another copy is under way under this name (or was killed), no room on the disk, or what the disk says.
    pub fn copy(source: &Connection, to: &Path, progress: &mut dyn FnMut(Copied)) -> Result<Self> {
        let path = partial_of(to);
        create(&path)?;
        let partial = Self { path, done: false };
        let mut copy = partial.open(OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        // Nothing is in it that a rollback could bring back, and it is synced as a whole.
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

    /// Syncs it and gives it its name; `replace` says whether a file of that name may go.
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
            // It was never under its name; if it cannot be removed either, the next copy says so.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// What a copy is called until it is whole.
pub fn partial_of(to: &Path) -> PathBuf {
    let mut name = to.file_name().unwrap_or_default().to_owned();
    name.push(".partial");
    to.with_file_name(name)
}

/// Removes what a killed process left of a copy to `to`. The caller must know that no copy is being made.
pub fn remove_left(to: &Path) -> Result<()> {
    remove_if_there(&partial_of(to))
}

/// Removes a file for good.
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
        format!("{} is not overwritten", to.display()),
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
    // Begins the transaction: from here on it is one moment that is copied.
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
            _ => return Err(Error::busy("somebody else uses the copy being made")),
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
