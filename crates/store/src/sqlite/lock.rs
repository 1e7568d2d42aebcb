//! The lock on the data directory: one process at a time.

use crate::error::{Error, Result};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

/// Held for as long as the store is open; the operating system releases it when the process dies.
pub struct DirectoryLock {
    _file: File,
}

pub const FILE: &str = "waybill.lock";

/// The id of the process that holds the lock of `directory`. Does not touch the lock: taking it for a moment could make
/// a server that starts at that moment fail. `None` when no process holds it.
#[must_use]
pub fn holder(directory: &Path) -> Option<u32> {
    let path = directory.join(FILE);
    let mut file = open_regular(OpenOptions::new().read(true), &path).ok()?;
    let inode = file.metadata().ok()?.ino().to_string();
    let locks = std::fs::read_to_string("/proc/locks").ok()?;
    // "1: FLOCK  ADVISORY  WRITE 4242 08:01:131090 0 EOF"; lines of waiting processes have "->" behind the number.
    let held = locks.lines().find_map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [_, kind, _, _, pid, file, ..] = words[..] else {
            return None;
        };
        let is_ours = kind == "FLOCK" && file.rsplit(':').next() == Some(&inode);
        // No error: a line without a number names no process.
        is_ours.then(|| pid.parse::<u32>().ok()).flatten()
    })?;
    // The number in the file is the holder's own; /proc/locks translates it where the holder is in a container.
    Some(noted_pid(&mut file).unwrap_or(held))
}

/// The process that the lock file names.
fn noted_pid(file: &mut File) -> Option<u32> {
    // No pid is longer; the limit bounds the read if the file has other content.
    const PID_BYTES: u64 = 32;
    let mut noted = String::new();
    file.take(PID_BYTES).read_to_string(&mut noted).ok()?;
    // No error: without a number the holder is unknown, which the lock does not depend on.
    noted.trim().parse().ok()
}

/// Opens a file of the data directory that must be a file itself: a link would lead to a file that is not ours, and be
/// written through.
fn open_regular(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    // Without O_NONBLOCK, opening a named pipe waits until another process opens its other end.
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    let opened = options.custom_flags(flags.bits().cast_signed()).open(path);
    let not_ours = |what: &str| {
        let advice = "Waybill makes this file itself: remove what stands in its place";
        io::Error::other(format!("{what}; {advice}"))
    };
    match opened {
        Ok(file) if file.metadata()?.is_file() => Ok(file),
        Ok(_) => Err(not_ours("it is no regular file")),
        Err(e) if e.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error()) => {
            Err(not_ours("it is a symbolic link"))
        }
        Err(e) => Err(e),
    }
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
    // The file is truncated only below, when the lock is held.
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    let mut file = open_regular(&mut options, &path).map_err(open)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let holder = noted_pid(&mut file)
                .map_or_else(|| "pid unknown".to_owned(), |pid| format!("pid {pid}"));
            return Err(Error::Locked {
                path: directory.to_owned(),
                holder,
            });
        }
        Err(TryLockError::Error(e)) => return Err(open(e)),
    }
    // No error: the pid is only for the message; the lock works without it, also on a full disk.
    let written = file
        .set_len(0)
        .and_then(|()| file.rewind())
        .and_then(|()| writeln!(file, "{}", std::process::id()));
    if let Err(e) = written {
        tracing::debug!(error = %e, "could not write the pid into the lock file");
    }
    Ok(DirectoryLock { _file: file })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_file_that_is_a_link_or_a_pipe_is_refused_and_its_target_kept() {
        let folder = tempfile::tempdir().expect("a folder");
        let precious = folder.path().join("precious");
        std::fs::write(&precious, "kept").expect("written");
        let data = folder.path().join("data");
        std::fs::create_dir(&data).expect("made");
        std::os::unix::fs::symlink(&precious, data.join(FILE)).expect("linked");
        let refused = take(&data).err().expect("refused").to_string();
        assert!(refused.contains("it is a symbolic link"), "{refused}");
        assert_eq!(std::fs::read_to_string(&precious).expect("read"), "kept");
        assert_eq!(holder(&data), None);

        std::fs::remove_file(data.join(FILE)).expect("removed");
        rustix::fs::mkfifoat(
            rustix::fs::CWD,
            data.join(FILE),
            rustix::fs::Mode::from_raw_mode(0o600),
        )
        .expect("a pipe");
        let refused = take(&data).err().expect("refused").to_string();
        assert!(refused.contains("no regular file"), "{refused}");
        assert_eq!(holder(&data), None);
    }

    #[test]
    fn what_a_lock_file_holds_is_cut_when_the_lock_is_held_and_not_before() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join(FILE);
        std::fs::write(&path, "1234567").expect("written");
        let other = File::open(&path).expect("opened");
        other.try_lock().expect("free");
        let refused = take(folder.path()).err().expect("refused").to_string();
        assert!(refused.contains("pid 1234567"), "{refused}");
        assert_eq!(std::fs::read_to_string(&path).expect("read"), "1234567");
        drop(other);
        let _held = take(folder.path()).expect("free again");
        let own = format!("{}\n", std::process::id());
        assert_eq!(std::fs::read_to_string(&path).expect("read"), own);
    }
}
