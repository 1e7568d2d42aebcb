//! `waybill vendor-mock`: a vendor to try Waybill on.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use waybill_domain::stock::MAX_UNITS;
use waybill_domain::text::{Sku, Vendor};

use super::{fail, fail_with, output};
use crate::clock::SystemClock;
use crate::config::{Listen, MillisRange, Profile};
use crate::http::listen;
use crate::random::Entropy;
use crate::vendor_mock::{Faults, Mock, Nonsense, serve};

/// The most skus that `--skus` makes.
const MOST_SKUS: u32 = 1_000_000;

/// What VendorA and VendorB have if nothing else is said.
const OF_VENDOR_A: [(&str, i64); 4] = [
    ("LAPTOP-001", 10),
    ("MOUSE-001", 25),
    ("KEYBOARD-001", 15),
    ("LAPTOP-a-001", 50),
];
const OF_VENDOR_B: [(&str, i64); 4] = [
    ("LAPTOP-001", 5),
    ("MOUSE-001", 30),
    ("KEYBOARD-001", 20),
    ("SMARTPHONE-b-002", 40),
];

/// Answer as a vendor would, with faults on demand and a ledger of everything that was done
#[derive(Debug, Args)]
#[command(
    after_help = "The vendor API: GET /health, /stock, /info; POST /reduce-stock, /restore-stock, /simulate/fluctuation.\nFor tests: GET /ledger tells what was done, GET and PUT /faults what goes wrong, PUT /stock/SKU sets a quantity.\n\nExamples:\n  waybill vendor-mock --name VendorA --listen :3001\n  waybill vendor-mock --name Slow --listen :3005 --stock MUG=500 --latency-ms 50-150 --lost-percent 10\n  curl -X PUT localhost:3005/faults -d '{\"down\":true}'"
)]
pub struct VendorMockArgs {
    /// The vendor's name; VendorA and VendorB have stock of their own
    #[arg(long, default_value = "VendorA", value_parser = vendor)]
    name: Vendor,
    /// Address to listen on, as :3001 (this machine only) or 0.0.0.0:3001
    #[arg(long, value_name = "ADDRESS", default_value = ":3001", value_parser = address)]
    listen: Listen,
    /// Units of a sku, instead of the vendor's own; may be repeated
    #[arg(long, value_name = "SKU=UNITS", value_parser = stock)]
    stock: Vec<(Sku, i64)>,
    /// Have so many more skus, SKU-000001 and on, with 100 units each
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u32).range(..=i64::from(MOST_SKUS)))]
    skus: u32,
    /// Time before each answer, as 20 or 50-150, in milliseconds
    #[arg(long, value_name = "MS", default_value = "0", value_parser = latency)]
    latency_ms: MillisRange,
    /// Percent of calls that are answered 503 and do nothing
    #[arg(long, value_name = "PERCENT", default_value_t = 0.0)]
    error_percent: f64,
    /// Percent of calls that are done and get no answer
    #[arg(long, value_name = "PERCENT", default_value_t = 0.0)]
    lost_percent: f64,
    /// Percent of calls that are answered with yes and not done
    #[arg(long, value_name = "PERCENT", default_value_t = 0.0)]
    lie_percent: f64,
    /// Send answers at so many bytes a second; 0 for at once
    #[arg(long, value_name = "BYTES", default_value_t = 0)]
    drip_bytes_per_s: u32,
    /// What GET /stock answers instead of the stock
    #[arg(long, value_name = "KIND")]
    nonsense: Option<Nonsense>,
    /// Close every connection without an answer
    #[arg(long)]
    down: bool,
    /// Do a call that repeats an Idempotency-Key only once
    #[arg(long)]
    honour_keys: bool,
    /// The same seed draws the same faults
    #[arg(long)]
    seed: Option<u64>,
    /// Print one JSON line when it is ready, and nothing else
    #[arg(long)]
    json: bool,
}

fn vendor(text: &str) -> Result<Vendor, String> {
    Vendor::parse(text).map_err(|problem| problem.to_string())
}

fn address(text: &str) -> Result<Listen, String> {
    Listen::try_from(text.to_owned())
}

fn latency(text: &str) -> Result<MillisRange, String> {
    MillisRange::try_from(text.to_owned())
}

fn stock(text: &str) -> Result<(Sku, i64), String> {
    let wrong = || format!("`{text}` is no stock; write SKU=UNITS, with 0 to {MAX_UNITS} units");
    let (sku, units) = text.rsplit_once('=').ok_or_else(wrong)?;
    let units: i64 = units.parse().map_err(|_| wrong())?;
    let sku = Sku::parse(sku).map_err(|problem| problem.to_string())?;
    (0..=MAX_UNITS)
        .contains(&units)
        .then_some((sku, units))
        .ok_or_else(wrong)
}

impl VendorMockArgs {
    fn faults(&self) -> Faults {
        Faults {
            latency_ms: self.latency_ms,
            error_percent: self.error_percent,
            lost_percent: self.lost_percent,
            lie_percent: self.lie_percent,
            drip_bytes_per_s: self.drip_bytes_per_s,
            nonsense: self.nonsense,
            down: self.down,
            honours_keys: self.honour_keys,
        }
    }

    fn stock(&self) -> Vec<(Sku, i64)> {
        let mut stock = self.stock.clone();
        if stock.is_empty() && self.skus == 0 {
            stock = own_stock(&self.name);
        }
        let more = (1..=self.skus).map(|number| (Sku::stored(&format!("SKU-{number:06}")), 100));
        stock.extend(more);
        stock
    }
}

/// What a vendor has of which nothing is said.
pub fn own_stock(name: &Vendor) -> Vec<(Sku, i64)> {
    let rows: &[(&str, i64)] = match name.as_str() {
        "VendorA" => &OF_VENDOR_A,
        "VendorB" => &OF_VENDOR_B,
        _ => &[],
    };
    let rows = rows.iter();
    rows.map(|(sku, units)| (Sku::stored(sku), *units))
        .collect()
}

/// Runs until Ctrl-C.
pub async fn run(args: VendorMockArgs) -> ExitCode {
    let faults = match args.faults().check() {
        Ok(faults) => faults,
        Err(error) => return output::usage_error(&error.to_string(), None),
    };
    let entropy = match args.seed {
        Some(seed) => Entropy::from_seed(seed),
        None => match Entropy::from_os() {
            Ok(entropy) => entropy,
            Err(error) => return fail(&error),
        },
    };
    let listeners = match listen::bind(&args.listen.addresses(Profile::Demo)) {
        Ok(listeners) => listeners,
        Err(error) => return fail(&error),
    };
    let Some(at) = listeners.first().and_then(|first| first.local_addr().ok()) else {
        return fail_with("there is no address to listen on");
    };
    let (stock, name) = (args.stock(), args.name.clone());
    let skus = stock.len();
    let clock = Arc::new(SystemClock);
    let mock = Mock::new(name, at.port(), stock, faults, clock, Arc::new(entropy));
    let stop = CancellationToken::new();
    if let Err(error) = stop_on_signals(&stop) {
        return fail(&error);
    }
    say_ready(&args, at, skus);
    match serve(listeners, Arc::new(mock), stop).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error),
    }
}

fn say_ready(args: &VendorMockArgs, at: SocketAddr, skus: usize) {
    let url = format!("http://{at}");
    if args.json {
        let pid = std::process::id();
        output::json_line(&json!({"ready": true, "url": url, "pid": pid, "vendor": args.name}));
    } else {
        output::line(format!(
            "{} answers at {url} with {skus} skus\nstock    {url}/stock\nledger   {url}/ledger\nfaults   {url}/faults\nCtrl-C stops it.",
            args.name
        ));
    }
}

fn stop_on_signals(stop: &CancellationToken) -> std::io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let stop = stop.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        stop.cancel();
    });
    Ok(())
}
