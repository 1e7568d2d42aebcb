//! `waybill verify --against`: two stores that agree, and one tampered row for each rule.

use std::path::Path;

use rusqlite::Connection;
use tokio::time::timeout;

use crate::{HANGS, Services};

const ORDERS: &str = "order-service";
const DELIVERY: &str = "delivery-service";

/// A copy of both stores with a statement run on one of them.
fn tampered(data: &Path, store: &str, statement: &str) -> tempfile::TempDir {
    let copy = tempfile::tempdir().expect("a folder");
    for service in [ORDERS, DELIVERY] {
        let folder = copy.path().join(service);
        std::fs::create_dir(&folder).expect("a folder");
        let file = data.join(service).join("waybill.db");
        std::fs::copy(file, folder.join("waybill.db")).expect("copied");
    }
    let db = Connection::open(copy.path().join(store).join("waybill.db")).expect("it is SQLite");
    db.pragma_update(None, "ignore_check_constraints", true)
        .expect("it is a setting");
    let changed = db.execute(statement, []).expect("it is right");
    assert_eq!(changed, 1, "{statement}");
    copy
}

/// Runs `waybill verify` of one store against the other; its exit code, and what it printed.
async fn compared(services: &Services, data: &Path, own: &str, other: &str) -> (i32, String) {
    let mut verify = services.app.command("verify");
    verify.arg("--data").arg(data.join(own));
    verify.arg("--against").arg(data.join(other));
    let output = timeout(HANGS, verify.output()).await;
    let output = output.expect("it ends").expect("it runs");
    let code = output.status.code().expect("it exits");
    (code, String::from_utf8_lossy(&output.stdout).into_owned())
}

#[tokio::test]
async fn stores_that_agree_are_clean_and_each_rule_finds_its_tampered_row() {
    let mut services = Services::start(None).await;
    let mut orders = vec![];
    for n in 0..5 {
        orders.push(services.place(&format!("k{n}")).await);
    }
    services.delivered(&orders).await;
    // Beside the running services.
    let data = services.app.data().to_owned();
    for (own, other) in [(ORDERS, DELIVERY), (DELIVERY, ORDERS)] {
        let (code, said) = compared(&services, &data, own, other).await;
        assert_eq!(code, 0, "{said}");
    }
    assert!(services.app.stop().await.expect("they stop").success());

    let one = "(SELECT id FROM orders WHERE status = 'delivered' LIMIT 1)";
    let delete = format!("DELETE FROM orders WHERE id = {one}");
    let fewer = format!("UPDATE order_lines SET ordered = 1 WHERE order_id = {one}");
    let off = format!("UPDATE orders SET status = 'cancelled' WHERE id = {one}");
    let carrier =
        "UPDATE shipments SET carrier = 'X' WHERE id = (SELECT id FROM shipments LIMIT 1)";
    let beyond = "UPDATE inbox_watermarks SET seq = seq + 1 WHERE aggregate_id = (SELECT aggregate_id FROM inbox_watermarks LIMIT 1)";
    let lost = "DELETE FROM deliveries WHERE order_id = (SELECT order_id FROM deliveries LIMIT 1)";
    for (store, statement, said) in [
        (ORDERS, &*delete, "which the order store does not have"),
        (DELIVERY, carrier, "with another tracking number or carrier"),
        (ORDERS, &fewer, "2 units are in shipments, 1 were ordered"),
        (ORDERS, &off, "is cancelled, and its shipment"),
        (DELIVERY, beyond, "and the log of its store ends with"),
        (DELIVERY, lost, "delivery has no effect of it"),
    ] {
        let copy = tampered(&data, store, statement);
        // The store that is checked by itself too is the other one, and sound.
        let own = if store == ORDERS { DELIVERY } else { ORDERS };
        let (code, shown) = compared(&services, copy.path(), own, store).await;
        assert_eq!(code, 6, "{statement}: {shown}");
        assert!(shown.contains(said), "{statement}: {shown}");
    }
    let (code, shown) = compared(&services, &data, ORDERS, ORDERS).await;
    assert_eq!(code, 6, "{shown}");
    assert!(shown.contains("both are the same store"), "{shown}");
}
