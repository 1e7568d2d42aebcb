//! A database per test, made from a template.
//!
//! Owns the making and the end of it. Invariant: names are never used twice, so that runs which share a
//! server do not collide; a template is complete before it has its name, and has no connections afterwards.
//!
//! On a server that others keep, a database is dropped with its test. On one that goes after the tests it
//! only loses its connections: `DROP DATABASE` waits for a checkpoint, which syncs the hundreds of files
//! of every other test's database (a second each), and 8 MB until the end of the run cost less.

use std::path::PathBuf;

use anyhow::{Result, ensure};

use super::address::Address;
use super::deadlocks;
use super::instance::Postgres;
use crate::seed;

/// One test's database; nothing is connected to it any more once this is dropped.
#[derive(Debug)]
pub struct Database {
    address: Address,
    name: String,
    /// The server's log, and how long it was when the database was made.
    log: Option<(PathBuf, u64)>,
}

impl Postgres {
    /// A new database, a copy of the template or empty.
    pub fn database(&self, template: Option<&str>) -> Result<Database> {
        let name = fresh_name();
        let log = self.log.clone().map(|log| {
            let length = log.metadata().map_or(0, |file| file.len());
            (log, length)
        });
        self.address
            .sql(None, &create(&name, template.unwrap_or("template0")))?;
        Ok(Database {
            address: self.address.clone(),
            name,
            log,
        })
    }

    /// A template that every test of the run copies: prepared once per server, by the first test that asks. The
    /// name identifies its content and version (by a hash of the migrations, for example). `prepare` gets the
    /// connection string of an empty database, and must have closed its connections when it returns.
    pub async fn template<P>(&self, name: &str, prepare: P) -> Result<String>
    where
        P: AsyncFnOnce(&str) -> Result<()>,
    {
        let clean = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        ensure!(
            !name.is_empty() && name.chars().all(clean) && name.len() <= 50,
            "a template's name is of a-z, 0-9 and _, at most 50: {name}"
        );
        let name = format!("template_{name}");
        let there = format!("SELECT count(*) FROM pg_database WHERE datname = '{name}'");
        if self.address.sql(None, &there)? == "1" {
            return Ok(name);
        }
        // Prepared under another name, so that a template with its final name is complete. Two processes may
        // prepare it at once; the one whose rename fails drops its own.
        let draft = fresh_name();
        self.address.sql(None, &create(&draft, "template0"))?;
        let prepared = prepare(&self.address.url(&draft)).await;
        let finish = format!(
            "ALTER DATABASE {draft} ALLOW_CONNECTIONS false; ALTER DATABASE {draft} RENAME TO {name};"
        );
        let finished = prepared.and_then(|()| self.address.sql(None, &finish));
        if let Err(error) = finished {
            self.address.sql(None, &drop_at_once(&draft))?;
            if self.address.sql(None, &there)? != "1" {
                return Err(error.context(format!("cannot prepare the template {name}")));
            }
        }
        Ok(name)
    }
}

impl Database {
    pub fn url(&self) -> String {
        self.address.url(&self.name)
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// Runs statements in it, each a transaction of its own; the rows, columns by `|`.
    pub fn sql(&self, statements: &str) -> Result<String> {
        self.address.sql(Some(&self.name), statements)
    }

    /// Its deadlocks, as the log tells them; empty on a server that others keep.
    pub fn deadlocks(&self) -> Vec<String> {
        let log = self.log.as_ref();
        log.map_or_else(Vec::new, |(log, from)| {
            deadlocks::told(log, *from, Some(&self.name))
        })
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let name = &self.name;
        let gone = if self.log.is_some() {
            format!(
                "ALTER DATABASE {name} ALLOW_CONNECTIONS false; \
                 SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
            )
        } else {
            drop_at_once(name)
        };
        if let Err(error) = self.address.sql(None, &gone) {
            // Its test may have stopped its server.
            eprintln!("{name}: {error:#}");
        }
        let deadlocks = self.deadlocks();
        if deadlocks.is_empty() {
            return;
        }
        assert!(
            std::thread::panicking(),
            "{}",
            deadlocks::complaint(&deadlocks)
        );
        eprintln!("{}", deadlocks::complaint(&deadlocks));
    }
}

fn create(name: &str, template: &str) -> String {
    format!("CREATE DATABASE {name} TEMPLATE {template}")
}

fn drop_at_once(name: &str) -> String {
    format!("DROP DATABASE {name} WITH (FORCE)")
}

fn fresh_name() -> String {
    format!("test_{:08x}{:08x}", seed::fresh(), seed::fresh())
}
