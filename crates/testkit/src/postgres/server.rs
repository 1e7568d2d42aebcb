//! A server of our own: its folder, its process, its verbs.
//!
//! Owns one cluster from `initdb` to the removal of its folder. Invariant: at most one process runs on
//! it, on the same port every time, so that clients find it again after a restart.

use std::ffi::OsString;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use rustix::process::Signal;
use tempfile::TempDir;

use super::address::Address;
use super::killed;
use super::programs::Programs;
use crate::guarded::{Account, Guarded, Server, on_a_free_port};
use crate::seed;
use crate::shim::SharedDisk;

/// What a test wants of its server besides the defaults.
#[derive(Debug, Clone, Default)]
pub struct ServerOptions {
    /// Lines of `postgresql.conf`; a later one of the same name wins.
    pub settings: Vec<(String, String)>,
    /// Its data are on a disk that fills up and fails at the test's command.
    pub on_test_disk: bool,
}

impl ServerOptions {
    #[must_use]
    pub fn set(mut self, name: &str, value: &str) -> Self {
        self.settings.push((name.into(), value.into()));
        self
    }

    #[must_use]
    pub fn on_test_disk(mut self) -> Self {
        self.on_test_disk = true;
        self
    }
}

/// How a server is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Ends every connection, writes a checkpoint.
    Fast,
    /// As `pg_ctl stop -m immediate`: the next start recovers from the log.
    Immediate,
    /// All its processes killed at once, as by the crash of its machine: clients get no message.
    Killed,
}

/// The name of a cluster that is removed after the tests.
const THROWAWAY: &str = "waybill-tests";
const LOG: &str = "server.log";

/// What the tests of all servers rely on: room for many tests at once, and a log that tells.
const DEFAULTS: [(&str, &str); 8] = [
    // In the cluster's folder, so that a killed server leaves nothing elsewhere.
    ("dynamic_shared_memory_type", "mmap"),
    ("cluster_name", THROWAWAY),
    ("max_connections", "300"),
    ("unix_socket_directories", ""),
    ("listen_addresses", "127.0.0.1"),
    ("log_line_prefix", "%m [%p] %d "),
    ("log_lock_waits", "on"),
    ("lc_messages", "C"),
];

#[derive(Debug)]
pub(super) struct Own {
    programs: Programs,
    folder: TempDir,
    pub(super) port: u16,
    pub(super) disk: Option<SharedDisk>,
    pub(super) running: Option<Guarded>,
}

impl Own {
    /// A folder for a cluster that is not there yet.
    pub fn empty(programs: Programs) -> Result<Self> {
        Ok(Self {
            folder: Account::folder(programs.account, "waybill-postgres-")?,
            programs,
            port: 0,
            disk: None,
            running: None,
        })
    }

    pub fn start(programs: Programs, options: ServerOptions) -> Result<(Self, Address)> {
        let password = format!("{:08x}{:08x}", seed::fresh(), seed::fresh());
        let mut own = Self::empty(programs)?;
        own.programs.initdb(&own.data(), &password)?;
        let defaults = DEFAULTS.map(|(name, value)| (name.to_string(), value.to_string()));
        own.configure(defaults.into_iter())?;
        if own.programs.version()? >= 14 {
            // Recovery syncs every file of the cluster first, which may take seconds, file by file.
            let setting = ("recovery_init_sync_method".into(), "syncfs".into());
            own.configure([setting].into_iter())?;
        }
        own.configure(options.settings.into_iter())?;
        if options.on_test_disk {
            own.disk = Some(own.test_disk()?);
        }
        own.start_on_a_free_port()?;
        let address = Address::local(own.programs.path("psql"), own.port, &password);
        Ok((own, address))
    }

    /// The cluster of a running server, as its standby.
    pub fn copy(&self, primary: &str) -> Result<()> {
        let mut command = self.programs.command("pg_basebackup");
        command
            .arg("--pgdata")
            .arg(self.data())
            .args(["--write-recovery-conf", "--checkpoint=fast", "--no-sync"])
            .args(["--wal-method=stream", "--no-password", "--dbname", primary]);
        let output = command.output().context("cannot run pg_basebackup")?;
        ensure!(
            output.status.success(),
            "pg_basebackup failed: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        );
        Ok(())
    }

    pub fn start_on_a_free_port(&mut self) -> Result<()> {
        on_a_free_port(&self.log(), |port| {
            self.port = port;
            self.begin()
        })
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    pub fn log(&self) -> PathBuf {
        self.folder.path().join(LOG)
    }

    fn configure(&self, settings: impl Iterator<Item = (String, String)>) -> Result<()> {
        let lines = settings.map(|(name, value)| format!("{name} = '{}'\n", quoted(&value)));
        let path = self.data().join("postgresql.conf");
        let mut text = std::fs::read_to_string(&path)?;
        text.extend(lines);
        Ok(std::fs::write(path, text)?)
    }

    /// A disk for this cluster, which its user may use.
    fn test_disk(&self) -> Result<SharedDisk> {
        let disk = SharedDisk::new(&self.data(), self.folder.path())?;
        if let Some(account) = self.programs.account {
            for file in disk.files() {
                account.own(file)?;
            }
        }
        Ok(disk)
    }

    /// Starts the process and waits until it lets clients in.
    pub(super) fn begin(&mut self) -> Result<()> {
        ensure!(self.running.is_none(), "it already runs");
        // A status file of an earlier process would be taken for this one's.
        let _ = std::fs::remove_file(self.status_file());
        let arguments: [OsString; 4] = [
            "-D".into(),
            self.data().into(),
            "-p".into(),
            self.port.to_string().into(),
        ];
        let server = Server {
            program: self.programs.path("postgres"),
            arguments: arguments.into(),
            environment: self
                .disk
                .as_ref()
                .map_or_else(Vec::new, |disk| disk.environment().into()),
            account: self.programs.account,
            stop: "QUIT",
            folder: self.folder.path().into(),
            log: self.log(),
        };
        self.running = Some(Guarded::ready(&server, || self.says_ready())?);
        Ok(())
    }

    fn status_file(&self) -> PathBuf {
        self.data().join("postmaster.pid")
    }

    /// The server keeps its state in the eighth line of this file.
    fn says_ready(&self) -> bool {
        let text = std::fs::read_to_string(self.status_file()).unwrap_or_default();
        text.lines()
            .nth(7)
            .is_some_and(|state| state.trim() == "ready")
    }

    pub(super) fn stop(&mut self, mode: Mode) -> Result<()> {
        let mut process = self.running.take().context("it does not run")?;
        match mode {
            Mode::Fast => process.signal(Signal::INT)?,
            Mode::Immediate => process.signal(Signal::QUIT)?,
            Mode::Killed => {
                return killed::kill(&mut process, &self.status_file(), self.programs.account);
            }
        }
        process.wait()?;
        Ok(())
    }
}

/// The log of a server that was given to us, if it is one that another process of the tests started.
pub(super) fn log_of_throwaway(address: &Address) -> Result<Option<PathBuf>> {
    if address.sql(None, "SHOW cluster_name")? != THROWAWAY {
        return Ok(None);
    }
    let data = PathBuf::from(address.sql(None, "SHOW data_directory")?);
    Ok(Some(data.with_file_name(LOG)))
}

/// Inside the single quotes of `postgresql.conf`.
fn quoted(value: &str) -> String {
    value.replace('\\', "\\\\").replace('\'', "''")
}
