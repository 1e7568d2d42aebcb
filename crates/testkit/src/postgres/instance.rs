//! One server, and what can be asked of any server, also of one that was given to the tests.

use std::net::{SocketAddr, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use anyhow::{Context, Result};

use super::address::{Address, Parts};
use super::deadlocks;
use super::programs::Programs;
use super::server::{self, Own, ServerOptions};
use crate::unavailable::Unavailable;

/// Names the server to test with, which must let us make databases.
const GIVEN: &str = "WAYBILL_TEST_POSTGRES_URL";

/// One server.
#[derive(Debug)]
pub struct Postgres {
    pub(super) address: Address,
    /// Not there when the server was given to us: then it is not ours to stop.
    pub(super) own: Option<Own>,
    /// There when the server was started for these tests, by us or for the whole run: then its
    /// databases go with it, and its log is watched.
    pub(super) log: Option<PathBuf>,
}

impl Postgres {
    /// The server of this run.
    pub fn shared() -> Result<&'static Self, Unavailable> {
        static SHARED: OnceLock<Result<Postgres, Unavailable>> = OnceLock::new();
        let shared = SHARED.get_or_init(|| match std::env::var(GIVEN) {
            Ok(url) => Self::given(&url)
                .map_err(|e| Unavailable::named("PostgreSQL", format!("{GIVEN}: {e:#}"))),
            Err(_) => Self::start(ServerOptions::default()),
        });
        shared.as_ref().map_err(Clone::clone)
    }

    /// A server of this test alone.
    pub fn start(options: ServerOptions) -> Result<Self, Unavailable> {
        let started = Programs::find().and_then(|programs| Own::start(programs, options));
        let (own, address) = started.map_err(|e| unavailable(&format!("{e:#}")))?;
        Ok(Self {
            address,
            log: Some(own.log()),
            own: Some(own),
        })
    }

    fn given(url: &str) -> Result<Self> {
        let psql = Programs::find().map_or_else(|_| PathBuf::from("psql"), |p| p.path("psql"));
        let address = Address::parse(psql, url)?;
        let log = server::log_of_throwaway(&address)?;
        Ok(Self {
            address,
            own: None,
            log,
        })
    }

    pub(crate) fn address(&self) -> &Address {
        &self.address
    }

    /// The connection string of one of its databases.
    pub fn url(&self, database: &str) -> String {
        self.address.url(database)
    }

    /// Runs statements in a database, each a transaction of its own; the rows, columns by `|`.
    pub fn sql(&self, database: &str, statements: &str) -> Result<String> {
        self.address.sql(Some(database), statements)
    }

    /// Where it listens, for a proxy in front of it.
    pub fn socket(&self) -> Result<SocketAddr> {
        let Parts { host, port, .. } = self.address.parts()?;
        let mut found = (host.as_str(), port).to_socket_addrs()?;
        found
            .next()
            .with_context(|| format!("{host} has no address"))
    }

    /// As [`Self::url`], through a proxy at that address.
    pub fn url_via(&self, proxy: SocketAddr, database: &str) -> Result<String> {
        Ok(self.address.at(proxy)?.url(database))
    }

    /// As [`Self::sql`], through a proxy at that address.
    pub fn sql_via(&self, proxy: SocketAddr, database: &str, statements: &str) -> Result<String> {
        self.address.at(proxy)?.sql(Some(database), statements)
    }

    /// What the server says, if it was started for these tests; a message follows `time [pid] database`.
    pub fn log(&self) -> Option<&Path> {
        self.log.as_deref()
    }

    /// Every deadlock there has been, as the log tells it; empty for a server that others keep.
    pub fn deadlocks(&self) -> Vec<String> {
        let log = self.log.as_deref();
        log.map_or_else(Vec::new, |log| deadlocks::told(log, 0, None))
    }

    /// Ends the connections that a condition on `pg_stat_activity` chooses; how many there were.
    pub fn terminate_backends(&self, condition: &str) -> Result<usize> {
        self.signal_backends("pg_terminate_backend", condition)
    }

    /// Cancels what the connections do that a condition on `pg_stat_activity` chooses; how many there were.
    pub fn cancel_backends(&self, condition: &str) -> Result<usize> {
        self.signal_backends("pg_cancel_backend", condition)
    }

    fn signal_backends(&self, function: &str, condition: &str) -> Result<usize> {
        let count = self.address.sql(
            None,
            &format!(
                "SELECT count({function}(pid)) FROM pg_stat_activity \
                 WHERE backend_type = 'client backend' AND pid <> pg_backend_pid() AND ({condition})"
            ),
        )?;
        count.parse().with_context(|| format!("psql said {count}"))
    }
}

pub(super) fn unavailable(reason: &str) -> Unavailable {
    Unavailable::new("PostgreSQL", reason)
}
