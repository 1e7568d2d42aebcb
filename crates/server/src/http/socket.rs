//! One connection's socket: bounds how long a client may leave its answer unread, and notices when it hangs up.
//!
//! hyper bounds reading a head, `body` bounds reading a body; nothing else bounds writing, and a client that stops
//! reading would hold its connection and the answer's memory for good. hyper also notices a client that hangs up, but
//! only while it reads: with a second request in its buffer, or a body that no handler reads, it does not. The kernel
//! reports a closed connection without a read; [`HangUp`] waits for that.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, Interest, ReadBuf};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::time::Sleep;

use super::head_timer::HeadTimer;
use super::unparsed;

pub struct Socket {
    read: TokioIo<Counted>,
    wire: Arc<Wire>,
    timer: HeadTimer,
    write_timeout: Duration,
    /// Runs while a write waits for the client to read; set up only then.
    stalled: Option<Pin<Box<Sleep>>>,
}

/// State shared by the socket and its [`HangUp`].
struct Wire {
    write: OwnedWriteHalf,
    /// Bytes that came since the last write: of the next head, until it is read.
    head_bytes: AtomicUsize,
    /// hyper's own answer to a head that it could not read was not written.
    withheld: AtomicBool,
    /// What counts the connection; the last field, so that it is given back when the connection is closed.
    _held: Box<dyn Send + Sync>,
}

/// Counts the bytes of a head.
struct Counted {
    read: OwnedReadHalf,
    wire: Arc<Wire>,
}

impl AsyncRead for Counted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = ready!(Pin::new(&mut self.read).poll_read(cx, buffer));
        let more = buffer.filled().len() - before;
        self.wire.head_bytes.fetch_add(more, Ordering::Relaxed);
        Poll::Ready(read)
    }
}

/// Waits for the client to hang up, and answers it when hyper could not.
pub struct HangUp(Arc<Wire>);

impl HangUp {
    /// When hyper's own answer was withheld: writes the one that `answer` makes of the bytes of the head, as far as the
    /// client takes it at once.
    pub fn answer_instead(&self, answer: impl FnOnce(usize) -> Vec<u8>) {
        if self.0.withheld.load(Ordering::Relaxed) {
            let answer = answer(self.0.head_bytes.load(Ordering::Relaxed));
            // If the send buffer has no room for the answer, the client gets none.
            let _written = self.0.write.try_write(&answer);
        }
    }
}

impl HangUp {
    /// Returns when the client has closed its side; unread bytes do not matter.
    #[cfg(target_os = "linux")]
    pub async fn wait(&self) {
        // Both halves of a socket share one registration, which reports a closed reading side. With this interest a close is
        // the only event that can arrive, because urgent data is not enabled.
        if self.0.write.ready(Interest::PRIORITY).await.is_err() {
            // The runtime is shutting down.
            std::future::pending::<()>().await;
        }
    }
}

#[cfg(not(target_os = "linux"))]
impl HangUp {
    /// On other systems only hyper notices a client that hangs up.
    pub async fn wait(&self) {
        std::future::pending().await
    }
}

impl Socket {
    /// `held` is dropped after the connection, also when that was handed on as a WebSocket.
    pub fn new(
        stream: TcpStream,
        timer: HeadTimer,
        write_timeout: Duration,
        held: impl Send + Sync + 'static,
    ) -> (Self, HangUp) {
        let (read, write) = stream.into_split();
        let wire = Arc::new(Wire {
            write,
            head_bytes: AtomicUsize::new(0),
            withheld: AtomicBool::new(false),
            _held: Box::new(held),
        });
        let counted = Counted {
            read,
            wire: wire.clone(),
        };
        let socket = Self {
            read: TokioIo::new(counted),
            wire: wire.clone(),
            timer,
            write_timeout,
            stalled: None,
        };
        (socket, HangUp(wire))
    }

    /// Whether these bytes are hyper's own answer, which [`HangUp::answer_instead`] replaces.
    fn withholds(&self, bytes: &[u8]) -> bool {
        let withheld = unparsed::is_by_hyper(bytes);
        if withheld {
            self.wire.withheld.store(true, Ordering::Relaxed);
        } else {
            self.wire.head_bytes.store(0, Ordering::Relaxed);
        }
        withheld
    }

    /// Writes as soon as the kernel has room; a wait that is too long is an error.
    fn poll_with(
        &mut self,
        cx: &mut Context<'_>,
        write: impl Fn(&OwnedWriteHalf) -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        let stream: &TcpStream = self.wire.write.as_ref();
        let written = loop {
            match stream.poll_write_ready(cx) {
                Poll::Pending => break Poll::Pending,
                Poll::Ready(Err(error)) => break Poll::Ready(Err(error)),
                Poll::Ready(Ok(())) => {}
            }
            match write(&self.wire.write) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                written => break Poll::Ready(written),
            }
        };
        self.watch(written, cx)
    }

    /// Returns a ready result, and turns a wait that is too long into an error.
    fn watch<T>(
        &mut self,
        written: Poll<io::Result<T>>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.stalled = None;
            return written;
        }
        let timeout = self.write_timeout;
        let stalled = self
            .stalled
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(timeout)));
        stalled
            .as_mut()
            .poll(cx)
            .map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}

impl Read for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let read = ready!(Pin::new(&mut self.read).poll_read(cx, buffer));
        self.timer.on_bytes();
        Poll::Ready(read)
    }
}

impl Write for Socket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.withholds(bytes) {
            return Poll::Ready(Ok(bytes.len()));
        }
        self.poll_with(cx, |half| half.try_write(bytes))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if slices.first().is_some_and(|first| self.withholds(first)) {
            return Poll::Ready(Ok(slices.iter().map(|slice| slice.len()).sum()));
        }
        self.poll_with(cx, |half| half.try_write_vectored(slices))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    /// Nothing is buffered here.
    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    /// Nothing to do: dropping the writing half, which follows, closes the connection.
    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
