//! A Redis, as Debian packages it, on a free port; gone when its test is.

use std::ffi::OsString;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rustix::process::Signal;
use tempfile::TempDir;

use crate::brokers::BrokerProcess;
use crate::guarded::{Account, Server, on_a_free_port};
use crate::unavailable::Unavailable;

const PROGRAM: &str = "redis-server";
const ANSWERS_WITHIN: Duration = Duration::from_secs(10);

/// One server. It forgets everything when it ends.
#[derive(Debug)]
pub struct Redis {
    port: u16,
    password: Option<&'static str>,
    folder: TempDir,
    process: BrokerProcess,
}

impl Redis {
    /// A server of this test alone.
    ///
    /// # Errors
    /// It is not installed, or does not start.
    pub fn start() -> Result<Self, Unavailable> {
        Self::try_start(None).map_err(|error| Unavailable::new("Redis", format!("{error:#}")))
    }

    /// A server that asks for a password.
    ///
    /// # Errors
    /// As [`Redis::start`].
    pub fn with_password(password: &'static str) -> Result<Self, Unavailable> {
        let started = Self::try_start(Some(password));
        started.map_err(|error| Unavailable::new("Redis", format!("{error:#}")))
    }

    fn try_start(password: Option<&'static str>) -> Result<Self> {
        let mut server = Self {
            port: 0,
            password,
            folder: Account::folder(None, "waybill-redis-")?,
            process: BrokerProcess::default(),
        };
        on_a_free_port(&server.log(), |port| {
            server.port = port;
            server.start_again()
        })
        .with_context(|| {
            format!("{PROGRAM} does not start; on Debian: apt-get install redis-server")
        })?;
        Ok(server)
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("redis.log")
    }

    /// Starts it again at its address.
    ///
    /// # Errors
    /// It runs already, or does not start.
    pub fn start_again(&mut self) -> Result<()> {
        let port = self.port.to_string();
        let mut arguments = vec!["--port", &port, "--bind", "127.0.0.1", "--save", ""];
        if let Some(password) = self.password {
            arguments.extend(["--requirepass", password]);
        }
        let mut arguments: Vec<OsString> = arguments.into_iter().map(OsString::from).collect();
        arguments.extend(["--dir".into(), self.folder.path().into()]);
        let server = Server {
            program: PROGRAM.into(),
            arguments,
            environment: vec![],
            account: None,
            stop: "KILL",
            folder: self.folder.path().into(),
            log: self.log(),
        };
        self.process.begin(&server, self.port)
    }

    /// `127.0.0.1:port`.
    #[must_use]
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Its URL, with its password.
    #[must_use]
    pub fn url(&self) -> String {
        let login = self.password.map(|password| format!(":{password}@"));
        format!("redis://{}{}", login.unwrap_or_default(), self.address())
    }

    /// Kills it; connections break, and new ones are refused.
    ///
    /// # Errors
    /// It does not run.
    pub fn kill(&mut self) -> Result<()> {
        self.process.end(Signal::KILL)
    }

    /// Freezes it: connections are accepted, and nothing is answered.
    ///
    /// # Errors
    /// It does not run.
    pub fn freeze(&self) -> Result<()> {
        self.process.signal(Signal::STOP)
    }

    /// Lets it go on.
    ///
    /// # Errors
    /// It does not run.
    pub fn thaw(&self) -> Result<()> {
        self.process.signal(Signal::CONT)
    }

    /// Does a command and returns the texts and numbers of its answer.
    ///
    /// # Errors
    /// It does not answer, or answers with an error.
    pub fn command(&self, words: &[&str]) -> Result<Vec<String>> {
        let mut connection = TcpStream::connect(self.address())?;
        connection.set_read_timeout(Some(ANSWERS_WITHIN))?;
        let mut answers = BufReader::new(connection.try_clone()?);
        let mut answer = vec![];
        if let Some(password) = self.password {
            write(&mut connection, &["AUTH", password])?;
            read(&mut answers, &mut answer)?;
            answer.clear();
        }
        write(&mut connection, words)?;
        read(&mut answers, &mut answer)?;
        Ok(answer)
    }
}

fn write(to: &mut impl Write, words: &[&str]) -> Result<()> {
    let mut request = format!("*{}\r\n", words.len());
    for word in words {
        request.push_str(&format!("${}\r\n{word}\r\n", word.len()));
    }
    Ok(to.write_all(request.as_bytes())?)
}

/// Reads a value of the protocol (RESP 2), with all that is in it.
fn read(from: &mut impl BufRead, into: &mut Vec<String>) -> Result<()> {
    let mut line = String::new();
    from.read_line(&mut line)?;
    let line = line.trim_end();
    let (kind, rest) = line
        .split_at_checked(1)
        .context("it closed the connection")?;
    match kind {
        "+" | ":" => into.push(rest.to_owned()),
        "$" => {
            // -1 is no text.
            let Ok(length) = rest.parse::<usize>() else {
                return Ok(());
            };
            let mut text = vec![0; length + 2];
            from.read_exact(&mut text)?;
            into.push(String::from_utf8_lossy(&text[..length]).into_owned());
        }
        "*" => {
            for _ in 0..rest.parse::<usize>()? {
                read(from, into)?;
            }
        }
        _ => bail!("Redis answers {line}"),
    }
    Ok(())
}
