//! A backup restored: cursors from before are recognised, nothing is skipped, consumers go on from where they were.

use std::path::Path;

use serde_json::Value;
use waybill_testkit::server::{Start, Waybill};

use crate::shop::{AT_ONCE, NEVER, Shop, id, small};

async fn run(waybill: &Waybill, arguments: &[&str]) -> (bool, Value, String) {
    let mut command = waybill.command("backup");
    let output = command.args(arguments).arg("--json").output().await;
    let output = output.expect("the command runs");
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    let printed = serde_json::from_slice(&output.stdout).unwrap_or_default();
    (output.status.success(), printed, told)
}

fn text(path: &Path) -> &str {
    path.to_str().expect("text")
}

/// The cursor at the end of the feed, and how many events are before it.
async fn end_of_feed(shop: &Shop) -> (String, usize) {
    let (mut after, mut seen) = (String::new(), 0);
    loop {
        let page = shop.get(&format!("/v1/events?limit=100{after}")).await;
        assert_eq!(page.status, 200, "{}", page.text());
        let page: Value = page.json();
        let next = page["next"].as_str().expect("a cursor").to_owned();
        let found = page["items"].as_array().expect("items").len();
        if found == 0 {
            return (next, seen);
        }
        seen += found;
        after = format!("&after={next}");
    }
}

#[tokio::test]
async fn after_a_restore_older_and_newer_cursors_are_told_apart_and_no_order_of_the_backup_is_lost()
{
    let shop = Shop::open(NEVER).await;
    let mut kept = vec![];
    for n in 0..5 {
        kept.push(id(&shop.placed(&format!("k{n}"), &small("a", 1)).await));
    }
    let (older, _) = end_of_feed(&shop).await;
    let to = shop.0.home().join("backup");
    let data = text(shop.0.data()).to_owned();
    let (ok, made, told) = run(&shop.0, &["create", "--data", &data, "--to", text(&to)]).await;
    assert!(ok, "{told}");
    assert_eq!(made["counts"]["orders"], 5, "{made:#}");
    let lost = id(&shop.placed("late", &small("a", 1)).await);
    let (newer, events) = end_of_feed(&shop).await;
    assert!(events > 0);

    let (ok, _, told) = run(&shop.0, &["restore", text(&to), "--data", &data]).await;
    assert!(!ok && told.contains("holds a store already"), "{told}");
    let mut shop = shop;
    shop.0.stop().await.expect("stops");
    std::fs::rename(&data, shop.0.home().join("put away")).expect("moved away");
    let (ok, restored, told) = run(&shop.0, &["restore", text(&to), "--data", &data]).await;
    assert!(ok, "{told}");
    assert_eq!(restored["storeId"], made["storeId"]);
    assert_ne!(restored["generation"], made["generation"]);

    shop.0.start().await.expect("starts on the restored store");
    for cursor in [older, newer] {
        let answer = shop.get(&format!("/v1/events?after={cursor}")).await;
        assert_eq!(answer.status, 410, "{}", answer.text());
        let problem: Value = answer.json();
        assert_eq!(problem["code"], "generation_changed");
        assert!(answer.text().contains("restored"), "{}", answer.text());
    }
    for order in &kept {
        let found = shop.get(&format!("/v1/orders/{order}")).await;
        assert_eq!(found.status, 200, "{}", found.text());
    }
    assert_eq!(shop.get(&format!("/v1/orders/{lost}")).await.status, 404);
    let again = shop.placed("late", &small("a", 1)).await;
    assert_ne!(id(&again), lost, "the key is free again");
    let (_, found) = end_of_feed(&shop).await;
    assert!(found > 0);
    let report = shop.0.verify().await.expect("verify runs");
    assert!(report.ok, "{:?}", report.findings);
}

#[tokio::test]
async fn consumers_go_on_with_what_the_backup_had_left_to_do() {
    let start = Start::demo(env!("CARGO_BIN_EXE_waybill")).delivering_within_ms("300");
    let shop = Shop::start(start).await;
    let mut made = vec![];
    for n in 0..5 {
        made.push(id(&shop.placed(&format!("k{n}"), &small("a", 1)).await));
    }
    let to = shop.0.home().join("backup");
    let data = text(shop.0.data()).to_owned();
    let (ok, backup, told) = run(&shop.0, &["create", "--data", &data, "--to", text(&to)]).await;
    assert!(ok, "{told}");
    for order in &made {
        shop.follow(order, None)
            .await
            .until("order.delivered")
            .await;
    }
    let mut shop = shop;
    shop.0.stop().await.expect("stops");
    std::fs::rename(&data, shop.0.home().join("put away")).expect("moved away");
    let (ok, _, told) = run(&shop.0, &["restore", text(&to), "--data", &data]).await;
    assert!(ok, "{told}");
    shop.0.start().await.expect("starts on the restored store");
    for order in &made {
        shop.follow(order, None)
            .await
            .until("order.delivered")
            .await;
    }
    let report = shop.0.verify().await.expect("verify runs");
    assert!(report.ok, "{:?}", report.findings);
    assert_eq!(report.counts["orders"], backup["counts"]["orders"]);
}

#[tokio::test]
async fn a_backup_of_a_store_whose_process_was_killed_has_what_it_acknowledged() {
    let mut shop = Shop::open(AT_ONCE).await;
    for n in 0..5 {
        shop.placed(&format!("k{n}"), &small("a", 1)).await;
    }
    shop.0.kill().await.expect("killed");
    let data = text(shop.0.data()).to_owned();
    let home = text(shop.0.home()).to_owned();
    let (ok, backup, told) = run(&shop.0, &["create", "--data", &data, "--to", &home]).await;
    assert!(ok, "{told}");
    assert_eq!(backup["counts"]["orders"], 5);
    let file = backup["file"].as_str().expect("its name");
    let (ok, verified, told) = run(&shop.0, &["verify", file]).await;
    assert!(ok, "{told}");
    assert_eq!(verified["takenAt"], backup["takenAt"]);
    let (ok, _, told) = run(&shop.0, &["create", "--data", &data, "--to", file]).await;
    assert!(!ok && told.contains("not overwritten"), "{told}");
}
