//! The real binary as an actor: started in a folder of its own, killed, frozen, stopped, started again.
//!
//! Owns the child process, its folder and its output. Invariant: at most one process of an actor
//! lives, and none outlives it. What the process prints is kept in files and shown when a test fails.
//! Whether answers are right is for the test, or for [`crate::checker`].

mod fleet;
mod user;

pub use fleet::{Fleet, Member};
pub use user::Report;

use std::ffi::{OsStr, OsString};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};

use crate::contract;
use crate::http::Client;
use crate::ports::free_address;
use crate::postgres::{Database, Postgres};
use crate::shim::{Disk, TestClock};
use crate::token;
use crate::unavailable::or_skip_all;

const READY_WITHIN: Duration = Duration::from_secs(30);
const STOPPED_WITHIN: Duration = Duration::from_secs(45);
const READY_POLL: Duration = Duration::from_millis(10);
/// Of a process's output, shown when something failed.
const SHOWN_LINES: usize = 60;

/// How the binary is to be started.
#[derive(Debug, Clone)]
pub struct Start {
    binary: PathBuf,
    subcommand: &'static str,
    environment: Vec<(OsString, OsString)>,
    arguments: Vec<OsString>,
    on_test_disk: bool,
    by_test_clock: bool,
    /// Its store is a database that others share, not its data folder.
    shared: bool,
    /// Its store is a database made for it.
    own_database: bool,
}

/// The test crate whose servers have their stores in PostgreSQL.
const ON_POSTGRES: &str = "on_postgres";

impl Start {
    /// `waybill demo` of this binary, which a test of the package `waybill` knows as
    /// `env!("CARGO_BIN_EXE_waybill")`; without its vendors, whose stock would be part of every list.
    pub fn demo(binary: impl Into<PathBuf>) -> Self {
        Self::demo_with_vendors(binary).arg("--no-vendors")
    }

    /// The same with VendorA and VendorB.
    pub fn demo_with_vendors(binary: impl Into<PathBuf>) -> Self {
        Self::of(binary, "demo")
    }

    fn of(binary: impl Into<PathBuf>, subcommand: &'static str) -> Self {
        Self {
            binary: binary.into(),
            subcommand,
            environment: Vec::new(),
            arguments: Vec::new(),
            on_test_disk: false,
            by_test_clock: false,
            shared: false,
            own_database: false,
        }
    }

    /// The same test, compiled into the crate `on_postgres` (`env!("CARGO_CRATE_NAME")`), runs on a database of
    /// its own in [`Postgres::shared`]; in any other crate it runs on its data folder.
    #[must_use]
    pub fn as_in(mut self, test_crate: &str) -> Self {
        self.own_database = test_crate == ON_POSTGRES;
        self
    }

    /// `waybill serve` of this binary with these roles (`"api"`, `"delivery,status"`), which knows the
    /// tokens of `demo`. It changes no schema: see [`Waybill::migrate`].
    pub fn serve(binary: impl Into<PathBuf>, roles: &str) -> Self {
        let start = Self::of(binary, "serve");
        start.arg("--profile").arg("demo").arg("--roles").arg(roles)
    }

    /// `waybill serve` with these roles as it runs in earnest: a secret of its own, complete tokens only
    /// ([`token::complete`]), nothing open. It changes no schema: see [`Waybill::migrate`].
    pub fn standard(binary: impl Into<PathBuf>, roles: &str) -> Self {
        let start = Self::of(binary, "serve");
        start
            .arg("--roles")
            .arg(roles)
            .env("JWT_SECRET", token::OWN_SECRET)
    }

    /// Its store is this PostgreSQL database.
    #[must_use]
    pub fn on(mut self, url: &str) -> Self {
        self.shared = true;
        self.env("DATABASE_URL", url)
    }

    /// Nothing of the test's own environment reaches the process but this (and `PATH`).
    #[must_use]
    pub fn env(mut self, key: &str, value: impl AsRef<OsStr>) -> Self {
        self.environment.push((key.into(), value.as_ref().into()));
        self
    }

    #[must_use]
    pub fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.arguments.push(argument.as_ref().into());
        self
    }

    /// Shipping and delivering take a random time within this range each.
    #[must_use]
    pub fn delivering_within_ms(self, range: &str) -> Self {
        self.env("WAYBILL_DELIVERY__SHIP_DELAY_MS", range)
            .env("WAYBILL_DELIVERY__DELIVER_DELAY_MS", range)
    }

    /// What a lease bounds is short, so that a run sees many of them run out.
    #[must_use]
    pub fn with_short_leases(self) -> Self {
        self.env("WAYBILL_CONSUMERS__LEASE_MS", "3s")
            .env("WAYBILL_STORE__STATEMENT_TIMEOUT_MS", "2s")
            .env("WAYBILL_STORE__LOCK_TIMEOUT_MS", "1500ms")
            .env("WAYBILL_STORE__IDLE_IN_TRANSACTION_TIMEOUT_MS", "2s")
            .env("WAYBILL_STORE__TCP_TIMEOUT_MS", "2s")
            .env("WAYBILL_STORE__CONNECT_TIMEOUT_MS", "10s")
    }

    /// Puts the data folder on a [`Disk`].
    #[must_use]
    pub fn on_test_disk(mut self) -> Self {
        self.on_test_disk = true;
        self
    }

    /// Gives it a [`TestClock`]; not together with a disk.
    #[must_use]
    pub fn by_test_clock(mut self) -> Self {
        self.by_test_clock = true;
        self
    }

    /// Starts it in a fresh folder and waits until it is ready.
    pub async fn ready(self) -> Result<Waybill> {
        let mut app = self.prepared()?;
        app.start().await?;
        Ok(app)
    }

    /// The folder is there, the process not yet.
    pub fn prepared(mut self) -> Result<Waybill> {
        contract::learn(&self.binary);
        let database = if self.own_database {
            let server = or_skip_all(Postgres::shared());
            let database = server.database(None)?;
            self = self.on(&database.url());
            Some(database)
        } else {
            None
        };
        let home = tempfile::Builder::new().prefix("waybill-test-").tempdir()?;
        let data = home.path().canonicalize()?.join("data");
        std::fs::create_dir(&data)?;
        let disk = if self.on_test_disk {
            Some(Disk::new(&data, &home.path().join("disk"))?)
        } else {
            None
        };
        ensure!(
            !(self.on_test_disk && self.by_test_clock),
            "one library is preloaded, a disk or a clock"
        );
        let clock = if self.by_test_clock {
            Some(TestClock::new(home.path())?)
        } else {
            None
        };
        Ok(Waybill {
            start: self,
            home,
            data,
            disk,
            clock,
            address: free_address()?,
            child: None,
            starts: 0,
            database,
        })
    }
}

/// One Waybill on one data folder.
pub struct Waybill {
    start: Start,
    home: TempDir,
    data: PathBuf,
    disk: Option<Disk>,
    clock: Option<TestClock>,
    address: SocketAddr,
    child: Option<Child>,
    starts: usize,
    /// Made for it; dropped when the process is gone.
    database: Option<Database>,
}

impl Waybill {
    /// Gives the process something more of an environment, before it starts: its own address is not known earlier.
    pub fn set(&mut self, key: &str, value: impl AsRef<OsStr>) {
        let entry = (key.into(), value.as_ref().into());
        self.start.environment.push(entry);
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn data(&self) -> &Path {
        &self.data
    }

    /// The database that was made for it, if its test runs on one.
    pub fn database(&self) -> Option<&Database> {
        self.database.as_ref()
    }

    /// The disk it runs on, if it was started on one.
    pub fn disk(&self) -> &Disk {
        self.disk
            .as_ref()
            .expect("this actor was started with on_test_disk()")
    }

    /// The clock it goes by, if it was started with one.
    pub fn clock(&self) -> &TestClock {
        self.clock
            .as_ref()
            .expect("this actor was started with by_test_clock()")
    }

    /// A new connection with a token for everything in the default tenant.
    pub fn client(&self) -> Client {
        Client::new(self.address).with_token(&token::demo_for("default", "testkit"))
    }

    pub fn is_running(&mut self) -> bool {
        self.child
            .as_mut()
            .is_some_and(|c| matches!(c.try_wait(), Ok(None)))
    }

    /// A folder for the test's own files, which goes when the actor goes.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// Starts the process and does not wait: it may be killed while it recovers.
    pub fn begin(&mut self) -> Result<()> {
        ensure!(!self.is_running(), "it already runs");
        self.child = Some(self.spawn()?);
        Ok(())
    }

    /// Starts the process on its store as it is and waits until it is ready; the time it took.
    pub async fn start(&mut self) -> Result<Duration> {
        self.begin()?;
        self.ready_again(READY_WITHIN).await
    }

    /// Waits until the running process is ready; the time it took.
    pub async fn ready_again(&mut self, within: Duration) -> Result<Duration> {
        let began = Instant::now();
        while began.elapsed() < within {
            let child = self.child.as_mut().context("it does not run")?;
            if let Some(status) = child.try_wait()? {
                bail!(
                    "it stopped before it was ready ({status}):\n{}",
                    self.output()
                );
            }
            if self.is_ready().await {
                return Ok(began.elapsed());
            }
            sleep(READY_POLL).await;
        }
        bail!("not ready within {within:?}:\n{}", self.output())
    }

    /// Whether it says so now.
    pub async fn is_ready(&self) -> bool {
        let mut client = Client::new(self.address).with_patience(READY_WITHIN);
        let answer = client.get("/health/ready").await;
        answer.is_ok_and(|answer| answer.status == 200)
    }

    fn spawn(&mut self) -> Result<Child> {
        self.starts += 1;
        let mut command = self.command(self.start.subcommand);
        command.arg("--data").arg(&self.data);
        command.arg("--listen").arg(self.address.to_string());
        command.args(&self.start.arguments);
        if let Some(disk) = &self.disk {
            command.envs(disk.environment());
        }
        if let Some(clock) = &self.clock {
            command.envs(clock.environment());
        }
        for (name, stream) in [("out", false), ("err", true)] {
            let file =
                std::fs::File::create(self.home.path().join(format!("{:03}.{name}", self.starts)))?;
            if stream {
                command.stderr(file)
            } else {
                command.stdout(file)
            };
        }
        command
            .spawn()
            .with_context(|| format!("cannot start {}", self.start.binary.display()))
    }

    /// One of the binary's commands, in this actor's folder and environment but not on its disk.
    pub fn command(&self, name: &str) -> Command {
        let mut command = Command::new(&self.start.binary);
        command
            .arg(name)
            .env_clear()
            .current_dir(self.home.path())
            .stdin(Stdio::null())
            .kill_on_drop(true);
        for key in ["PATH", "HOME", "TMPDIR", "LLVM_PROFILE_FILE"] {
            command.envs(std::env::var_os(key).map(|value| (key, value)));
        }
        command
            .env("RUST_BACKTRACE", "1")
            .envs(self.start.environment.iter().map(|(k, v)| (k, v)));
        command
    }

    fn signal(&self, signal: Signal) -> Result<()> {
        let pid = self
            .child
            .as_ref()
            .and_then(Child::id)
            .context("it does not run")?;
        let pid = Pid::from_raw(i32::try_from(pid)?).context("a process id is not zero")?;
        Ok(kill_process(pid, signal)?)
    }

    /// How many files the running process may have open, from now on; what it was allowed before.
    pub fn allow_open_files(&self, limit: u64) -> Result<u64> {
        use rustix::process::{Resource, Rlimit, prlimit};
        let pid = self.child.as_ref().and_then(Child::id);
        let pid = Pid::from_raw(i32::try_from(pid.context("it does not run")?)?);
        let old = rustix::process::getrlimit(Resource::Nofile).maximum;
        let new = Rlimit {
            current: Some(limit),
            maximum: old,
        };
        let before = prlimit(pid, Resource::Nofile, new)?;
        Ok(before.current.unwrap_or(u64::MAX))
    }

    /// The highest number of a file that the running process has open; a limit is about numbers.
    pub fn highest_file(&self) -> Result<u64> {
        let pid = self.child.as_ref().and_then(Child::id);
        let folder = format!("/proc/{}/fd", pid.context("it does not run")?);
        let names = std::fs::read_dir(folder)?.flatten();
        let numbers = names.filter_map(|file| file.file_name().to_str()?.parse().ok());
        numbers.max().context("it has files")
    }

    /// Everything that the latest process wrote to its log.
    pub fn log(&self) -> String {
        let path = self.home.path().join(format!("{:03}.err", self.starts));
        String::from_utf8_lossy(&std::fs::read(path).unwrap_or_default()).into_owned()
    }

    /// `waybill migrate` on its store.
    pub async fn migrate(&self) -> Result<()> {
        let mut command = self.command("migrate");
        if !self.start.shared {
            command.arg("--data").arg(&self.data);
        }
        let output = command.output().await?;
        ensure!(
            output.status.success(),
            "migrate: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(())
    }

    /// `waybill migrate` on its new store, whose log is then written with an event a row, as stores of before schema 16
    /// go on to do: for tests that change events with SQL.
    pub async fn migrate_with_plain_log(&self) -> Result<()> {
        self.migrate().await?;
        let plain = "UPDATE meta SET value = 'plain' WHERE key = 'log_form'";
        if let Some(database) = &self.database {
            database.sql(plain)?;
        } else {
            let file = self.data.join("waybill.db");
            rusqlite::Connection::open(file)?.execute(plain, [])?;
        }
        Ok(())
    }

    /// SIGKILL, and waits until it is gone.
    pub async fn kill(&mut self) -> Result<()> {
        let mut child = self.child.take().context("it does not run")?;
        Ok(child.kill().await?)
    }

    /// SIGTERM; it goes on until it has ended by itself.
    pub fn ask_to_stop(&self) -> Result<()> {
        self.signal(Signal::TERM)
    }

    /// SIGHUP, as log rotation sends it.
    pub fn hang_up(&self) -> Result<()> {
        self.signal(Signal::HUP)
    }

    /// SIGTERM, and waits until it has ended by itself.
    pub async fn stop(&mut self) -> Result<ExitStatus> {
        self.ask_to_stop()?;
        self.ended().await
    }

    /// Waits until it has ended by itself.
    pub async fn ended(&mut self) -> Result<ExitStatus> {
        let child = self.child.as_mut().context("it does not run")?;
        let status = timeout(STOPPED_WITHIN, child.wait()).await;
        let status = status.with_context(|| {
            format!("still there after {STOPPED_WITHIN:?}:\n{}", self.output())
        })??;
        self.child = None;
        Ok(status)
    }

    /// SIGSTOP: the process is frozen, its sockets stay open.
    pub fn pause(&self) -> Result<()> {
        self.signal(Signal::STOP)
    }

    /// SIGCONT.
    pub fn resume(&self) -> Result<()> {
        self.signal(Signal::CONT)
    }

    /// Kills it if it runs, and starts it again on the same data.
    pub async fn restart(&mut self) -> Result<Duration> {
        if self.is_running() {
            self.kill().await?;
        }
        self.start().await
    }

    /// The last lines of what the latest process printed.
    pub fn output(&self) -> String {
        ["out", "err"]
            .map(|name| {
                let path = self.home.path().join(format!("{:03}.{name}", self.starts));
                let text = std::fs::read(path).unwrap_or_default();
                let text = String::from_utf8_lossy(&text);
                let lines: Vec<&str> = text.lines().collect();
                let last = lines[lines.len().saturating_sub(SHOWN_LINES)..].join("\n");
                format!("--- std{name} of start {}\n{last}\n", self.starts)
            })
            .concat()
    }
}

impl Drop for Waybill {
    fn drop(&mut self) {
        // The child is killed when it is dropped; what it said is worth more after a failure.
        if std::thread::panicking() {
            eprintln!("{}", self.output());
        }
    }
}

/// Raises this process's limit of open files, which the processes it starts inherit; what it is now.
pub fn allow_descriptors(wanted: u64) -> u64 {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current.is_some_and(|now| now < wanted) {
        limit.current = Some(limit.maximum.map_or(wanted, |most| most.min(wanted)));
        // Refused: the caller sees the old limit.
        let _ = setrlimit(Resource::Nofile, limit);
    }
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}
