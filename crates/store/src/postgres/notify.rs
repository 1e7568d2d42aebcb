//! Wakes other processes after a commit, on a connection of its own, several commits at a time.
//!
//! A notification holds a lock of the whole database until its transaction ends. So it is never part of another
//! transaction, does not wait for the disk, and is sent at most once every few milliseconds.
//!
//! A pooler that shares sessions sends notifications on but delivers none, and a LISTEN would stay on a session that
//! other clients use. So LISTEN runs only on a session of our own; a process that has none polls. Invariant: nothing
//! depends on notifications; a process that gets none polls.

use super::connection::{Options, read_url};
use super::generation::Generation;
use super::plain;
use super::session::Session;
use super::sharing;
use crate::error::Result;
use crate::outage::Outage;
use crate::traits::CommitListener;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_postgres::AsyncMessage;

const CHANNEL: &str = "waybill_log";

/// The pause between two attempts to connect.
const RECONNECT: Duration = Duration::from_secs(1);

/// Partitions that have grown and of which no notification was sent yet, one bit each.
#[derive(Default)]
pub struct Grown {
    partitions: AtomicU64,
    any: Notify,
}

impl Grown {
    /// Marks a partition as grown.
    pub fn note(&self, partition: u16) {
        self.partitions
            .fetch_or(1 << (partition % 64), Ordering::SeqCst);
        self.any.notify_one();
    }
}

/// Sends and receives notifications until it is dropped.
pub struct Notifier {
    tasks: Vec<JoinHandle<()>>,
}

impl Notifier {
    /// Starts the sending and the receiving task; each reconnects after a lost connection. If a pooler shares the
    /// sessions of `options.url` and `options.listen_url` is not set, the receiving task is not started.
    pub fn start(
        options: &Options,
        shared: bool,
        grown: Arc<Grown>,
        hearing: Hearing,
    ) -> Result<Self> {
        let address = options.listen_url.as_ref().unwrap_or(&options.url);
        // Parsed here too, so that a wrong address fails the start and not only a background task.
        read_url(address, options)?;
        let one = |options: &Options| Options {
            url: address.clone(),
            ..options.clone()
        };
        let mut tasks = vec![tokio::spawn(tell(one(options), grown))];
        if shared && options.listen_url.is_none() {
            tracing::warn!(
                "a pooler shares the sessions of store.url and store.listen_url is not set: no notifications can be received, \
                 consumers poll once a second; set store.listen_url to an address past the pooler"
            );
        } else {
            tasks.push(tokio::spawn(hear(one(options), hearing)));
        }
        Ok(Self { tasks })
    }
}

impl Drop for Notifier {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

/// The name under which [`Outage`] logs.
const WHO: &str = "notifications";

async fn tell(options: Options, grown: Arc<Grown>) {
    let outage = Outage::new(WHO, "no notifications can be sent; other processes poll");
    loop {
        if let Err(error) = tell_until_lost(&options, &grown, &outage).await {
            outage.failed(&error);
        }
        tokio::time::sleep(RECONNECT).await;
    }
}

async fn tell_until_lost(
    options: &Options,
    grown: &Grown,
    outage: &Outage,
) -> std::result::Result<(), Lost> {
    let (config, tls) = read_url(&options.url, options)?;
    let (client, connection) = config.connect(tls).await?;
    // The connection's task ends with its client.
    let driven = tokio::spawn(connection);
    let mut works = pin!(outage.works_from_now_on());
    loop {
        tokio::select! {
            () = grown.any.notified() => {}
            () = &mut works => {}
        }
        let bits = grown.partitions.swap(0, Ordering::SeqCst);
        if bits == 0 {
            continue;
        }
        // The payload is a decimal number, so no character needs quoting.
        let told = plain::notify(&client, CHANNEL, &bits.to_string()).await;
        if let Err(error) = told {
            driven.abort();
            return Err(error.into());
        }
        tokio::time::sleep(Duration::from_millis(options.notify_interval_ms)).await;
    }
}

/// What to do with received notifications.
pub struct Hearing {
    pub listener: Arc<dyn CommitListener>,
    pub partitions: u16,
    pub generation: Arc<Generation>,
}

async fn hear(options: Options, hearing: Hearing) {
    let outage = Outage::new(WHO, "no notifications can be received; consumers poll");
    loop {
        match hear_until_lost(&options, &hearing, &outage).await {
            Ok(()) => {}
            Err(Lost::Shared) => {
                tracing::warn!(
                    "store.listen_url leads to a pooler that shares sessions: no notifications can be received, consumers poll \
                     once a second; set it to an address past the pooler"
                );
                return;
            }
            Err(error) => outage.failed(&error),
        }
        tokio::time::sleep(RECONNECT).await;
    }
}

async fn hear_until_lost(
    options: &Options,
    hearing: &Hearing,
    outage: &Outage,
) -> std::result::Result<(), Lost> {
    let Hearing {
        listener,
        partitions,
        generation,
    } = hearing;
    let (config, tls) = read_url(&options.url, options)?;
    let (client, mut connection) = config.connect(tls.clone()).await?;
    let mut listening = Box::pin(async {
        let other = Session::connect(&config, &tls).await?;
        if sharing::is_shared(&client, &other).await? {
            return Err(Lost::Shared);
        }
        other.end().await;
        plain::tell_own_session(&client, &format!("LISTEN {CHANNEL}")).await?;
        // A pooler may have kept the connections of the pool while the database behind it was restored.
        generation.check(&client).await?;
        outage.works_from_now_on().await;
        Ok(())
    });
    loop {
        let message = tokio::select! {
            message = poll_fn(|cx| connection.poll_message(cx)) => message,
            failed = &mut listening => return failed,
        };
        match message {
            None => return Err(Lost::Connection("the connection was closed".into())),
            Some(Err(error)) => return Err(error.into()),
            Some(Ok(AsyncMessage::Notification(told))) => {
                // No error: a payload that cannot be read wakes the readers of every partition, each of which reads
                // once for nothing.
                let bits: u64 = told.payload().parse().unwrap_or(u64::MAX);
                for partition in
                    (0..*partitions).filter(|partition| bits & (1 << (partition % 64)) != 0)
                {
                    listener.grown(partition);
                }
            }
            Some(Ok(_)) => {}
        }
    }
}

/// Why a connection ended.
#[derive(Debug, thiserror::Error)]
enum Lost {
    #[error("{0}")]
    Connection(String),
    #[error("sessions are shared")]
    Shared,
}

impl From<tokio_postgres::Error> for Lost {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Connection(crate::with_sources(&super::errors::translate(error)))
    }
}

impl From<crate::Error> for Lost {
    fn from(error: crate::Error) -> Self {
        Self::Connection(crate::with_sources(&error))
    }
}
