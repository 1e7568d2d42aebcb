//! Wakes other processes after a commit, on a connection of its own, several commits at a time.
//!
//! A notification holds a lock of the whole database until its transaction ends. So it is never part of another
//! transaction, does not wait for the disk, and is sent at most once every few milliseconds. Invariant: nothing depends
//! on it; a process that gets no notification polls.

use super::connection::{Options, read_url};
use super::generation::Generation;
use crate::error::Result;
use crate::store::CommitListener;
use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_postgres::AsyncMessage;

const CHANNEL: &str = "waybill_log";

/// Between two attempts to connect.
const RECONNECT: Duration = Duration::from_secs(1);

/// Parts that have grown and were not told yet: one bit each.
#[derive(Default)]
pub struct Grown {
    parts: AtomicU64,
    any: Notify,
}

impl Grown {
    /// Notes a part.
    pub fn note(&self, part: u16) {
        self.parts.fetch_or(1 << (part % 64), Ordering::SeqCst);
        self.any.notify_one();
    }
}

/// Tells and hears, until it is dropped.
pub struct Notifier {
    tasks: Vec<JoinHandle<()>>,
}

impl Notifier {
    /// Starts both tasks; each connects again for as long as it lives.
    pub fn start(
        options: &Options,
        grown: Arc<Grown>,
        listener: Arc<dyn CommitListener>,
        parts: u16,
        generation: Arc<Generation>,
    ) -> Result<Self> {
        let address = options.listen_url.as_ref().unwrap_or(&options.url);
        // A wrong address is told at the start, not in the background.
        read_url(address, options)?;
        let one = |options: &Options| Options {
            url: address.clone(),
            ..options.clone()
        };
        let tell = tokio::spawn(tell(one(options), grown));
        let hear = tokio::spawn(hear(one(options), listener, parts, generation));
        Ok(Self {
            tasks: vec![tell, hear],
        })
    }
}

impl Drop for Notifier {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

async fn tell(options: Options, grown: Arc<Grown>) {
    loop {
        if let Err(error) = tell_until_lost(&options, &grown).await {
            tracing::warn!(%error, "other processes cannot be notified now; they poll");
        }
        tokio::time::sleep(RECONNECT).await;
    }
}

async fn tell_until_lost(options: &Options, grown: &Grown) -> std::result::Result<(), Lost> {
    let (config, tls) = read_url(&options.url, options)?;
    let (client, connection) = config.connect(tls).await?;
    // Ends with the client.
    let driven = tokio::spawn(connection);
    client.batch_execute("SET synchronous_commit = off").await?;
    loop {
        grown.any.notified().await;
        let bits = grown.parts.swap(0, Ordering::SeqCst);
        if bits == 0 {
            continue;
        }
        // The bits as a number: nothing in it needs quoting.
        let told = client
            .batch_execute(&format!("/* notify::tell */ NOTIFY {CHANNEL}, '{bits}'"))
            .await;
        if let Err(error) = told {
            driven.abort();
            return Err(error.into());
        }
        tokio::time::sleep(Duration::from_millis(options.notify_interval_ms)).await;
    }
}

async fn hear(
    options: Options,
    listener: Arc<dyn CommitListener>,
    parts: u16,
    generation: Arc<Generation>,
) {
    loop {
        if let Err(error) = hear_until_lost(&options, &*listener, parts, &generation).await {
            tracing::warn!(%error, "notifications cannot be heard now; polling");
        }
        tokio::time::sleep(RECONNECT).await;
    }
}

async fn hear_until_lost(
    options: &Options,
    listener: &dyn CommitListener,
    parts: u16,
    generation: &Generation,
) -> std::result::Result<(), Lost> {
    let (config, tls) = read_url(&options.url, options)?;
    let (client, mut connection) = config.connect(tls).await?;
    let mut listening = Box::pin(async {
        client.batch_execute(&format!("LISTEN {CHANNEL}")).await?;
        // A pooler may have kept the connections of the pool while the database behind it was restored.
        generation.check(&client).await?;
        std::future::pending::<std::result::Result<(), Lost>>().await
    });
    loop {
        let message = tokio::select! {
            message = poll_fn(|cx| connection.poll_message(cx)) => message,
            failed = &mut listening => return failed,
        };
        match message {
            None => return Err(Lost("the connection was closed".into())),
            Some(Err(error)) => return Err(error.into()),
            Some(Ok(AsyncMessage::Notification(told))) => {
                let bits: u64 = told.payload().parse().unwrap_or(u64::MAX);
                for part in (0..parts).filter(|part| bits & (1 << (part % 64)) != 0) {
                    listener.grown(part);
                }
            }
            Some(Ok(_)) => {}
        }
    }
}

/// Why a connection ended.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Lost(String);

impl From<tokio_postgres::Error> for Lost {
    fn from(error: tokio_postgres::Error) -> Self {
        Self(super::errors::translate(&error).to_string())
    }
}

impl From<crate::Error> for Lost {
    fn from(error: crate::Error) -> Self {
        Self(error.to_string())
    }
}
