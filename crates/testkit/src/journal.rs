//! The requests and answers of a run's clients, on disk before a client acts on them.
//!
//! Invariant: an attempt is synced before its request is sent, and an answer before the client counts
//! it, so the journal has every acknowledgement that a client has read. A result is
//! ok, refused or **unknown**, and unknown is never counted as either. Many clients share one sync.

use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread::JoinHandle;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::oneshot;

/// Entries that may wait for one sync.
const WAITING_LIMIT: usize = 4096;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// 2xx: it is done, and must stay done.
    Ok,
    /// An error that says that nothing was done.
    Refused,
    /// No answer, or one that says that the outcome is unknown.
    Unknown,
    /// The connection was refused, so it was not sent.
    Unsent,
}

/// The wire format an order is placed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dialect {
    V1,
    Sales,
}

impl Dialect {
    /// Where orders are posted.
    pub fn path(self) -> &'static str {
        match self {
            Self::V1 => "/v1/orders",
            Self::Sales => "/api/orders",
        }
    }

    /// The order's id in an answer that acknowledges it.
    pub fn order_id(self, answer: &Value) -> Option<&str> {
        match self {
            Self::V1 => answer["id"].as_str(),
            Self::Sales => answer["data"]["orderId"].as_str(),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "op")]
pub enum Request {
    /// An order in this dialect, with this key and body.
    Place {
        dialect: Dialect,
        key: String,
        body: Value,
    },
    /// `POST /v1/orders/{order}/cancel`.
    Cancel { order: String },
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "entry")]
pub enum Entry {
    /// The run begins, with this seed.
    Begin { seed: u64 },
    /// A client is about to send a request. Numbers are unique within a run.
    Attempt {
        number: u64,
        client: u64,
        request: Request,
    },
    /// The result. `status` is 0 and `body` null when there was no answer.
    Answer {
        number: u64,
        outcome: Outcome,
        status: u16,
        replayed: bool,
        body: Value,
    },
    /// A fault hit, with what was under way at that moment.
    Fault { what: String, in_flight: u64 },
}

/// Where entries are appended; clones write to the same file.
#[derive(Clone)]
pub struct Journal {
    sender: mpsc::SyncSender<(Vec<u8>, oneshot::Sender<()>)>,
}

/// Keeps the journal's file; [`JournalFile::close`] waits until everything is on disk.
pub struct JournalFile {
    path: PathBuf,
    writer: JoinHandle<Result<()>>,
}

impl Journal {
    pub fn create(path: &Path) -> Result<(Self, JournalFile)> {
        let file =
            File::create(path).with_context(|| format!("cannot create {}", path.display()))?;
        let (sender, receiver) = mpsc::sync_channel(WAITING_LIMIT);
        let writer = std::thread::Builder::new()
            .name("journal".into())
            .spawn(move || write_all(&file, &receiver))?;
        Ok((
            Self { sender },
            JournalFile {
                path: path.to_path_buf(),
                writer,
            },
        ))
    }

    /// Returns when the entry is on disk.
    pub async fn append(&self, entry: &Entry) -> Result<()> {
        let mut line = serde_json::to_vec(entry)?;
        line.push(b'\n');
        let (synced, wait) = oneshot::channel();
        self.sender
            .send((line, synced))
            .ok()
            .context("the journal's writer has stopped")?;
        wait.await.context("the journal's writer has stopped")
    }
}

impl JournalFile {
    /// Waits for the writer, which ends when the last [`Journal`] is dropped, and reads everything back.
    pub fn close(self) -> Result<Vec<Entry>> {
        self.writer
            .join()
            .map_err(|_| anyhow::anyhow!("the journal's writer panicked"))??;
        read(&self.path)
    }
}

/// Writes the waiting entries, syncs once, and then wakes their senders.
fn write_all(file: &File, entries: &mpsc::Receiver<(Vec<u8>, oneshot::Sender<()>)>) -> Result<()> {
    let mut out = BufWriter::new(file);
    while let Ok((line, synced)) = entries.recv() {
        out.write_all(&line)?;
        let mut waiters = vec![synced];
        while waiters.len() < WAITING_LIMIT {
            let Ok((line, synced)) = entries.try_recv() else {
                break;
            };
            out.write_all(&line)?;
            waiters.push(synced);
        }
        out.flush()?;
        file.sync_data()?;
        for waiter in waiters {
            // The receiver is gone if the client gave up waiting.
            let _ = waiter.send(());
        }
    }
    Ok(())
}

/// Reads a journal. A last line that was cut off belongs to a request that was never sent.
pub fn read(path: &Path) -> Result<Vec<Entry>> {
    let file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut entries = Vec::new();
    let mut reader = BufReader::new(file);
    let mut line = String::new();
    while reader.read_line(&mut line)? > 0 {
        if line.ends_with('\n') {
            entries.push(
                serde_json::from_str(&line)
                    .with_context(|| format!("not a journal entry: {line}"))?,
            );
        }
        line.clear();
    }
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn every_entry_that_was_waited_for_is_on_disk() {
        let folder = tempfile::tempdir().expect("a temp folder");
        let path = folder.path().join("journal");
        let (journal, file) = Journal::create(&path).expect("a fresh file");
        let clients: Vec<_> = (0..8u64)
            .map(|client| {
                let (journal, path) = (journal.clone(), path.clone());
                tokio::spawn(async move {
                    for n in 0..20 {
                        let number = client * 100 + n;
                        let request = Request::Cancel {
                            order: number.to_string(),
                        };
                        journal
                            .append(&Entry::Attempt {
                                number,
                                client,
                                request,
                            })
                            .await
                            .expect("appended");
                        let there = read(&path).expect("readable while it grows");
                        assert!(there.iter().any(
                            |e| matches!(e, Entry::Attempt { number: n, .. } if *n == number)
                        ));
                    }
                })
            })
            .collect();
        for client in clients {
            client.await.expect("no client failed");
        }
        drop(journal);
        assert_eq!(file.close().expect("whole").len(), 160);
    }
}
