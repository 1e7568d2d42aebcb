//! The lock on the data directory: one process at a time.

use crate::error::{Error, Result};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::Path;

/// Held for as long as the store is open; the operating system lets go of it when the process dies.
pub struct DirectoryLock {
    _file: File,
}

pub const FILE: &str = "waybill.lock";

/// The process that holds the lock of `directory`, without touching the lock: a look that took it for a moment could
/// turn away a server that starts just then. `None` when no process holds it.
#[must_use]
pub fn holder(directory: &Path) -> Option<u32> {
    use std::os::unix::fs::MetadataExt;
    let path = directory.join(FILE);
    let inode = std::fs::metadata(&path).ok()?.ino().to_string();
    let locks = std::fs::read_to_string("/proc/locks").ok()?;
    // "1: FLOCK  ADVISORY  WRITE 4242 08:01:131090 0 EOF"; lines of those who wait have "->" behind the number.
    let held = locks.lines().find_map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [_, kind, _, _, pid, file, ..] = words[..] else {
            return None;
        };
        let is_ours = kind == "FLOCK" && file.rsplit(':').next() == Some(&inode);
        is_ours.then(|| pid.parse::<u32>().ok()).flatten()
    })?;
    // The number in the file is the holder's own; /proc/locks translates it where the holder is in a container.
    let noted = std::fs::read_to_string(&path).ok();
    Some(
        noted
            .and_then(|pid| pid.trim().parse().ok())
            .unwrap_or(held),
    )
}

/// Takes the lock of `directory`, which must exist.
///
/// # Errors
/// [`Error::Locked`] when another process has it.
pub fn take(directory: &Path) -> Result<DirectoryLock> {
    let path = directory.join(FILE);
    let open = |e: std::io::Error| {
        Error::open(format!("cannot open {}", path.display()), e.to_string()).because(e)
    };
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(&path)
        .map_err(open)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut holder = String::new();
            let read = file.read_to_string(&mut holder);
            let holder = read.ok().and_then(|_| holder.trim().parse::<u32>().ok());
            let holder =
                holder.map_or_else(|| "pid unknown".to_owned(), |pid| format!("pid {pid}"));
            return Err(Error::Locked {
                path: directory.to_owned(),
                holder,
            });
        }
        Err(TryLockError::Error(e)) => return Err(open(e)),
    }
    // The pid is only for the message above; the lock does not depend on it, nor on there being room for it.
    let told = file
        .set_len(0)
        .and_then(|()| file.rewind())
        .and_then(|()| writeln!(file, "{}", std::process::id()));
    if let Err(e) = told {
        tracing::debug!(error = %e, "could not write the pid into the lock file");
    }
    Ok(DirectoryLock { _file: file })
}
