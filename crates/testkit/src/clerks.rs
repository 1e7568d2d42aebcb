//! Clerks who book what comes into the warehouse: one unit at a time, each on a sku of its own.
//!
//! Owns their records and the check of them. Invariant: a row holds every unit whose booking was answered 2xx, each
//! once, and beyond that at most the units of bookings without an answer. No order uses these skus, so a missing or
//! doubled unit shows at the next booking.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use http::Method;
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio::time::sleep;

use crate::checker::Verdict;
use crate::http::Client;
use crate::journal::Outcome;
use crate::server::Waybill;
use crate::traffic::outcome_of;

/// The pause between two bookings, and before connecting again after a refused connection.
const PAUSE: Duration = Duration::from_millis(10);
/// A request that takes longer is unknown.
const PATIENCE: Duration = Duration::from_secs(20);

/// Clerks at work.
pub struct Clerks {
    stop: Arc<AtomicBool>,
    clerks: Vec<JoinHandle<Books>>,
}

/// A clerk's record of its row.
#[derive(Debug, Default)]
struct Books {
    sku: String,
    on_hand: u64,
    /// Bookings without an answer, which may be in the row already, or later.
    unknown: u64,
    booked: usize,
    unanswered: usize,
    wrong: Vec<String>,
}

impl Clerks {
    /// Starts so many clerks; each uses the addresses in turn.
    pub fn at(doors: &[SocketAddr], count: u64) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let token = crate::token::demo_for("default", "testkit");
        let clerk = |number| {
            let client = |door: &SocketAddr| {
                Client::new(*door)
                    .with_token(&token)
                    .with_patience(PATIENCE)
            };
            let doors = doors.iter().map(client).collect();
            tokio::spawn(work(format!("CLERK-{number}"), doors, stop.clone()))
        };
        let clerks = (0..count).map(clerk).collect();
        Self { stop, clerks }
    }

    /// Ends their work and compares their records with the rows.
    pub(crate) async fn judged(self, app: &Waybill, verdict: &mut Verdict) -> Result<()> {
        self.stop.store(true, Ordering::SeqCst);
        for clerk in self.clerks {
            let mut books = clerk.await.context("a clerk panicked")?;
            let path = format!("/v1/stock?sku={}", books.sku);
            let answer = app.client().get(&path).await?;
            ensure!(answer.status == 200, "{path}: {}", answer.text());
            let page: Value = answer.json();
            let found = page["items"][0]["onHand"].as_u64().unwrap_or(0);
            books.compare(found, "at the end");
            verdict.count("units booked by clerks", books.booked);
            verdict.count("bookings never answered", books.unanswered);
            for wrong in books.wrong {
                verdict.add("I5", wrong);
            }
        }
        Ok(())
    }
}

async fn work(sku: String, mut doors: Vec<Client>, stop: Arc<AtomicBool>) -> Books {
    let mut books = Books {
        sku,
        ..Books::default()
    };
    let path = format!("/v1/stock/{}", books.sku);
    let body = Bytes::from(json!({"delta": 1, "reason": "delivery"}).to_string());
    while !stop.load(Ordering::SeqCst) {
        doors.rotate_left(1);
        let sent = doors[0].send(Method::PUT, &path, &[], body.clone());
        let answer = sent.await;
        match (outcome_of(&answer), answer) {
            (Outcome::Ok, Ok(answer)) => {
                books.booked += 1;
                books.on_hand += 1;
                let row: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
                books.compare(row["onHand"].as_u64().unwrap_or(0), "after a booking");
            }
            (Outcome::Unknown, _) => {
                books.unanswered += 1;
                books.unknown += 1;
            }
            (Outcome::Refused | Outcome::Unsent | Outcome::Ok, _) => {}
        }
        sleep(PAUSE).await;
    }
    books
}

impl Books {
    /// Units beyond the confirmed ones must be of unanswered bookings.
    fn compare(&mut self, found: u64, when: &str) {
        let (least, most) = (self.on_hand, self.on_hand + self.unknown);
        if !(least..=most).contains(&found) {
            self.wrong.push(format!(
                "{}: {found} on hand {when}, booked are {least} to {most}",
                self.sku
            ));
        }
        self.unknown = most.saturating_sub(found.max(least));
        self.on_hand = found;
    }
}

#[cfg(test)]
mod tests {
    use super::Books;

    fn wrong(booked: u64, unknown: u64, found: u64) -> bool {
        let mut books = Books {
            on_hand: booked,
            unknown,
            ..Books::default()
        };
        books.compare(found, "now");
        !books.wrong.is_empty()
    }

    #[test]
    fn a_unit_that_was_answered_for_is_there_and_one_that_was_not_may_be() {
        assert!(wrong(5, 0, 4));
        assert!(!wrong(5, 0, 5));
        assert!(wrong(5, 0, 6));
        assert!(wrong(5, 2, 4));
        assert!(!wrong(5, 2, 5));
        assert!(!wrong(5, 2, 7));
        assert!(wrong(5, 2, 8));
    }

    #[test]
    fn what_has_come_is_not_expected_again() {
        let mut books = Books {
            on_hand: 5,
            unknown: 2,
            ..Books::default()
        };
        books.compare(6, "once");
        books.compare(7, "twice");
        assert!(books.wrong.is_empty());
        books.compare(8, "too often");
        assert_eq!(books.wrong.len(), 1);
    }
}
