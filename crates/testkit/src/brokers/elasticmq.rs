//! An ElasticMQ, which speaks SQS, FIFO queues and deduplication included.

use std::path::PathBuf;

use anyhow::Result;
use rustix::process::Signal;
use tempfile::TempDir;

use super::BrokerServer;
use super::jars;
use super::process::BrokerProcess;
use crate::guarded::{Account, Server, on_a_free_port};
use crate::unavailable::Unavailable;

/// Where it keeps its messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Messages {
    /// In memory: it has none after a restart.
    InMemory,
    /// On the disk, each before it is confirmed. That takes ten times as long.
    OnDisk,
}

/// One server.
#[derive(Debug)]
pub struct ElasticMq {
    port: u16,
    messages: Messages,
    folder: TempDir,
    process: BrokerProcess,
}

impl ElasticMq {
    /// A server of this test alone, which forgets its messages when it ends.
    ///
    /// # Errors
    /// Java or its jars are not there, or it does not start.
    pub fn start() -> Result<Self, Unavailable> {
        Self::with(Messages::InMemory)
    }

    /// A server of this test alone, which has written what it confirmed, as SQS has.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub fn durable() -> Result<Self, Unavailable> {
        Self::with(Messages::OnDisk)
    }

    fn with(messages: Messages) -> Result<Self, Unavailable> {
        let started = Self::try_start(messages);
        started.map_err(|error| Unavailable::new("ElasticMQ", format!("{error:#}")))
    }

    fn try_start(messages: Messages) -> Result<Self> {
        let mut server = Self {
            port: 0,
            messages,
            folder: Account::folder(None, "waybill-elasticmq-")?,
            process: BrokerProcess::default(),
        };
        on_a_free_port(&server.log(), |port| {
            server.port = port;
            server.configure()?;
            server.begin()
        })?;
        Ok(server)
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("elasticmq.log")
    }

    fn configure(&self) -> Result<()> {
        let port = self.port;
        let folder = self.folder.path().join("messages");
        let messages = match self.messages {
            Messages::InMemory => "enabled = false".to_owned(),
            // By default H2 writes within half a second, and what was confirmed in that time is lost by a kill.
            Messages::OnDisk => format!(
                "enabled = true, uri = \"jdbc:h2:{};WRITE_DELAY=0\"",
                folder.display()
            ),
        };
        let text = format!(
            "include classpath(\"application.conf\")\n\
             node-address {{ protocol = http, host = \"127.0.0.1\", port = {port}, context-path = \"\" }}\n\
             rest-sqs {{ enabled = true, bind-port = {port}, bind-hostname = \"127.0.0.1\", sqs-limits = strict }}\n\
             rest-stats {{ enabled = false }}\n\
             messages-storage {{ {messages} }}\n"
        );
        Ok(std::fs::write(self.folder.path().join("c.conf"), text)?)
    }

    fn begin(&mut self) -> Result<()> {
        let configuration = self.folder.path().join("c.conf");
        let server = Server {
            program: jars::java()?,
            arguments: vec![
                "-Xmx256m".into(),
                format!("-Dconfig.file={}", configuration.display()).into(),
                "-cp".into(),
                jars::class_path("elasticmq")?,
                "org.elasticmq.server.Main".into(),
            ],
            environment: Vec::new(),
            account: None,
            stop: "TERM",
            folder: self.folder.path().into(),
            log: self.log(),
        };
        self.process.begin(&server, self.port)
    }

    /// Its endpoint.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

impl BrokerServer for ElasticMq {
    fn pid(&self) -> i32 {
        self.process.pid()
    }

    /// Kills it; connections break. Unlike SQS it has forgotten which deduplication ids it saw and in which order messages of a group came that were in
    /// flight or confirmed in the same millisecond.
    fn end(&mut self) -> Result<()> {
        self.process.end(Signal::KILL)
    }

    fn start_again(&mut self) -> Result<()> {
        self.begin()
    }
}
