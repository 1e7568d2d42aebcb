//! A RabbitMQ, as Debian packages it.

use std::ffi::OsString;
use std::path::PathBuf;

use anyhow::{Result, bail};
use rustix::process::Signal;
use tempfile::TempDir;

use super::BrokerServer;
use super::process::BrokerProcess;
use crate::guarded::{Account, Server, on_a_free_port};
use crate::ports::free_address;
use crate::unavailable::Unavailable;

/// Debian's script. The one in the PATH changes to another user.
const PROGRAM: &str = "/usr/lib/rabbitmq/bin/rabbitmq-server";

/// One server. It keeps its queues and messages when it is killed and started again.
#[derive(Debug)]
pub struct RabbitMqServer {
    port: u16,
    /// The port of Erlang's own protocol, which a single server needs too.
    inner_port: u16,
    account: Option<Account>,
    folder: TempDir,
    process: BrokerProcess,
}

impl RabbitMqServer {
    /// A server of this test alone.
    ///
    /// # Errors
    /// It is not installed, or does not start.
    pub fn start() -> Result<Self, Unavailable> {
        Self::try_start().map_err(|error| Unavailable::new("RabbitMQ", format!("{error:#}")))
    }

    fn try_start() -> Result<Self> {
        if !PathBuf::from(PROGRAM).exists() {
            bail!("{PROGRAM} is not there; on Debian: apt-get install rabbitmq-server");
        }
        let account = Account::unless_root("rabbitmq")?;
        let mut server = Self {
            port: 0,
            inner_port: 0,
            account,
            folder: Account::folder(account, "waybill-rabbitmq-")?,
            process: BrokerProcess::default(),
        };
        on_a_free_port(&server.log(), |port| {
            server.port = port;
            server.inner_port = free_address()?.port();
            server.configure()?;
            server.begin()
        })?;
        Ok(server)
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("rabbitmq.log")
    }

    fn configure(&self) -> Result<()> {
        for (name, text) in [("plugins", "[].\n"), ("rabbitmq.conf", "")] {
            let file = self.folder.path().join(name);
            std::fs::write(&file, text)?;
            if let Some(account) = self.account {
                account.own(&file)?;
            }
        }
        Ok(())
    }

    fn environment(&self) -> Vec<(&'static str, OsString)> {
        let file = |name: &str| self.folder.path().join(name).into_os_string();
        let loopback = "-kernel inet_dist_use_interface {127,0,0,1} +sbwt none";
        vec![
            ("HOME", file("")),
            ("ERL_EPMD_ADDRESS", "127.0.0.1".into()),
            (
                "RABBITMQ_NODENAME",
                format!("waybill-{}@localhost", self.port).into(),
            ),
            ("RABBITMQ_NODE_IP_ADDRESS", "127.0.0.1".into()),
            ("RABBITMQ_NODE_PORT", self.port.to_string().into()),
            ("RABBITMQ_DIST_PORT", self.inner_port.to_string().into()),
            ("RABBITMQ_MNESIA_BASE", file("data")),
            ("RABBITMQ_LOG_BASE", file("logs")),
            // To stdout, which goes to the file that the guard names.
            ("RABBITMQ_LOGS", "-".into()),
            ("RABBITMQ_PID_FILE", file("pid")),
            ("RABBITMQ_ENABLED_PLUGINS_FILE", file("plugins")),
            ("RABBITMQ_CONFIG_FILE", file("rabbitmq.conf")),
            ("RABBITMQ_CONF_ENV_FILE", file("none")),
            ("RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS", loopback.into()),
            // The script becomes the server instead of waiting for it, so that its process id is the server's.
            ("RUNNING_UNDER_SYSTEMD", "true".into()),
        ]
    }

    fn begin(&mut self) -> Result<()> {
        let server = Server {
            program: PROGRAM.into(),
            arguments: vec![],
            environment: self.environment(),
            account: self.account,
            // It keeps nothing that is needed after the test, and an orderly end takes seconds.
            stop: "KILL",
            folder: self.folder.path().into(),
            log: self.log(),
        };
        self.process.begin(&server, self.port)
    }

    /// Its address, with the user that may do everything.
    #[must_use]
    pub fn url(&self) -> String {
        format!("amqp://guest:guest@127.0.0.1:{}", self.port)
    }
}

impl BrokerServer for RabbitMqServer {
    fn pid(&self) -> i32 {
        self.process.pid()
    }

    /// Stops it with SIGTERM; connections break. RabbitMQ 3.10 writes the directory of its quorum queues with a delay of
    /// minutes: after SIGKILL a queue that is younger has lost its messages and gets no leader.
    fn end(&mut self) -> Result<()> {
        self.process.end(Signal::TERM)
    }

    fn start_again(&mut self) -> Result<()> {
        self.begin()
    }
}
