//! `examples/v1` and `examples/sales`, as a person runs them beside the demo.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use serde_json::json;
use tokio::process::Command;
use tokio::time::timeout;
use waybill_testkit::token;

use super::shop::Shop;

/// Longer than any of the scripts takes.
const PATIENCE: Duration = Duration::from_secs(120);

/// What a script prints beside a server; it must succeed.
async fn said(shop: &Shop, script: &str, settings: &[(&str, &str)]) -> String {
    let examples = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../examples");
    let token = token::sign(
        &json!({"alg": "HS256", "typ": "JWT"}),
        &json!({"clientId": "testkit", "tenant": "default", "scope": "admin"}),
        token::DEMO_SECRET.as_bytes(),
    );
    let mut command = Command::new(examples.join(script));
    command
        .env("WAYBILL_URL", format!("http://{}", shop.0.address()))
        .env("TOKEN", token)
        .env("WAYBILL", env!("CARGO_BIN_EXE_waybill"))
        .envs(settings.iter().copied())
        .stdin(Stdio::null())
        .kill_on_drop(true);
    let output = timeout(PATIENCE, command.output()).await;
    let output = output.expect("it ends").expect("it runs");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let wrong = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{script}: {said}{wrong}");
    said
}

/// The statuses that a script prints, each on a line of its own.
fn statuses(said: &str) -> Vec<&str> {
    let is_status = |line: &&str| line.len() == 3 && line.bytes().all(|b| b.is_ascii_digit());
    said.lines().filter(is_status).collect()
}

#[tokio::test]
async fn the_examples_of_v1_show_what_they_say() {
    let shop = Shop::open("1500").await;
    let order = said(&shop, "v1/order.sh", &[]).await;
    assert!(order.contains("201 Created"), "{order}");
    assert!(order.contains("order.delivered"), "{order}");
    let stock = said(&shop, "v1/stock.sh", &[]).await;
    assert_eq!(statuses(&stock), ["200", "201", "422", "200"], "{stock}");
    let cancel = said(&shop, "v1/cancel.sh", &[]).await;
    assert_eq!(statuses(&cancel).first(), Some(&"200"), "{cancel}");
    let backorder = said(&shop, "v1/backorder.sh", &[]).await;
    assert_eq!(statuses(&backorder), ["200", "200", "200"], "{backorder}");
    assert!(backorder.contains("have no source yet"), "{backorder}");
    assert!(
        backorder.contains("has not left the warehouse"),
        "{backorder}"
    );
}

#[tokio::test]
async fn the_examples_of_sales_show_what_they_say() {
    let shop = Shop::open("1500").await;
    let order = said(&shop, "sales/order.sh", &[]).await;
    assert!(order.contains("  Delivered"), "{order}");
    let deliver = said(&shop, "sales/deliver.sh", &[]).await;
    assert_eq!(
        statuses(&deliver),
        ["200", "200", "200", "422"],
        "{deliver}"
    );
    let refusals = said(&shop, "sales/refusals.sh", &[]).await;
    assert!(refusals.contains("IDEMPOTENCY_KEY_REUSED"), "{refusals}");
    let few = [("ORDERS", "40"), ("AT_A_TIME", "10")];
    let load = said(&shop, "sales/load.sh", &few).await;
    assert!(load.contains("40"), "{load}");
    let breaker = said(&shop, "sales/breaker.sh", &[]).await;
    assert!(breaker.contains("503"), "{breaker}");
}
