//! A fleet under load and under faults of any kind, and the verdict over what is left.
//!
//! Owns the traffic and the record of faults. The test injects the faults, records each, and waits for
//! progress between two of them. Invariant: a fleet that does not recover within its bound
//! is a violation (I18), consumers that do not catch up are one too (I12), and a run in which too little
//! happened is inconclusive, never green.

use std::ops::Range;
use std::time::Duration;

use anyhow::{Result, ensure};
use rand::RngExt;
use rand::rngs::StdRng;
use tokio::time::{Instant, sleep};

use crate::checker::{Enough, Evidence, Reading, Verdict, check};
use crate::clerks::Clerks;
use crate::seed;
use crate::server::Fleet;
use crate::traffic::{Load, Traffic};

/// Orders must be acknowledged between two faults within this time, else the run is inconclusive. It is long enough for
/// leases to expire.
const PROGRESS_WITHIN: Duration = Duration::from_secs(30);
const CAUGHT_UP_WITHIN: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(5);

/// A fleet with traffic on it.
pub struct Siege {
    pub fleet: Fleet,
    pub traffic: Traffic,
    /// What the test draws its faults from.
    pub rng: StdRng,
    /// How long orders may take to reach a final status.
    pub reading: Reading,
    clerks: Option<Clerks>,
    began: Instant,
    strikes: Vec<Strike>,
    /// Violations found before the end.
    verdict: Verdict,
}

/// A fault, and when it was injected.
#[derive(Debug)]
struct Strike {
    what: String,
    at: Duration,
    in_flight: u64,
    unanswered_before: u64,
}

impl Siege {
    /// Sends clients to every process that takes orders.
    pub async fn lay(fleet: Fleet, seed: u64, load: Load) -> Result<Self> {
        println!("seed {seed} (again: WAYBILL_TEST_SEED={seed})");
        let journal = fleet.api().home().join("journal.jsonl");
        let traffic = Traffic::at(fleet.api(), fleet.doors(), seed, load, &journal).await?;
        Ok(Self {
            fleet,
            traffic,
            rng: seed::stream(seed, "siege", 0),
            reading: Reading::default(),
            clerks: None,
            began: Instant::now(),
            strikes: Vec::new(),
            verdict: Verdict::default(),
        })
    }

    /// Stock is booked as well, by so many clerks.
    pub fn with_clerks(&mut self, count: u64) {
        self.clerks = Some(Clerks::at(&self.fleet.doors(), count));
    }

    /// Waits until something was acknowledged, and then for a random moment.
    pub async fn let_it_work(&mut self, moment_ms: Range<u64>) -> Result<()> {
        let moment = Duration::from_millis(self.rng.random_range(moment_ms));
        self.progress(1).await?;
        sleep(moment).await;
        Ok(())
    }

    /// Waits until so many more orders were acknowledged; how long that took.
    pub async fn progress(&self, orders: u64) -> Result<Duration> {
        let (before, began) = (self.traffic.answered_ok(), Instant::now());
        while self.traffic.answered_ok() < before + orders {
            ensure!(
                began.elapsed() < PROGRESS_WITHIN,
                "nothing was acknowledged for {PROGRESS_WITHIN:?}:\n{}",
                self.fleet.output()
            );
            sleep(POLL).await;
        }
        Ok(began.elapsed())
    }

    /// Records the fault that follows.
    pub async fn strikes(&mut self, what: impl Into<String>) -> Result<()> {
        let (what, in_flight) = (what.into(), self.traffic.in_flight());
        self.traffic.fault(&what, in_flight).await?;
        self.strikes.push(Strike {
            what,
            at: self.began.elapsed(),
            in_flight,
            unanswered_before: self.traffic.unanswered(),
        });
        Ok(())
    }

    /// SIGKILL for a member, and waits until it is gone.
    pub async fn kill(&mut self, member: usize) -> Result<()> {
        self.kill_at(member, "a random moment").await
    }

    /// The same, saying at which point of its work it is.
    pub async fn kill_at(&mut self, member: usize, point: &str) -> Result<()> {
        let name = self.fleet.members[member].name.clone();
        self.strikes(format!("SIGKILL {name} at {point}")).await?;
        self.fleet.members[member].app.kill().await
    }

    /// Strikes that left requests without an answer, counted from the end of each.
    pub fn with_unanswered(&self) -> usize {
        self.unanswered_by_strike()
            .iter()
            .filter(|n| **n > 0)
            .count()
    }

    fn unanswered_by_strike(&self) -> Vec<u64> {
        let mut later = self.traffic.unanswered();
        let mut counts: Vec<u64> = Vec::new();
        for strike in self.strikes.iter().rev() {
            counts.push(later - strike.unanswered_before);
            later = strike.unanswered_before;
        }
        counts.reverse();
        counts
    }

    /// Requires that every member is ready within a bound; else the verdict has a violation.
    pub async fn recovers(&mut self, within: Duration) {
        if let Err(error) = self.fleet.is_ready(within).await {
            let hit = self.strikes.last().map_or("nothing", |s| s.what.as_str());
            let what = format!("after {hit} it did not recover: {error:#}");
            self.verdict.add("I18", what);
        }
    }

    /// Ends the traffic, waits for rest, reads everything, judges and prints.
    pub async fn judged(mut self, enough: Enough) -> Verdict {
        for (strike, unanswered) in self.strikes.iter().zip(self.unanswered_by_strike()) {
            println!(
                "{:>6} ms: {}, {} in flight, {unanswered} never answered until the next",
                strike.at.as_millis(),
                strike.what,
                strike.in_flight
            );
        }
        if let Some(clerks) = self.clerks.take()
            && let Err(error) = clerks.judged(self.fleet.api(), &mut self.verdict).await
        {
            let what = format!("the clerks' books: {error:#}");
            self.verdict.inconclusive.push(what);
        }
        let seeded = self.traffic.seeded();
        let evidence = match self.traffic.finish().await {
            Ok(entries) => Evidence::read(self.fleet.api(), entries, seeded, self.reading).await,
            Err(error) => Err(error),
        };
        let mut verdict = match evidence {
            Ok(evidence) => check(&evidence, enough),
            Err(error) => Verdict {
                inconclusive: vec![format!("{error:#}\n{}", self.fleet.output())],
                ..Verdict::default()
            },
        };
        verdict.violations.append(&mut self.verdict.violations);
        verdict.inconclusive.append(&mut self.verdict.inconclusive);
        verdict.counts.append(&mut self.verdict.counts);
        if let Err(error) = caught_up(&self.fleet).await {
            verdict.add("I12", format!("{error:#}"));
        }
        if !verdict.is_green() {
            println!("{}", self.fleet.output());
        }
        println!("{verdict}");
        verdict
    }
}

async fn caught_up(fleet: &Fleet) -> Result<()> {
    let began = Instant::now();
    loop {
        let lag = fleet.lag().await?;
        if lag == 0 {
            return Ok(());
        }
        ensure!(
            began.elapsed() < CAUGHT_UP_WITHIN,
            "after {CAUGHT_UP_WITHIN:?} without requests, consumers are {lag} places of the log behind"
        );
        sleep(POLL).await;
    }
}
