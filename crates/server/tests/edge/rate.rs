//! Outside the demo each client has a limit of requests a minute by default.

use std::process::Stdio;

use waybill_testkit::http::Client;
use waybill_testkit::ports::free_address;
use waybill_testkit::token;

use super::{demo, until};

const SECRET: &str = "a secret of this test, long enough";

#[tokio::test]
async fn serve_limits_each_client_by_default_and_says_so_when_it_starts() {
    let app = demo().prepared().expect("a folder");
    let address = free_address().expect("a port");
    let log = app.home().join("serve.err");
    let mut serve = app.command("serve");
    serve
        .env("JWT_SECRET", SECRET)
        .env("WAYBILL_LOG__FORMAT", "json")
        .arg("--listen")
        .arg(address.to_string())
        .arg("--data")
        .arg(app.data())
        .stdout(Stdio::null())
        .stderr(std::fs::File::create(&log).expect("a file"));
    let mut serve = serve.spawn().expect("it starts");
    let mut client = Client::new(address);
    until("it is ready", async || {
        Client::new(address)
            .get("/health/ready")
            .await
            .is_ok_and(|answer| answer.status == 200)
    })
    .await;
    // It answers a moment before it says so.
    let line = || {
        let log = std::fs::read_to_string(&log).expect("a log");
        let mut whole = log
            .split_inclusive('\n')
            .filter(|line| line.ends_with('\n'));
        whole
            .find(|line| line.contains("\"ready\""))
            .map(str::to_owned)
    };
    until("it says so", async || line().is_some()).await;
    let ready = line().expect("it has just been there");
    let ready: serde_json::Value = serde_json::from_str(&ready).expect("a line of JSON");
    let limit = ready["rate_limit_per_minute"]
        .as_u64()
        .or(ready["fields"]["rate_limit_per_minute"].as_u64());
    assert_eq!(limit, Some(600_000), "{ready}");
    // Any name will do outside the demo, and any token is checked.
    let request = http::Request::get("/v1/orders")
        .header("host", "shop.example")
        .header(
            "authorization",
            format!("Bearer {}", token::demo("order:read")),
        );
    let request = request.body(Default::default()).expect("a request");
    let answer = client.exchange(request).await.expect("an answer");
    assert_eq!(answer.status, 401);
    serve.kill().await.expect("stopped");
}

#[tokio::test]
async fn the_demo_has_no_limit() {
    let app = demo().ready().await.expect("ready");
    let mut dump = app.command("config");
    let output = dump
        .args(["dump", "--profile", "demo"])
        .output()
        .await
        .expect("it runs");
    let dump = String::from_utf8_lossy(&output.stdout);
    let line = dump
        .lines()
        .find(|line| line.contains("rate_limit_per_minute"));
    assert!(line.is_some_and(|line| line.contains("= 0")), "{dump}");
}
