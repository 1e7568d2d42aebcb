//! A client of `/v1`: one connection, one token, one request at a time.

use std::fmt::Write as _;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode};
use http_body_util::Full;
use serde_json::Value;

use super::{ClientError, Connection, Refusal, Target, lenient, path_segment, retry_after};

/// A successful answer: its body as JSON (null where there is none).
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Value,
    /// How many values of the body cannot be read and are kept as text.
    pub unreadable: usize,
}

/// A query string that leaves out what was not given.
#[derive(Default)]
pub struct Query(String);

impl Query {
    #[must_use]
    pub fn with(mut self, name: &str, value: Option<impl AsRef<str>>) -> Self {
        if let Some(value) = value {
            let mark = if self.0.is_empty() { '?' } else { '&' };
            // Writing to a String cannot fail.
            let _ = write!(self.0, "{mark}{name}={}", path_segment(value.as_ref()));
        }
        self
    }

    #[must_use]
    pub fn after_path(&self, path: &str) -> String {
        format!("{path}{}", self.0)
    }
}

/// One connection to one server, with a token; sends one request at a time.
pub struct Client {
    target: Target,
    token: HeaderValue,
    limit: Duration,
    connection: Connection,
}

impl Client {
    /// # Errors
    /// `Usage` when the token has characters that a header must not have.
    pub fn new(target: Target, token: &str, limit: Duration) -> Result<Self, ClientError> {
        let mut token =
            HeaderValue::from_str(&format!("Bearer {}", token.trim())).map_err(|_| {
                ClientError::usage(
                    "the token holds characters that no header may hold",
                    "paste it again, on one line",
                )
            })?;
        token.set_sensitive(true);
        Ok(Self {
            connection: Connection::new(target.clone()),
            target,
            token,
            limit,
        })
    }

    /// Another connection to the same server, with the same token.
    #[must_use]
    pub fn another(&self) -> Self {
        Self {
            target: self.target.clone(),
            token: self.token.clone(),
            limit: self.limit,
            connection: Connection::new(self.target.clone()),
        }
    }

    #[must_use]
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// The `Authorization` header, marked as not to be logged.
    #[must_use]
    pub fn authorization(&self) -> &HeaderValue {
        &self.token
    }

    pub(super) fn connection(&mut self) -> (&mut Connection, Duration) {
        (&mut self.connection, self.limit)
    }

    /// # Errors
    /// `Refused` on any status outside 2xx, else what went wrong on the way.
    pub async fn get(&mut self, path: &str) -> Result<Answer, ClientError> {
        self.send(Method::GET, path, None, &[]).await
    }

    /// # Errors
    /// As `get`.
    pub async fn post(&mut self, path: &str, body: Option<&Value>) -> Result<Answer, ClientError> {
        self.send(
            Method::POST,
            path,
            body.map(|body| body.to_string().into()),
            &[],
        )
        .await
    }

    /// # Errors
    /// As `get`.
    pub async fn put(&mut self, path: &str, body: &Value) -> Result<Answer, ClientError> {
        self.send(Method::PUT, path, Some(body.to_string().into()), &[])
            .await
    }

    /// Sends a body as it is (a file's bytes must reach the server unchanged) with further headers.
    ///
    /// # Errors
    /// As `get`.
    pub async fn send(
        &mut self,
        method: Method,
        path: &str,
        body: Option<Bytes>,
        headers: &[(HeaderName, HeaderValue)],
    ) -> Result<Answer, ClientError> {
        let request = self.request(method, path, body, headers)?;
        let exchange = self.connection.exchange(request, self.limit).await?;
        if !exchange.status.is_success() {
            let wait = retry_after(&exchange.headers);
            return Err(Refusal::read(exchange.status, &exchange.body, wait).into());
        }
        let (body, unreadable) = if exchange.body.is_empty() {
            (Value::Null, 0)
        } else {
            lenient::read(&exchange.body).map_err(|error| ClientError::Unexpected {
                target: self.target.clone(),
                why: error.to_string(),
            })?
        };
        Ok(Answer {
            status: exchange.status,
            headers: exchange.headers,
            body,
            unreadable,
        })
    }

    pub(super) fn request(
        &self,
        method: Method,
        path: &str,
        body: Option<Bytes>,
        headers: &[(HeaderName, HeaderValue)],
    ) -> Result<Request<Full<Bytes>>, ClientError> {
        let has_body = body.is_some();
        let mut request = Request::new(Full::new(body.unwrap_or_default()));
        *request.method_mut() = method;
        *request.uri_mut() = self.target.uri(path)?;
        let sent = request.headers_mut();
        sent.insert(HOST, self.target.host_header().clone());
        sent.insert(AUTHORIZATION, self.token.clone());
        sent.insert(ACCEPT, HeaderValue::from_static("application/json"));
        if has_body {
            sent.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        for (name, value) in headers {
            sent.insert(name, value.clone());
        }
        Ok(request)
    }
}
