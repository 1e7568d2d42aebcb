//! `examples/services`, against an order service and a delivery service apart, with the broker of the older ones.

use std::path::PathBuf;
use std::process::Stdio;

use tokio::process::Command;
use tokio::time::timeout;
use waybill_testkit::server::Waybill;
use waybill_testkit::unavailable::{Unavailable, or_skip};

use crate::broker::{Broker as _, Sqs};
use crate::services::{HANGS, ready, start};

/// What a script prints; it must succeed.
async fn run(script: &str, orders: &Waybill, delivery: &Waybill) -> String {
    let folder = PathBuf::from(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../examples/services"
    ));
    let mut command = Command::new("bash");
    command
        .arg(folder.join(script))
        .env("ORDER_URL", format!("http://{}", orders.address()))
        .env("DELIVERY_URL", format!("http://{}", delivery.address()))
        .stdin(Stdio::null())
        .kill_on_drop(true);
    let output = timeout(HANGS, command.output()).await;
    let output = output.expect("it ends").expect("bash runs");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let wrong = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{script}: {said}{wrong}");
    said
}

/// Whether the scripts have what they need.
async fn curl() -> Result<(), Unavailable> {
    let version = Command::new("curl").arg("--version").output().await;
    version
        .map(|_| ())
        .map_err(|error| Unavailable::new("curl", error.to_string()))
}

#[tokio::test]
async fn the_examples_walk_an_order_through_two_services() {
    if or_skip(curl().await).is_none() {
        return;
    }
    let Some(broker) = Sqs::start() else { return };
    assert_eq!(broker.name(), "sqs");
    // The scripts move the shipment themselves.
    let slow = |roles| start(&broker, roles).delivering_within_ms("600000");
    let orders = ready(slow("api,status,relay,housekeeping")).await;
    let delivery = ready(slow("delivery,relay,housekeeping")).await;

    let said = run("order.sh", &orders, &delivery).await;
    let (_, placed) = said.split_once("# place an order").expect("a step");
    let statuses = |said: &str| -> Vec<String> {
        let lines = said.lines().filter(|line| line.len() == 3);
        lines.map(str::to_owned).collect()
    };
    // An order, the same again, its shipment, two steps, the order that has followed.
    assert_eq!(
        statuses(placed),
        ["201", "201", "200", "200", "200", "200"],
        "{said}"
    );
    let last = said.lines().rev().nth(1).expect("the order");
    assert!(last.contains("\"status\":\"DELIVERED\""), "{said}");

    let said = run("refusals.sh", &orders, &delivery).await;
    assert_eq!(
        statuses(&said),
        ["401", "401", "400", "400", "404", "404"],
        "{said}"
    );
}
