//! Bytes on a connection, for requests that no proper client sends.
//!
//! Returns the bytes as they arrive, up to the end of one answer or of the connection; repeats no request.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

/// Longer than any answer of a test takes.
const PATIENCE: Duration = Duration::from_secs(30);

/// One connection.
pub struct Raw {
    stream: TcpStream,
    read: Vec<u8>,
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
        }
    }

    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) -> Result<()> {
        let sent = timeout(PATIENCE, self.stream.write_all(bytes.as_ref())).await;
        sent.context("the server does not read")?
            .context("the connection broke")
    }

    /// The next answer; its body must have a length.
    pub async fn answer(&mut self) -> Result<RawAnswer> {
        loop {
            if let Some(answer) = self.whole()? {
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
