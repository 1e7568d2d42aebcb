//! The crash test: a server under load, killed at random moments, with or without the power; and a
//! verdict over what is left.
//!
//! Invariant: every moment of a kill, and everything a power loss takes, follows from the seed and is
//! printed; timing alone differs between two runs of one seed. A process that does not come back is
//! a violation, not an error of the test.

use std::ops::Range;
use std::time::Duration;

use anyhow::{Result, ensure};
use rand::RngExt;
use rand::rngs::StdRng;
use tokio::time::{Instant, sleep};

use crate::checker::{Enough, Evidence, Reading, Verdict, check};
use crate::seed;
use crate::server::{Start, Waybill};
use crate::traffic::{Load, Traffic};

/// How a server is tried.
#[derive(Debug, Clone)]
pub struct Ordeal {
    pub seed: u64,
    pub load: Load,
    pub kills: usize,
    /// A kill comes this long after the server is ready.
    pub after_ms: Range<u64>,
    /// Whether what was never synced is lost at each kill; needs [`Start::on_test_disk`].
    pub power: bool,
    pub enough: Enough,
}

/// One kill.
#[derive(Debug, Clone)]
pub struct Strike {
    /// Requests under way when the signal was sent.
    pub in_flight: u64,
    /// Requests that were sent and got no answer because of it.
    pub unanswered: u64,
    /// Changes of the database that no sync had covered.
    pub unsynced: usize,
    /// Kills of the next process while it recovered, before it was ready.
    pub while_recovering: usize,
    pub ready_after: Duration,
}

/// The result.
#[derive(Debug)]
pub struct Outcome {
    pub strikes: Vec<Strike>,
    pub verdict: Verdict,
}

impl Outcome {
    /// Kills that left requests without an answer.
    pub fn strikes_with_unanswered(&self) -> usize {
        self.strikes.iter().filter(|s| s.unanswered > 0).count()
    }
}

/// An order must be acknowledged between two kills within this time, else the run is inconclusive.
const PROGRESS_WITHIN: Duration = Duration::from_secs(10);
const PROGRESS_POLL: Duration = Duration::from_millis(5);
const SLOW_SYNC_US: u64 = 2_000;
/// One in so many restarts is killed as well, before it is ready.
const KILL_WHILE_RECOVERING: f64 = 0.2;

impl Ordeal {
    /// Runs it to the end and prints what happened.
    pub async fn run(&self, start: Start) -> Result<Outcome> {
        println!(
            "seed {} (again: WAYBILL_TEST_SEED={})",
            self.seed, self.seed
        );
        let mut app = start.ready().await?;
        if self.power {
            // With a slow disk more writes are not yet synced at the power loss.
            app.disk().control().delay_syncs_us(SLOW_SYNC_US);
            app.disk().control().pretend_syncs(true);
        }
        let journal = app.home().join("journal.jsonl");
        let traffic = Traffic::start(&app, self.seed, self.load.clone(), &journal).await?;
        let mut rng = seed::stream(self.seed, "kills", 0);
        let mut strikes = Vec::new();
        for number in 0..self.kills {
            self.let_it_work(&app, &traffic, &mut rng).await?;
            match self.strike(&mut app, &traffic, &mut rng, number).await {
                Ok(strike) => strikes.push(strike),
                Err(e) => return Ok(self.did_not_come_back(strikes, &e)),
            }
        }
        let verdict = self.judge(&app, traffic).await;
        let outcome = Outcome { strikes, verdict };
        outcome.print();
        Ok(outcome)
    }

    /// Waits until something was acknowledged since the last start, and then for a random moment.
    async fn let_it_work(&self, app: &Waybill, traffic: &Traffic, rng: &mut StdRng) -> Result<()> {
        let moment = Duration::from_millis(rng.random_range(self.after_ms.clone()));
        let (before, began) = (traffic.answered_ok(), Instant::now());
        while traffic.answered_ok() == before {
            ensure!(
                began.elapsed() < PROGRESS_WITHIN,
                "nothing was acknowledged:\n{}",
                app.output()
            );
            sleep(PROGRESS_POLL).await;
        }
        sleep(moment).await;
        Ok(())
    }

    async fn strike(
        &self,
        app: &mut Waybill,
        traffic: &Traffic,
        rng: &mut StdRng,
        number: usize,
    ) -> Result<Strike> {
        let (before, in_flight) = (traffic.unanswered(), traffic.in_flight());
        app.kill().await?;
        let mut unsynced = self.lose_power(app, number, 0)?;
        traffic
            .fault(if self.power { "power loss" } else { "SIGKILL" }, in_flight)
            .await?;
        let mut while_recovering = 0;
        while rng.random_bool(KILL_WHILE_RECOVERING) {
            app.begin()?;
            sleep(Duration::from_millis(rng.random_range(1..40))).await;
            app.kill().await?;
            while_recovering += 1;
            unsynced += self.lose_power(app, number, while_recovering)?;
        }
        let ready_after = app.start().await?;
        let unanswered = traffic.unanswered() - before;
        Ok(Strike {
            in_flight,
            unanswered,
            unsynced,
            while_recovering,
            ready_after,
        })
    }

    fn lose_power(&self, app: &Waybill, strike: usize, restart: usize) -> Result<usize> {
        if !self.power {
            return Ok(0);
        }
        let number = (strike * 1000 + restart) as u64;
        Ok(app
            .disk()
            .lose_power(self.seed.wrapping_add(number))?
            .unsynced_database_changes())
    }

    async fn judge(&self, app: &Waybill, traffic: Traffic) -> Verdict {
        let seeded = traffic.seeded();
        let evidence = match traffic.finish().await {
            Ok(entries) => Evidence::read(app, entries, seeded, Reading::default()).await,
            Err(e) => Err(e),
        };
        match evidence {
            Ok(evidence) => check(&evidence, self.enough),
            Err(e) => Verdict {
                inconclusive: vec![format!("{e:#}\n{}", app.output())],
                ..Verdict::default()
            },
        }
    }

    fn did_not_come_back(&self, strikes: Vec<Strike>, error: &anyhow::Error) -> Outcome {
        let what = format!(
            "after kill {} of {} the process did not come back: {error:#}",
            strikes.len() + 1,
            self.kills
        );
        let mut outcome = Outcome {
            strikes,
            verdict: Verdict::default(),
        };
        outcome.verdict.add("I18", what);
        outcome.print();
        outcome
    }
}

impl Outcome {
    fn print(&self) {
        for (number, s) in self.strikes.iter().enumerate() {
            println!(
                "kill {:>2}: {:>3} in flight, {:>3} never answered, {:>5} changes unsynced, {} more while it recovered, ready again after {:?}",
                number + 1,
                s.in_flight,
                s.unanswered,
                s.unsynced,
                s.while_recovering,
                s.ready_after
            );
        }
        println!(
            "{} of {} kills left requests without an answer",
            self.strikes_with_unanswered(),
            self.strikes.len()
        );
        println!("{}", self.verdict);
    }
}
