//! A small HTTP/1.1 client for tests: one connection, one request at a time, everything bounded.
//!
//! Invariant: a request that may have reached the server and got no whole answer is
//! [`Failure::Unknown`], and the client never repeats it by itself.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use http::{Method, Request};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::timeout;

pub use crate::answer::Answer;
use crate::contract;

/// No answer in a test is longer.
const ANSWER_LIMIT_BYTES: usize = 16 << 20;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Why there is no answer.
#[derive(Debug)]
pub enum Failure {
    /// The connection was refused: the request was not sent.
    Unsent(String),
    /// It was sent, or may have been, and there is no whole answer.
    Unknown(String),
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unsent(why) => write!(f, "not sent: {why}"),
            Self::Unknown(why) => write!(f, "no answer: {why}"),
        }
    }
}

impl std::error::Error for Failure {}

/// One connection to one server, opened when it is needed.
pub struct Client {
    address: SocketAddr,
    token: Option<String>,
    patience: Duration,
    connection: Option<SendRequest<Full<Bytes>>>,
}

impl Client {
    pub fn new(address: SocketAddr) -> Self {
        Self {
            address,
            token: None,
            patience: Duration::from_secs(30),
            connection: None,
        }
    }

    /// Sends this token with every request.
    #[must_use]
    pub fn with_token(mut self, token: &str) -> Self {
        self.token = Some(format!("Bearer {token}"));
        self
    }

    /// How long a whole answer may take.
    #[must_use]
    pub fn with_patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    pub async fn get(&mut self, path: &str) -> Result<Answer, Failure> {
        self.send(Method::GET, path, &[], Bytes::new()).await
    }

    /// Sends one request with the client's token and, when there is a body, as JSON.
    pub async fn send(
        &mut self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Bytes,
    ) -> Result<Answer, Failure> {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(HOST, self.address.to_string());
        if let Some(token) = &self.token {
            request = request.header(AUTHORIZATION, token);
        }
        if !body.is_empty()
            && !headers
                .iter()
                .any(|(name, _)| name.eq_ignore_ascii_case("content-type"))
        {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request
            .body(Full::new(body))
            .expect("tests build valid requests");
        self.exchange(request).await
    }

    /// Sends a request as it stands: what a hostile or broken client would send.
    ///
    /// # Panics
    /// The answer is not as the specification says.
    pub async fn exchange(&mut self, request: Request<Full<Bytes>>) -> Result<Answer, Failure> {
        let asked = (request.method().clone(), request.uri().path().to_owned());
        let mut connection = self.ready_connection().await?;
        let exchange = async {
            let answer = connection
                .send_request(request)
                .await
                .map_err(|e| Failure::Unknown(e.to_string()))?;
            let (parts, body) = answer.into_parts();
            let body = Limited::new(body, ANSWER_LIMIT_BYTES).collect().await;
            let body = body
                .map_err(|e| Failure::Unknown(e.to_string()))?
                .to_bytes();
            Ok(Answer {
                status: parts.status,
                headers: parts.headers,
                body,
            })
        };
        let answer = timeout(self.patience, exchange).await.unwrap_or_else(|_| {
            Err(Failure::Unknown(format!(
                "nothing within {:?}",
                self.patience
            )))
        })?;
        self.connection = Some(connection);
        if let Some(fault) = contract::mismatch(&asked.0, &asked.1, &answer) {
            panic!("{fault}");
        }
        Ok(answer)
    }

    /// The kept connection once it can take the next request, or a new one if the server closed it.
    async fn ready_connection(&mut self) -> Result<SendRequest<Full<Bytes>>, Failure> {
        if let Some(mut kept) = self.connection.take()
            && timeout(CONNECT_TIMEOUT, kept.ready())
                .await
                .is_ok_and(|ready| ready.is_ok())
        {
            return Ok(kept);
        }
        self.connect().await
    }

    async fn connect(&self) -> Result<SendRequest<Full<Bytes>>, Failure> {
        let connect = async {
            let stream = TcpStream::connect(self.address)
                .await
                .map_err(|e| e.to_string())?;
            stream.set_nodelay(true).map_err(|e| e.to_string())?;
            let (sender, connection) = handshake(TokioIo::new(stream))
                .await
                .map_err(|e| e.to_string())?;
            // It ends with the sender; its errors reach the request that waits for an answer.
            tokio::spawn(connection);
            Ok(sender)
        };
        match timeout(CONNECT_TIMEOUT, connect).await {
            Ok(outcome) => outcome.map_err(Failure::Unsent),
            Err(_) => Err(Failure::Unsent(format!(
                "no connection within {CONNECT_TIMEOUT:?}"
            ))),
        }
    }
}
