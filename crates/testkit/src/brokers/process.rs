//! The process of a broker, which ends and begins again on its ports and its data.

use std::net::TcpStream;

use anyhow::{Context, Result, bail};
use rustix::process::Signal;

use crate::guarded::{Guarded, Server};

/// At most one process of a broker.
#[derive(Debug, Default)]
pub struct BrokerProcess(Option<Guarded>);

impl BrokerProcess {
    /// Starts it and waits until it listens.
    ///
    /// # Errors
    /// It runs already, or does not start.
    pub fn begin(&mut self, server: &Server, port: u16) -> Result<()> {
        if self.0.is_some() {
            bail!("it already runs");
        }
        let listens = || TcpStream::connect(("127.0.0.1", port)).is_ok();
        self.0 = Some(Guarded::ready(server, listens)?);
        Ok(())
    }

    /// The id of the process; 0 while there is none.
    pub fn pid(&self) -> i32 {
        let running = self.0.as_ref();
        running.map_or(0, |process| process.pid().as_raw_nonzero().get())
    }

    /// Sends it a signal.
    ///
    /// # Errors
    /// It does not run.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        self.0.as_ref().context("it does not run")?.signal(signal)
    }

    /// Ends it with a signal; connections break.
    ///
    /// # Errors
    /// It does not run.
    pub fn end(&mut self, signal: Signal) -> Result<()> {
        let mut process = self.0.take().context("it does not run")?;
        process.signal(signal)?;
        process.wait()?;
        Ok(())
    }
}
