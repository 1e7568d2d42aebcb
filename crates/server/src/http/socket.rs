//! One connection's socket: a bound on how long a client may leave its answer unread, and the news that it hung up.
//!
//! hyper bounds reading a head, `body` bounds reading a body; nothing else bounds writing, and a client that stops
//! reading would hold its connection and the answer's memory for good. hyper also notices a client that hangs up, but
//! only while it reads: with a second request in its buffer, or a body that nobody wants, it does not read. The kernel
//! tells of a closed connection without reading; [`HangUp`] waits for that.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::rt::TokioIo;
use tokio::io::Interest;
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::time::Sleep;

use super::head_timer::HeadTimer;

pub struct Socket {
    read: TokioIo<OwnedReadHalf>,
    write: Arc<OwnedWriteHalf>,
    timer: HeadTimer,
    write_timeout: Duration,
    /// Runs while a write waits for the client to read; set up only then.
    stalled: Option<Pin<Box<Sleep>>>,
}

/// Waits for the client to hang up.
pub struct HangUp(Arc<OwnedWriteHalf>);

impl HangUp {
    /// Returns when the client has closed its side; unread bytes do not matter.
    #[cfg(target_os = "linux")]
    pub async fn wait(&self) {
        // Both sides of a socket are one registration, which knows of a closed reading side; no urgent data is asked
        // for, so the closing is all that can come.
        if self.0.ready(Interest::PRIORITY).await.is_err() {
            // The runtime ends.
            std::future::pending::<()>().await;
        }
    }
}

#[cfg(not(target_os = "linux"))]
impl HangUp {
    /// Elsewhere what hyper notices must do.
    pub async fn wait(&self) {
        std::future::pending().await
    }
}

impl Socket {
    pub fn new(stream: TcpStream, timer: HeadTimer, write_timeout: Duration) -> (Self, HangUp) {
        let (read, write) = stream.into_split();
        let write = Arc::new(write);
        let socket = Self {
            read: TokioIo::new(read),
            write: write.clone(),
            timer,
            write_timeout,
            stalled: None,
        };
        (socket, HangUp(write))
    }

    /// Writes as soon as the kernel has room; a wait that is too long is an error.
    fn poll_with(
        &mut self,
        cx: &mut Context<'_>,
        write: impl Fn(&OwnedWriteHalf) -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        let stream: &TcpStream = (*self.write).as_ref();
        let written = loop {
            match stream.poll_write_ready(cx) {
                Poll::Pending => break Poll::Pending,
                Poll::Ready(Err(error)) => break Poll::Ready(Err(error)),
                Poll::Ready(Ok(())) => {}
            }
            match write(&self.write) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                written => break Poll::Ready(written),
            }
        };
        self.watch(written, cx)
    }

    /// Passes progress on, and turns a wait that is too long into an error.
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
        self.poll_with(cx, |half| half.try_write(bytes))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.poll_with(cx, |half| half.try_write_vectored(slices))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    /// Nothing is kept back here.
    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    /// The connection ends with this, and its writing half tells the client so when it is dropped.
    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
