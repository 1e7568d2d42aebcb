//! `waybill samples`: what all processes counted, slot by slot, as a table.

use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use serde_json::Value;
use waybill_domain::time::Time;

use super::client_args::ClientArgs;
use super::duration::parse_duration;
use super::exit::Exit;
use super::output::{self, plain, table};
use crate::client::{ClientError, Query};
use crate::clock::Clock;
use crate::observe::figures;

/// Up to here slots of ten seconds are asked for, beyond it those of five minutes.
const SHORT_SLOTS: Duration = Duration::from_secs(4 * 3_600);

#[derive(Args, Debug)]
#[command(after_help = "Examples:
  waybill samples                       the last hour, a line for ten seconds
  waybill samples --since 24h           a line for five minutes
  waybill samples --since 10m --json    as GET /v1/samples answers it")]
pub struct SamplesArgs {
    /// How far to look back: 10m, 1h, 24h; beyond 4h with slots of five minutes
    #[arg(long, value_name = "DURATION", default_value = "1h", value_parser = parse_duration)]
    pub since: Duration,
    /// Only what this process counted, by the id that --json shows
    #[arg(long, value_name = "ID")]
    pub process: Option<String>,
    #[command(flatten)]
    pub client: ClientArgs,
}

/// # Errors
/// Why the command failed.
pub async fn run(args: SamplesArgs, clock: &dyn Clock) -> Result<ExitCode, ClientError> {
    let mut client = args.client.client()?;
    let since = figures::gauge(figures::millis(args.since));
    let from = Time(clock.now_micros()).plus_ms(-since);
    let step = if args.since <= SHORT_SLOTS {
        "10s"
    } else {
        "5m"
    };
    let query = Query::default()
        .with("from", Some(from.to_string()))
        .with("step", Some(step))
        .with("process", args.process.as_deref());
    let samples = client.get(&query.after_path("/v1/samples")).await?.body;
    if args.client.json {
        output::json(&samples);
    } else {
        output::line(shown(&samples));
    }
    Ok(Exit::Done.into())
}

fn shown(samples: &Value) -> String {
    let items = samples["items"].as_array().map(Vec::as_slice);
    let items = items.unwrap_or_default();
    if items.is_empty() {
        return "no process wrote in this time (setting samples.interval_ms)".to_owned();
    }
    let titles = [
        "at",
        "orders/s",
        "refused/s",
        "delivered/s",
        "p50 ms",
        "p99 ms",
        "waiting",
        "lag ms",
        "processes",
    ];
    let rows: Vec<Vec<String>> = items.iter().map(row).collect();
    let mut text = table(&titles, &rows);
    let changes = items.iter().filter_map(|item| item["breakers"].as_array());
    for change in changes.flatten() {
        let of = |name: &str| plain(&change[name]);
        let (at, name, from, to) = (of("at"), of("name"), of("from"), of("to"));
        text.push_str(&format!("\n{at}  breaker of {name}: {from} to {to}"));
    }
    text
}

fn row(item: &Value) -> Vec<String> {
    let lags = item["lagMs"].as_object().into_iter().flatten();
    let lag = lags.filter_map(|(_, ms)| ms.as_u64()).max();
    vec![
        plain(&item["at"]),
        plain(&item["ordersPerSecond"]),
        plain(&item["refusedPerSecond"]),
        plain(&item["deliveredPerSecond"]),
        plain(&item["latencyMs"]["p50"]),
        plain(&item["latencyMs"]["p99"]),
        plain(&item["queue"]["most"]),
        lag.map_or_else(String::new, |ms| ms.to_string()),
        plain(&item["processes"]),
    ]
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_slot_is_a_line_with_its_longest_lag_and_each_change_of_a_breaker_follows() {
        let samples = json!({"items": [{
            "at": "2026-05-04T10:00:00Z", "ordersPerSecond": 81.2, "refusedPerSecond": 0.0, "deliveredPerSecond": 80.0,
            "latencyMs": {"p50": 1.9, "p99": 7.25}, "queue": {"most": 3}, "lagMs": {"delivery": 4, "status": 17},
            "processes": 2,
            "breakers": [{"at": "2026-05-04T10:00:03Z", "name": "inventory", "from": "closed", "to": "open"}],
        }]});
        let text = shown(&samples);
        let line = text.lines().nth(1).expect("a line");
        for cell in ["81.2", "1.9", "7.25", "17", "2"] {
            assert!(line.contains(cell), "{text}");
        }
        assert!(
            text.ends_with("breaker of inventory: closed to open"),
            "{text}"
        );
        let nothing = shown(&json!({"items": []}));
        assert!(nothing.contains("samples.interval_ms"), "{nothing}");
    }
}
