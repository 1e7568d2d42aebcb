//! A wire that can be cut: a TCP proxy with faults on demand.
//!
//! Owns the connections that pass through it, on a thread of its own, so that a test that blocks does not
//! hold them up. Invariant: without an armed fault every byte passes, in order. [`Cut`] names the
//! moment at which a connection is cut; the test checks how client and server react.

mod cut;
mod pump;

pub use cut::Cut;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot, watch};

use crate::ports::free_address;
use cut::LONGEST_PATTERN;

const POLL: Duration = Duration::from_millis(1);

/// One proxy, in front of one server; it ends when it is dropped.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    state: Arc<State>,
    doors: mpsc::UnboundedSender<Door>,
}

/// What its connections look at.
#[derive(Debug)]
struct State {
    target: SocketAddr,
    frozen: watch::Sender<bool>,
    /// Counts the calls of `cut`; every connection that sees it change ends.
    cuts: watch::Sender<u64>,
    armed: Mutex<Option<Armed>>,
    hits: watch::Sender<u64>,
    connections: AtomicUsize,
    /// Its clients have died, but their servers are not notified yet.
    orphaned: AtomicBool,
}

#[derive(Debug)]
struct Armed {
    cut: Cut,
    times: u32,
}

/// Whether new connections are let in; answered when it is done.
#[derive(Debug)]
struct Door {
    open: bool,
    done: oneshot::Sender<Result<()>>,
}

impl Proxy {
    /// On a free port in front of `target`, which need not be there yet.
    pub fn to(target: SocketAddr) -> Result<Self> {
        let address = free_address()?;
        let state = Arc::new(State {
            target,
            frozen: watch::Sender::new(false),
            cuts: watch::Sender::new(0),
            armed: Mutex::new(None),
            hits: watch::Sender::new(0),
            connections: AtomicUsize::new(0),
            orphaned: AtomicBool::new(false),
        });
        let (doors, orders) = mpsc::unbounded_channel();
        let proxy = Self {
            address,
            state: state.clone(),
            doors,
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .build()?;
        std::thread::Builder::new()
            .name("proxy".into())
            // Its connections end with the runtime.
            .spawn(move || runtime.block_on(keep_door(address, state, orders)))?;
        proxy.allow()?;
        Ok(proxy)
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many connections pass now.
    pub fn connections(&self) -> usize {
        self.state.connections.load(Ordering::SeqCst)
    }

    /// Resets every connection there is, on both sides. New ones pass.
    pub fn cut(&self) {
        self.state.cuts.send_modify(|cuts| *cuts += 1);
    }

    /// No byte passes any more, either way, on any connection, and no connection is closed. The system's buffers
    /// still acknowledge what is sent, as with a frozen peer; only the answer is missing.
    pub fn freeze(&self) {
        self.state.frozen.send_replace(true);
    }

    /// What was held back passes, and all that follows.
    pub fn thaw(&self) {
        self.state.frozen.send_replace(false);
    }

    /// Thaws a wire whose clients have died: what was held back reaches the server, which only then sees their connections
    /// close; its answers are dropped. Every connection has ended when it returns.
    pub async fn deliver_what_is_held(&self) {
        self.state.orphaned.store(true, Ordering::SeqCst);
        self.thaw();
        while self.connections() > 0 {
            tokio::time::sleep(POLL).await;
        }
        self.state.orphaned.store(false, Ordering::SeqCst);
    }

    /// Resets every connection there is on a frozen wire, and thaws it: what was held back is lost.
    pub async fn lose_what_is_held(&self) {
        self.cut();
        // Before that, the thaw might be seen before the cut.
        while self.connections() > 0 {
            tokio::time::sleep(POLL).await;
        }
        self.thaw();
    }

    /// New connections are refused, as by a machine without a listener. Existing ones stay.
    pub fn refuse(&self) -> Result<()> {
        self.door(false)
    }

    /// New connections are let in again.
    pub fn allow(&self) -> Result<()> {
        self.door(true)
    }

    fn door(&self, open: bool) -> Result<()> {
        let (done, mut answer) = oneshot::channel();
        let order = Door { open, done };
        self.doors.send(order).ok().context("the proxy has ended")?;
        // Not `blocking_recv`, which may not be called where a test's own runtime runs.
        loop {
            match answer.try_recv() {
                Ok(result) => return result,
                Err(oneshot::error::TryRecvError::Empty) => std::thread::yield_now(),
                Err(oneshot::error::TryRecvError::Closed) => {
                    anyhow::bail!("the proxy has ended")
                }
            }
        }
    }

    /// The next connections, so many, that come to this moment are cut there. Replaces what was armed.
    pub fn arm(&self, cut: Cut, times: u32) -> Result<()> {
        for pattern in cut.patterns() {
            ensure!(
                (1..=LONGEST_PATTERN).contains(&pattern.len()),
                "a pattern is of 1 to {LONGEST_PATTERN} bytes: {pattern:?}"
            );
        }
        *self.state.armed() = Some(Armed { cut, times });
        Ok(())
    }

    /// Nothing is armed any more.
    pub fn disarm(&self) {
        *self.state.armed() = None;
    }

    /// How many connections reached an armed moment.
    pub fn hits(&self) -> u64 {
        *self.state.hits.borrow()
    }

    /// Waits until so many have been.
    pub async fn hit(&self, times: u64) {
        let mut hits = self.state.hits.subscribe();
        hits.wait_for(|hits| *hits >= times)
            .await
            .expect("the sender is ours");
    }
}

impl State {
    fn armed(&self) -> std::sync::MutexGuard<'_, Option<Armed>> {
        // A poisoned lock holds a valid value, because it is only replaced or counted down.
        self.armed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The end of a client that is known to have died is like any other end.
    fn unless_orphaned<T: Default>(&self, result: std::io::Result<T>) -> std::io::Result<T> {
        result.or_else(|error| {
            if self.orphaned.load(Ordering::SeqCst) {
                Ok(T::default())
            } else {
                Err(error)
            }
        })
    }

    fn hit(&self) {
        self.hits.send_modify(|hits| *hits += 1);
    }
}

/// Accepts connections while they are allowed.
async fn keep_door(
    address: SocketAddr,
    state: Arc<State>,
    mut orders: mpsc::UnboundedReceiver<Door>,
) {
    let mut listener: Option<TcpListener> = None;
    loop {
        let arrival = async {
            match &listener {
                Some(listener) => listener.accept().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            order = orders.recv() => {
                let Some(Door { open, done }) = order else { return };
                let result = match (open, &listener) {
                    (true, None) => TcpListener::bind(address).await.map(|l| listener = Some(l)),
                    (true, Some(_)) => Ok(()),
                    (false, _) => {
                        listener = None;
                        Ok(())
                    }
                };
                // The caller may have stopped waiting.
                let _ = done.send(result.with_context(|| format!("cannot listen on {address}")));
            }
            arrival = arrival => {
                // A connection that closed before it was accepted is ignored.
                if let Ok((client, _)) = arrival {
                    tokio::spawn(pump::carry(client, state.clone()));
                }
            }
        }
    }
}
