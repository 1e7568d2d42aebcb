//! The arguments of `waybill load` and what they mean together.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use rand::RngExt as _;

use super::factory::{Dialect, Shape, Skus};
use super::pacing::Pace;
use super::worker::Policy;
use crate::cli::client_args::ClientArgs;
use crate::cli::duration::parse_duration;
use crate::client::ClientError;

/// How long a run is when neither `--orders` nor `--duration` says.
const DEFAULT_DURATION: Duration = Duration::from_secs(10);

#[derive(Args, Debug)]
#[command(after_help = "Examples:
  waybill load --orders 5000 --connections 500 --wait-delivered
  waybill load --rate 4000 --duration 2m --wait-delivered      open loop: 4000 orders/s, however long answers take
  waybill load --duration 12s --sku product-7                  one hot sku
  waybill load --duration 12s --replay-fraction 0.5            half of the orders are sent again
  waybill load --dialect v1 --full --duration 12s --json
  waybill load --duration 30s --report out.html            draw throughput, latency and lag over time
Track the skus first (`waybill seed`), or every order asks the inventory service instead.
Exits 1 on any answer that was not configured to fail (--expect-status), a missing delivery, a replay that
made another order, or an order that was not seen to its end (abandoned, never sent, without an answer). Answers 429, 408 and 503 with Retry-After are counted as shed, not as errors: the
connection stays away for as long as asked, and the order is sent again with the same key.")]
pub struct LoadArgs {
    /// Connections; in a closed loop each has one order under way
    #[arg(long, default_value_t = 256, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    pub connections: u64,
    /// Orders per second, sent whether or not the server keeps up (open loop)
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
    pub rate: Option<u64>,
    /// How many orders to send
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    pub orders: Option<u64>,
    /// How long to send (10s when --orders is not given either)
    #[arg(long, value_parser = parse_duration)]
    pub duration: Option<Duration>,
    /// The wire format of the orders (v1 with --full)
    #[arg(long, value_enum)]
    pub dialect: Option<Dialect>,
    /// Full orders: three lines, addresses, taxes, metadata, about 2 kB
    #[arg(long)]
    pub full: bool,
    /// Spread the orders over this many skus, numbered from 0
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u64).range(1..))]
    pub skus: u64,
    /// What those skus begin with
    #[arg(long, default_value = "product-")]
    pub prefix: String,
    /// Order the skus by Zipf's law with this exponent: the first one the most, the n-th 1/n^exponent as often
    #[arg(long, value_name = "EXPONENT", conflicts_with = "sku")]
    pub zipf: Option<f64>,
    /// Order this one sku only
    #[arg(long, conflicts_with_all = ["skus", "prefix"])]
    pub sku: Option<String>,
    /// Units per line
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub quantity: u32,
    /// Share of the orders that repeat an earlier key and body, and must answer the same order
    #[arg(long, default_value_t = 0.0)]
    pub replay_fraction: f64,
    /// Statuses that are no errors, for example 503,422
    #[arg(long, value_delimiter = ',', value_parser = clap::value_parser!(u16).range(300..=599))]
    pub expect_status: Vec<u16>,
    /// Do not send an order again that the server was too busy for
    #[arg(long)]
    pub no_retry: bool,
    /// Keep sending an order again, with its key, while nothing answers (a restart of the server)
    #[arg(long, value_parser = parse_duration, default_value = "0s")]
    pub ride_out: Duration,
    /// Afterwards wait until every acknowledged order is delivered
    #[arg(long)]
    pub wait_delivered: bool,
    /// How long to wait for that
    #[arg(long, value_parser = parse_duration, default_value = "120s")]
    pub wait_timeout: Duration,
    /// Append every acknowledged order to this file, one JSON line each
    #[arg(long, value_name = "FILE")]
    pub journal: Option<PathBuf>,
    /// Draw the run into this file: one HTML page without scripts, that replaces an older one
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,
    /// Repeat the orders (and keys) of an earlier run instead of random ones
    #[arg(long)]
    pub seed: Option<u64>,
    #[command(flatten)]
    pub client: ClientArgs,
}

/// A run, checked.
#[derive(Debug, Clone)]
pub struct Plan {
    pub connections: u64,
    pub pace: Pace,
    pub shape: Shape,
    pub policy: Policy,
    /// How long to wait for deliveries, if at all.
    pub wait_delivered: Option<Duration>,
    pub journal: Option<PathBuf>,
    /// Whether the run is also kept step by step.
    pub timeline: bool,
    pub seed: u64,
}

impl LoadArgs {
    /// # Errors
    /// `Usage` where the arguments contradict each other.
    pub fn plan(&self) -> Result<Plan, ClientError> {
        if !(0.0..=1.0).contains(&self.replay_fraction) {
            let what = format!("--replay-fraction {} is no share", self.replay_fraction);
            return Err(ClientError::usage(what, "give a number from 0 to 1"));
        }
        if let Some(wrong) = self.zipf.filter(|z| !(0.0..=10.0).contains(z)) {
            let what = format!("--zipf {wrong} is no exponent");
            return Err(ClientError::usage(
                what,
                "give a number from 0 to 10, often 1",
            ));
        }
        let dialect = match (self.dialect, self.full) {
            (Some(Dialect::Sales), true) => {
                return Err(ClientError::usage(
                    "a sales order has no addresses or taxes, so there is no --full one",
                    "use --dialect v1 --full, or leave --full out",
                ));
            }
            (None, true) => Dialect::V1,
            (given, _) => given.unwrap_or(Dialect::Sales),
        };
        let skus = match (&self.sku, self.zipf) {
            (Some(sku), _) => Skus::One(sku.clone()),
            (None, Some(exponent)) => Skus::zipf(&self.prefix, self.skus, exponent),
            (None, None) => Skus::Spread {
                prefix: self.prefix.clone(),
                count: self.skus,
            },
        };
        let duration = self
            .duration
            .or_else(|| self.orders.is_none().then_some(DEFAULT_DURATION));
        Ok(Plan {
            // More connections than orders would only be opened and closed.
            connections: self
                .orders
                .map_or(self.connections, |orders| self.connections.min(orders)),
            pace: Pace {
                rate_per_s: self.rate,
                orders: self.orders,
                duration,
            },
            shape: Shape {
                dialect,
                full: self.full,
                skus,
                quantity: self.quantity,
            },
            policy: Policy {
                timeout: self.client.timeout,
                expected: self.expect_status.clone(),
                retry_shed: !self.no_retry,
                ride_out: self.ride_out,
                replay_fraction: self.replay_fraction,
                keep_ids: self.wait_delivered,
            },
            wait_delivered: self.wait_delivered.then_some(self.wait_timeout),
            journal: self.journal.clone(),
            timeline: self.report.is_some(),
            // Keys must differ from run to run, or the second run would only replay the first; the
            // seed is printed, so that a run can be repeated.
            seed: self
                .seed
                .unwrap_or_else(|| rand::make_rng::<rand::rngs::SmallRng>().random()),
        })
    }
}
