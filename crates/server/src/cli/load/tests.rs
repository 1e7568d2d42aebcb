//! Runs against a small server that answers as the contract says.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use clap::Parser;
use parking_lot::Mutex;

use super::*;
use crate::client::fake_server::{FakeAnswer, FakeRequest, FakeServer};

#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    load: LoadArgs,
}

fn args(server: &FakeServer, text: &str) -> LoadArgs {
    let words = ["load", "--token", "test-token", "--url", &server.url]
        .into_iter()
        .chain(text.split_whitespace());
    Cli::try_parse_from(words)
        .unwrap_or_else(|error| panic!("{error}"))
        .load
}

async fn report(server: &FakeServer, text: &str) -> Report {
    let args = args(server, text);
    execute(
        &args.plan().unwrap(),
        args.client.client().unwrap(),
        ProgressDisplay::Silent,
    )
    .await
    .unwrap()
}

/// A sales server: one order per key, delivered at once, `busy` answers first.
#[derive(Default)]
struct Shop {
    orders: Mutex<HashMap<String, (String, u64)>>,
    asked: AtomicU64,
}

impl Shop {
    fn answer(&self, request: &FakeRequest) -> FakeAnswer {
        if request.uri.path() == "/api/metrics" {
            let delivered = self.orders.lock().len();
            let body = format!(
                r#"{{"orders":{{"delivered":{delivered}}},"outbox":{{"lag":{{"delivery":3}}}}}}"#
            );
            return FakeAnswer::json(200, body);
        }
        if request.uri.path().starts_with("/api/orders/") {
            return FakeAnswer::json(200, r#"{"success":true,"data":{"status":"Delivered"}}"#);
        }
        assert_eq!(request.line(), "POST /api/orders");
        assert_eq!(request.header("authorization"), "Bearer test-token");
        let key = request.header("idempotency-key").to_owned();
        let mut orders = self.orders.lock();
        let next = orders.len() as u64;
        let (body, number) = orders
            .entry(key)
            .or_insert_with(|| (String::from_utf8(request.body.to_vec()).unwrap(), next));
        assert_eq!(
            body.as_bytes(),
            &request.body[..],
            "a key is only ever sent with its own body"
        );
        let answer = format!(
            r#"{{"success":true,"data":{{"orderId":"o-{number}","status":"Pending Shipment"}}}}"#
        );
        FakeAnswer::json(201, answer)
    }
}

async fn shop(
    answer: impl Fn(&Shop, &FakeRequest) -> FakeAnswer + Send + Sync + 'static,
) -> (FakeServer, Arc<Shop>) {
    let shop = Arc::new(Shop::default());
    let server = FakeServer::start({
        let shop = Arc::clone(&shop);
        move |request| answer(&shop, &request)
    })
    .await;
    (server, shop)
}

#[tokio::test]
async fn every_order_is_acknowledged_and_delivered() {
    let (server, shop) = shop(Shop::answer).await;
    let report = report(&server, "--orders 500 --connections 20 --wait-delivered").await;
    assert!(report.is_success(), "{report}");
    assert_eq!(
        (
            report.tally.offered,
            report.tally.acknowledged,
            shop.orders.lock().len()
        ),
        (500, 500, 500)
    );
    let deliveries = report.deliveries.unwrap();
    assert_eq!((deliveries.expected, deliveries.delivered), (500, 500));
}

#[tokio::test]
async fn an_open_loop_sends_what_its_schedule_says() {
    let (server, _shop) = shop(Shop::answer).await;
    let report = report(&server, "--rate 2000 --duration 100ms --connections 8").await;
    assert!(report.is_success(), "{report}");
    assert_eq!(report.tally.offered, 200);
}

#[tokio::test]
async fn shed_orders_are_sent_again_with_their_key_and_are_no_errors() {
    let (server, shop) = shop(|shop, request| {
        if request.uri.path() == "/api/orders" && shop.asked.fetch_add(1, Ordering::Relaxed) < 10 {
            return FakeAnswer::json(
                503,
                r#"{"error":"Service Temporarily Unavailable","message":"full"}"#,
            )
            .with("retry-after", "0");
        }
        shop.answer(request)
    })
    .await;
    let report = report(&server, "--orders 50 --connections 4").await;
    assert!(report.is_success(), "{report}");
    assert_eq!(
        (
            report.tally.shed(),
            report.tally.acknowledged,
            shop.orders.lock().len()
        ),
        (10, 50, 50)
    );
}

#[tokio::test]
async fn without_retries_a_shed_order_is_given_up_and_counted() {
    let (server, _shop) = shop(|shop, request| {
        if shop.asked.fetch_add(1, Ordering::Relaxed) % 2 == 0 {
            return FakeAnswer::json(429, r#"{"error":"Too Many Requests"}"#)
                .with("retry-after", "0");
        }
        shop.answer(request)
    })
    .await;
    for (expected, is_success) in [("", false), (" --expect-status 429", true)] {
        let words = format!("--orders 20 --connections 2 --no-retry{expected}");
        let report = report(&server, &words).await;
        assert_eq!(report.is_success(), is_success, "{report}");
        assert_eq!(
            (report.tally.sheds[&429], report.tally.acknowledged),
            (10, 10)
        );
    }
}

#[tokio::test]
async fn a_refusal_fails_the_run_unless_it_was_expected() {
    let (server, _shop) = shop(|shop, request| {
        if shop.asked.fetch_add(1, Ordering::Relaxed) == 3 {
            return FakeAnswer::json(
                422,
                r#"{"success":false,"error":{"code":"INSUFFICIENT_INVENTORY","message":"short"}}"#,
            );
        }
        shop.answer(request)
    })
    .await;
    let failed = report(&server, "--orders 20 --connections 2").await;
    assert_eq!(
        failed.tally.failures,
        [("422 INSUFFICIENT_INVENTORY".to_owned(), 1)].into()
    );
    assert!(
        !failed.is_success() && failed.to_string().contains("short"),
        "{failed}"
    );
    let code = run(args(&server, "--orders 3 --connections 1"))
        .await
        .unwrap();
    assert_eq!(code, ExitCode::SUCCESS);

    let (server, _shop) = shop_that_refuses().await;
    assert_eq!(
        run(args(&server, "--orders 3 --connections 1"))
            .await
            .unwrap(),
        ExitCode::FAILURE
    );
    assert_eq!(
        run(args(
            &server,
            "--orders 3 --connections 1 --expect-status 503,422"
        ))
        .await
        .unwrap(),
        ExitCode::SUCCESS
    );
}

async fn shop_that_refuses() -> (FakeServer, Arc<Shop>) {
    shop(|_, _| {
        FakeAnswer::json(
            422,
            r#"{"success":false,"error":{"code":"X","message":"no"}}"#,
        )
    })
    .await
}

#[tokio::test]
async fn a_replay_that_answers_another_order_fails_the_run() {
    let (honest, shop_of_honest) = shop(Shop::answer).await;
    let report_of_honest = report(
        &honest,
        "--orders 200 --connections 4 --replay-fraction 0.5",
    )
    .await;
    assert!(report_of_honest.is_success(), "{report_of_honest}");
    assert!(report_of_honest.tally.replayed > 0);
    assert_eq!(
        shop_of_honest.orders.lock().len() as u64,
        report_of_honest.tally.acknowledged
    );

    let (forgetful, _shop) = shop(|shop, _| {
        let number = shop.asked.fetch_add(1, Ordering::Relaxed);
        FakeAnswer::json(201, format!(r#"{{"data":{{"orderId":"o-{number}"}}}}"#))
    })
    .await;
    let report = report(
        &forgetful,
        "--orders 200 --connections 4 --replay-fraction 0.5",
    )
    .await;
    assert!(
        report.tally.failures["replay mismatch"] > 0 && !report.is_success(),
        "{report}"
    );
}

#[tokio::test]
async fn acknowledged_orders_stand_in_the_journal() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.jsonl");
    let (server, shop) = shop(Shop::answer).await;
    report(
        &server,
        &format!("--orders 30 --connections 3 --journal {}", path.display()),
    )
    .await;
    let text = std::fs::read_to_string(path).unwrap();
    assert_eq!(text.lines().count(), 30);
    for line in text.lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        let orders = shop.orders.lock();
        let (body, number) = &orders[line["key"].as_str().unwrap()];
        assert_eq!(
            line["request"],
            serde_json::from_str::<serde_json::Value>(body).unwrap()
        );
        assert_eq!(line["orderId"], format!("o-{number}"));
    }
}

#[tokio::test]
async fn a_report_is_drawn_from_the_run_and_the_servers_lag() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.html");
    let (server, _shop) = shop(Shop::answer).await;
    let words = format!(
        "--rate 200 --duration 1500ms --connections 4 --report {}",
        path.display()
    );
    let code = run(args(&server, &words)).await.unwrap();
    assert_eq!(code, ExitCode::SUCCESS);
    let page = std::fs::read_to_string(path).unwrap();
    for part in [
        "<td>acknowledged</td><td>300</td>",
        "data-series=\"acknowledged\"",
        "data-series=\"p99\"",
        "data-series=\"delivery\"",
    ] {
        assert!(page.contains(part), "{part} in {page}");
    }
}

#[tokio::test]
async fn a_report_that_cannot_be_written_ends_the_run_before_it_starts() {
    let folder = tempfile::tempdir().unwrap();
    let (server, shop) = shop(Shop::answer).await;
    let words = format!("--orders 5 --report {}", folder.path().display());
    let error = run(args(&server, &words)).await.unwrap_err();
    assert!(error.to_string().contains("--report"), "{error}");
    assert!(shop.orders.lock().is_empty());
}

#[tokio::test]
async fn a_server_that_is_not_there_ends_the_run_before_it_starts() {
    let (server, _shop) = shop(Shop::answer).await;
    let mut args = args(&server, "--orders 1");
    args.client.url = Some("http://127.0.0.1:1".into());
    let error = run(args).await.unwrap_err();
    assert!(error.to_string().contains("nothing answers"), "{error}");
}

#[test]
fn a_full_sales_order_and_a_share_beyond_one_are_usage_errors() {
    for text in ["--full --dialect sales", "--replay-fraction 1.5"] {
        let words = ["load"].into_iter().chain(text.split_whitespace());
        let error = Cli::try_parse_from(words)
            .ok()
            .unwrap()
            .load
            .plan()
            .unwrap_err();
        assert_eq!(error.exit(), crate::cli::exit::Exit::Usage, "{error}");
    }
}

#[test]
fn the_limit_on_open_files_is_read() {
    let text = "Limit                     Soft Limit           Hard Limit           Units     \nMax open files            1024                 524288               files     \n";
    assert_eq!(open_files_allowed(text), Some(1024));
    assert_eq!(
        open_files_allowed(
            "Max open files            unlimited            unlimited            files"
        ),
        None
    );
    assert_eq!(open_files_allowed(""), None);
}
