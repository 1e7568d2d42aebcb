//! A small program to try the test disk on: it commits rows to an SQLite database, or changes a plain
//! file, and says on stdout what it was told is durable. The shim's own tests run and kill it.

#![expect(
    clippy::disallowed_methods,
    reason = "what it was told is durable goes to its parent by stdout, and a write that fails ends it"
)]

use std::error::Error;
use std::fs::OpenOptions;
use std::io::{Read, Seek, SeekFrom, Write, stdin, stdout};
use std::path::Path;

use rusqlite::Connection;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["rows", folder, synchronous, count] => {
            rows(Path::new(folder), synchronous, count.parse()?)
        }
        ["plain", file] => plain(Path::new(file)),
        _ => Err("usage: disk-probe rows FOLDER FULL|OFF COUNT | plain FILE".into()),
    }
}

/// Commits one row per transaction, and says its number after the commit. An error is said, not fatal,
/// so that a disk that comes back can be seen to be used again.
fn rows(folder: &Path, synchronous: &str, count: i64) -> Result<(), Box<dyn Error>> {
    let db = Connection::open(folder.join("rows.db"))?;
    db.pragma_update(None, "journal_mode", "wal")?;
    db.pragma_update(None, "synchronous", synchronous)?;
    db.pragma_update(None, "wal_autocheckpoint", 50)?;
    db.execute_batch(
        "CREATE TABLE IF NOT EXISTS rows (id INTEGER PRIMARY KEY, text TEXT NOT NULL)",
    )?;
    let first: i64 = db.query_row("SELECT coalesce(max(id), 0) + 1 FROM rows", [], |r| {
        r.get(0)
    })?;
    for id in first..first + count {
        let text = format!("{id:x}").repeat(40 + (id as usize * 37) % 400);
        match db.execute("INSERT INTO rows VALUES (?1, ?2)", (id, text)) {
            Ok(_) => writeln!(stdout(), "{id}")?,
            Err(e) => writeln!(stdout(), "failed: {e}")?,
        }
        stdout().flush()?;
    }
    Ok(())
}

/// Does one step per line of stdin: `write OFFSET TEXT`, `truncate SIZE`, `sync`; says `ok` or the error.
fn plain(file: &Path) -> Result<(), Box<dyn Error>> {
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(file)?;
    for line in stdin().lines() {
        let line = line?;
        let words: Vec<&str> = line.splitn(3, ' ').collect();
        let done = match words[..] {
            ["write", offset, text] => {
                file.seek(SeekFrom::Start(offset.parse()?))?;
                file.write_all(text.as_bytes())
            }
            ["truncate", size] => file.set_len(size.parse()?),
            ["sync"] => file.sync_all(),
            ["read"] => {
                let mut text = String::new();
                file.seek(SeekFrom::Start(0))?;
                file.read_to_string(&mut text).map(|_| ())
            }
            _ => return Err(format!("no such step: {line}").into()),
        };
        match done {
            Ok(()) => writeln!(stdout(), "ok")?,
            Err(e) => writeln!(stdout(), "failed: {}", e.raw_os_error().unwrap_or(0))?,
        }
        stdout().flush()?;
    }
    Ok(())
}
