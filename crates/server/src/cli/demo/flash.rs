//! `waybill demo flash`: one sku, many buyers, more demand than units. Exactly the units are sold.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use rand::RngExt as _;
use serde_json::{Value, json};
use waybill_store::sqlite::open_for_verify;
use waybill_store::verify::Report as Findings;

use super::child::Server;
use super::trial::{self, Outcome, TrialError, Workspace, bounded, stock};
use crate::cli::load::{self, Dialect, Pace, Plan, Policy, ProgressDisplay, Report, Shape, Skus};
use crate::cli::output;

const LIMIT: Duration = Duration::from_secs(180);
const SKU: &str = "flash-sale";
/// The status of an order after all units are sold.
const SOLD_OUT: u16 = 422;

/// Sell the units of one sku to many buyers at once, who want more than there is
#[derive(Debug, Args)]
#[command(
    after_help = "It starts a server of its own on a free port. Every buyer is a connection that orders one unit after another.\nExit code 0: exactly the units were sold, everyone else was told, and the store adds up.\n\nExamples:\n  waybill demo flash\n  waybill demo flash --units 1000 --buyers 500 --json"
)]
pub struct FlashArgs {
    /// Units there are
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    units: u64,
    /// Connections that buy
    #[arg(long, default_value_t = 256, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    buyers: u64,
    /// Orders they place, a unit each [default: a quarter more than there are units]
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=2_000_000))]
    orders: Option<u64>,
    /// Folder of the store [default: one that is removed afterwards]
    #[arg(long, value_name = "FOLDER")]
    data: Option<PathBuf>,
    /// Print one JSON document
    #[arg(long)]
    pub json: bool,
}

/// Runs the trial.
pub async fn run(args: &FlashArgs) -> Result<Outcome, TrialError> {
    bounded(LIMIT, trial(args)).await
}

async fn trial(args: &FlashArgs) -> Result<Outcome, TrialError> {
    let space = Workspace::new("flash")?;
    let data = args.data.clone().unwrap_or_else(|| space.file("data"));
    let mut server = Server::new(&data, &space.file("server.log"), &[]);
    server.start().await?;
    let wanted = args.orders.unwrap_or(args.units + args.units.div_ceil(4));
    if !args.json {
        output::line(format!(
            "a server of its own at {}: {} units of {SKU}, {} buyers, {wanted} orders of a unit each",
            server.url(),
            args.units,
            args.buyers
        ));
    }
    let mut client = server.client()?;
    // A count below what earlier runs reserved is refused, so each run has a sku of its own.
    let seed = rand::make_rng::<rand::rngs::SmallRng>().random::<u64>();
    let sku = format!("{SKU}-{seed:016x}");
    stock(&mut client, std::slice::from_ref(&sku), args.units).await?;
    let plan = plan(args, &sku, wanted, seed);
    let report = load::execute(&plan, server.client()?, ProgressDisplay::Silent).await?;
    let shelf = client.get(&format!("/v1/stock?sku={sku}")).await?.body["items"][0].take();
    server.kill().await?;
    let findings = open_for_verify(&data)?;
    Ok(outcome(args.units, wanted, &report, &shelf, &findings))
}

fn plan(args: &FlashArgs, sku: &str, orders: u64, seed: u64) -> Plan {
    Plan {
        connections: args.buyers.min(orders),
        pace: Pace {
            rate_per_s: None,
            orders: Some(orders),
            duration: None,
        },
        shape: Shape {
            dialect: Dialect::Sales,
            full: false,
            skus: Skus::One(sku.to_owned()),
            quantity: 1,
        },
        policy: Policy {
            timeout: Duration::from_secs(35),
            expected: vec![SOLD_OUT],
            retry_shed: true,
            ride_out: Duration::ZERO,
            replay_fraction: 0.0,
            keep_ids: false,
        },
        wait_delivered: None,
        journal: None,
        timeline: false,
        seed,
    }
}

fn outcome(
    units: u64,
    wanted: u64,
    report: &Report,
    shelf: &Value,
    findings: &Findings,
) -> Outcome {
    let tally = &report.tally;
    let sold = tally.acknowledged;
    let refused: u64 = tally.tolerated.values().sum();
    let seconds = report.elapsed.as_secs_f64().max(0.001);
    let per_second = (sold + refused) as f64 / seconds;
    let left = shelf["available"].as_i64();
    let clean = findings.findings.is_empty();
    let expected = units.min(wanted);
    let ok = tally.failed() == 0
        && sold == expected
        && refused == wanted - expected
        && clean
        && left == Some((units - expected) as i64);
    let mut text = format!(
        "\nsold      {sold} of {units} units\n\
         refused   {refused} orders (422, sold out)\n\
         left      {} to promise\n\
         speed     {per_second:.0} answers/s ({:.0} sold/s), p99 {:.1} ms\n\
         verify    {}",
        left.map_or_else(|| "unknown".to_owned(), |left| left.to_string()),
        sold as f64 / seconds,
        tally.service.value_at_quantile(0.99) as f64 / 1_000.0,
        trial::verified(findings)
    );
    if let Some(words) = &tally.first_failure {
        text.push_str(&format!("\n  the first error: {words}"));
    }
    text.push_str(if ok {
        "\n\nNot one unit was sold twice, and not one was held back."
    } else {
        "\n\nNOT ok"
    });
    let json = json!({
        "ok": ok,
        "units": units,
        "wanted": wanted,
        "sold": sold,
        "refused": refused,
        "available": left,
        "answersPerSecond": per_second,
        "load": report.to_json(),
        "verify": {"ok": clean, "findings": findings.findings, "counts": findings.counts},
    });
    Outcome { ok, text, json }
}
