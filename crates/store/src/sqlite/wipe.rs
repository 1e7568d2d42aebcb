//! Empties a data folder: only if it is a store's, only the store's own files, and never while a process uses it.

use super::connection;
use super::copy::{partial_of, remove_if_there};
use super::{lock, migrate};
use crate::error::{Error, Result};
use std::fs;
use std::path::Path;

/// Files that SQLite keeps beside the database, and the lock. The database is removed first: without it SQLite discards
/// the others, so an interrupted wipe leaves an empty store and not half of one.
const BESIDE: [&str; 3] = ["waybill.db-wal", "waybill.db-shm", "waybill.db-journal"];

/// Removes the store in `directory`, and the caller's own files there, named in `also`. Returns whether there was a
/// store.
///
/// # Errors
/// The directory is a symbolic link or holds other files than a store's; another process uses it; or an I/O error.
pub fn wipe(directory: &Path, also: &[&str]) -> Result<bool> {
    let refuse = |why: &str| {
        Error::open(
            format!("{} is not emptied", directory.display()),
            why.to_owned(),
        )
    };
    let cannot = |e: std::io::Error| refuse(&e.to_string()).because(e);
    match fs::symlink_metadata(directory) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(false),
        Err(e) => return Err(cannot(e)),
        Ok(found) if found.is_symlink() => {
            return Err(refuse(
                "it is a symbolic link; name the folder itself with --data",
            ));
        }
        Ok(found) if !found.is_dir() => return Err(refuse("it is not a folder")),
        Ok(_) => {}
    }
    if fs::read_dir(directory).map_err(cannot)?.next().is_none() {
        return Ok(false);
    }
    let is_file =
        |name: &str| fs::symlink_metadata(directory.join(name)).is_ok_and(|found| found.is_file());
    if !is_file(connection::FILE)
        || fs::symlink_metadata(directory.join(lock::FILE)).is_ok_and(|l| l.is_symlink())
    {
        return Err(refuse(
            "it holds files, but no waybill.db; name another folder with --data, or empty it yourself",
        ));
    }
    let _lock = lock::take(directory)?;
    for name in [connection::FILE].iter().chain(&BESIDE).chain(also) {
        match fs::remove_file(directory.join(name)) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(cannot(e)),
            Ok(()) | Err(_) => {}
        }
    }
    let left = partial_of(&directory.join(connection::FILE));
    for path in migrate::copies(directory)?.iter().chain([&left]) {
        remove_if_there(path)?;
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder_with(names: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for name in names {
            fs::write(folder.path().join(name), "x").unwrap();
        }
        folder
    }

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_store_is_removed_and_what_is_not_its_own_stays() {
        let folder = folder_with(&[
            "waybill.db",
            "waybill.db-wal",
            "waybill.db.before-0002",
            "admin.token",
            "holiday.jpg",
        ]);
        assert!(wipe(folder.path(), &["admin.token"]).unwrap());
        assert_eq!(names(folder.path()), ["holiday.jpg", "waybill.lock"]);
    }

    #[test]
    fn nothing_there_and_an_empty_folder_need_no_emptying() {
        let folder = folder_with(&[]);
        assert!(!wipe(folder.path(), &[]).unwrap());
        assert!(!wipe(&folder.path().join("missing"), &[]).unwrap());
    }

    #[test]
    fn a_folder_that_is_no_stores_is_left_alone() {
        let folder = folder_with(&["holiday.jpg"]);
        let error = wipe(folder.path(), &[]).unwrap_err().to_string();
        assert!(error.contains("no waybill.db"), "{error}");
        assert_eq!(names(folder.path()), ["holiday.jpg"]);
    }

    #[cfg(unix)]
    #[test]
    fn symbolic_links_are_not_followed() {
        let folder = folder_with(&["waybill.db"]);
        let beside = tempfile::tempdir().unwrap();
        let link = beside.path().join("data");
        std::os::unix::fs::symlink(folder.path(), &link).unwrap();
        let error = wipe(&link, &[]).unwrap_err().to_string();
        assert!(error.contains("symbolic link"), "{error}");
        assert_eq!(names(folder.path()), ["waybill.db"]);

        let linked = tempfile::tempdir().unwrap();
        let precious = folder.path().join("waybill.db");
        std::os::unix::fs::symlink(&precious, linked.path().join("waybill.db")).unwrap();
        assert!(wipe(linked.path(), &[]).is_err());
        assert!(precious.exists());
    }

    #[test]
    fn a_folder_in_use_is_left_alone() {
        let folder = folder_with(&["waybill.db"]);
        let _held = lock::take(folder.path()).unwrap();
        let refused = wipe(folder.path(), &[]).unwrap_err();
        assert!(matches!(refused, Error::Locked { .. }), "{refused}");
        assert!(folder.path().join("waybill.db").exists());
    }
}
