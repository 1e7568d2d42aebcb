//! Accepts connections and drives them: HTTP/1.1, straight from hyper to one tower service.
//!
//! Invariants: at most `max_connections` at a time, and of them a share per address; connections beyond that may ask
//! for health (`spare`) and get 503 otherwise; no client holds a connection by being slow
//! (`header_timeout` bounds a head, `idle_timeout` the wait for the next one, `write_timeout` an unread answer); a
//! client that hangs up cancels its request; after `stop` nothing is accepted, what was accepted is answered,
//! and `shutdown_deadline` ends what is left. It leaves bodies to `body`, and what a request means to the service.
//! Long answers (streams) and WebSockets must end by themselves when `stop` is cancelled.
//!
//! Nothing is allocated per request here but hyper's head timer and the request's peer.

use std::convert::Infallible;
use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::extract::ConnectInfo;
use bytes::Bytes;
use futures::FutureExt;
use futures::future::join_all;
use http::{Request, Response};
use hyper::body::{Body, Incoming};
use hyper::server::conn::http1;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;
use tower::util::Oneshot;
use waybill_store::outage::Outage;

use super::descriptors::{self, Kept, Loan, NoDescriptor, is_shortage};
use super::full;
use super::head_timer::HeadTimer;
use super::socket::Socket;
use super::spare::{HealthOnly, Spares};
use super::unparsed;
use crate::config;
use crate::observe::figures;
use crate::resilience::shares::{Share, Shares};

/// How long to wait after the kernel refused a connection: at first, and at most.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// How long a connection beyond the bound may be silent, and how long it may last.
const SPARE_SILENCE: Duration = Duration::from_secs(1);
const SPARE_LIFE: Duration = Duration::from_secs(5);

/// The bounds of the connections.
#[derive(Debug, Clone)]
pub struct Options {
    pub header_timeout: Duration,
    pub idle_timeout: Duration,
    pub write_timeout: Duration,
    pub shutdown_deadline: Duration,
    /// At least 8192.
    pub head_limit_bytes: usize,
    pub max_connections: u32,
    /// The part of them that one address may have.
    pub client_share: f64,
    /// Connections beyond the bounds that may ask for health.
    pub health_connections: u32,
}

impl From<&config::Server> for Options {
    fn from(server: &config::Server) -> Self {
        Self {
            header_timeout: server.header_timeout_ms.duration(),
            idle_timeout: server.idle_timeout_ms.duration(),
            write_timeout: server.write_timeout_ms.duration(),
            shutdown_deadline: server.shutdown_deadline_ms.duration(),
            head_limit_bytes: server.head_limit_bytes as usize,
            max_connections: server.max_connections,
            client_share: server.client_share,
            health_connections: server.health_connections,
        }
    }
}

/// Counts for metrics; shared with the code that reports them.
#[derive(Debug, Default)]
pub struct Connections {
    pub accepted: AtomicU64,
    pub refused: AtomicU64,
    pub closed: AtomicU64,
}

impl Connections {
    /// Connections at this moment.
    #[must_use]
    pub fn open(&self) -> u64 {
        let closed = self.closed.load(Ordering::Relaxed);
        figures::left(self.accepted.load(Ordering::Relaxed), closed)
    }
}

/// How serving ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stopped {
    /// Connections that were still busy at the deadline and were dropped.
    pub cut: u32,
}

/// Serves until `stop` is cancelled, then until everything accepted is answered or the deadline passes.
pub async fn serve<S, B>(
    listeners: Vec<TcpListener>,
    service: S,
    options: Options,
    connections: Arc<Connections>,
    stop: CancellationToken,
) -> Stopped
where
    S: tower::Service<Request<Incoming>, Response = Response<B>, Error = Infallible>,
    S: Clone + Send + 'static,
    S::Future: Send,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let mut builder = http1::Builder::new();
    builder
        .header_read_timeout(options.header_timeout)
        .max_buf_size(options.head_limit_bytes);
    let slots = Arc::new(Semaphore::new(options.max_connections as usize));
    let (deadline, max) = (options.shutdown_deadline, options.max_connections);
    let cut = CancellationToken::new();
    let acceptor = Acceptor {
        builder,
        service,
        shares: Shares::of(max.into(), options.client_share, 1),
        spares: Spares::new(options.health_connections),
        kept: Kept::new(),
        shortage: descriptors::shortage(),
        options,
        connections,
        slots: Arc::clone(&slots),
        stop,
        cut,
    };
    join_all(
        listeners
            .into_iter()
            .map(|listener| acceptor.accept_from(listener)),
    )
    .await;

    // Every connection gives its slot back; all slots back means all are closed.
    let drained = tokio::time::timeout(deadline, slots.acquire_many(max))
        .await
        .is_ok();
    let left = if drained {
        0
    } else {
        let free = u32::try_from(slots.available_permits());
        max - free.expect("there are never more permits than the u32 they were made from")
    };
    acceptor.cut.cancel();
    Stopped { cut: left }
}

struct Acceptor<S> {
    builder: http1::Builder,
    service: S,
    options: Options,
    connections: Arc<Connections>,
    slots: Arc<Semaphore>,
    /// What each address holds of them.
    shares: Arc<Shares>,
    spares: Arc<Spares>,
    kept: Arc<Kept>,
    shortage: Outage,
    stop: CancellationToken,
    /// Cancelled at the deadline.
    cut: CancellationToken,
}

impl<S, B> Acceptor<S>
where
    S: tower::Service<Request<Incoming>, Response = Response<B>, Error = Infallible>,
    S: Clone + Send + 'static,
    S::Future: Send,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    async fn accept_from(&self, listener: TcpListener) {
        let mut pause = ACCEPT_PAUSE;
        loop {
            let accepted = tokio::select! {
                () = self.stop.cancelled() => return,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, peer)) => {
                    pause = ACCEPT_PAUSE;
                    self.shortage.worked();
                    self.admit(stream, peer);
                }
                // The client gave up before it was accepted.
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
                Err(error) if is_shortage(&error) => {
                    if !self.accept_with_kept(&listener, error) {
                        tokio::time::sleep(pause).await;
                        pause = (pause * 2).min(LONGEST_PAUSE);
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot accept connections; trying again shortly");
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
            }
        }
    }

    /// Accepts by a descriptor that was kept for this; `false` when that is not possible now.
    fn accept_with_kept(&self, listener: &TcpListener, source: io::Error) -> bool {
        self.kept.refill();
        let loan = self.kept.lend();
        // `accept` fails for want of a descriptor even when no connection waits. With one free it says that none waits.
        let accepted = match &loan {
            Some(_) => listener.accept().now_or_never(),
            None => Some(Err(io::ErrorKind::OutOfMemory.into())),
        };
        if accepted.is_some() {
            self.shortage.failed(&NoDescriptor { source });
        }
        match accepted {
            Some(Ok((stream, peer))) => self.serve_health(stream, peer, loan),
            Some(Err(_)) => return false,
            None => {}
        }
        true
    }

    fn admit(&self, stream: TcpStream, peer: SocketAddr) {
        let slot = Arc::clone(&self.slots).try_acquire_owned();
        let mut share = self.shares.client(peer.ip());
        match slot {
            Ok(slot) if share.take(1) => self.spawn(stream, peer, slot, share),
            Ok(_) | Err(_) => self.serve_health(stream, peer, None),
        }
    }

    fn service(&self, peer: SocketAddr, health_only: bool) -> PeerService<S> {
        PeerService {
            service: self.service.clone(),
            peer,
            health_only,
        }
    }

    fn spawn(&self, stream: TcpStream, peer: SocketAddr, slot: OwnedSemaphorePermit, share: Share) {
        self.connections.accepted.fetch_add(1, Ordering::Relaxed);
        // Answers are written whole, so Nagle's algorithm would only delay them.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "a connection closed before it was served");
        }
        let options = &self.options;
        let timer = HeadTimer::new(options.header_timeout, options.idle_timeout);
        let mut builder = self.builder.clone();
        builder.timer(timer.clone());
        let closing = Closing {
            connections: Arc::clone(&self.connections),
            _slot: slot,
            _share: share,
        };
        let (socket, hang_up) = Socket::new(stream, timer, options.write_timeout, closing);
        let connection = builder.serve_connection(socket, self.service(peer, false));
        let connection = connection.with_upgrades();
        // A child token per connection, so that connections polled at the same time do not contend for the parent's lock.
        let (stop, cut) = (self.stop.child_token(), self.cut.clone());
        let head_limit_bytes = options.head_limit_bytes;
        tokio::spawn(async move {
            let mut connection = std::pin::pin!(connection);
            // The connection is polled first, so that bytes sent before the client hung up are read.
            let result = tokio::select! {
                biased;
                result = connection.as_mut() => result,
                () = hang_up.wait() => Ok(()),
                () = stop.cancelled() => {
                    connection.as_mut().graceful_shutdown();
                    tokio::select! {
                        biased;
                        result = connection.as_mut() => result,
                        () = hang_up.wait() => Ok(()),
                        () = cut.cancelled() => Ok(()),
                    }
                }
            };
            // Disconnects, timeouts and invalid requests are the clients' faults and frequent: logged at debug only.
            if let Err(error) = result {
                hang_up.answer_instead(|bytes| unparsed::answer(&error, bytes, head_limit_bytes));
                tracing::trace!(%error, "a connection ended with an error");
            }
        });
    }

    /// Serves one request for health on a connection beyond the bound. The loan is dropped after the connection.
    fn serve_health(&self, stream: TcpStream, peer: SocketAddr, loan: Option<Loan>) {
        self.connections.refused.fetch_add(1, Ordering::Relaxed);
        let silence = SPARE_SILENCE.min(self.options.header_timeout);
        let timer = HeadTimer::new(silence, silence);
        let mut builder = self.builder.clone();
        builder.timer(timer.clone()).keep_alive(false);
        let (service, place) = (self.service(peer, true), self.spares.enter());
        let (stop, write_timeout) = (self.stop.child_token(), self.options.write_timeout);
        let head_limit_bytes = self.options.head_limit_bytes;
        tokio::spawn(async move {
            let mut byte = [0];
            let speaks = tokio::select! {
                () = stop.cancelled() => false,
                () = place.lost.cancelled() => false,
                came = tokio::time::timeout(silence, stream.peek(&mut byte)) => matches!(came, Ok(Ok(1..))),
            };
            if !speaks {
                full::refuse(stream);
                return;
            }
            let (socket, hang_up) = Socket::new(stream, timer, write_timeout, loan);
            let connection = builder.serve_connection(socket, service);
            tokio::select! {
                biased;
                ended = connection => {
                    if let Err(error) = ended {
                        hang_up.answer_instead(|bytes| {
                            unparsed::answer(&error, bytes, head_limit_bytes)
                        });
                    }
                }
                () = hang_up.wait() => {}
                () = place.lost.cancelled() => {}
                () = tokio::time::sleep(SPARE_LIFE) => {}
            }
        });
    }
}

/// Counts a connection as closed and gives its slot back when its socket is dropped, be it of HTTP or a WebSocket.
struct Closing {
    connections: Arc<Connections>,
    _slot: OwnedSemaphorePermit,
    _share: Share,
}

impl Drop for Closing {
    fn drop(&mut self) {
        self.connections.closed.fetch_add(1, Ordering::Relaxed);
    }
}

/// Hands hyper's requests to a tower service, with their peer as `ConnectInfo<SocketAddr>`: limits and shares count by
/// address.
struct PeerService<S> {
    service: S,
    peer: SocketAddr,
    health_only: bool,
}

impl<S, B> hyper::service::Service<Request<Incoming>> for PeerService<S>
where
    S: tower::Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + Clone,
{
    type Response = Response<B>;
    type Error = Infallible;
    type Future = Oneshot<S, Request<Incoming>>;

    fn call(&self, mut request: Request<Incoming>) -> Self::Future {
        request.extensions_mut().insert(ConnectInfo(self.peer));
        if self.health_only {
            request.extensions_mut().insert(HealthOnly);
        }
        self.service.clone().oneshot(request)
    }
}

#[cfg(test)]
#[path = "serve_tests.rs"]
mod tests;
