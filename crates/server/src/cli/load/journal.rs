//! The client's own record of a run: one JSON line per acknowledged order, appended to a file.
//!
//! `{"key","orderId","status","request","answer"}`, request and answer as they were on the wire. A
//! checker compares it with what the server says later. Lines are handed to the system as soon as no
//! other line waits, so a killed client loses little; it does not sync to disk (a crash test that
//! must have every line writes its own, synced, journal).

use std::fs::OpenOptions;
use std::io::{BufWriter, Write as _};
use std::path::Path;

use bytes::{BufMut, Bytes, BytesMut};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::factory::DraftOrder;
use crate::client::{ClientError, Exchange};

/// How many lines may wait to be written before connections wait with them.
const LINES_WAITING: usize = 4096;

/// Where connections hand in their lines.
#[derive(Clone)]
pub struct Journal(mpsc::Sender<Bytes>);

/// The writing half, to be closed at the end of a run.
pub struct JournalWriter {
    path: String,
    writing: JoinHandle<std::io::Result<()>>,
}

/// Opens the file (made if needed, never emptied) and starts writing.
///
/// # Errors
/// `File` when it cannot be opened.
pub fn open(path: &Path) -> Result<(Journal, JournalWriter), ClientError> {
    let name = path.display().to_string();
    let file = OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)
        .map_err(|source| ClientError::File {
            path: name.clone(),
            source,
        })?;
    let (sender, mut lines) = mpsc::channel::<Bytes>(LINES_WAITING);
    let writing = tokio::task::spawn_blocking(move || {
        let mut out = BufWriter::new(file);
        while let Some(line) = lines.blocking_recv() {
            out.write_all(&line)?;
            if lines.is_empty() {
                out.flush()?;
            }
        }
        out.flush()
    });
    Ok((
        Journal(sender),
        JournalWriter {
            path: name,
            writing,
        },
    ))
}

impl Journal {
    /// Hands in an acknowledged order. If the writer has failed, its error is reported at the end.
    pub async fn write(&self, order: &DraftOrder, id: &str, exchange: &Exchange) {
        let mut line = BytesMut::with_capacity(order.body.len() + exchange.body.len() + 160);
        line.put_slice(br#"{"key":""#);
        line.put_slice(order.key.as_bytes());
        line.put_slice(br#"","orderId":"#);
        line.put_slice(serde_json::Value::from(id).to_string().as_bytes());
        line.put_slice(br#","status":"#);
        line.put_slice(exchange.status.as_str().as_bytes());
        line.put_slice(br#","request":"#);
        line.put_slice(&order.body);
        line.put_slice(br#","answer":"#);
        // Within JSON a line end is only ever white space, and a line of ours has just one.
        line.extend(exchange.body.iter().map(|&byte| {
            if byte == b'\n' || byte == b'\r' {
                b' '
            } else {
                byte
            }
        }));
        line.put_slice(b"}\n");
        let _ = self.0.send(line.freeze()).await;
    }
}

impl JournalWriter {
    /// Waits until every line is written. All `Journal`s must be gone by now, or it waits for them.
    ///
    /// # Errors
    /// `File` when a line could not be written.
    pub async fn close(self) -> Result<(), ClientError> {
        match self.writing.await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(source)) => Err(ClientError::File {
                path: self.path,
                source,
            }),
            Err(stopped) => Err(ClientError::File {
                path: self.path,
                source: std::io::Error::other(stopped),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue, StatusCode};
    use serde_json::Value;

    use super::*;

    #[tokio::test]
    async fn lines_are_appended_and_each_is_json() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.jsonl");
        std::fs::write(&path, "{}\n").unwrap();
        let (journal, writer) = open(&path).unwrap();
        let order = DraftOrder {
            key: HeaderValue::from_static("k-1"),
            body: Bytes::from_static(br#"{"a":1}"#),
        };
        let exchange = Exchange {
            status: StatusCode::CREATED,
            headers: HeaderMap::new(),
            body: Bytes::from_static(b"{\n  \"b\": 2\n}"),
        };
        journal.write(&order, "o-1", &exchange).await;
        drop(journal);
        writer.close().await.unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        let lines: Vec<Value> = text
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!(lines.len(), 2);
        let expected = serde_json::json!({"key":"k-1","orderId":"o-1","status":201,"request":{"a":1},"answer":{"b":2}});
        assert_eq!(lines[1], expected);
    }
}
