//! Reading a server-sent event stream (the WHATWG format), and resuming it where it broke.
//!
//! Invariant: an event is handed out once it is complete (its blank line has come), never half.
//! A stream that ends or breaks is opened again with `Last-Event-ID`, a bounded number of times in a
//! row; the count starts again with every event that arrives.

use std::collections::VecDeque;
use std::time::Duration;

use http::header::ACCEPT;
use http::{HeaderName, HeaderValue, Method};
use hyper::body::Incoming;

use super::{Client, ClientError, Refusal, retry_after};

/// How often in a row a stream is opened again without an event in between.
const REOPENINGS_IN_A_ROW: u32 = 10;
/// The first pause before opening again; it doubles up to the last.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LAST_PAUSE: Duration = Duration::from_secs(5);
/// A stream that is silent for longer, comments included, is opened again: its connection may be dead.
const LONGEST_SILENCE: Duration = Duration::from_secs(60);
/// A single event longer than this is not one of ours.
const LONGEST_EVENT_BYTES: usize = 1024 * 1024;

/// One event of a stream.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ServerEvent {
    pub id: Option<String>,
    /// The event's type; `message` where the stream names none.
    pub name: String,
    pub data: String,
}

/// An open stream of events.
pub struct EventStream<'a> {
    client: &'a mut Client,
    path: String,
    body: Option<Incoming>,
    parser: Parser,
    reopenings: u32,
}

impl<'a> EventStream<'a> {
    /// # Errors
    /// `Refused` when the server does not want to stream, else what went wrong on the way.
    pub async fn open(client: &'a mut Client, path: &str) -> Result<Self, ClientError> {
        let mut stream = Self {
            client,
            path: path.to_owned(),
            body: None,
            parser: Parser::default(),
            reopenings: 0,
        };
        stream.connect().await?;
        Ok(stream)
    }

    /// The next event; opens the stream again where it broke.
    ///
    /// # Errors
    /// The last failure, when opening again did not help.
    pub async fn next(&mut self) -> Result<ServerEvent, ClientError> {
        loop {
            if let Some(event) = self.parser.events.pop_front() {
                self.reopenings = 0;
                return Ok(event);
            }
            let broke = match self.body.as_mut() {
                None => None,
                Some(body) => {
                    let chunk = self.client.connection().0.next_chunk(body);
                    match tokio::time::timeout(LONGEST_SILENCE, chunk).await {
                        Ok(Ok(Some(chunk))) => {
                            self.feed(&chunk)?;
                            continue;
                        }
                        Ok(Ok(None)) => None,
                        Ok(Err(error)) => Some(error),
                        Err(_) => {
                            // The stream stayed open until the silence limit, so the count of quick failures starts again.
                            self.reopenings = 0;
                            None
                        }
                    }
                }
            };
            self.reopen(broke).await?;
        }
    }

    fn feed(&mut self, chunk: &[u8]) -> Result<(), ClientError> {
        self.parser.feed(chunk);
        if self.parser.pending.len() + self.parser.next.data.len() > LONGEST_EVENT_BYTES {
            return Err(ClientError::TooLong {
                target: self.client.target().clone(),
                limit: LONGEST_EVENT_BYTES,
            });
        }
        Ok(())
    }

    async fn reopen(&mut self, broke: Option<ClientError>) -> Result<(), ClientError> {
        self.body = None;
        self.parser.forget_half_an_event();
        let mut last = broke;
        while self.reopenings < REOPENINGS_IN_A_ROW {
            let pause = FIRST_PAUSE
                .saturating_mul(1 << self.reopenings.min(16))
                .min(LAST_PAUSE);
            self.reopenings += 1;
            tokio::time::sleep(pause).await;
            match self.connect().await {
                Ok(()) => return Ok(()),
                // A refusal without `Retry-After` is final: a retry would be refused again.
                Err(ClientError::Refused(refusal)) if refusal.retry_after.is_none() => {
                    return Err(refusal.into_error());
                }
                Err(error) => last = Some(error),
            }
        }
        Err(last.unwrap_or_else(|| ClientError::Unexpected {
            target: self.client.target().clone(),
            why: format!(
                "the stream of {} ended {REOPENINGS_IN_A_ROW} times without an event",
                self.path
            ),
        }))
    }

    async fn connect(&mut self) -> Result<(), ClientError> {
        let mut headers = vec![(ACCEPT, HeaderValue::from_static("text/event-stream"))];
        if let Some(id) = &self.parser.last_id
            && let Ok(value) = HeaderValue::from_str(id)
        {
            headers.push((HeaderName::from_static("last-event-id"), value));
        }
        let request = self
            .client
            .request(Method::GET, &self.path, None, &headers)?;
        let (connection, limit) = self.client.connection();
        let (head, mut body) = connection.stream(request, limit).await?.into_parts();
        if head.status.is_success() {
            self.body = Some(body);
            return Ok(());
        }
        let wait = retry_after(&head.headers);
        let said = connection.next_chunk(&mut body).await?.unwrap_or_default();
        Err(Refusal::read(head.status, &said, wait).into())
    }
}

impl Refusal {
    fn into_error(self: Box<Self>) -> ClientError {
        ClientError::Refused(self)
    }
}

/// The line parser; separate from the connection, so that any cut of the bytes can be tested.
#[derive(Default)]
struct Parser {
    pending: Vec<u8>,
    next: ServerEvent,
    has_data: bool,
    last_id: Option<String>,
    events: VecDeque<ServerEvent>,
}

impl Parser {
    fn feed(&mut self, chunk: &[u8]) {
        for &byte in chunk {
            if byte != b'\n' {
                self.pending.push(byte);
                continue;
            }
            let line = std::mem::take(&mut self.pending);
            let line = String::from_utf8_lossy(line.strip_suffix(b"\r").unwrap_or(&line));
            self.line(&line);
        }
    }

    fn line(&mut self, line: &str) {
        if line.is_empty() {
            self.dispatch();
            return;
        }
        // A line that begins with a colon is a comment: the server's way to keep the connection warm.
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "id" => self.next.id = Some(value.to_owned()),
            "event" => value.clone_into(&mut self.next.name),
            "data" => {
                if self.has_data {
                    self.next.data.push('\n');
                }
                self.next.data.push_str(value);
                self.has_data = true;
            }
            _ => {}
        }
    }

    fn dispatch(&mut self) {
        let mut event = std::mem::take(&mut self.next);
        if event.id.is_some() {
            self.last_id.clone_from(&event.id);
        }
        if !std::mem::take(&mut self.has_data) {
            return;
        }
        if event.name.is_empty() {
            "message".clone_into(&mut event.name);
        }
        self.events.push_back(event);
    }

    fn forget_half_an_event(&mut self) {
        self.pending.clear();
        self.next = ServerEvent::default();
        self.has_data = false;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::client::fake_server::{FakeAnswer, FakeServer};

    #[test]
    fn a_stream_reads_the_same_wherever_its_bytes_are_cut() {
        let text = b": warm\nid: 4\nevent: order.shipped\ndata: {\"a\":1}\ndata: second\n\nid:5\r\ndata:x\r\n\r\nid: 6\n\n";
        for cut in 1..text.len() {
            let mut parser = Parser::default();
            text.chunks(cut).for_each(|chunk| parser.feed(chunk));
            let [first, second] = parser.events.make_contiguous() else {
                panic!("cut {cut}: {:?}", parser.events)
            };
            assert_eq!(
                (first.id.as_deref(), first.name.as_str()),
                (Some("4"), "order.shipped")
            );
            assert_eq!(first.data, "{\"a\":1}\nsecond");
            assert_eq!(
                (second.name.as_str(), second.data.as_str()),
                ("message", "x")
            );
            assert_eq!(parser.last_id.as_deref(), Some("6"));
        }
    }

    #[tokio::test]
    async fn a_stream_that_breaks_is_resumed_after_the_last_event_and_half_an_event_is_dropped() {
        let asked = Arc::new(AtomicUsize::new(0));
        let server = FakeServer::start({
            let asked = Arc::clone(&asked);
            move |request| {
                assert_eq!(request.header("accept"), "text/event-stream");
                match asked.fetch_add(1, Ordering::SeqCst) {
                    0 => FakeAnswer::text(200, "id: 1\ndata: one\n\nid: 2\ndata: ha"),
                    _ => {
                        assert_eq!(request.header("last-event-id"), "1");
                        FakeAnswer::text(200, "id: 2\ndata: two\n\n")
                    }
                }
            }
        })
        .await;
        let mut client = server.client();
        let mut stream = EventStream::open(&mut client, "/v1/orders/o/stream")
            .await
            .unwrap();
        assert_eq!(stream.next().await.unwrap().data, "one");
        assert_eq!(stream.next().await.unwrap().data, "two");
    }

    #[tokio::test]
    async fn a_refused_stream_says_why() {
        let server = FakeServer::start(|_| {
            FakeAnswer::json(404, r#"{"code":"order_not_found","title":"No such order"}"#)
        })
        .await;
        let mut client = server.client();
        let Err(error) = EventStream::open(&mut client, "/v1/orders/o/stream").await else {
            panic!("it was refused")
        };
        assert!(error.to_string().contains("404 order_not_found"), "{error}");
    }
}
