//! Answers to a client beyond its rate, and under overload.

use std::time::Instant;

use futures::future::join_all;
use serde_json::Value;
use waybill_testkit::http::Answer;

use super::{ORDERS, PATIENCE, demo, example, post};

/// The overload answer of all dialects.
fn assert_come_back(answer: &Answer, error: &str) {
    let body: Value = answer.json();
    assert_eq!(body["error"], error, "{body}");
    assert!(body["message"].is_string(), "{body}");
    assert_eq!(
        body["correlationId"].as_str(),
        answer.header("x-correlation-id")
    );
    let after = answer
        .header("retry-after")
        .and_then(|text| text.parse::<u32>().ok());
    assert!(
        after.is_some_and(|seconds| seconds >= 1),
        "{:?}",
        answer.headers
    );
}

#[tokio::test]
async fn a_client_that_asks_too_often_is_told_when_to_come_back_and_health_is_not_counted() {
    let app = demo()
        .env("RATE_LIMIT_PER_MINUTE", "5")
        .ready()
        .await
        .expect("ready");
    let mut client = app.client();
    for _ in 0..5 {
        assert_eq!(post(&mut client, ORDERS, &[], &example()).await.status, 201);
    }
    let answer = post(&mut client, ORDERS, &[], &example()).await;
    assert_eq!(answer.status, 429);
    assert_come_back(&answer, "Too Many Requests");
    assert_eq!(client.get("/health").await.expect("an answer").status, 200);
    let other = waybill_testkit::token::demo_for("default", "another");
    let mut other = waybill_testkit::http::Client::new(app.address()).with_token(&other);
    assert_eq!(post(&mut other, ORDERS, &[], &example()).await.status, 201);
}

#[tokio::test]
async fn who_may_not_ask_more_reads_the_same_words_on_every_path() {
    let app = demo()
        .env("RATE_LIMIT_PER_MINUTE", "1")
        .ready()
        .await
        .expect("ready");
    let mut client = app.client();
    client.get("/api/nowhere").await.expect("an answer");
    for path in ["/api/orders/1", "/api/metrics", "/api/nowhere"] {
        let answer = client.get(path).await.expect("an answer");
        assert_eq!(answer.status, 429, "{path}");
        assert_come_back(&answer, "Too Many Requests");
    }
    let answer = client.get("/v1/orders").await.expect("an answer");
    let problem: Value = answer.json();
    assert_eq!(
        (answer.status.as_u16(), &problem["code"]),
        (429, &"rate_limited".into())
    );
}

/// The database holds the rows that are asked for, so that the handler waits until its time is over.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_takes_too_long_is_a_timeout_in_the_words_of_its_dialect() {
    let app = demo()
        .env("WAYBILL_SERVER__BODY_TIMEOUT_MS", "500ms")
        .env("WAYBILL_SERVER__REQUEST_TIMEOUT_MS", "500ms")
        .ready()
        .await
        .expect("ready");
    // Only a shared store lets a test hold its rows; on the embedded one a slow body stands for it below.
    if let Some(database) = app.database() {
        let id = super::placed(&mut app.client(), &example()).await;
        let locked = "SELECT count(*) FROM pg_locks JOIN pg_class c ON c.oid = relation
            WHERE c.relname = 'orders' AND mode = 'AccessExclusiveLock' AND granted";
        std::thread::scope(|scope| {
            scope.spawn(|| {
                // Ended below, which is an error here.
                let _ended = database
                    .sql("BEGIN; LOCK TABLE orders IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep(30);");
            });
            let begun = Instant::now();
            while database.sql(locked).expect("asked") != "1" {
                assert!(begun.elapsed() < PATIENCE, "the table is not locked");
            }
            let handle = tokio::runtime::Handle::current();
            let (sales, v1) = tokio::task::block_in_place(|| {
                handle.block_on(async {
                    let mut client = app.client();
                    let sales = client.get(&format!("{ORDERS}/{id}")).await;
                    let v1 = client.get(&format!("/v1/orders/{id}")).await;
                    (sales.expect("an answer"), v1.expect("an answer"))
                })
            });
            database
                .sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(30)%' AND pid <> pg_backend_pid()")
                .expect("ended");
            assert_eq!(sales.status, 408, "{}", sales.text());
            assert_come_back(&sales, "Request Timeout");
            assert_eq!(v1.status, 408, "{}", v1.text());
            assert_eq!(v1.json::<Value>()["code"], "request_timeout");
            assert!(v1.header("retry-after").is_some());
        });
    }
    let token = waybill_testkit::token::demo_for("default", "slow");
    let slow = format!(
        "POST {ORDERS} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\nContent-Length: 100\r\n\r\n{{"
    );
    let answer = waybill_testkit::raw::exchange(app.address(), slow).await;
    let answer = answer.expect("an answer");
    assert_eq!(answer.status, 408, "{answer:?}");
    assert_eq!(answer.json()["error"], "Request Timeout");
    assert_eq!(answer.header("retry-after"), Some("1"));
}

/// On a disk whose syncs take 50 ms the one place in the queue is taken almost always.
#[tokio::test]
async fn when_the_queue_is_full_orders_are_refused_at_once_and_none_is_left_behind() {
    let app = demo()
        .on_test_disk()
        .env("WAYBILL_INTAKE__QUEUE_LIMIT", "1")
        .ready()
        .await
        .expect("ready");
    app.disk().control().delay_syncs_us(50_000);
    let begun = Instant::now();
    let (mut taken, mut refused) = (0, 0);
    while refused == 0 {
        assert!(begun.elapsed() < PATIENCE, "the queue was never full");
        let attempts = (0..32).map(|_| {
            let mut client = app.client();
            async move { post(&mut client, ORDERS, &[], &example()).await }
        });
        for answer in join_all(attempts).await {
            if answer.status == 201 {
                taken += 1;
            } else {
                assert_eq!(answer.status, 503, "{}", answer.text());
                assert_come_back(&answer, "Service Temporarily Unavailable");
                refused += 1;
            }
        }
    }
    app.disk().control().delay_syncs_us(0);
    let report = app.verify().await.expect("verified");
    assert!(report.ok, "{:?}", report.findings);
    assert_eq!(report.counts["orders"], taken, "{refused} were refused");
}

/// On a disk whose syncs take 50 ms, an order that arrives while a batch is written is hardly taken within a millisecond.
#[tokio::test]
async fn a_408_means_that_no_order_was_made_and_a_201_that_one_was() {
    let app = demo()
        .on_test_disk()
        .env("WAYBILL_INTAKE__WAIT_MS", "1")
        .ready()
        .await
        .expect("ready");
    app.disk().control().delay_syncs_us(50_000);
    let begun = Instant::now();
    let (mut taken, mut late): (Vec<String>, Vec<String>) = (vec![], vec![]);
    while taken.is_empty() || late.is_empty() {
        assert!(begun.elapsed() < PATIENCE, "{taken:?} taken, {late:?} late");
        let first = taken.len() + late.len();
        let attempts = (first..first + 32).map(|n| {
            let (mut client, key) = (app.client(), format!("key-{n}"));
            async move {
                let headers = [("idempotency-key", key.as_str())];
                let answer = post(&mut client, ORDERS, &headers, &example()).await;
                (key, answer)
            }
        });
        for (key, answer) in join_all(attempts).await {
            if answer.status == 201 {
                taken.push(key);
            } else {
                assert_eq!(answer.status, 408, "{}", answer.text());
                assert_come_back(&answer, "Request Timeout");
                late.push(key);
            }
        }
    }
    app.disk().control().delay_syncs_us(0);
    let report = app.verify().await.expect("verified");
    assert!(report.ok, "{:?}", report.findings);
    assert_eq!(report.counts["orders"], taken.len(), "{late:?} were late");

    // The same keys again: a key with an order gets that order, another one gets a new order.
    let mut client = app.client();
    for (keys, replayed) in [(&taken, Some("true")), (&late, None)] {
        for key in keys {
            let answer = loop {
                let headers = [("idempotency-key", key.as_str())];
                let answer = post(&mut client, ORDERS, &headers, &example()).await;
                if answer.status != 408 {
                    break answer;
                }
                assert!(begun.elapsed() < PATIENCE, "{key} is always late");
            };
            assert_eq!(answer.status, 201, "{}", answer.text());
            assert_eq!(answer.header("idempotent-replayed"), replayed, "{key}");
        }
    }
    let report = app.verify().await.expect("verified");
    assert_eq!(report.counts["orders"], taken.len() + late.len());
}
