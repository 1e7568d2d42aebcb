//! One connection of a run: takes tickets, sends orders, and repeats each until it has an outcome.
//!
//! Invariant: an order that is sent again is sent with its first key and body, so that it is made
//! at most once; every ticket is settled exactly once in the recorder.

use std::sync::Arc;
use std::time::Duration;

use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use http::{HeaderName, HeaderValue, Method, Request, Uri};
use http_body_util::Full;
use tokio::time::Instant;

use super::answer::{Verdict, order_id, verdict};
use super::factory::{DraftOrder, OrderFactory};
use super::journal::Journal;
use super::pacing::{Schedule, Ticket};
use super::recorder::{Recorder, Timing};
use crate::cli::cell::Cell;
use crate::client::{ClientError, Connection, Exchange, Target};

/// How many earlier orders a connection remembers for `--replay-fraction`.
const REMEMBERED_ORDERS: usize = 64;
/// How long an order is sent again while the server sheds load.
const GIVE_UP_AFTER: Duration = Duration::from_secs(120);
/// The shortest pause before an order is sent again.
const SHORTEST_PAUSE: Duration = Duration::from_millis(20);
/// The pause before asking a server again that does not answer.
const OUTAGE_PAUSE: Duration = Duration::from_millis(200);

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// What all connections of a run share.
pub struct Run {
    pub target: Target,
    pub uri: Uri,
    pub authorization: HeaderValue,
    pub schedule: Schedule,
    pub recorder: Recorder,
    pub policy: Policy,
}

/// How answers are treated.
#[derive(Debug, Clone)]
pub struct Policy {
    pub timeout: Duration,
    /// Statuses that are configured to be fine.
    pub expected: Vec<u16>,
    /// Send an order again that the server was too busy for.
    pub retry_shed: bool,
    /// Keep sending an order again that got no answer, for this long (a restart of the server).
    pub ride_out: Duration,
    /// The share of tickets that send an earlier order again.
    pub replay_fraction: f64,
    /// Keep the ids of new orders.
    pub keep_ids: bool,
}

/// One connection.
pub struct Worker {
    pub number: usize,
    pub run: Arc<Run>,
    pub connection: Connection,
    pub factory: OrderFactory,
    pub journal: Option<Journal>,
    pub remembered: Vec<(DraftOrder, Box<str>)>,
}

/// How a ticket ended.
enum Outcome {
    Acknowledged(Exchange, Timing),
    /// Recorded.
    Settled,
    /// Recorded, and the run ends before this connection may send again.
    RunOver,
}

/// What follows an attempt that was not acknowledged.
struct Step {
    /// Send the same order again after the pause.
    again: bool,
    /// Whether the order may have been made.
    outcome_unknown: bool,
    pause: Duration,
}

impl Step {
    const SETTLED: Self = Self {
        again: false,
        outcome_unknown: false,
        pause: Duration::ZERO,
    };
}

impl Worker {
    /// Sends orders until the schedule ends.
    pub async fn drive(mut self) {
        while let Some(ticket) = self.run.schedule.next(Instant::now()) {
            if ticket.intended > Instant::now() {
                tokio::time::sleep_until(ticket.intended).await;
            }
            self.run.recorder.offered(self.number);
            let replays = !self.remembered.is_empty()
                && self.run.policy.replay_fraction > 0.0
                && self.factory.chance() < self.run.policy.replay_fraction;
            let goes_on = if replays {
                self.replay(ticket).await
            } else {
                self.place(ticket).await
            };
            if !goes_on {
                return;
            }
        }
    }

    /// Sends a new order; returns whether this connection goes on.
    async fn place(&mut self, ticket: Ticket) -> bool {
        let order = self.factory.make();
        match self.see_through(&order, ticket).await {
            Outcome::Acknowledged(exchange, timing) => self.placed(order, &exchange, timing).await,
            Outcome::Settled => {}
            Outcome::RunOver => return false,
        }
        true
    }

    async fn placed(&mut self, order: DraftOrder, exchange: &Exchange, timing: Timing) {
        let policy = &self.run.policy;
        if !policy.keep_ids && self.journal.is_none() && policy.replay_fraction <= 0.0 {
            self.run.recorder.acknowledged(self.number, timing, None);
            return;
        }
        let Some(id) = order_id(exchange) else {
            self.fail("no order id in the answer", || {
                let body = String::from_utf8_lossy(&exchange.body);
                let shown: String = body.chars().take(300).collect();
                Cell::new(&shown).into_string()
            });
            return;
        };
        if let Some(journal) = &self.journal {
            journal.write(&order, id, exchange).await;
        }
        self.run
            .recorder
            .acknowledged(self.number, timing, policy.keep_ids.then(|| id.into()));
        if self.run.policy.replay_fraction > 0.0 {
            self.remember(order, id.into());
        }
    }

    /// Sends an earlier order again and expects the same id; returns whether this connection goes on.
    async fn replay(&mut self, ticket: Ticket) -> bool {
        let earlier = self.factory.index_below(self.remembered.len());
        let (order, id) = self.remembered[earlier].clone();
        let (exchange, timing) = match self.see_through(&order, ticket).await {
            Outcome::Acknowledged(exchange, timing) => (exchange, timing),
            Outcome::Settled => return true,
            Outcome::RunOver => return false,
        };
        match order_id(&exchange) {
            Some(again) if *again == *id => self.run.recorder.replayed(self.number, timing),
            again => {
                let again = again.unwrap_or("none").to_owned();
                self.fail("replay mismatch", || {
                    format!(
                        "key {} made order {id}, and sent again it answered order {again}",
                        shown(&order.key)
                    )
                });
            }
        }
        true
    }

    /// Sends an order until it is acknowledged, refused, or given up.
    async fn see_through(&mut self, order: &DraftOrder, ticket: Ticket) -> Outcome {
        let first_sent = Instant::now();
        loop {
            let sent = Instant::now();
            let request = self.request(order);
            let exchange = self
                .connection
                .exchange(request, self.run.policy.timeout)
                .await;
            let answered = Instant::now();
            let (verdict, exchange) = match exchange {
                Ok(exchange) => (verdict(&exchange), Some(exchange)),
                Err(error) => (Verdict::Unknown(error), None),
            };
            let step = match (verdict, exchange) {
                (Verdict::Acknowledged, Some(exchange)) => {
                    let timing = Timing {
                        intended: ticket.intended,
                        first_sent,
                        sent,
                        answered,
                    };
                    return Outcome::Acknowledged(exchange, timing);
                }
                (Verdict::Shed { status, wait }, _) => {
                    self.run.recorder.shed(self.number, status.as_u16());
                    self.pause_after_shed(status.as_u16(), wait, answered - first_sent)
                }
                (Verdict::Unknown(error), _) => {
                    self.pause_after_silence(&error, answered - first_sent)
                }
                (Verdict::Failed { status, refusal }, _) => {
                    let kind = kind_of_failure(status.as_u16(), refusal.code.as_deref());
                    if self.run.policy.expected.contains(&status.as_u16()) {
                        self.run.recorder.tolerated(self.number, kind);
                    } else {
                        self.fail(&kind, || refusal.to_string());
                    }
                    Step::SETTLED
                }
                // An acknowledgement always has its exchange.
                (Verdict::Acknowledged, None) => Step::SETTLED,
            };
            if !step.pause.is_zero() {
                if self.ends_before(answered + step.pause, step.outcome_unknown) {
                    if step.again {
                        self.run.recorder.abandoned(self.number);
                    }
                    return Outcome::RunOver;
                }
                tokio::time::sleep(step.pause).await;
            }
            if !step.again {
                return Outcome::Settled;
            }
        }
    }

    /// Whether the run ends before the next try. An order that may exist is tried beyond the end of the run, as long as
    /// `--ride-out` allows, because otherwise it would stay unknown whether it was made.
    fn ends_before(&self, next_try: Instant, outcome_unknown: bool) -> bool {
        if outcome_unknown {
            self.run.schedule.is_stopped()
        } else {
            self.run.schedule.is_past(next_try)
        }
    }

    /// After an answer that sheds load: this connection waits for the time in `Retry-After`.
    fn pause_after_shed(&mut self, status: u16, wait: Duration, spent: Duration) -> Step {
        // At least the time asked for, plus jitter so that not all connections retry in the same moment.
        let pause = wait
            .max(SHORTEST_PAUSE)
            .mul_f64(1.0 + self.factory.chance() / 2.0);
        if !self.run.policy.retry_shed {
            let fine = self.run.policy.expected.contains(&status);
            self.run.recorder.turned_away(self.number, fine);
            return Step {
                pause,
                ..Step::SETTLED
            };
        }
        if spent > GIVE_UP_AFTER {
            self.fail("given up while the server shed load", || {
                format!("one order was shed for {} s", GIVE_UP_AFTER.as_secs())
            });
            return Step {
                pause,
                ..Step::SETTLED
            };
        }
        Step {
            again: true,
            outcome_unknown: false,
            pause,
        }
    }

    /// After no answer: the server may be restarting, so the next try waits.
    fn pause_after_silence(&mut self, error: &ClientError, spent: Duration) -> Step {
        let pause = OUTAGE_PAUSE.mul_f64(1.0 + self.factory.chance());
        if spent < self.run.policy.ride_out {
            self.run.recorder.resent(self.number);
            return Step {
                again: true,
                outcome_unknown: true,
                pause,
            };
        }
        let kind = match error {
            ClientError::Timeout { .. } => "no answer in time",
            ClientError::Unreachable { .. } => "unreachable",
            ClientError::Broken { .. } => "connection broken",
            _ => "unusable answer",
        };
        self.fail(kind, || error.to_string());
        Step {
            pause,
            ..Step::SETTLED
        }
    }

    fn fail(&self, kind: &str, words: impl FnOnce() -> String) {
        self.run
            .recorder
            .failed(self.number, kind.to_owned(), words);
    }

    fn remember(&mut self, order: DraftOrder, id: Box<str>) {
        if self.remembered.len() < REMEMBERED_ORDERS {
            self.remembered.push((order, id));
        } else {
            let oldest = self.factory.index_below(REMEMBERED_ORDERS);
            self.remembered[oldest] = (order, id);
        }
    }

    fn request(&self, order: &DraftOrder) -> Request<Full<bytes::Bytes>> {
        let mut request = Request::new(Full::new(order.body.clone()));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.run.uri.clone();
        let headers = request.headers_mut();
        headers.insert(HOST, self.run.target.host_header().clone());
        headers.insert(AUTHORIZATION, self.run.authorization.clone());
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(IDEMPOTENCY_KEY, order.key.clone());
        request
    }
}

fn shown(key: &HeaderValue) -> &str {
    key.to_str().unwrap_or("?")
}

fn kind_of_failure(status: u16, code: Option<&str>) -> String {
    match code {
        Some(code) => format!("{status} {code}"),
        None => status.to_string(),
    }
}
