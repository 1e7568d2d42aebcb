//! Accepts connections and drives them: HTTP/1.1, straight from hyper to one tower service.
//!
//! Invariants: at most `max_connections` at a time (one more is answered 503 and closed); no client
//! holds a connection by being slow (`header_timeout` bounds a head and the wait for the next one,
//! `write_timeout` an unread answer); after `stop` nothing is accepted, what was accepted is answered,
//! and `shutdown_deadline` ends what is left. It leaves bodies to `body`, and what a request means to
//! the service. Long answers (streams) must end by themselves when `stop` is cancelled.
//!
//! Nothing is allocated per request here but hyper's header timer.

use std::convert::Infallible;
use std::error::Error;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::extract::ConnectInfo;
use bytes::Bytes;
use futures::future::join_all;
use http::{Request, Response};
use hyper::body::{Body, Incoming};
use hyper::server::conn::http1;
use hyper_util::rt::TokioTimer;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;
use tower::util::Oneshot;

use super::socket::Socket;
use crate::config;

/// How long to wait after the kernel refused a connection for want of descriptors or memory.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// What a connection beyond the bound is told.
const FULL: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/problem+json\r\ncontent-length: 149\r\nretry-after: 1\r\nconnection: close\r\n\r\n{\"type\":\"/problems/too-many-connections\",\"title\":\"Too many connections\",\"status\":503,\"code\":\"too_many_connections\",\"detail\":\"try again in a second\"}\n";

/// The bounds of the connections.
#[derive(Debug, Clone)]
pub struct Options {
    pub header_timeout: Duration,
    pub write_timeout: Duration,
    pub shutdown_deadline: Duration,
    /// At least 8192.
    pub head_limit_bytes: usize,
    pub max_connections: u32,
    /// Gives each request its peer as `ConnectInfo<SocketAddr>`; only a limit per address needs it, and
    /// it costs each request an allocation.
    pub with_peer: bool,
}

impl From<&config::Server> for Options {
    fn from(server: &config::Server) -> Self {
        Self {
            header_timeout: server.header_timeout_ms.duration(),
            write_timeout: server.write_timeout_ms.duration(),
            shutdown_deadline: server.shutdown_deadline_ms.duration(),
            head_limit_bytes: server.head_limit_bytes as usize,
            max_connections: server.max_connections,
            with_peer: server.rate_limit_per_minute > 0,
        }
    }
}

/// Counts for metrics; shared with whoever reports them.
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
        self.accepted.load(Ordering::Relaxed).saturating_sub(closed)
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
        .timer(TokioTimer::new())
        .header_read_timeout(options.header_timeout)
        .max_buf_size(options.head_limit_bytes);
    let slots = Arc::new(Semaphore::new(options.max_connections as usize));
    let (deadline, max) = (options.shutdown_deadline, options.max_connections);
    let cut = CancellationToken::new();
    let acceptor = Acceptor {
        builder,
        service,
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
        max - u32::try_from(slots.available_permits()).unwrap_or(max)
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
        loop {
            let accepted = tokio::select! {
                () = self.stop.cancelled() => return,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, peer)) => match Arc::clone(&self.slots).try_acquire_owned() {
                    Ok(slot) => self.spawn(stream, peer, slot),
                    Err(_full) => self.refuse(stream),
                },
                // The client gave up before it was accepted.
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
                Err(error) => {
                    tracing::warn!(%error, "cannot accept connections; trying again shortly");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    fn spawn(&self, stream: TcpStream, peer: SocketAddr, slot: OwnedSemaphorePermit) {
        self.connections.accepted.fetch_add(1, Ordering::Relaxed);
        // Answers are written whole; waiting for more to send would only delay them.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "a connection closed before it was served");
        }
        let service = PeerService {
            service: self.service.clone(),
            peer: self.options.with_peer.then_some(peer),
        };
        let socket = Socket::new(stream, self.options.write_timeout);
        let connection = self.builder.serve_connection(socket, service);
        // A token of its own: connections that are polled at once do not meet at the parent's lock.
        let (stop, cut) = (self.stop.child_token(), self.cut.clone());
        let closing = Closing {
            connections: Arc::clone(&self.connections),
            _slot: slot,
        };
        tokio::spawn(async move {
            let _closing = closing;
            let mut connection = std::pin::pin!(connection);
            let result = tokio::select! {
                result = connection.as_mut() => result,
                () = stop.cancelled() => {
                    connection.as_mut().graceful_shutdown();
                    tokio::select! {
                        result = connection.as_mut() => result,
                        () = cut.cancelled() => Ok(()),
                    }
                }
            };
            // Clients go away, time out and send nonsense all day; that is theirs to log.
            if let Err(error) = result {
                tracing::trace!(%error, "a connection ended with an error");
            }
        });
    }

    fn refuse(&self, stream: TcpStream) {
        self.connections.refused.fetch_add(1, Ordering::Relaxed);
        // The socket is new, so its buffer takes these few bytes without waiting.
        if let Ok(mut stream) = stream.into_std() {
            let _told = stream.write_all(FULL);
            let _closed = stream.shutdown(std::net::Shutdown::Write);
        }
    }
}

/// Counts a connection as closed and gives its slot back, however its task ends.
struct Closing {
    connections: Arc<Connections>,
    _slot: OwnedSemaphorePermit,
}

impl Drop for Closing {
    fn drop(&mut self) {
        self.connections.closed.fetch_add(1, Ordering::Relaxed);
    }
}

/// Hands hyper's requests to a tower service, with their peer where it is wanted.
struct PeerService<S> {
    service: S,
    peer: Option<SocketAddr>,
}

impl<S, B> hyper::service::Service<Request<Incoming>> for PeerService<S>
where
    S: tower::Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + Clone,
{
    type Response = Response<B>;
    type Error = Infallible;
    type Future = Oneshot<S, Request<Incoming>>;

    fn call(&self, mut request: Request<Incoming>) -> Self::Future {
        if let Some(peer) = self.peer {
            request.extensions_mut().insert(ConnectInfo(peer));
        }
        self.service.clone().oneshot(request)
    }
}

#[cfg(test)]
#[path = "serve_tests.rs"]
mod tests;
