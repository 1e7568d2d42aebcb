//! Many clients that order at once, cancel, repeat themselves and make mistakes, all by a seed.
//!
//! Owns the clients and their journal. Invariant: what a client does next depends on its seed and on
//! the answers it got, on nothing else; and every attempt and answer is in the journal before the
//! client goes on. Whether the answers were right is for [`crate::checker`].

mod client;
mod plan;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use anyhow::{Context, Result};
use tokio::task::JoinHandle;

use crate::journal::{Entry, Journal, JournalFile};
use crate::server::Waybill;

pub(crate) use client::outcome_of;
pub use plan::Shelf;

/// The numbers of clients and orders.
#[derive(Debug, Clone)]
pub struct Load {
    pub clients: u64,
    /// A client waits up to this long between two requests.
    pub pause_ms: u64,
    /// New orders in the whole run, at most.
    pub orders: u64,
}

/// Clients at work.
pub struct Traffic {
    shared: Arc<Shared>,
    clients: Vec<JoinHandle<Result<()>>>,
    file: JournalFile,
}

/// What all clients of a run share.
pub(crate) struct Shared {
    /// Clients go to any of them, a replay often to another one than the first attempt.
    doors: Vec<SocketAddr>,
    token: String,
    seed: u64,
    load: Load,
    shelf: Shelf,
    journal: Journal,
    stop: AtomicBool,
    placed: AtomicU64,
    numbers: AtomicU64,
    in_flight: AtomicU64,
    answered_ok: AtomicU64,
    unanswered: AtomicU64,
    /// How many answers there were of each status.
    statuses: Mutex<BTreeMap<u16, u64>>,
}

impl Traffic {
    /// Sets the stock and starts the clients; `journal` is a file that does not exist yet.
    pub async fn start(app: &Waybill, seed: u64, load: Load, journal: &Path) -> Result<Self> {
        Self::at(app, vec![app.address()], seed, load, journal).await
    }

    /// The same where several processes take orders for one store, `app` among them.
    pub async fn at(
        app: &Waybill,
        doors: Vec<SocketAddr>,
        seed: u64,
        load: Load,
        journal: &Path,
    ) -> Result<Self> {
        let shelf = Shelf::new(&load);
        for (sku, on_hand) in shelf.stock() {
            app.seed(sku, *on_hand).await?;
        }
        let (journal, file) = Journal::create(journal)?;
        journal.append(&Entry::Begin { seed }).await?;
        let shared = Arc::new(Shared {
            doors,
            token: crate::token::demo_for("default", "testkit"),
            seed,
            load,
            shelf,
            journal,
            stop: AtomicBool::new(false),
            placed: AtomicU64::new(0),
            numbers: AtomicU64::new(0),
            in_flight: AtomicU64::new(0),
            answered_ok: AtomicU64::new(0),
            unanswered: AtomicU64::new(0),
            statuses: Mutex::default(),
        });
        let clients = (0..shared.load.clients)
            .map(|n| tokio::spawn(client::run(shared.clone(), n)))
            .collect();
        Ok(Self {
            shared,
            clients,
            file,
        })
    }

    /// Requests sent and not answered at this moment.
    pub fn in_flight(&self) -> u64 {
        self.shared.in_flight.load(Ordering::SeqCst)
    }

    /// Requests answered 2xx so far.
    pub fn answered_ok(&self) -> u64 {
        self.shared.answered_ok.load(Ordering::SeqCst)
    }

    /// Requests so far that were sent and never answered.
    pub fn unanswered(&self) -> u64 {
        self.shared.unanswered.load(Ordering::SeqCst)
    }

    /// How many answers there were of each status so far.
    pub fn statuses(&self) -> BTreeMap<u16, u64> {
        let statuses = self.shared.statuses.lock();
        statuses.expect("counting does not panic").clone()
    }

    /// How many answers of one status there were so far.
    pub fn answers_with(&self, status: u16) -> u64 {
        self.statuses().get(&status).copied().unwrap_or_default()
    }

    /// Whether all orders of the run were placed.
    pub fn is_spent(&self) -> bool {
        self.shared.placed.load(Ordering::SeqCst) >= self.shared.load.orders
    }

    /// Writes down that a fault hit.
    pub async fn fault(&self, what: &str, in_flight: u64) -> Result<()> {
        self.shared
            .journal
            .append(&Entry::Fault {
                what: what.to_string(),
                in_flight,
            })
            .await
    }

    /// What was on the shelf at the beginning.
    pub fn seeded(&self) -> BTreeMap<String, u64> {
        self.shared.shelf.stock().iter().cloned().collect()
    }

    /// Lets every client finish what it is at, and ask once more about what it does not know; then
    /// the whole journal, read back from disk. The server must be up.
    pub async fn finish(self) -> Result<Vec<Entry>> {
        self.shared.stop.store(true, Ordering::SeqCst);
        for client in self.clients {
            client.await.context("a client panicked")??;
        }
        drop(self.shared);
        self.file.close()
    }
}
