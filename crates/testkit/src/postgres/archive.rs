//! A server that archives its log, backed up and brought back by the operators' own script.
//!
//! Owns the folder with the archive and the base backups. The script runs as the server's user. The test chooses the
//! script's options, as an operator would.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

use super::instance::{Postgres, unavailable};
use super::programs::Programs;
use super::server::{Own, ServerOptions};
use crate::guarded::Account;
use crate::unavailable::Unavailable;

const WITHIN: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(20);

/// Where a server's log and its base backups are kept.
#[derive(Debug)]
pub struct Archive {
    folder: TempDir,
    programs: Programs,
}

impl Archive {
    /// A fresh one, with a copy of the script in it that every account may run.
    pub fn with(script: &Path) -> Result<Self, Unavailable> {
        let made = Programs::find().and_then(|programs| Self::make(script, programs));
        made.map_err(|e| unavailable(&format!("an archive: {e:#}")))
    }

    fn make(script: &Path, programs: Programs) -> Result<Self> {
        let folder = Account::folder(programs.account, "waybill-archive-")?;
        let archive = Self { folder, programs };
        std::fs::copy(script, archive.script())?;
        for name in [archive.log(), archive.bases()] {
            std::fs::create_dir(&name)?;
            if let Some(account) = archive.programs.account {
                account.own(&name)?;
            }
        }
        Ok(archive)
    }

    fn script(&self) -> PathBuf {
        self.folder.path().join("postgres-backup")
    }

    /// The archived log.
    pub fn log(&self) -> PathBuf {
        self.folder.path().join("wal")
    }

    /// The base backups.
    pub fn bases(&self) -> PathBuf {
        self.folder.path().join("bases")
    }

    /// Of a server that archives here.
    pub fn options(&self) -> ServerOptions {
        let command = format!(
            "bash {} archive --to {} %p %f",
            self.script().display(),
            self.log().display()
        );
        ServerOptions::default()
            .set("archive_mode", "on")
            .set("archive_command", &command)
    }

    /// Runs the script; what it printed.
    pub fn run(&self, arguments: &[&str]) -> Result<String> {
        let mut command = Account::command(self.programs.account, "bash");
        command
            .arg(self.script())
            .args(arguments)
            // As installed: the script has to find PostgreSQL by itself.
            .env_remove("PGBIN")
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .current_dir(self.folder.path());
        let output = command.output().context("cannot run bash")?;
        ensure!(
            output.status.success(),
            "{arguments:?}: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        );
        Ok(String::from_utf8_lossy(&output.stdout).trim().into())
    }

    /// A base backup of a running server.
    pub fn base(&self, of: &Postgres) -> Result<PathBuf> {
        let to = self.bases();
        let made = self.run(&["base", "--to", text(&to)?, "--url", &of.url("postgres")])?;
        Ok(made.into())
    }

    /// Makes the server write what it has of its log into the archive.
    pub fn takes_all_of(&self, server: &Postgres) -> Result<()> {
        let sql = "SELECT pg_walfile_name(pg_switch_wal())";
        let file = server.sql("postgres", sql)?;
        let path = self.log().join(&file);
        until(&format!("{file} to be archived"), || Ok(path.exists()))
    }

    /// Another server, of the same users, on what the script restores; it takes writes when this returns.
    pub fn restored(&self, of: &Postgres, arguments: &[&str]) -> Result<Postgres> {
        let mut own = Own::empty(self.programs.clone())?;
        let (log, bases, data) = (self.log(), self.bases(), own.data());
        let mut all = vec!["restore", "--archive", text(&log)?];
        all.extend(["--bases", text(&bases)?, "--data", text(&data)?]);
        all.extend(arguments);
        self.run(&all)?;
        own.start_on_a_free_port()?;
        let server = Postgres {
            address: of.address.at(([127, 0, 0, 1], own.port()).into())?,
            log: Some(own.log()),
            own: Some(own),
        };
        until("the end of recovery", || {
            Ok(server.sql("postgres", "SELECT pg_is_in_recovery()")? == "f")
        })?;
        Ok(server)
    }
}

fn text(path: &Path) -> Result<&str> {
    path.to_str().context("the path is not text")
}

fn until(what: &str, reached: impl Fn() -> Result<bool>) -> Result<()> {
    let began = Instant::now();
    while !reached()? {
        ensure!(began.elapsed() < WITHIN, "waited in vain for {what}");
        std::thread::sleep(POLL);
    }
    Ok(())
}
