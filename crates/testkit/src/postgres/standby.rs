//! A primary and its synchronous standby: one is lost, the other is promoted.
//!
//! Owns the making of a standby and the change of its role. Invariant: once `standby_of` has returned, a
//! commit on the primary is acknowledged only when the standby has it.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::instance::{Postgres, unavailable};
use super::programs::Programs;
use super::server::Own;
use crate::unavailable::Unavailable;

const SYNCHRONOUS_WITHIN: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(20);

impl Postgres {
    /// A copy of the server that follows it; from now on the server waits for it at every commit.
    pub fn standby_of(primary: &Self) -> Result<Self, Unavailable> {
        Self::standby(primary).map_err(|e| unavailable(&format!("a standby: {e:#}")))
    }

    fn standby(primary: &Self) -> Result<Self> {
        ensure!(primary.own.is_some(), "of a server that was given to us");
        let mut own = Own::empty(Programs::find()?)?;
        own.copy(&primary.url("postgres"))?;
        own.start_on_a_free_port()?;
        let standby = Self {
            address: primary.address.at(([127, 0, 0, 1], own.port()).into())?,
            log: Some(own.log()),
            own: Some(own),
        };
        primary.wait_for_standbys(true)?;
        let began = Instant::now();
        let state = "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'";
        while primary.sql("postgres", state)? != "1" {
            ensure!(
                began.elapsed() < SYNCHRONOUS_WITHIN,
                "not synchronous within {SYNCHRONOUS_WITHIN:?}"
            );
            std::thread::sleep(POLL);
        }
        Ok(standby)
    }

    /// Whether a commit waits until a standby has it. Without one, it waits for as long as there is none.
    pub fn wait_for_standbys(&self, wait: bool) -> Result<()> {
        let names = if wait { "*" } else { "" };
        self.sql(
            "postgres",
            &format!(
                "SET synchronous_commit = local; \
                 ALTER SYSTEM SET synchronous_standby_names = '{names}'; SELECT pg_reload_conf()"
            ),
        )?;
        Ok(())
    }

    /// Makes a standby a primary, which takes writes when this returns; the time it took.
    pub fn promote(&self) -> Result<Duration> {
        let began = Instant::now();
        let promoted = self.sql("postgres", "SELECT pg_promote(true, 60)")?;
        ensure!(promoted == "t", "not promoted within a minute");
        Ok(began.elapsed())
    }

    /// A connection string that names both and finds the one that takes writes.
    pub fn url_with(&self, other: &Self, database: &str) -> Result<String> {
        let hosts = [self, other].map(|server| {
            let parts = server.address.parts()?;
            Ok(format!("{}:{}", parts.host, parts.port))
        });
        let [one, two]: [Result<String>; 2] = hosts;
        let who = self.address.parts().context("of this server")?;
        Ok(format!(
            "postgres://{}:{}@{},{}/{database}?target_session_attrs=read-write",
            who.user, who.password, one?, two?
        ))
    }
}
