//! An Apache Kafka, one broker that is its own controller.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Result, bail};
use rustix::process::Signal;
use tempfile::TempDir;

use super::BrokerServer;
use super::jars;
use super::process::BrokerProcess;
use crate::guarded::{Account, Server, on_a_free_port};
use crate::ports::free_address;
use crate::unavailable::Unavailable;

/// The only user of the listener that asks for a password.
pub const USER: &str = "waybill";
/// Its password.
pub const PASSWORD: &str = "right";

/// Any id in the form that Kafka wants.
const CLUSTER: &str = "MkU3OEVBNTcwNTJENDM2Qk";

/// One server. It keeps its messages when it is stopped and started again.
#[derive(Debug)]
pub struct Kafka {
    port: u16,
    with_password: u16,
    folder: TempDir,
    process: BrokerProcess,
}

impl Kafka {
    /// A server of this test alone.
    ///
    /// # Errors
    /// Java or its jars are not there, or it does not start.
    pub fn start() -> Result<Self, Unavailable> {
        Self::try_start().map_err(|error| Unavailable::new("Kafka", format!("{error:#}")))
    }

    fn try_start() -> Result<Self> {
        let mut server = Self {
            port: 0,
            with_password: 0,
            folder: Account::folder(None, "waybill-kafka-")?,
            process: BrokerProcess::default(),
        };
        on_a_free_port(&server.log(), |port| {
            server.port = port;
            server.with_password = free_address()?.port();
            server.configure(free_address()?.port())?;
            server.begin()
        })?;
        Ok(server)
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("kafka.log")
    }

    fn properties(&self) -> PathBuf {
        self.folder.path().join("server.properties")
    }

    /// Writes the configuration and an empty log. A broker that was killed is let in again only after its session.
    fn configure(&self, controller: u16) -> Result<()> {
        let (port, with_password) = (self.port, self.with_password);
        let logs = self.folder.path().join("logs");
        // An attempt with other ports before may have left some.
        if logs.exists() {
            std::fs::remove_dir_all(&logs)?;
        }
        let text = format!(
            "process.roles=broker,controller\n\
             node.id=1\n\
             controller.quorum.voters=1@127.0.0.1:{controller}\n\
             listeners=PLAINTEXT://127.0.0.1:{port},SASL_PLAINTEXT://127.0.0.1:{with_password},CONTROLLER://127.0.0.1:{controller}\n\
             advertised.listeners=PLAINTEXT://127.0.0.1:{port},SASL_PLAINTEXT://127.0.0.1:{with_password}\n\
             controller.listener.names=CONTROLLER\n\
             listener.security.protocol.map=PLAINTEXT:PLAINTEXT,SASL_PLAINTEXT:SASL_PLAINTEXT,CONTROLLER:PLAINTEXT\n\
             sasl.enabled.mechanisms=PLAIN\n\
             listener.name.sasl_plaintext.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required user_{USER}=\"{PASSWORD}\";\n\
             log.dirs={logs}\n\
             offsets.topic.replication.factor=1\n\
             offsets.topic.num.partitions=4\n\
             transaction.state.log.replication.factor=1\n\
             transaction.state.log.min.isr=1\n\
             group.initial.rebalance.delay.ms=0\n\
             auto.create.topics.enable=false\n\
             broker.heartbeat.interval.ms=500\n\
             broker.session.timeout.ms=2000\n",
            logs = logs.display(),
        );
        std::fs::write(self.properties(), text)?;
        let formatted = Command::new(jars::java()?)
            .arg("-cp")
            .arg(jars::class_path("kafka")?)
            .args(["kafka.tools.StorageTool", "format", "-t", CLUSTER, "-c"])
            .arg(self.properties())
            .output()?;
        if !formatted.status.success() {
            let said = String::from_utf8_lossy(&formatted.stderr);
            bail!("its storage cannot be formatted: {said}");
        }
        Ok(())
    }

    fn begin(&mut self) -> Result<()> {
        let server = Server {
            program: jars::java()?,
            arguments: vec![
                "-Xmx512m".into(),
                "-cp".into(),
                jars::class_path("kafka")?,
                "kafka.Kafka".into(),
                self.properties().into(),
            ],
            environment: Vec::new(),
            account: None,
            stop: "KILL",
            folder: self.folder.path().into(),
            log: self.log(),
        };
        self.process.begin(&server, self.port)
    }

    /// Its address, for clients without a password.
    #[must_use]
    pub fn brokers(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Its address for clients that give [`USER`] and [`PASSWORD`].
    #[must_use]
    pub fn brokers_with_password(&self) -> String {
        format!("127.0.0.1:{}", self.with_password)
    }
}

impl BrokerServer for Kafka {
    fn pid(&self) -> i32 {
        self.process.pid()
    }

    /// Kills it; connections break.
    fn end(&mut self) -> Result<()> {
        self.process.end(Signal::KILL)
    }

    fn start_again(&mut self) -> Result<()> {
        self.begin()
    }
}
