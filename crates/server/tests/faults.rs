//! A disk that is full or fails, a folder that is in use or too new, an orderly stop, slow clients, a
//! clock that jumps: what is answered, and that nothing acknowledged is lost.

use std::time::{Duration, Instant};

use http::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use waybill_testkit::checker::{Enough, Evidence, Reading, Verdict, check};
use waybill_testkit::journal::{Entry, Outcome};
use waybill_testkit::ports::free_address;
use waybill_testkit::seed;
use waybill_testkit::server::{Start, Waybill};
use waybill_testkit::shim::{Space, Target};
use waybill_testkit::traffic::{Load, Traffic};

const WAYBILL: &str = env!("CARGO_BIN_EXE_waybill");
const WITHIN: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(10);

async fn on_test_disk() -> Waybill {
    let start = Start::demo(WAYBILL)
        .on_test_disk()
        .delivering_within_ms("0-100");
    start.ready().await.expect("it starts")
}

async fn traffic(app: &Waybill, seed: u64) -> Traffic {
    println!("seed {seed} (again: WAYBILL_TEST_SEED={seed})");
    let load = Load {
        clients: 16,
        pause_ms: 10,
        orders: 3_000,
    };
    let journal = app.home().join("journal.jsonl");
    let traffic = Traffic::start(app, seed, load, &journal)
        .await
        .expect("the shelf is filled");
    until("the first orders", || traffic.answered_ok() > 50).await;
    traffic
}

async fn until(what: &str, mut reached: impl FnMut() -> bool) {
    let began = Instant::now();
    while !reached() {
        assert!(
            began.elapsed() < WITHIN,
            "{what} did not come within {WITHIN:?}"
        );
        sleep(POLL).await;
    }
}

/// The journal is read, everything is compared; `judged` sees the journal too.
async fn finish(app: &Waybill, traffic: Traffic, enough: Enough) -> (Verdict, Vec<Entry>) {
    let seeded = traffic.seeded();
    let entries = traffic.finish().await.expect("every client ended in order");
    let evidence = Evidence::read(app, entries, seeded, Reading::default())
        .await
        .expect("everything can be read");
    let verdict = check(&evidence, enough);
    println!("{verdict}");
    (verdict, evidence.entries)
}

fn answers_with(entries: &[Entry], wanted: u16) -> usize {
    entries
        .iter()
        .filter(|e| matches!(e, Entry::Answer { status, .. } if *status == wanted))
        .count()
}

const ENOUGH: Enough = Enough {
    orders: 50,
    faults: 0,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_is_answered_with_507_and_orders_go_on_when_there_is_room() {
    let app = on_test_disk().await;
    let traffic = traffic(&app, seed::of_this_run()).await;
    let disk = app.disk().control();
    disk.space(Space::NoWrite);
    traffic
        .fault("disk full", traffic.in_flight())
        .await
        .expect("journal");
    until("a write without room", || disk.no_space_hits() > 20).await;
    let health: Value = app.client().get("/health").await.expect("told").json();
    assert_eq!(health["services"]["database"], "read-only", "{health}");
    assert_eq!(health["reason"], "the disk is full", "{health}");
    let mut client = app.client();
    for (path, status) in [
        ("/health/ready", 503),
        ("/health/ready?for=reads", 200),
        ("/health/ready?for=nothing", 400),
        ("/v1/orders", 200),
    ] {
        assert_eq!(
            client.get(path).await.expect("told").status,
            status,
            "{path}"
        );
    }
    let order = json!({"currency": "EUR", "metadata": {"key": "while-full", "variant": "1"},
                       "lines": [{"sku": "HOT-0", "quantity": 1, "unitPrice": "1.00"}]});
    let refused = app.place("while-full", &order).await.expect("it answers");
    assert_eq!(refused.status, 507, "{}", refused.text());
    assert_eq!(
        app.client()
            .get("/v1/orders?limit=1")
            .await
            .expect("reads go on")
            .status,
        200
    );
    disk.space(Space::Enough);
    let before = traffic.answered_ok();
    until("orders once there is room", || {
        traffic.answered_ok() > before + 50
    })
    .await;
    let (verdict, entries) = finish(&app, traffic, ENOUGH).await;
    assert!(verdict.is_green(), "{verdict}");
    assert!(answers_with(&entries, 507) > 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_runs_full_in_the_middle_of_a_write_loses_nothing() {
    let mut app = on_test_disk().await;
    let seed = seed::of_this_run();
    let traffic = traffic(&app, seed).await;
    for round in 1..=5u64 {
        let disk = app.disk().control();
        let hits = disk.no_space_hits();
        disk.space(Space::Bytes(seed % 7919 * round));
        until("a write without room", || disk.no_space_hits() > hits).await;
        if round == 3 {
            // Full, and then the power goes as well.
            app.kill().await.expect("killed");
            let outage = app
                .disk()
                .lose_power(seed)
                .expect("the undo logs make sense");
            traffic
                .fault("power loss on a full disk", traffic.in_flight())
                .await
                .expect("journal");
            println!("{outage:?}");
        }
        app.disk().control().space(Space::Enough);
        if round == 3 {
            app.start().await.expect("it comes back");
        }
        let before = traffic.answered_ok();
        until("orders once there is room", || {
            traffic.answered_ok() > before + 20
        })
        .await;
    }
    let (verdict, _) = finish(&app, traffic, ENOUGH).await;
    assert!(verdict.is_green(), "{verdict}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_io_error_loses_nothing_that_was_acknowledged() {
    let mut app = on_test_disk().await;
    let traffic = traffic(&app, seed::of_this_run()).await;
    for n in [1, 2, 7, 30] {
        let disk = app.disk().control();
        disk.target(Target::Wal);
        let (failures, unanswered) = (disk.write_failures(), traffic.unanswered());
        disk.fail_write(n);
        until("a failed write", || disk.write_failures() > failures).await;
        // It may continue or stop, but must not acknowledge an order that was not synced.
        let before = traffic.answered_ok();
        let began = Instant::now();
        while app.is_running() && traffic.answered_ok() < before + 50 {
            assert!(began.elapsed() < WITHIN, "it neither stops nor goes on");
            sleep(POLL).await;
        }
        let unanswered = traffic.unanswered() - unanswered;
        let noted = traffic.fault("I/O error", unanswered).await;
        noted.expect("journal");
        if !app.is_running() {
            app.disk().lose_power(n).expect("the undo logs make sense");
            app.start().await.expect("it comes back");
        }
    }
    let (verdict, _) = finish(
        &app,
        traffic,
        Enough {
            orders: 50,
            faults: 1,
        },
    )
    .await;
    assert!(verdict.is_green(), "{verdict}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_sync_at_a_commit_stops_the_process_and_nothing_acknowledged_is_lost() {
    let mut app = on_test_disk().await;
    let seed = seed::of_this_run();
    let traffic = traffic(&app, seed).await;
    for round in 0..3 {
        app.disk().control().target(Target::Wal);
        app.disk().control().fail_sync(1 + round * 5);
        let in_flight = traffic.in_flight();
        let status = app.ended().await.expect("it stops by itself");
        assert!(
            !status.success(),
            "it stopped with {status}:\n{}",
            app.output()
        );
        traffic
            .fault("failed sync", in_flight)
            .await
            .expect("journal");
        // What a failed sync left behind may or may not be on the disk.
        app.disk()
            .lose_power(seed.wrapping_add(round))
            .expect("the undo logs make sense");
        app.start().await.expect("it comes back");
        let before = traffic.answered_ok();
        until("orders after the restart", || {
            traffic.answered_ok() > before + 20
        })
        .await;
    }
    let (verdict, _) = finish(&app, traffic, ENOUGH).await;
    assert!(verdict.is_green(), "{verdict}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_process_on_the_same_folder_is_refused() {
    let app = Start::demo(WAYBILL).ready().await.expect("it starts");
    let mut second = app.command("demo");
    second
        .arg("--data")
        .arg(app.data())
        .arg("--listen")
        .arg(free_address().expect("a port").to_string());
    let output = timeout(WITHIN, second.output())
        .await
        .expect("it gives up")
        .expect("it starts");
    let said = String::from_utf8_lossy(&output.stderr).to_string()
        + &String::from_utf8_lossy(&output.stdout);
    assert!(!output.status.success(), "{said}");
    assert!(
        said.contains("in use by another process") && said.contains("--data"),
        "{said}"
    );
    assert!(!said.contains("panicked"), "{said}");
    assert_eq!(
        app.client()
            .get("/health/ready")
            .await
            .expect("the first one goes on")
            .status,
        200
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_folder_of_a_newer_version_is_refused_and_left_as_it_is() {
    let mut app = Start::demo(WAYBILL).ready().await.expect("it starts");
    app.stop().await.expect("it stops");
    let file = app.data().join("waybill.db");
    let db = rusqlite::Connection::open(&file).expect("it is SQLite");
    db.pragma_update(None, "user_version", 9_999)
        .expect("written");
    drop(db);
    let before = std::fs::read(&file).expect("there");
    let error = app
        .start()
        .await
        .expect_err("it must not start")
        .to_string();
    assert!(
        error.contains("newer version") && error.contains("9999"),
        "{error}"
    );
    assert!(!error.contains("panicked"), "{error}");
    assert_eq!(std::fs::read(&file).expect("there"), before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_under_load_answers_every_request_it_accepted() {
    let mut app = Start::demo(WAYBILL)
        .delivering_within_ms("0-500")
        .ready()
        .await
        .expect("it starts");
    let traffic = traffic(&app, seed::of_this_run()).await;
    for _ in 0..4 {
        until("requests under way", || traffic.in_flight() > 0).await;
        let in_flight = traffic.in_flight();
        let status = app.stop().await.expect("it stops by itself");
        assert!(
            status.success(),
            "it stopped with {status}:\n{}",
            app.output()
        );
        traffic.fault("SIGTERM", in_flight).await.expect("journal");
        app.start().await.expect("it comes back");
        let before = traffic.answered_ok();
        until("orders after the restart", || {
            traffic.answered_ok() > before + 100
        })
        .await;
    }
    let (verdict, entries) = finish(
        &app,
        traffic,
        Enough {
            orders: 100,
            faults: 2,
        },
    )
    .await;
    assert!(verdict.is_green(), "{verdict}");
    assert_eq!(stored_without_an_answer(&entries), Vec::<String>::new());
}

/// What is due waits as long as a clock was set back; nothing else does, and nothing is lost or done twice.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_that_jumps_loses_no_order_and_keeps_no_later_one_waiting() {
    const HOUR: i64 = 3_600;
    let start = Start::demo(WAYBILL)
        .by_test_clock()
        .delivering_within_ms("0-100");
    let app = start.ready().await.expect("it starts");
    let traffic = traffic(&app, seed::of_this_run()).await;
    // The last one has everything due that was put off by the others.
    for ahead_s in [HOUR, -HOUR, 0, 5, -5, -HOUR, HOUR] {
        let noted = format!("{ahead_s} s ahead");
        let noted = traffic.fault(&noted, traffic.in_flight()).await;
        noted.expect("journal");
        app.clock().set_ahead_s(ahead_s);
        let before = traffic.answered_ok();
        until("orders after the jump", || {
            traffic.answered_ok() > before + 20
        })
        .await;
        is_delivered(&app, &format!("after-{ahead_s}")).await;
    }
    assert!(!app.output().contains("panicked"), "{}", app.output());
    let (verdict, entries) = finish(&app, traffic, ENOUGH).await;
    assert!(verdict.is_green(), "{verdict}");
    assert_eq!(answers_with(&entries, 500), 0);
}

/// An order that is placed now gets to its customer, in a tenant that the judge does not look at.
async fn is_delivered(app: &Waybill, key: &str) {
    let token = waybill_testkit::token::demo_for("bystander", "looker");
    let mut client = app.client().with_token(&token);
    let stock = json!({"onHand": 100, "reason": "seed"}).to_string();
    let stock = client.send(Method::PUT, "/v1/stock/SHELF", &[], stock.into());
    assert!(stock.await.expect("it answers").status.is_success());
    let order =
        json!({"currency": "EUR", "lines": [{"sku": "SHELF", "quantity": 1, "unitPrice": "1.00"}]});
    let headers = [("idempotency-key", key)];
    let order = order.to_string().into();
    let answer = client.send(Method::POST, "/v1/orders", &headers, order);
    let answer = answer.await.expect("it answers");
    assert_eq!(answer.status, 201, "{}", answer.text());
    let placed: serde_json::Value = answer.json();
    let path = format!("/v1/orders/{}", placed["id"].as_str().expect("an id"));
    let began = Instant::now();
    loop {
        let order = client.get(&path).await.expect("it answers");
        let order: serde_json::Value = order.json();
        if order["status"] == "delivered" {
            return;
        }
        assert!(began.elapsed() < WITHIN, "{key}: {order}");
        sleep(POLL).await;
    }
}

/// Orders that were stored by a request that got no answer: the client learned of them from a replay.
fn stored_without_an_answer(entries: &[Entry]) -> Vec<String> {
    let mut answered = std::collections::BTreeSet::new();
    let mut found = Vec::new();
    for entry in entries {
        if let Entry::Answer {
            outcome: Outcome::Ok,
            replayed,
            body,
            ..
        } = entry
        {
            let Some(id) = body["id"].as_str() else {
                continue;
            };
            if answered.insert(id.to_string()) && *replayed {
                found.push(id.to_string());
            }
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn orders_go_on_beside_thousands_of_idle_connections_and_slow_bodies() {
    const IDLE: usize = 5_000;
    const SLOW: usize = 50;
    allow_descriptors(20_000);
    let start = Start::demo(WAYBILL)
        .env("WAYBILL_SERVER__HEADER_TIMEOUT_MS", "8s")
        .env("WAYBILL_SERVER__BODY_TIMEOUT_MS", "3s");
    let app = start.ready().await.expect("it starts");
    let mut idle = Vec::with_capacity(IDLE);
    for _ in 0..IDLE {
        idle.push(TcpStream::connect(app.address()).await.expect("it accepts"));
    }
    let mut slow = Vec::new();
    for _ in 0..SLOW {
        let mut stream = TcpStream::connect(app.address()).await.expect("it accepts");
        let token = waybill_testkit::token::demo_for("default", "slow");
        let head = format!(
            "POST /v1/orders HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\n\
             idempotency-key: slow\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n{{"
        );
        stream
            .write_all(head.as_bytes())
            .await
            .expect("it reads the head");
        slow.push(stream);
    }
    let traffic = traffic(&app, seed::of_this_run()).await;
    until("orders beside them", || traffic.answered_ok() > 500).await;
    for mut stream in slow {
        let answer = read_to_end(&mut stream).await;
        assert!(
            answer.starts_with("HTTP/1.1 408"),
            "a slow body got: {answer}"
        );
    }
    for mut stream in idle {
        read_to_end(&mut stream).await;
    }
    let (verdict, _) = finish(
        &app,
        traffic,
        Enough {
            orders: 400,
            faults: 0,
        },
    )
    .await;
    assert!(verdict.is_green(), "{verdict}");
}

/// What the server sends until it closes the connection, which it must within its timeouts.
async fn read_to_end(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    let read = timeout(WITHIN, stream.read_to_end(&mut answer)).await;
    // A reset is an end as well.
    let _ = read.expect("the server closes connections that do not get on");
    String::from_utf8_lossy(&answer).into_owned()
}

fn allow_descriptors(wanted: u64) {
    let limit = waybill_testkit::server::allow_descriptors(wanted);
    assert!(
        limit >= wanted,
        "this machine allows {limit} open files; {wanted} are needed (ulimit -n)"
    );
}
