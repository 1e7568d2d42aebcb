//! Bytes on a connection, for requests that no proper client sends.
//!
//! Returns the bytes as they arrive, up to the end of one answer or of the connection; repeats no request. The answer to a
//! request that was sent alone is compared with the specification, as the answers of the HTTP client are.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, StatusCode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

use crate::answer::Answer;
use crate::contract;

/// Longer than any answer of a test takes.
const PATIENCE: Duration = Duration::from_secs(30);

/// One connection.
pub struct Raw {
    stream: TcpStream,
    read: Vec<u8>,
    /// For each piece that was sent and not answered yet, its request; `None` when it is not exactly one.
    asked: VecDeque<Option<(Method, String)>>,
}

/// An answer as it came.
#[derive(Debug)]
pub struct RawAnswer {
    pub status: u16,
    /// Status line and headers.
    pub head: String,
    pub body: String,
}

impl RawAnswer {
    /// A header's value; names are compared without regard to case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(':'));
        let mut found = lines.filter(|(found, _)| found.eq_ignore_ascii_case(name));
        found.next().map(|(_, value)| value.trim())
    }

    /// As the HTTP client shows answers; `None` when a header cannot be parsed.
    fn parsed(&self) -> Option<Answer> {
        let lines = self.head.lines().skip(1);
        let headers = lines.map(|line| {
            let (name, value) = line.split_once(':')?;
            let name: HeaderName = name.parse().ok()?;
            Some((name, HeaderValue::from_str(value.trim()).ok()?))
        });
        Some(Answer {
            status: StatusCode::from_u16(self.status).ok()?,
            headers: headers.collect::<Option<_>>()?,
            body: Bytes::from(self.body.clone()),
        })
    }

    /// The body as JSON; panics with the whole answer when it is something else.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|e| panic!("not JSON ({e}): {self:?}"))
    }
}

impl Raw {
    pub async fn connect(address: SocketAddr) -> Result<Self> {
        Ok(Self::of(TcpStream::connect(address).await?))
    }

    /// From another address of this machine, as `127.0.0.2`.
    pub async fn connect_from(from: &str, address: SocketAddr) -> Result<Self> {
        let socket = TcpSocket::new_v4()?;
        socket.bind(format!("{from}:0").parse()?)?;
        Ok(Self::of(socket.connect(address).await?))
    }

    fn of(stream: TcpStream) -> Self {
        Self {
            stream,
            read: vec![],
            asked: VecDeque::new(),
        }
    }

    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) -> Result<()> {
        self.asked.push_back(request_line(bytes.as_ref()));
        let sent = timeout(PATIENCE, self.stream.write_all(bytes.as_ref())).await;
        sent.context("the server does not read")?
            .context("the connection broke")
    }

    /// The next answer; its body must have a length.
    ///
    /// # Panics
    /// The answer differs from the specification.
    pub async fn answer(&mut self) -> Result<RawAnswer> {
        loop {
            if let Some(answer) = self.whole()? {
                self.compare_with_specification(&answer);
                return Ok(answer);
            }
            let read = timeout(PATIENCE, self.stream.read_buf(&mut self.read)).await;
            if read.context("no answer")?.context("the connection broke")? == 0 {
                let so_far = String::from_utf8_lossy(&self.read);
                bail!("the connection ended after {so_far:?}");
            }
        }
    }

    /// Everything up to these words, which may come in pieces.
    pub async fn until(&mut self, words: &str) -> Result<String> {
        loop {
            let text = String::from_utf8_lossy(&self.read).into_owned();
            if text.contains(words) {
                return Ok(text);
            }
            let read = timeout(PATIENCE, self.stream.read_buf(&mut self.read)).await;
            if read
                .context("it does not come")?
                .context("the connection broke")?
                == 0
            {
                bail!("the connection ended after {text:?}");
            }
        }
    }

    /// Everything until the server closes.
    pub async fn rest(mut self) -> String {
        let read = timeout(PATIENCE, self.stream.read_to_end(&mut self.read)).await;
        // A reset is an end as well.
        let _ = read.expect("the server closes");
        String::from_utf8_lossy(&self.read).into_owned()
    }

    /// Compares the answer when one request was sent in one piece; otherwise it is unknown which request it answers.
    fn compare_with_specification(&mut self, answer: &RawAnswer) {
        let alone = self.asked.len() == 1;
        let asked = self.asked.pop_front().flatten().filter(|_| alone);
        let fault =
            asked.and_then(|(method, path)| contract::mismatch(&method, &path, &answer.parsed()?));
        if let Some(fault) = fault {
            panic!("{fault}");
        }
    }

    fn whole(&mut self) -> Result<Option<RawAnswer>> {
        let text = String::from_utf8_lossy(&self.read).into_owned();
        let Some((head, rest)) = text.split_once("\r\n\r\n") else {
            return Ok(None);
        };
        let mut answer = RawAnswer {
            status: head
                .get(9..12)
                .and_then(|digits| digits.parse().ok())
                .with_context(|| format!("no status in {head:?}"))?,
            head: head.into(),
            body: String::new(),
        };
        let length: usize = match answer.header("content-length") {
            Some(length) => length.parse()?,
            None => 0,
        };
        if rest.len() < length {
            return Ok(None);
        }
        answer.body = rest[..length].into();
        self.read.drain(..head.len() + 4 + length);
        Ok(Some(answer))
    }
}

/// Sends these bytes on a connection of their own; the answer.
pub async fn exchange(address: SocketAddr, bytes: impl AsRef<[u8]>) -> Result<RawAnswer> {
    let mut raw = Raw::connect(address).await?;
    raw.send(bytes).await?;
    raw.answer().await
}

/// Method and path of the one request that these bytes are; `None` when they are something else.
fn request_line(bytes: &[u8]) -> Option<(Method, String)> {
    let text = String::from_utf8_lossy(bytes);
    let mut words = text.lines().next()?.split(' ');
    let (method, target) = (words.next()?, words.next()?);
    let version = words.next()?;
    let one = text.matches(" HTTP/1.").count() == 1 && version.starts_with("HTTP/1.");
    let method = method.parse().ok().filter(|_| one)?;
    let path = target.split('?').next().unwrap_or_default();
    Some((method, path.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_known_when_it_was_sent_alone() {
        let known = |text: &str| request_line(text.as_bytes());
        assert_eq!(
            known("GET /v1/stock?sku=a HTTP/1.1\r\nHost: a\r\n\r\n"),
            Some((Method::GET, "/v1/stock".into()))
        );
        let one = "GET / HTTP/1.1\r\n\r\n";
        for text in ["", "\r\n", "half a body", &one.repeat(2), "GET /"] {
            assert_eq!(known(text), None, "{text:?}");
        }
    }
}
