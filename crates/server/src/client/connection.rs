//! One keep-alive HTTP/1.1 connection, driven by the task that uses it.
//!
//! The connection's own future is polled beside the exchange, in the same task: no second task to
//! wake per request, and a connection that the server closed is noticed before anything is sent.
//! Invariant: after a timeout or a broken exchange the connection is not used again, because an
//! answer that is still under way would be taken for the next one's.
//! Left to others: what is asked (`api`, `cli::load`).

use std::pin::Pin;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Incoming};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::{ClientError, Target};

/// How long opening a TCP connection may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// The longest answer that is read. The largest page of `/v1` stays well below it.
const LONGEST_ANSWER_BYTES: usize = 64 * 1024 * 1024;

type Driver = http1::Connection<TokioIo<TcpStream>, Full<Bytes>>;

/// A whole answer.
#[derive(Debug)]
pub struct Exchange {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

/// One open connection; `None` inside once it can no longer be used.
pub struct Connection {
    target: Target,
    open: Option<Open>,
}

struct Open {
    sender: http1::SendRequest<Full<Bytes>>,
    /// Boxed because it is large and `Connection` moves around; `None` once it has ended.
    driver: Option<Pin<Box<Driver>>>,
}

impl Connection {
    #[must_use]
    pub fn new(target: Target) -> Self {
        Self { target, open: None }
    }

    /// Opens it now, so that the first request does not pay for it.
    ///
    /// # Errors
    /// `Unreachable` when the connection is refused or not made in time.
    pub async fn open(&mut self) -> Result<(), ClientError> {
        let unreachable = |source| ClientError::Unreachable {
            target: self.target.clone(),
            source,
        };
        let stream =
            tokio::time::timeout(CONNECT_TIMEOUT, TcpStream::connect(self.target.socket()))
                .await
                .map_err(|_| unreachable(std::io::Error::from(std::io::ErrorKind::TimedOut)))?
                .map_err(unreachable)?;
        stream.set_nodelay(true).map_err(unreachable)?;
        let (sender, driver) = http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|source| self.broken(source))?;
        self.open = Some(Open {
            sender,
            driver: Some(Box::pin(driver)),
        });
        Ok(())
    }

    /// Sends a request and reads the whole answer. A connection that the server closed while it was
    /// idle is opened again, once, because nothing of the request had been sent.
    ///
    /// # Errors
    /// `Unreachable`, `Timeout`, `Broken` and `TooLong`; after the latter three the outcome is unknown.
    pub async fn exchange(
        &mut self,
        request: Request<Full<Bytes>>,
        limit: Duration,
    ) -> Result<Exchange, ClientError> {
        let Open { sender, driver } = self.ready().await?;
        let attempt = async {
            let (head, body) = sender.send_request(request).await?.into_parts();
            Ok(read_whole(body).await?.map(|body| Exchange {
                status: head.status,
                headers: head.headers,
                body,
            }))
        };
        let outcome = tokio::time::timeout(limit, drive(driver, attempt)).await;
        match self.settle(outcome, limit)? {
            Some(exchange) => Ok(exchange),
            None => {
                self.open = None;
                Err(ClientError::TooLong {
                    target: self.target.clone(),
                    limit: LONGEST_ANSWER_BYTES,
                })
            }
        }
    }

    /// Sends a request and hands back the answer's head; the body is read by `next_chunk`.
    ///
    /// # Errors
    /// As `exchange`.
    pub async fn stream(
        &mut self,
        request: Request<Full<Bytes>>,
        limit: Duration,
    ) -> Result<Response<Incoming>, ClientError> {
        let Open { sender, driver } = self.ready().await?;
        let outcome =
            tokio::time::timeout(limit, drive(driver, sender.send_request(request))).await;
        self.settle(outcome, limit)
    }

    /// The next piece of a body from `stream`; `None` at its end.
    ///
    /// # Errors
    /// `Broken`.
    pub async fn next_chunk(&mut self, body: &mut Incoming) -> Result<Option<Bytes>, ClientError> {
        loop {
            let frame = match self.open.as_mut() {
                Some(open) => drive(&mut open.driver, body.frame()).await,
                None => body.frame().await,
            };
            match frame {
                None => return Ok(None),
                Some(Err(source)) => return Err(self.broken(source)),
                // Trailers are of no interest here.
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        return Ok(Some(data));
                    }
                }
            }
        }
    }

    /// The open connection, able to take a request; opened (again) where that is needed.
    async fn ready(&mut self) -> Result<&mut Open, ClientError> {
        let usable = match self.open.as_mut() {
            Some(open) => drive(&mut open.driver, open.sender.ready()).await.is_ok(),
            None => false,
        };
        if !usable {
            self.open().await?;
        }
        self.open.as_mut().ok_or_else(|| ClientError::Unexpected {
            target: self.target.clone(),
            why: "the connection closed as it opened".to_owned(),
        })
    }

    /// Closes the connection if the exchange did not complete.
    fn settle<T>(
        &mut self,
        outcome: Result<Result<T, hyper::Error>, tokio::time::error::Elapsed>,
        limit: Duration,
    ) -> Result<T, ClientError> {
        match outcome {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(source)) => {
                self.open = None;
                Err(self.broken(source))
            }
            Err(_) => {
                self.open = None;
                Err(ClientError::Timeout {
                    target: self.target.clone(),
                    after: limit,
                })
            }
        }
    }

    fn broken(&self, source: hyper::Error) -> ClientError {
        ClientError::Broken {
            target: self.target.clone(),
            source,
        }
    }
}

/// Polls the connection together with `work`, which waits for it. The connection's end is no failure here: `work`
/// still gets what was read before, and fails itself if that was nothing.
async fn drive<T>(driver: &mut Option<Pin<Box<Driver>>>, work: impl Future<Output = T>) -> T {
    let mut work = std::pin::pin!(work);
    if let Some(connection) = driver.as_mut() {
        // The connection is polled first, so that `work` finds an answer in the same poll.
        tokio::select! {
            biased;
            _ = connection => {}
            done = &mut work => return done,
        }
        *driver = None;
    }
    work.await
}

/// Reads a body up to the limit (`None` beyond it), without a copy where it came in one piece.
async fn read_whole(mut body: Incoming) -> Result<Option<Bytes>, hyper::Error> {
    let mut first = Bytes::new();
    let mut rest = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame?.into_data() else {
            continue;
        };
        if first.is_empty() {
            first = data;
        } else {
            if rest.is_empty() {
                rest.extend_from_slice(&first);
            }
            rest.extend_from_slice(&data);
        }
        if rest.len() > LONGEST_ANSWER_BYTES {
            return Ok(None);
        }
        if body.is_end_stream() {
            break;
        }
    }
    Ok(Some(if rest.is_empty() {
        first
    } else {
        rest.freeze()
    }))
}
