//! What a test may do to a server of its own: stop it, start it again, ask for its process and its disk.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::deadlocks;
use super::instance::Postgres;
use super::server::{Mode, Own};
use crate::shim::Control;

impl Postgres {
    fn own(&self) -> Result<&Own> {
        self.own.as_ref().context("this server was given to us")
    }

    fn own_mut(&mut self) -> Result<&mut Own> {
        self.own
            .as_mut()
            .context("this server was given to us: it is not ours to stop")
    }

    /// Of the running server's first process.
    pub fn pid(&self) -> Result<i32> {
        let process = self.own()?.running.as_ref().context("it does not run")?;
        Ok(process.pid().as_raw_nonzero().get())
    }

    /// Its folder, which stays until it is dropped.
    pub fn data(&self) -> Result<PathBuf> {
        Ok(self.own()?.data())
    }

    pub fn port(&self) -> Result<u16> {
        Ok(self.own()?.port)
    }

    /// Stops the server and waits until it is gone; its data stay.
    pub fn stop(&mut self, mode: Mode) -> Result<()> {
        self.own_mut()?.stop(mode)
    }

    /// The disk it was started on, for its faults.
    ///
    /// # Errors
    /// It was started without [`super::ServerOptions::on_test_disk`].
    pub fn disk(&self) -> Result<&Control> {
        let disk = self.own()?.disk.as_ref().context("it has no test disk")?;
        Ok(disk.control())
    }

    /// Whether its first process is there. A server that cannot recover ends by itself.
    pub fn is_running(&mut self) -> Result<bool> {
        let own = self.own_mut()?;
        if let Some(process) = own.running.as_mut()
            && process.ended()?.is_some()
        {
            own.running = None;
        }
        Ok(own.running.is_some())
    }

    /// Starts it again on the same data and port; the time until it let clients in.
    pub fn start_again(&mut self) -> Result<Duration> {
        let began = Instant::now();
        self.own_mut()?.begin()?;
        Ok(began.elapsed())
    }

    /// Stops it for good.
    ///
    /// # Errors
    /// There was a deadlock; the message is the log's.
    pub fn finish(mut self) -> Result<()> {
        let deadlocks = self.ended_with();
        ensure!(deadlocks.is_empty(), "{}", deadlocks::complaint(&deadlocks));
        Ok(())
    }

    /// Stops the process, if there is one, and tells what the log says; afterwards there is no log.
    fn ended_with(&mut self) -> Vec<String> {
        let Some(mut own) = self.own.take() else {
            return Vec::new();
        };
        if own.running.is_some()
            && let Err(error) = own.stop(Mode::Immediate)
        {
            eprintln!("PostgreSQL: {error:#}");
        }
        deadlocks::told(&own.log(), 0, None)
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let deadlocks = self.ended_with();
        if deadlocks.is_empty() {
            return;
        }
        assert!(
            std::thread::panicking(),
            "{}",
            deadlocks::complaint(&deadlocks)
        );
        eprintln!("{}", deadlocks::complaint(&deadlocks));
    }
}
