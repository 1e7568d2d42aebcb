//! Connections: how they are opened, the settings of each session, and the pool.

use super::errors::{meaning, translate};
use super::generation::Generation;
use super::waits::Waits;
use super::{plain, tls};
use crate::error::{Error, Result};
use deadpool_postgres::{
    Connect, Hook, HookError, Manager, ManagerConfig, Object, Pool, PoolError, RecyclingMethod,
    Runtime, TimeoutType, Timeouts,
};
use std::future::{Future, poll_fn};
use std::ops::Deref;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio_postgres::{AsyncMessage, Client, Config};
use tokio_postgres_rustls::MakeRustlsConnect;

/// Settings of the shared store. Durations are in milliseconds.
#[derive(Clone, Debug)]
pub struct Options {
    /// `postgres://user:password@host:port/name?…`; several hosts are tried in order.
    pub url: String,
    /// The address to LISTEN on when `url` leads to a pooler, which does not deliver notifications. `None`: LISTEN on
    /// `url`; if that is a pooler that shares sessions, there is no LISTEN and consumers poll.
    pub listen_url: Option<String>,
    /// The least and the greatest number of connections in the pool.
    pub pool_min: usize,
    pub pool_max: usize,
    /// How long a caller waits for a connection of the pool before it gets [`Error::Busy`].
    pub pool_wait_ms: u64,
    /// Whether statements are sent without names, for a pooler in transaction mode that does not support named ones.
    pub unnamed_statements: bool,
    /// Number of partitions of the log, 1 to 64. Only read when the store is created.
    pub partitions: u16,
    /// Batches of orders to have in progress at once; more do not raise throughput.
    pub accept_concurrency: usize,
    /// The database cancels a statement after this long. Like the limits below, it must be shorter than a lease.
    pub statement_timeout_ms: u64,
    /// How long a statement waits for a row that another transaction has locked.
    pub lock_timeout_ms: u64,
    /// The database ends a transaction whose client has sent nothing for this long.
    pub idle_in_transaction_timeout_ms: u64,
    /// A connection is closed when the peer has not acknowledged sent data for this long.
    pub tcp_timeout_ms: u64,
    /// How long a new connection may take.
    pub connect_timeout_ms: u64,
    /// The least time between two notifications to other processes.
    pub notify_interval_ms: u64,
    /// Rows a filtered list may look at in one call.
    pub scan_limit: usize,
}

impl Options {
    /// The defaults, at `url`.
    #[must_use]
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            listen_url: None,
            pool_min: 2,
            pool_max: 10,
            pool_wait_ms: 5_000,
            unnamed_statements: false,
            partitions: 16,
            accept_concurrency: 3,
            statement_timeout_ms: 5_000,
            lock_timeout_ms: 3_000,
            idle_in_transaction_timeout_ms: 5_000,
            tcp_timeout_ms: 5_000,
            connect_timeout_ms: 5_000,
            notify_interval_ms: 5,
            scan_limit: 20_000,
        }
    }
}

/// Reads a connection URL, and how far the server is trusted.
pub fn read_url(url: &str, options: &Options) -> Result<(Config, MakeRustlsConnect)> {
    let (url, trust) = tls::split(url);
    let mut config: Config = url.parse().map_err(|e| {
        Error::open(
            "the database's address cannot be read",
            format!(
                "{}; it should look like postgres://user:password@host:5432/name",
                meaning(&e)
            ),
        )
        .because(e)
    })?;
    let ms = Duration::from_millis;
    config.connect_timeout(ms(options.connect_timeout_ms));
    config.tcp_user_timeout(ms(options.tcp_timeout_ms));
    config.keepalives_idle(ms(options.tcp_timeout_ms));
    if config.get_application_name().is_none() {
        config.application_name("waybill");
    }
    Ok((config, tls::connector(&trust)?))
}

/// The settings that are sent first: once per session, or with every transaction where a pooler shares sessions.
fn settings(options: &Options, shared: bool) -> String {
    // A session setting would stay for the pooler's next client, so shared sessions get SET LOCAL; see
    // `Connections::new`.
    let set = if shared { "SET LOCAL" } else { "SET" };
    let timeouts = [
        ("statement_timeout", options.statement_timeout_ms),
        ("lock_timeout", options.lock_timeout_ms),
        (
            "idle_in_transaction_session_timeout",
            options.idle_in_transaction_timeout_ms,
        ),
    ];
    let timeouts = timeouts.map(|(name, ms)| format!("{set} {name} = {ms}"));
    let plans = PLANS.map(|(name, value)| format!("{set} {name} = {value}"));
    format!("{}; {}", timeouts.join("; "), plans.join("; "))
}

/// Planner settings that forbid table scans and keep generic plans. Every statement here finds its rows by a key, but
/// the statistics of a table that was empty a minute ago would make the planner scan it, and new statistics could
/// change a plan at any time.
const PLANS: [(&str, &str); 6] = [
    ("plan_cache_mode", "force_generic_plan"),
    ("enable_seqscan", "off"),
    ("enable_bitmapscan", "off"),
    ("enable_hashjoin", "off"),
    ("enable_mergejoin", "off"),
    ("jit", "off"),
];

/// The pool, and what its connections reported that concerns every caller: cancelled waits for a standby.
pub struct Connections {
    pool: Pool,
    pub unnamed: bool,
    /// The text that begins a transaction that writes.
    pub begin: String,
    cancelled_waits: Arc<AtomicU64>,
    generation: Arc<Generation>,
    pub waits: Waits,
}

/// A connection of the pool; it goes back when it is dropped.
pub type Connection = Object;

/// A connection that may be inside a transaction. Dropped, also where a caller stops waiting in the middle of a flush, it
/// is closed, so that the database rolls back and the next user of the pool gets no half transaction.
pub struct Taken(Option<Connection>);

impl Taken {
    pub fn of(connection: Connection) -> Self {
        Self(Some(connection))
    }

    /// Returns the connection to the pool; its transaction must be over.
    pub fn into_pool(mut self) -> Option<Connection> {
        self.0.take()
    }
}

impl Deref for Taken {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        // Only `into_pool` and `drop` take the connection out, and both consume `self`.
        self.0.as_ref().expect("it is there until its end")
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        if let Some(connection) = self.0.take() {
            drop(Connection::take(connection));
        }
    }
}

impl Connections {
    /// A pool; no connection is made yet. `shared` says that a pooler gives its sessions to others too.
    pub fn new(options: &Options, shared: bool, generation: Arc<Generation>) -> Result<Self> {
        let (config, tls) = read_url(&options.url, options)?;
        let cancelled_waits = Arc::new(AtomicU64::new(0));
        let connector = Connector {
            tls,
            cancelled_waits: cancelled_waits.clone(),
        };
        let recycling = ManagerConfig {
            recycling_method: RecyclingMethod::Fast,
        };
        let manager = Manager::from_connect(config, connector, recycling);
        let ms = Duration::from_millis;
        let mut builder = Pool::builder(manager)
            .max_size(options.pool_max.max(1))
            .runtime(Runtime::Tokio1)
            .timeouts(Timeouts {
                wait: Some(ms(options.pool_wait_ms)),
                create: Some(ms(options.connect_timeout_ms)),
                recycle: Some(ms(options.connect_timeout_ms)),
            });
        let begin = if shared {
            // The settings go with each transaction, so that the session's next client inherits none.
            format!("{}{}", plain::BEGIN, settings(options, true))
        } else {
            // Sent once per session, which saves nine statements in every transaction.
            let settings = settings(options, false);
            builder = builder.post_create(Hook::async_fn(move |client, _| {
                let settings = settings.clone();
                Box::pin(async move {
                    let told = plain::tell_own_session(client, &settings).await;
                    told.map_err(HookError::Backend)
                })
            }));
            plain::BEGIN.to_owned()
        };
        // After the settings, so that their timeouts apply to it.
        builder = builder.post_create(same_generation(generation.clone()));
        let pool = builder.build().map_err(|e| {
            Error::open("the pool of database connections", e.to_string()).because(e)
        })?;
        Ok(Self {
            pool,
            unnamed: options.unnamed_statements,
            begin,
            cancelled_waits,
            generation,
            waits: Waits::default(),
        })
    }

    /// Opens `count` connections, so that the first requests need not wait for them.
    pub async fn warm(&self, count: usize) -> Result<()> {
        let mut held = vec![];
        for _ in 0..count.min(self.pool.status().max_size) {
            held.push(self.get().await?);
        }
        Ok(())
    }

    /// A connection.
    pub async fn get(&self) -> Result<Connection> {
        self.generation.still()?;
        self.take().await.map_err(|error| match error {
            PoolError::Timeout(TimeoutType::Wait) => {
                Error::busy("no database connection became free")
            }
            PoolError::Timeout(_) => Error::unavailable("the database does not answer in time"),
            PoolError::Backend(error) => match translate(error) {
                Error::Refused { detail, source } => Error::Unavailable { detail, source },
                other => other,
            },
            PoolError::Closed => Error::unavailable("the store is closing"),
            other => Error::unavailable(other.to_string()).because(other),
        })
    }

    /// Takes a connection from the pool. Only a caller that has to wait is counted in [`Waits`](super::waits).
    async fn take(&self) -> std::result::Result<Connection, PoolError> {
        let at_once = Timeouts {
            wait: Some(Duration::ZERO),
            ..self.pool.timeouts()
        };
        match self.pool.timeout_get(&at_once).await {
            Err(PoolError::Timeout(TimeoutType::Wait)) => {
                let _waiting = self.waits.begin();
                self.pool.get().await
            }
            taken => taken,
        }
    }

    /// How many waits for a standby were cancelled since the start, on any connection.
    pub fn cancelled_waits(&self) -> u64 {
        self.cancelled_waits.load(Ordering::SeqCst)
    }

    /// Connections, and how many of them are idle.
    pub fn counts(&self) -> (usize, usize) {
        let status = self.pool.status();
        (status.size, status.available)
    }

    /// Closes the pool; later calls fail.
    pub fn close(&self) {
        self.pool.close();
    }
}

fn same_generation(generation: Arc<Generation>) -> Hook {
    Hook::async_fn(move |client, _| {
        let generation = generation.clone();
        Box::pin(async move {
            let checked = generation.check(client).await;
            checked.map_err(|error| HookError::message(error.to_string()))
        })
    })
}

/// Opens connections and handles the notices that the database sends on them.
struct Connector {
    tls: MakeRustlsConnect,
    cancelled_waits: Arc<AtomicU64>,
}

type Connecting<'a> = Pin<
    Box<
        dyn Future<Output = std::result::Result<(Client, JoinHandle<()>), tokio_postgres::Error>>
            + Send
            + 'a,
    >,
>;

impl Connect for Connector {
    fn connect(&self, config: &Config) -> Connecting<'_> {
        let (config, tls) = (config.clone(), self.tls.clone());
        let cancelled_waits = self.cancelled_waits.clone();
        Box::pin(async move {
            let (client, mut connection) = config.connect(tls).await?;
            let task = tokio::spawn(async move {
                while let Some(message) = poll_fn(|cx| connection.poll_message(cx)).await {
                    match message {
                        // The commit is on this server but perhaps not on its standby. The routine's name identifies
                        // the warning, because the text depends on the server's language.
                        Ok(AsyncMessage::Notice(notice))
                            if notice.routine() == Some("SyncRepWaitForLSN") =>
                        {
                            cancelled_waits.fetch_add(1, Ordering::SeqCst);
                        }
                        Ok(_) => {}
                        Err(error) => {
                            tracing::debug!(%error, "a database connection ended");
                            return;
                        }
                    }
                }
            });
            Ok((client, task))
        })
    }
}
