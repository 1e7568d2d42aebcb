//! One call to a vendor: bounded in time and in bytes, without following redirects.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::Error as ClientError;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};

/// Idle connections that are kept to one vendor, and for how long.
const IDLE: usize = 2;
const IDLE_FOR: Duration = Duration::from_secs(60);

/// The agent that calls.
const AGENT: &str = concat!("waybill/", env!("CARGO_PKG_VERSION"));

/// Why a call gave no answer that can be used. None of the texts has words of the vendor.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallFault {
    /// Nothing was sent.
    #[error("it cannot be reached: {0}")]
    Unreachable(String),
    /// The connection ended after something was sent.
    #[error("it did not answer: {0}")]
    NoAnswer(String),
    #[error("it answers {0}")]
    Status(StatusCode),
    #[error("it answers {0}, to another address; redirects are not followed")]
    Redirect(StatusCode),
    #[error("its answer has more than {limit} bytes")]
    TooLong { limit: usize },
    #[error("its answer broke off: {0}")]
    Broken(String),
    #[error("its answer cannot be used: {0}")]
    Unusable(String),
}

/// Whether connections are kept for the next call. One that the vendor closes at the moment it is used again leaves open
/// whether the call arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    Some,
    None,
}

/// Makes calls to one vendor, over connections of its own.
#[derive(Clone)]
pub struct HttpCalls {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    base_url: Arc<str>,
    limit: usize,
}

impl HttpCalls {
    /// Calls to the API at a checked base address, with answers of up to `limit` bytes. `connect` is how long a
    /// connection may take.
    ///
    /// # Errors
    /// The system's certificates cannot be read.
    pub fn new(
        base_url: Arc<str>,
        limit: usize,
        connect: Duration,
        kept: Kept,
    ) -> std::io::Result<Self> {
        let mut plain = HttpConnector::new();
        plain.enforce_http(false);
        plain.set_connect_timeout(Some(connect));
        plain.set_nodelay(true);
        let provider = rustls::crypto::aws_lc_rs::default_provider();
        let connector = HttpsConnectorBuilder::new()
            .with_provider_and_native_roots(provider)?
            .https_or_http()
            .enable_http1()
            .wrap_connector(plain);
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_FOR)
            .pool_max_idle_per_host(match kept {
                Kept::Some => IDLE,
                Kept::None => 0,
            })
            .retry_canceled_requests(false)
            .build(connector);
        Ok(Self {
            client,
            base_url,
            limit,
        })
    }

    /// The body that the vendor answers with 200.
    ///
    /// # Errors
    /// [`CallFault`].
    pub async fn get(&self, path: &str) -> Result<Bytes, CallFault> {
        let request = self.request(Method::GET, path).body(Full::default());
        self.send(request).await
    }

    /// The body that the vendor answers with 200 to a body of JSON. `key` makes repeated tries one call, where the vendor
    /// honours it.
    ///
    /// # Errors
    /// [`CallFault`].
    pub async fn post(&self, path: &str, key: &str, body: Bytes) -> Result<Bytes, CallFault> {
        let request = self
            .request(Method::POST, path)
            .header(header::CONTENT_TYPE, "application/json")
            .header("idempotency-key", key)
            .body(Full::new(body));
        self.send(request).await
    }

    fn request(&self, method: Method, path: &str) -> http::request::Builder {
        Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.base_url))
            .header(header::USER_AGENT, AGENT)
            .header(header::ACCEPT, "application/json")
    }

    async fn send(&self, request: http::Result<Request<Full<Bytes>>>) -> Result<Bytes, CallFault> {
        let request = request.map_err(|error| CallFault::Unreachable(error.to_string()))?;
        let answer = self.client.request(request).await;
        let answer = answer.map_err(|error| failed(&error))?;
        match answer.status() {
            StatusCode::OK => self.body(answer).await,
            status if status.is_redirection() => Err(CallFault::Redirect(status)),
            status => Err(CallFault::Status(status)),
        }
    }

    async fn body(&self, answer: Response<Incoming>) -> Result<Bytes, CallFault> {
        let mut body = answer.into_body();
        let mut read = BytesMut::new();
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| CallFault::Broken(cause(&error)))?;
            // Trailers are passed over.
            let Ok(data) = frame.into_data() else {
                continue;
            };
            if read.len() + data.len() > self.limit {
                return Err(CallFault::TooLong { limit: self.limit });
            }
            read.extend_from_slice(&data);
        }
        Ok(read.freeze())
    }
}

fn failed(error: &ClientError) -> CallFault {
    if error.is_connect() {
        CallFault::Unreachable(cause(error))
    } else {
        CallFault::NoAnswer(cause(error))
    }
}

/// The first cause of an error: the outer ones only say which layer it passed.
fn cause(error: &(dyn std::error::Error + 'static)) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}
