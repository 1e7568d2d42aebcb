//! `waybill seed`: sets the same count for a number of skus, so that orders can be placed.

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::client_args::ClientArgs;
use super::output;
use crate::client::{Client, ClientError, path_segment};

/// How often a count is sent again when the server is too busy.
const TRIES_PER_SKU: u32 = 20;
/// The shortest pause before that.
const SHORTEST_PAUSE: Duration = Duration::from_millis(50);

#[derive(Args, Debug)]
#[command(after_help = "Examples:
  waybill seed                                        product-0 … product-999, a million of each
  waybill seed --skus 10 --prefix MUG- --on-hand 25   MUG-0 … MUG-9
Counts are absolute: seeding again sets the same counts, it adds nothing.")]
pub struct SeedArgs {
    /// How many skus, numbered from 0
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
    pub skus: u64,
    /// What each sku begins with
    #[arg(long, default_value = "product-")]
    pub prefix: String,
    /// Units on hand of each
    #[arg(long, default_value_t = 1_000_000)]
    pub on_hand: u64,
    /// Connections to use
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u64).range(1..=1024))]
    pub connections: u64,
    #[command(flatten)]
    pub client: ClientArgs,
}

/// # Errors
/// The first sku that could not be set, with the server's reason.
pub async fn run(args: SeedArgs) -> Result<ExitCode, ClientError> {
    seed(&args).await
}

async fn seed(args: &SeedArgs) -> Result<ExitCode, ClientError> {
    let client = args.client.client()?;
    let bar = progress_bar(args.skus);
    let next = Arc::new(AtomicU64::new(0));
    let started = Instant::now();
    let mut workers = JoinSet::new();
    for _ in 0..args.connections.min(args.skus) {
        workers.spawn(worker(
            client.another(),
            args.prefix.clone(),
            args.skus,
            args.on_hand,
            Arc::clone(&next),
            bar.clone(),
        ));
    }
    let mut failure = None;
    while let Some(ended) = workers.join_next().await {
        // A worker ends with a result; after the first failure the others are aborted.
        if let Ok(Err(error)) = ended
            && failure.is_none()
        {
            failure = Some(error);
            workers.abort_all();
        }
    }
    let set = bar.position();
    bar.finish_and_clear();
    if let Some(error) = failure {
        output::remark(format!("stopped after {set} of {} skus", args.skus));
        return Err(error);
    }
    let seconds = started.elapsed().as_secs_f64();
    if args.client.json {
        output::json(
            &json!({"skus": set, "prefix": args.prefix, "onHand": args.on_hand, "seconds": seconds}),
        );
    } else {
        output::line(format!(
            "{set} skus are tracked: {prefix}0 … {prefix}{last}, {} on hand each ({:.0} skus/s)\nnext: waybill order create --sku {prefix}0 --quantity 1 --price 9.90",
            args.on_hand,
            // The count is far below 2^52, the division exact enough for a rate.
            set as f64 / seconds.max(0.001),
            prefix = args.prefix,
            last = args.skus - 1,
        ));
    }
    Ok(ExitCode::SUCCESS)
}

async fn worker(
    mut client: Client,
    prefix: String,
    skus: u64,
    on_hand: u64,
    next: Arc<AtomicU64>,
    bar: ProgressBar,
) -> Result<(), ClientError> {
    let body = json!({"onHand": on_hand, "reason": "seed"});
    loop {
        let number = next.fetch_add(1, Ordering::Relaxed);
        if number >= skus {
            return Ok(());
        }
        set_count(&mut client, &format!("{prefix}{number}"), &body).await?;
        bar.inc(1);
    }
}

/// Sets one absolute count; when the server is too busy, sends it again after `Retry-After`.
pub(super) async fn set_count(
    client: &mut Client,
    sku: &str,
    body: &Value,
) -> Result<(), ClientError> {
    let path = format!("/v1/stock/{}", path_segment(sku));
    let mut tries = 0;
    loop {
        tries += 1;
        let refusal = match client.put(&path, body).await {
            Ok(_) => return Ok(()),
            Err(ClientError::Refused(refusal)) => refusal,
            Err(error) => return Err(error),
        };
        let Some(wait) = refusal.retry_after.filter(|_| tries < TRIES_PER_SKU) else {
            return Err(ClientError::Refused(refusal));
        };
        tokio::time::sleep(wait.max(SHORTEST_PAUSE)).await;
    }
}

/// A bar that is drawn on a terminal only.
fn progress_bar(skus: u64) -> ProgressBar {
    let style =
        ProgressStyle::with_template("seeding {bar:40} {pos}/{len} skus, {per_sec}, {eta} left")
            .unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(skus).with_style(style)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Mutex;

    use super::*;
    use crate::cli::exit::Exit;
    use crate::client::fake_server::{FakeAnswer, FakeServer};

    fn args(url: &str, skus: u64) -> SeedArgs {
        SeedArgs {
            skus,
            prefix: "MUG/".into(),
            on_hand: 25,
            connections: 4,
            client: ClientArgs::for_url(url),
        }
    }

    #[tokio::test]
    async fn every_sku_is_set_once_even_when_the_server_is_busy_at_first() {
        let set = Arc::new(Mutex::new(BTreeMap::new()));
        let server = FakeServer::start({
            let set = Arc::clone(&set);
            move |request| {
                let tries = *set.lock().unwrap().entry(request.line()).and_modify(|n| *n += 1).or_insert(1);
                assert_eq!(request.header("authorization"), "Bearer test-token");
                assert_eq!(request.json(), json!({"onHand": 25, "reason": "seed"}));
                if tries == 1 && request.line().ends_with('7') {
                    return FakeAnswer::json(503, r#"{"code":"overloaded"}"#).with("retry-after", "0");
                }
                FakeAnswer::json(200, r#"{"sku":"x","vendor":"local","onHand":25,"reserved":0,"available":25,"version":1}"#)
            }
        })
        .await;
        assert_eq!(run(args(&server.url, 20)).await.unwrap(), ExitCode::SUCCESS);
        let set = set.lock().unwrap();
        assert_eq!(set.len(), 20);
        assert_eq!(set["PUT /v1/stock/MUG%2F0"], 1);
        assert_eq!(set["PUT /v1/stock/MUG%2F7"], 2);
    }

    #[tokio::test]
    async fn a_refused_count_stops_the_seeding_with_the_servers_reason() {
        let server = FakeServer::start(|_| {
            FakeAnswer::json(409, r#"{"code":"stock_not_mendable","title":"Too low"}"#)
        })
        .await;
        let error = run(args(&server.url, 20)).await.unwrap_err();
        assert!(
            error.to_string().contains("409 stock_not_mendable"),
            "{error}"
        );
        assert_eq!(error.exit(), Exit::Refused);
    }

    #[tokio::test]
    async fn a_server_that_is_not_there_is_named() {
        let error = run(args("http://127.0.0.1:1", 1)).await.unwrap_err();
        assert!(
            error
                .to_string()
                .contains("nothing answers at http://127.0.0.1:1"),
            "{error}"
        );
    }
}
