//! Where PostgreSQL is installed, and a fresh cluster made with it.
//!
//! Owns the search and `initdb`. Nothing is installed here: `scripts/test` does that where it may.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::guarded::Account;

/// Where Debian and its relatives put what is not in the PATH, one folder a version.
const DEBIAN: &str = "/usr/lib/postgresql";

/// The programs of one version, and the user that runs them.
#[derive(Debug, Clone)]
pub(super) struct Programs {
    folder: PathBuf,
    pub account: Option<Account>,
}

impl Programs {
    /// The newest version under `/usr/lib/postgresql`, else what is in the PATH.
    pub fn find() -> Result<Self> {
        let account = Account::unless_root("postgres")?;
        let folder = newest_of_debian()
            .or_else(in_path)
            .context("PostgreSQL's `initdb` is neither in the PATH nor below /usr/lib/postgresql; install PostgreSQL, or name a server in WAYBILL_TEST_POSTGRES_URL")?;
        Ok(Self { folder, account })
    }

    pub fn path(&self, program: &str) -> PathBuf {
        self.folder.join(program)
    }

    pub fn command(&self, program: &str) -> Command {
        Account::command(self.account, self.path(program))
    }

    /// A new cluster in `data`, which must not exist; its superuser is `postgres`.
    pub fn initdb(&self, data: &Path, password: &str) -> Result<()> {
        let file = data.with_extension("password");
        std::fs::write(&file, password)?;
        if let Some(account) = self.account {
            account.own(&file)?;
        }
        let mut command = self.command("initdb");
        command
            .arg("--pgdata")
            .arg(data)
            .args([
                "--username=postgres",
                "--auth=scram-sha-256",
                "--encoding=UTF8",
            ])
            // A folder that lasts as long as the test need not survive a power loss while it is made.
            .args(["--no-sync", "--locale=C"])
            .arg("--pwfile")
            .arg(&file);
        // Where it can, a collation that is not the order of the bytes: what relies on that shows.
        if self.version()? >= 15 {
            command.args(["--locale-provider=icu", "--icu-locale=en-US"]);
        }
        let output = command.output().context("cannot run initdb")?;
        ensure!(
            output.status.success(),
            "initdb failed: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        );
        Ok(std::fs::remove_file(file)?)
    }

    /// The major version.
    pub fn version(&self) -> Result<u32> {
        let output = self.command("postgres").arg("--version").output()?;
        let text = String::from_utf8_lossy(&output.stdout);
        let version = text.split_whitespace().nth(2).and_then(|v| {
            let digits = v.find(|c: char| !c.is_ascii_digit()).unwrap_or(v.len());
            v[..digits].parse().ok()
        });
        version.with_context(|| format!("postgres --version says {text:?}"))
    }
}

fn newest_of_debian() -> Option<PathBuf> {
    let versions = std::fs::read_dir(DEBIAN).ok()?.flatten();
    let versions = versions.filter_map(|entry| {
        let version: u32 = entry.file_name().to_str()?.parse().ok()?;
        let folder = entry.path().join("bin");
        folder.join("initdb").exists().then_some((version, folder))
    });
    Some(versions.max()?.1)
}

fn in_path() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).find(|folder| folder.join("initdb").exists())
}
