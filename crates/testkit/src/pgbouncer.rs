//! A PgBouncer in front of a server, in transaction mode.
//!
//! Owns one pooler: its folder, its process, its port. A client that keeps to what transaction mode
//! allows (no named statement, no LISTEN, no session state) sees the server; one that does not fails here
//! as it would with its users. Any start-up parameter that PgBouncer does not know is refused, as by default.

use std::net::TcpStream;
use std::path::PathBuf;
use std::sync::OnceLock;

use anyhow::{Context, Result, bail};
use rustix::process::Signal;
use tempfile::TempDir;

use crate::guarded::{Account, Guarded, Server, on_a_free_port};
use crate::postgres::Postgres;
use crate::postgres::address::{Address, Parts};
use crate::unavailable::Unavailable;

/// Where Debian puts it, which is in the PATH of root alone.
const DEBIAN: &str = "/usr/sbin/pgbouncer";

/// What a test wants of its pooler.
#[derive(Debug, Clone)]
pub struct PoolOptions {
    /// Connections to the server, per database.
    pub pool_size: u32,
    /// More lines of `[pgbouncer]`; a later one of the same name wins.
    pub settings: Vec<(String, String)>,
}

impl Default for PoolOptions {
    fn default() -> Self {
        Self {
            pool_size: 20,
            settings: Vec::new(),
        }
    }
}

/// One pooler.
#[derive(Debug)]
pub struct PgBouncer {
    address: Address,
    port: u16,
    account: Option<Account>,
    folder: TempDir,
    running: Option<Guarded>,
}

impl PgBouncer {
    /// One of this test process, in front of [`Postgres::shared`].
    pub fn shared() -> Result<&'static Self, Unavailable> {
        static SHARED: OnceLock<Result<PgBouncer, Unavailable>> = OnceLock::new();
        let shared =
            SHARED.get_or_init(|| Self::in_front_of(Postgres::shared()?, &PoolOptions::default()));
        shared.as_ref().map_err(Clone::clone)
    }

    /// A pooler of this test alone.
    pub fn in_front_of(server: &Postgres, options: &PoolOptions) -> Result<Self, Unavailable> {
        Self::start(server, options).map_err(|e| Unavailable::new("PgBouncer", format!("{e:#}")))
    }

    fn start(server: &Postgres, options: &PoolOptions) -> Result<Self> {
        program()?;
        let account = Account::unless_root("postgres")?;
        let mut bouncer = Self {
            address: server.address().clone(),
            port: 0,
            account,
            folder: Account::folder(account, "waybill-pgbouncer-")?,
            running: None,
        };
        on_a_free_port(&bouncer.log(), |port| {
            bouncer.port = port;
            bouncer.configure(&server.address().parts()?, options)?;
            bouncer.begin()
        })?;
        bouncer.address = server.address().pooled(bouncer.port)?;
        Ok(bouncer)
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("pgbouncer.log")
    }

    fn configuration(&self) -> PathBuf {
        self.folder.path().join("pgbouncer.ini")
    }

    fn configure(&self, server: &Parts, options: &PoolOptions) -> Result<()> {
        let users = self.folder.path().join("users.txt");
        std::fs::write(
            &users,
            format!("\"{}\" \"{}\"\n", server.user, server.password),
        )?;
        let mut text = format!(
            "[databases]\n\
             * = host={host} port={server_port}\n\
             [pgbouncer]\n\
             listen_addr = 127.0.0.1\n\
             listen_port = {port}\n\
             unix_socket_dir =\n\
             auth_type = scram-sha-256\n\
             auth_file = {users}\n\
             admin_users = {user}\n\
             pool_mode = transaction\n\
             default_pool_size = {pool_size}\n\
             max_client_conn = 2000\n\
             server_idle_timeout = 5\n",
            host = server.host,
            server_port = server.port,
            port = self.port,
            users = users.display(),
            user = server.user,
            pool_size = options.pool_size,
        );
        let settings = options.settings.iter();
        text.extend(settings.map(|(name, value)| format!("{name} = {value}\n")));
        std::fs::write(self.configuration(), text)?;
        for file in [users, self.configuration()] {
            self.account.map_or(Ok(()), |account| account.own(&file))?;
        }
        Ok(())
    }

    fn begin(&mut self) -> Result<()> {
        let server = Server {
            program: program()?,
            arguments: vec![self.configuration().into()],
            environment: Vec::new(),
            account: self.account,
            // Its releases do not agree on what QUIT means.
            stop: "TERM",
            folder: self.folder.path().into(),
            log: self.log(),
        };
        let port = self.port;
        let listens = || TcpStream::connect(("127.0.0.1", port)).is_ok();
        self.running = Some(Guarded::ready(&server, listens)?);
        Ok(())
    }

    /// The connection string of a database of the server behind it.
    pub fn url(&self, database: &str) -> String {
        self.address.url(database)
    }

    /// Runs statements through it; the rows, columns by `|`. Of the database `pgbouncer`, those of its
    /// own console: `SHOW POOLS`, `PAUSE`, `KILL`.
    pub fn sql(&self, database: &str, statements: &str) -> Result<String> {
        self.address.sql(Some(database), statements)
    }

    /// Stops it at once; connections break, transactions under way are rolled back.
    pub fn stop(&mut self) -> Result<()> {
        let mut process = self.running.take().context("it does not run")?;
        process.signal(Signal::TERM)?;
        process.wait()?;
        Ok(())
    }

    /// Starts it again on the same port.
    pub fn start_again(&mut self) -> Result<()> {
        if self.running.is_some() {
            bail!("it already runs");
        }
        self.begin()
    }
}

fn program() -> Result<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let in_path = std::env::split_paths(&path).map(|folder| folder.join("pgbouncer"));
    in_path
        .chain([DEBIAN.into()])
        .find(|program| program.exists())
        .context("`pgbouncer` is neither in the PATH nor in /usr/sbin; install PgBouncer")
}
