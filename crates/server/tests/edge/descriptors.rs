//! File descriptors run out: connections are answered and do not hang, the shortage is logged once, and it ends.

use waybill_testkit::raw::exchange;

use super::{connect, demo, head, is_alive, until};

/// The beginning of the log line.
const BEGUN: &str = "\"message\":\"connections cannot be served";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_descriptors_connections_are_answered_it_is_told_once_and_it_passes() {
    let app = demo()
        .env("WAYBILL_LOG__FORMAT", "json")
        .env("WAYBILL_LOG__LEVEL", "info")
        .ready()
        .await
        .expect("ready");
    // One that is there already goes on.
    let mut old = connect(&app).await;
    old.send(head("GET /v1/orders", "c", ""))
        .await
        .expect("sent");
    assert_eq!(old.answer().await.expect("an answer").status, 200);
    let limit = app.highest_file().expect("read") + 1;
    let before = app.allow_open_files(limit).expect("lowered");
    // A descriptor below the limit may be free still.
    let mut held = vec![];
    loop {
        let mut raw = connect(&app).await;
        raw.send(head("GET /v1/orders", "c", ""))
            .await
            .expect("sent");
        if raw.answer().await.expect("an answer").status == 503 {
            break;
        }
        held.push(raw);
    }
    for _ in 0..50 {
        let answer = exchange(app.address(), head("GET /v1/orders", "c", "")).await;
        let answer = answer.expect("an answer");
        assert_eq!(answer.status, 503, "{answer:?}");
        assert_eq!(answer.json()["code"], "too_many_connections");
        assert!(is_alive(&app).await);
    }
    old.send(head("GET /v1/orders", "c", ""))
        .await
        .expect("sent");
    assert_eq!(old.answer().await.expect("an answer").status, 200);
    let told = |what: &str| app.log().matches(what).count();
    assert_eq!(told(BEGUN), 1, "{}", app.log());
    let log = app.log();
    let line = log
        .lines()
        .find(|line| line.contains(BEGUN))
        .expect("a line");
    assert!(line.contains(&format!("may open {limit} files")), "{line}");
    assert!(line.contains("server.max_connections"), "{line}");
    app.allow_open_files(before).expect("raised");
    drop(held);
    until("the end of the shortage is logged", async || {
        let answer = exchange(app.address(), head("GET /v1/orders", "c", "")).await;
        assert_eq!(answer.expect("an answer").status, 200);
        told("fault ended: connections cannot be served") == 1
    })
    .await;
    assert_eq!(told(BEGUN), 1, "{}", app.log());
}
