//! `waybill demo break`: kills the server under load and restarts it, repeatedly; then counts and verifies.
//!
//! The client records every answer and repeats requests without an answer, with the same key. No acknowledged order may
//! be lost, and no key may have made two orders.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use rand::RngExt as _;
use serde_json::json;
use tokio::time::{Instant, sleep};
use waybill_store::sqlite::open_for_verify;
use waybill_store::verify::Report as Findings;

use super::child::Server;
use super::evidence::{Judgement, judge};
use super::trial::{self, Outcome, TrialError, Workspace, bounded, stock};
use crate::cli::duration::parse_duration;
use crate::cli::load::{self, Dialect, Pace, Plan, Policy, ProgressDisplay, Report, Shape, Skus};
use crate::cli::output;
use crate::observe::figures;

/// The time allowed beyond the load: for starts, deliveries and reading everything back.
const REST: Duration = Duration::from_secs(180);
const CONNECTIONS: u64 = 64;
const SKUS: u64 = 20;
const UNITS: u64 = 1_000_000;
const PREFIX: &str = "break-";
/// How long the client keeps sending one order while nothing answers.
const RIDE_OUT: Duration = Duration::from_secs(60);
const DELIVERED_WITHIN: Duration = Duration::from_secs(60);
/// Between a start and the next kill.
const ALIVE_MS: std::ops::Range<u64> = 200..1_500;
/// Deliveries are fast, so that kills hit orders in every step.
const SETTINGS: [&str; 2] = [
    "delivery.ship_delay_ms=0-500",
    "delivery.deliver_delay_ms=0-500",
];

/// Kill a server under load, again and again, and count what was lost
#[derive(Debug, Args)]
#[command(
    after_help = "It starts a server of its own on a free port, sends orders, kills that server with SIGKILL at random moments and\nstarts it again, waits until every order is delivered, reads every promised order back, sends each again with its\nkey, and verifies the store. Exit code 0: nothing lost, nothing doubled, everything adds up.\n\nExamples:\n  waybill demo break\n  waybill demo break --duration 60s --rate 2000 --json"
)]
pub struct BreakArgs {
    /// How long orders are sent (2s to 10m)
    #[arg(long, default_value = "12s", value_parser = parse_duration)]
    duration: Duration,
    /// Orders per second
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u64).range(1..=50_000))]
    rate: u64,
    /// Folder of the store [default: one that is removed afterwards]
    #[arg(long, value_name = "FOLDER")]
    data: Option<PathBuf>,
    /// Print one JSON document
    #[arg(long)]
    pub json: bool,
}

/// Runs the trial.
pub async fn run(args: &BreakArgs) -> Result<Outcome, TrialError> {
    let duration = args
        .duration
        .clamp(Duration::from_secs(2), Duration::from_secs(600));
    bounded(duration + REST, trial(args, duration)).await
}

async fn trial(args: &BreakArgs, duration: Duration) -> Result<Outcome, TrialError> {
    let mut space = Workspace::new("break")?;
    let data = args.data.clone().unwrap_or_else(|| space.file("data"));
    let journal = space.file("journal.jsonl");
    let orders_before = if data.join("waybill.db").exists() {
        open_for_verify(&data)?.counts.orders
    } else {
        0
    };
    let mut server = Server::new(&data, &space.file("server.log"), &SETTINGS);
    server.start().await?;
    let say = |text: String| {
        if !args.json {
            output::line(text);
        }
    };
    say(format!(
        "a server of its own at {}, data in {}\nsending {} orders a second for {} s, and killing it (kill -9) at random moments",
        server.url(),
        data.display(),
        args.rate,
        duration.as_secs()
    ));
    let skus: Vec<String> = (0..SKUS).map(|n| format!("{PREFIX}{n}")).collect();
    stock(&mut server.client()?, &skus, UNITS).await?;

    let plan = plan(args.rate, duration, &journal);
    let mut loading = Box::pin(load::execute(
        &plan,
        server.client()?,
        ProgressDisplay::Silent,
    ));
    let (kills, report) = kill_until(&mut server, &mut loading, duration, &say).await?;
    say("reading every promised order back, and sending each again with its key".into());
    let judgement = judge(&server.client()?, &journal).await?;
    server.kill().await?;
    let findings = open_for_verify(&data)?;
    let stored = (findings.counts.orders - orders_before) as u64;
    let found = Found {
        kills,
        report,
        judgement,
        findings,
        stored,
    };
    let mut outcome = found.outcome();
    if !outcome.ok {
        outcome.text.push_str(&format!(
            "\nkept for you to look at: {}",
            space.keep().display()
        ));
    }
    Ok(outcome)
}

fn plan(rate: u64, duration: Duration, journal: &Path) -> Plan {
    Plan {
        connections: CONNECTIONS,
        pace: Pace {
            rate_per_s: Some(rate),
            orders: None,
            duration: Some(duration),
        },
        shape: Shape {
            dialect: Dialect::Sales,
            full: false,
            skus: Skus::Spread {
                prefix: PREFIX.into(),
                count: SKUS,
            },
            quantity: 1,
        },
        policy: Policy {
            timeout: Duration::from_secs(35),
            expected: vec![],
            retry_shed: true,
            ride_out: RIDE_OUT,
            replay_fraction: 0.0,
            keep_ids: true,
        },
        wait_delivered: Some(DELIVERED_WITHIN),
        journal: Some(journal.to_owned()),
        timeline: false,
        seed: rand::make_rng::<rand::rngs::SmallRng>().random(),
    }
}

/// Kills the server at random moments while orders are being sent; then waits for the end of the load.
async fn kill_until(
    server: &mut Server,
    loading: &mut (impl Future<Output = Result<Report, crate::client::ClientError>> + Unpin),
    duration: Duration,
    say: &impl Fn(String),
) -> Result<(u64, Report), TrialError> {
    let mut random: rand::rngs::SmallRng = rand::make_rng();
    let begun = Instant::now();
    let mut kills = 0;
    loop {
        let alive = Duration::from_millis(random.random_range(ALIVE_MS));
        if begun.elapsed() + alive >= duration {
            say("waiting until every order is delivered".into());
            return Ok((kills, loading.await?));
        }
        tokio::select! {
            ended = &mut *loading => return Ok((kills, ended?)),
            () = sleep(alive) => {}
        }
        let killing = async {
            server.kill().await?;
            server.start().await
        };
        // The load goes on while the server is down, so that requests fail in every phase of a start.
        let ready = tokio::select! {
            ready = killing => ready?,
            ended = &mut *loading => return Ok((kills, ended?)),
        };
        kills += 1;
        say(format!(
            "  killed at {:5.2} s, orders answered again {} ms later",
            begun.elapsed().saturating_sub(ready).as_secs_f64(),
            ready.as_millis()
        ));
    }
}

struct Found {
    kills: u64,
    report: Report,
    judgement: Judgement,
    findings: Findings,
    /// Orders that the trial left in the store.
    stored: u64,
}

impl Found {
    /// Orders in the store that were neither acknowledged to the client nor given up by it.
    fn unasked(&self) -> u64 {
        let tally = &self.report.tally;
        figures::left(
            self.stored,
            self.judgement.promised + tally.abandoned + tally.failed(),
        )
    }

    fn outcome(&self) -> Outcome {
        let judgement = &self.judgement;
        let tally = &self.report.tally;
        let delivered = self
            .report
            .deliveries
            .as_ref()
            .map_or(0, |wait| wait.delivered);
        let doubled = judgement.doubled + self.unasked();
        let clean = self.findings.findings.is_empty();
        // An order that the load gave up on was not acknowledged; `unasked` allows for it.
        let ok = self.report.has_no_failure()
            && judgement.is_clean()
            && doubled == 0
            && clean
            && self.kills > 0;
        let mut text = format!(
            "\nacknowledged  {} orders, while the server was killed {} times; {} were sent again because no answer came\n\
             lost          {}\n\
             changed       {}\n\
             doubled       {doubled}\n\
             delivered     {delivered}\n\
             verify        {}",
            judgement.promised,
            self.kills,
            tally.resent,
            judgement.lost,
            judgement.changed,
            trial::verified(&self.findings)
        );
        for words in judgement.named.iter().chain(&tally.first_failure) {
            text.push_str("\n  ");
            text.push_str(words);
        }
        text.push_str(if ok {
            "\n\nEvery order that was answered is there, once, as it was answered."
        } else if self.kills == 0 {
            "\n\nNOT ok: the server was never killed; give it longer with --duration"
        } else {
            "\n\nNOT ok"
        });
        let json = json!({
            "ok": ok,
            "kills": self.kills,
            "acknowledged": judgement.promised,
            "lost": judgement.lost,
            "changed": judgement.changed,
            "doubled": doubled,
            "delivered": delivered,
            "evidence": judgement.to_json(),
            "load": self.report.to_json(),
            "verify": {"ok": clean, "findings": self.findings.findings, "counts": self.findings.counts},
        });
        Outcome { ok, text, json }
    }
}
