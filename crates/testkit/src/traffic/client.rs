//! One client of a run: chooses a request, sends it, records the answer.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::Result;
use bytes::Bytes;
use http::Method;
use rand::RngExt;
use rand::rngs::StdRng;
use rand::seq::IteratorRandom;
use serde_json::{Value, json};
use tokio::time::sleep;

use super::Shared;
use super::plan::Wish;
use crate::http::{Answer, Client, Failure};
use crate::journal::{Dialect, Entry, Outcome, Request};
use crate::seed;

/// How long a client waits before it connects again after a refused connection.
const KNOCK_AGAIN: Duration = Duration::from_millis(20);
/// How often a client asks at the end about an order it knows nothing of.
const LAST_TRIES: usize = 20;
/// A restart under load takes less; a request that takes longer is unknown.
const PATIENCE: Duration = Duration::from_secs(20);

/// An order as its client knows it.
struct Placed {
    key: String,
    body: Value,
    outcome: Outcome,
    order: Option<String>,
}

struct Actor {
    shared: Arc<Shared>,
    number: u64,
    dialect: Dialect,
    rng: StdRng,
    doors: Vec<Client>,
    placed: Vec<Placed>,
}

/// Works until the run stops, then asks once more about every order whose answer it never got.
pub(super) async fn run(shared: Arc<Shared>, number: u64) -> Result<()> {
    let client = |door| {
        Client::new(door)
            .with_token(&shared.token)
            .with_patience(PATIENCE)
    };
    let doors = shared.doors.iter().map(|door| client(*door)).collect();
    let rng = seed::stream(shared.seed, "client", number);
    // A client speaks one dialect all its life.
    let dialect = if number % 3 == 2 {
        Dialect::Sales
    } else {
        Dialect::V1
    };
    let mut actor = Actor {
        shared,
        number,
        dialect,
        rng,
        doors,
        placed: Vec::new(),
    };
    while !actor.shared.stop.load(Ordering::SeqCst) {
        let wish = Wish::draw(&mut actor.rng);
        if actor.follow(wish).await? == Outcome::Unsent {
            sleep(KNOCK_AGAIN).await;
        } else if actor.shared.load.pause_ms > 0 {
            let pause = actor.rng.random_range(0..=actor.shared.load.pause_ms);
            sleep(Duration::from_millis(pause)).await;
        }
    }
    actor.ask_about_the_unknown().await
}

impl Actor {
    async fn follow(&mut self, wish: Wish) -> Result<Outcome> {
        match wish {
            Wish::New | Wish::Short => self.place_new(wish == Wish::Short).await,
            Wish::Replay => match self.pick(Outcome::Ok) {
                Some(at) => self.place_again(at).await,
                None => self.place_new(false).await,
            },
            Wish::AskAgain => match self.pick(Outcome::Unknown) {
                Some(at) => self.place_again(at).await,
                None => self.place_new(false).await,
            },
            Wish::OtherBody => match self.pick(Outcome::Ok) {
                Some(at) => self.place_other(at).await,
                None => self.place_new(false).await,
            },
            Wish::Cancel => match self
                .pick_to_cancel()
                .and_then(|at| self.placed[at].order.clone())
            {
                Some(order) => self.cancel(order).await,
                None => self.place_new(false).await,
            },
        }
    }

    fn pick(&mut self, outcome: Outcome) -> Option<usize> {
        let fitting = self
            .placed
            .iter()
            .enumerate()
            .filter(|(_, p)| p.outcome == outcome);
        fitting.map(|(at, _)| at).choose(&mut self.rng)
    }

    /// Any, or the newest, which has not left the house yet.
    fn pick_to_cancel(&mut self) -> Option<usize> {
        if self.rng.random_bool(0.5) {
            return self.pick(Outcome::Ok);
        }
        self.placed.iter().rposition(|p| p.outcome == Outcome::Ok)
    }

    async fn place_new(&mut self, short: bool) -> Result<Outcome> {
        if self.shared.placed.fetch_add(1, Ordering::SeqCst) >= self.shared.load.orders {
            sleep(KNOCK_AGAIN).await;
            return Ok(Outcome::Unsent);
        }
        let key = format!(
            "k-{}-{}-{}",
            self.shared.seed,
            self.number,
            self.placed.len()
        );
        let body = self
            .shared
            .shelf
            .order(&mut self.rng, self.dialect, &key, short);
        self.placed.push(Placed {
            key,
            body,
            outcome: Outcome::Unsent,
            order: None,
        });
        self.place_again(self.placed.len() - 1).await
    }

    async fn place_again(&mut self, at: usize) -> Result<Outcome> {
        let (key, body) = (self.placed[at].key.clone(), self.placed[at].body.clone());
        let (outcome, answer) = self.place(key, body).await?;
        let placed = &mut self.placed[at];
        // What was acknowledged once stays known; a later refusal is for the checker to judge.
        if placed.outcome != Outcome::Ok {
            placed.outcome = outcome;
            placed.order = self.dialect.order_id(&answer).map(str::to_string);
        }
        Ok(outcome)
    }

    async fn place_other(&mut self, at: usize) -> Result<Outcome> {
        let key = self.placed[at].key.clone();
        let body = self
            .shared
            .shelf
            .order(&mut self.rng, self.dialect, &key, false);
        Ok(self.place(key, body).await?.0)
    }

    async fn place(&mut self, key: String, body: Value) -> Result<(Outcome, Value)> {
        let bytes = Bytes::from(body.to_string());
        let dialect = self.dialect;
        let request = Request::Place {
            dialect,
            key: key.clone(),
            body,
        };
        self.attempt(request, dialect.path(), &[("idempotency-key", &key)], bytes)
            .await
    }

    async fn cancel(&mut self, order: String) -> Result<Outcome> {
        let path = format!("/v1/orders/{order}/cancel");
        let bytes = Bytes::from(json!({"reason": "changed my mind"}).to_string());
        Ok(self
            .attempt(Request::Cancel { order }, &path, &[], bytes)
            .await?
            .0)
    }

    /// Records the attempt, sends it, records the answer; returns the outcome.
    async fn attempt(
        &mut self,
        request: Request,
        path: &str,
        headers: &[(&str, &str)],
        body: Bytes,
    ) -> Result<(Outcome, Value)> {
        let shared = self.shared.clone();
        let number = shared.numbers.fetch_add(1, Ordering::SeqCst);
        shared
            .journal
            .append(&Entry::Attempt {
                number,
                client: self.number,
                request,
            })
            .await?;
        shared.in_flight.fetch_add(1, Ordering::SeqCst);
        let door = match self.doors.len() {
            // No draw where there is no choice.
            1 => 0,
            doors => self.rng.random_range(0..doors),
        };
        let request = self.doors[door].send(Method::POST, path, headers, body);
        let answer = request.await;
        shared.in_flight.fetch_sub(1, Ordering::SeqCst);
        let outcome = outcome_of(&answer);
        let (status, replayed, body) = match &answer {
            Ok(a) => (
                a.status.as_u16(),
                a.header("idempotent-replayed") == Some("true"),
                serde_json::from_slice(&a.body).unwrap_or_else(|_| json!(a.text())),
            ),
            Err(_) => (0, false, Value::Null),
        };
        shared
            .journal
            .append(&Entry::Answer {
                number,
                outcome,
                status,
                replayed,
                body: body.clone(),
            })
            .await?;
        if status != 0 {
            let statuses = shared.statuses.lock();
            let mut statuses = statuses.expect("counting does not panic");
            *statuses.entry(status).or_default() += 1;
        }
        match outcome {
            Outcome::Ok => shared.answered_ok.fetch_add(1, Ordering::SeqCst),
            Outcome::Unknown => shared.unanswered.fetch_add(1, Ordering::SeqCst),
            Outcome::Refused | Outcome::Unsent => 0,
        };
        Ok((outcome, body))
    }

    async fn ask_about_the_unknown(&mut self) -> Result<()> {
        for at in 0..self.placed.len() {
            for _ in 0..LAST_TRIES {
                if self.placed[at].outcome != Outcome::Unknown {
                    break;
                }
                if self.place_again(at).await? == Outcome::Unsent {
                    sleep(KNOCK_AGAIN).await;
                }
            }
        }
        Ok(())
    }
}

/// Only a 2xx is ok, and only an answer that says that nothing was done is refused.
pub(crate) fn outcome_of(answer: &Result<Answer, Failure>) -> Outcome {
    match answer {
        Err(Failure::Unsent(_)) => Outcome::Unsent,
        Ok(a) if a.status.is_success() => Outcome::Ok,
        Ok(a) if a.status.is_client_error() || a.status == 507 => Outcome::Refused,
        Ok(a) if a.status == 503 && !a.text().contains("outcome_unknown") => Outcome::Refused,
        Err(Failure::Unknown(_)) | Ok(_) => Outcome::Unknown,
    }
}
