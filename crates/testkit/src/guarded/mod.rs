//! A foreign server as a child that cannot outlive the test.
//!
//! Owns the process and its end. Invariant: when the test's process ends (it returns, panics, is
//! killed), `guard.sh` stops the server by its process id and removes its folder. Which server it is,
//! and when it is ready, is left to [`crate::postgres`] and its neighbours.

use std::ffi::{OsStr, OsString};
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::ports::free_address;

/// Each server's folder gets a copy, so that nothing need be installed.
const GUARD: &str = include_str!("guard.sh");
/// A server that recovers from a crash may take a while.
const READY_WITHIN: Duration = Duration::from_secs(60);
/// Another process may take a free port between the check and its use, so several are tried.
const PORTS_TRIED: usize = 5;
/// A stopped server has this long to end before it is killed.
const ENDED_WITHIN: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(5);

/// The user that servers run as which refuse to run as root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Account {
    user: u32,
    group: u32,
}

impl Account {
    /// The user for a server that refuses root: `None` (the current user) unless we are root, else the user of that name.
    pub fn unless_root(name: &str) -> Result<Option<Self>> {
        if !rustix::process::geteuid().is_root() {
            return Ok(None);
        }
        let number = |what| -> Result<u32> {
            let output = Command::new("id").arg(what).arg(name).output()?;
            let text = String::from_utf8_lossy(&output.stdout).trim().to_string();
            let number = text.parse();
            number.with_context(|| format!("it refuses to run as root, and no user is `{name}`"))
        };
        Ok(Some(Self {
            user: number("-u")?,
            group: number("-g")?,
        }))
    }

    /// A command that runs as this user.
    pub fn command(account: Option<Self>, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command.env_clear().stdin(Stdio::null());
        for key in ["PATH", "TMPDIR"] {
            command.envs(std::env::var_os(key).map(|value| (key, value)));
        }
        command.env("LC_ALL", "C");
        if let Some(account) = account {
            command.gid(account.group).uid(account.user);
        }
        command
    }

    /// A fresh folder that belongs to this user.
    pub fn folder(account: Option<Self>, prefix: &str) -> Result<TempDir> {
        let folder = tempfile::Builder::new().prefix(prefix).tempdir()?;
        if let Some(account) = account {
            account.own(folder.path())?;
        }
        Ok(folder)
    }

    /// Gives a file to this user.
    pub fn own(self, path: &Path) -> Result<()> {
        std::os::unix::fs::chown(path, Some(self.user), Some(self.group))
            .with_context(|| format!("cannot give {} away", path.display()))
    }
}

/// What is to be run.
pub struct Server {
    pub program: PathBuf,
    pub arguments: Vec<OsString>,
    /// Environment of the server, not of its guard.
    pub environment: Vec<(&'static str, OsString)>,
    pub account: Option<Account>,
    /// The signal that stops it at once, also with connected clients: `QUIT`, for example.
    pub stop: &'static str,
    /// Removed when the server ends because its test did.
    pub folder: PathBuf,
    /// The file that the server logs to.
    pub log: PathBuf,
}

/// One running server.
#[derive(Debug)]
pub struct Guarded {
    shell: Child,
    server: Pid,
    log: PathBuf,
}

impl Guarded {
    pub fn start(server: &Server) -> Result<Self> {
        let guard = server.folder.join("guard.sh");
        std::fs::write(&guard, GUARD)?;
        if let Some(account) = server.account {
            account.own(&guard)?;
        }
        let mut command = Account::command(server.account, "sh");
        command
            .arg(&guard)
            .args([&server.folder, &server.log])
            .arg(server.stop)
            .arg("env")
            .args(server.environment.iter().map(|(name, value)| {
                let mut assignment = OsString::from(name);
                assignment.push("=");
                assignment.push(value);
                assignment
            }))
            .arg(&server.program)
            .args(&server.arguments)
            .current_dir(&server.folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            // A process group of its own: Ctrl-C reaches only the test, and the guard stops the server when the test ends.
            .process_group(0);
        let mut shell = command.spawn().context("cannot start sh")?;
        let mut line = String::new();
        let said = shell.stdout.take().context("its stdout is a pipe")?;
        BufReader::new(said).read_line(&mut line)?;
        let Some(pid) = line.trim().parse().ok().and_then(Pid::from_raw) else {
            bail!("the guard said {line:?}, not a process id");
        };
        Ok(Self {
            shell,
            server: pid,
            log: server.log.clone(),
        })
    }

    /// Starts it and waits until it says that it is ready.
    pub fn ready(server: &Server, ready: impl Fn() -> bool) -> Result<Self> {
        let mut process = Self::start(server)?;
        let began = Instant::now();
        while began.elapsed() < READY_WITHIN {
            if let Some(status) = process.ended()? {
                bail!("it did not start ({status}):\n{}", last_lines(&server.log));
            }
            if ready() {
                return Ok(process);
            }
            std::thread::sleep(POLL);
        }
        bail!(
            "not ready within {READY_WITHIN:?}:\n{}",
            last_lines(&server.log)
        )
    }

    pub fn pid(&self) -> Pid {
        self.server
    }

    pub fn signal(&self, signal: Signal) -> Result<()> {
        // Ours until the guard has reaped it, and then the guard has ended too.
        Ok(kill_process(self.server, signal)?)
    }

    /// How it ended, if it has.
    pub fn ended(&mut self) -> Result<Option<ExitStatus>> {
        Ok(self.shell.try_wait()?)
    }

    /// Waits until the server has ended; what has not within the bound is killed, and that is an error.
    pub fn wait(&mut self) -> Result<ExitStatus> {
        let began = Instant::now();
        while began.elapsed() < ENDED_WITHIN {
            if let Some(status) = self.ended()? {
                return Ok(status);
            }
            std::thread::sleep(POLL);
        }
        self.signal(Signal::KILL)?;
        self.shell.wait()?;
        bail!(
            "still there after {ENDED_WITHIN:?}, so it was killed:\n{}",
            last_lines(&self.log)
        )
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        // The guard waits for the end of this input.
        drop(self.shell.stdin.take());
        if let Err(error) = self.wait() {
            eprintln!("a server of the tests: {error:#}");
        }
    }
}

/// Does `start` with a free port, and again with another if that one was taken meanwhile.
pub fn on_a_free_port<T>(log: &Path, mut start: impl FnMut(u16) -> Result<T>) -> Result<T> {
    for _ in 1..PORTS_TRIED {
        match start(free_address()?.port()) {
            Err(_) if last_lines(log).contains("Address already in use") => {}
            other => return other,
        }
    }
    start(free_address()?.port())
}

/// Of a server's log, shown when something failed.
const SHOWN_LINES: usize = 40;

/// The end of a server's log.
pub fn last_lines(log: &Path) -> String {
    let text = std::fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(SHOWN_LINES)..].join("\n")
}
