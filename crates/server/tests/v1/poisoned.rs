//! Events that cannot be applied, met by a running Waybill: their order waits, others flow on, an operator decides.
//!
//! The tables are changed while no consumer runs: a body that is no JSON any more, a stock row that does not add up.

use std::time::{Duration, Instant};

use http::Method;
use serde_json::{Value, json};
use waybill_testkit::server::{Start, Waybill};
use waybill_testkit::token;

use crate::shop::{AT_ONCE, Shop, id, small};

const PATIENCE: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(20);

/// A server with these roles alone, so that no consumer processes the orders yet.
async fn open_with(roles: &str) -> Shop {
    let app = Start::demo(env!("CARGO_BIN_EXE_waybill"))
        .as_in(env!("CARGO_CRATE_NAME"))
        .delivering_within_ms(AT_ONCE)
        .env("RETRY_MAX_ATTEMPTS", "1")
        .env("RETRY_BASE_DELAY", "20");
    let mut app = app.prepared().expect("a folder");
    let file = app.home().join("waybill.toml");
    std::fs::write(file, format!("roles = {roles}\n")).expect("written");
    let migrated = app.migrate_with_plain_log().await;
    migrated.expect("it is migrated");
    app.start().await.expect("it starts");
    Shop(app)
}

/// The same store with every role, after its tables were changed.
async fn reopen_with_all_roles(shop: &mut Shop, statements: &[String]) {
    tamper_while_closed(&mut shop.0, statements).await;
    let file = shop.0.home().join("waybill.toml");
    if file.exists() {
        std::fs::remove_file(file).expect("it was written");
    }
    shop.0.start().await.expect("it starts");
}

/// Stops the server and runs the statements on its tables.
pub(crate) async fn tamper_while_closed(app: &mut Waybill, statements: &[String]) {
    assert!(app.stop().await.expect("it stops").success());
    for statement in statements {
        if let Some(database) = app.database() {
            database.sql(statement).expect("it is right");
        } else {
            let file = app.data().join("waybill.db");
            let db = rusqlite::Connection::open(file).expect("it is SQLite");
            let changed = db.execute(statement, []).expect("it is right");
            assert!(changed > 0, "nothing to change: {statement}");
        }
    }
}

/// An id as a statement names it.
pub(crate) fn literal(shop: &Shop, order: &str) -> String {
    match shop.0.database() {
        Some(_) => format!("'{order}'"),
        None => format!("x'{}'", order.replace('-', "")),
    }
}

/// Makes the body of an order's event something that is no JSON.
fn damage(shop: &Shop, order: &str, kind: &str) -> String {
    let order = literal(shop, order);
    format!(
        "UPDATE events SET body = replace(body, '\"lines\":', '\"lines\"') WHERE order_id = {order} AND type = '{kind}'"
    )
}

/// Undoes it, in the log and in what is parked.
fn mend(shop: &Shop, order: &str, kind: &str) -> Vec<String> {
    let order = literal(shop, order);
    vec![
        format!(
            "UPDATE events SET body = replace(body, '\"lines\"', '\"lines\":') WHERE order_id = {order} AND type = '{kind}'"
        ),
        format!(
            r#"UPDATE parked SET envelope = replace(envelope, '\"lines\"', '\"lines\":') WHERE order_id = {order} AND envelope LIKE '%"{kind}"%'"#
        ),
    ]
}

/// Waits until the only dead letter there is has this state, after more than so many attempts.
async fn letter(shop: &Shop, state: &str, attempts: u64) -> Value {
    let begun = Instant::now();
    loop {
        let page: Value = shop.get("/v1/dead-letters").await.json();
        let items = page["items"].as_array().expect("a list");
        assert!(items.len() <= 1, "{page}");
        if let [letter] = &items[..]
            && letter["state"] == state
            && letter["attempts"].as_u64() > Some(attempts)
        {
            return letter.clone();
        }
        assert!(begun.elapsed() < PATIENCE, "no {state} letter: {page}");
        tokio::time::sleep(POLL).await;
    }
}

async fn no_letter_is_left(shop: &Shop) {
    let begun = Instant::now();
    loop {
        let page: Value = shop.get("/v1/dead-letters").await.json();
        if page["items"] == json!([]) {
            return;
        }
        assert!(begun.elapsed() < PATIENCE, "still there: {page}");
        tokio::time::sleep(POLL).await;
    }
}

/// Runs `waybill dlq …`; what it printed.
async fn dlq(shop: &Shop, words: &[&str]) -> String {
    let mut command = shop.0.command("dlq");
    command.args(words);
    command
        .arg("--url")
        .arg(format!("http://{}", shop.0.address()));
    command.env("WAYBILL_TOKEN", token::demo_for("default", "operator"));
    let output = command.output().await.expect("it runs");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{words:?}: {said}{complaint}");
    said
}

async fn put_on_hold_and_released(shop: &Shop, order: &str) {
    let path = format!("/v1/orders/{order}/holds");
    let held = shop.post(&path, &json!({"reason": "manual"})).await;
    assert!(held.status.is_success(), "{}", held.text());
    let held: Value = held.json();
    let path = format!("{path}/{}/release", id(&held["holds"][0]));
    let released = shop.post(&path, &Value::Null).await;
    assert!(released.status.is_success(), "{}", released.text());
}

async fn status(shop: &Shop, order: &str) -> Value {
    shop.0.order(order).await.expect("it is there")["status"].clone()
}

/// Runs `waybill verify`, which must exit with `code`; what it printed.
pub(crate) async fn verify(shop: &Shop, code: i32) -> String {
    verify_with(shop, &[], code).await
}

/// The same with further arguments.
pub(crate) async fn verify_with(shop: &Shop, arguments: &[&str], code: i32) -> String {
    let mut verify = shop.0.command("verify");
    verify.args(arguments);
    if shop.0.database().is_none() {
        verify.arg("--data").arg(shop.0.data());
    }
    let output = verify.output().await.expect("it runs");
    assert_eq!(output.status.code(), Some(code), "{output:?}");
    String::from_utf8(output.stdout).expect("text")
}

async fn adds_up(shop: &Shop) {
    let report = shop.0.verify().await.expect("it can be verified");
    assert!(report.ok, "{:?}", report.findings);
}

#[tokio::test]
async fn an_order_whose_event_cannot_be_read_waits_while_others_are_delivered_until_it_is_redriven()
{
    let mut shop = open_with(r#"["api"]"#).await;
    let poisoned = id(&shop.placed("poisoned", &small("a", 1)).await);
    let healthy = id(&shop.placed("healthy", &small("a", 1)).await);
    put_on_hold_and_released(&shop, &poisoned).await;
    let damaged = damage(&shop, &poisoned, "order.confirmed");
    reopen_with_all_roles(&mut shop, &[damaged]).await;

    shop.follow(&healthy, None)
        .await
        .until("order.delivered")
        .await;
    let dead = letter(&shop, "dead", 1).await;
    assert_eq!(status(&shop, &poisoned).await, "confirmed");
    let name = dead["id"].as_str().expect("an id");
    let listed = dlq(&shop, &["list"]).await;
    for told in [name, &poisoned, "delivery", "order.confirmed", "dead"] {
        assert!(listed.contains(told), "{told}: {listed}");
    }
    let shown = dlq(&shop, &["show", name]).await;
    for told in ["cannot be read", "unreadable", "redrive", "discard"] {
        assert!(shown.contains(told), "{told}: {shown}");
    }

    // Asked to try again before the cause is mended: it fails again, and says so.
    let attempts = dead["attempts"].as_u64().expect("a number");
    dlq(&shop, &["redrive", name]).await;
    letter(&shop, "dead", attempts).await;

    let mended = mend(&shop, &poisoned, "order.confirmed");
    reopen_with_all_roles(&mut shop, &mended).await;
    letter(&shop, "dead", attempts).await;
    dlq(&shop, &["redrive", "--all"]).await;
    shop.follow(&poisoned, None)
        .await
        .until("order.delivered")
        .await;
    no_letter_is_left(&shop).await;
    let listed = dlq(&shop, &["list"]).await;
    assert!(listed.contains("every event was applied"), "{listed}");
    adds_up(&shop).await;
}

#[tokio::test]
async fn a_body_of_a_future_version_is_parked_and_read_by_the_version_that_knows_it() {
    let mut shop = open_with(r#"["api"]"#).await;
    let order = id(&shop.placed("future", &small("a", 1)).await);
    let literal = literal(&shop, &order);
    let of_version = |version| {
        format!(
            "UPDATE events SET schema_version = {version} WHERE order_id = {literal} AND type = 'order.confirmed'"
        )
    };
    reopen_with_all_roles(&mut shop, &[of_version(3)]).await;
    let dead = letter(&shop, "dead", 1).await;
    let error = dead["error"].as_str().expect("a reason");
    assert!(error.contains("schema version 3"), "{error}");
    let path = format!("/v1/dead-letters/{}", dead["id"].as_str().expect("an id"));
    let shown: Value = shop.get(&path).await.json();
    assert_eq!(shown["event"]["schemaVersion"], 3, "{shown}");
    assert_eq!(status(&shop, &order).await, "confirmed");
    let said = verify(&shop, 6).await;
    assert!(
        said.contains("event 2 order.confirmed cannot be read"),
        "{said}"
    );

    // As if the version that knows it had come.
    let parked = format!(
        r#"UPDATE parked SET envelope = replace(envelope, '"schema_version":3', '"schema_version":1') WHERE order_id = {literal}"#
    );
    reopen_with_all_roles(&mut shop, &[of_version(1), parked]).await;
    dlq(&shop, &["redrive", "--all"]).await;
    shop.follow(&order, None)
        .await
        .until("order.delivered")
        .await;
    adds_up(&shop).await;
}

#[tokio::test]
async fn a_discarded_event_keeps_its_place_and_its_order_goes_on_without_it() {
    let mut shop = open_with(r#"["api"]"#).await;
    let poisoned = id(&shop.placed("poisoned", &small("a", 1)).await);
    put_on_hold_and_released(&shop, &poisoned).await;
    let damaged = damage(&shop, &poisoned, "order.confirmed");
    reopen_with_all_roles(&mut shop, &[damaged]).await;
    let dead = letter(&shop, "dead", 1).await;

    let path = format!(
        "/v1/dead-letters/{}/discard",
        dead["id"].as_str().expect("an id")
    );
    let answer = shop.post(&path, &Value::Null).await;
    let flagged: Value = answer.json();
    assert_eq!(
        (answer.status.as_u16(), &flagged["state"]),
        (202, &json!("discard"))
    );
    no_letter_is_left(&shop).await;

    // The feed has every sequence number; the discarded event is shown with its damaged body as text.
    for path in [format!("/v1/orders/{poisoned}/events"), "/v1/events".into()] {
        let page: Value = shop.get(&path).await.json();
        let events = page["items"].as_array().expect("a list");
        let sequence = events.iter().map(|event| event["sequence"].as_i64());
        assert!(sequence.eq((1..=4).map(Some)), "{path}: {page}");
        assert_eq!(events[1]["data"], Value::Null);
        let left = events[1]["unreadable"].as_str().expect("what is left");
        assert!(left.starts_with('{'), "{left}");
    }

    // Later events of the order are applied: delivery, which did not get the discarded event, accepts the cancellation.
    let path = format!("/v1/orders/{poisoned}/cancel");
    let cancelled = shop.post(&path, &json!({"reason": "given up"})).await;
    assert_eq!(cancelled.status, 202, "{}", cancelled.text());
    shop.follow(&poisoned, None)
        .await
        .until("order.cancelled")
        .await;
    // The damaged event stays. `verify` attributes it to the discard, in its exit code and in its text.
    adds_up(&shop).await;
    let shown = verify(&shop, 0).await;
    for told in [
        "explained",
        &format!("I7  order {poisoned}: event 2 order.confirmed cannot be read"),
        "was discarded for consumer delivery",
    ] {
        assert!(shown.contains(told), "{told}: {shown}");
    }
    // Another fault of the same order is not attributed to the discard.
    let order = literal(&shop, &poisoned);
    let damage = format!("UPDATE orders SET version = version + 7 WHERE id = {order}");
    tamper_while_closed(&mut shop.0, &[damage]).await;
    let shown = verify(&shop, 6).await;
    assert!(shown.contains("1 thing does not add up"), "{shown}");
}

#[tokio::test]
async fn an_order_whose_effect_the_store_refuses_waits_while_others_are_delivered() {
    let mut shop = open_with(r#"["api", "delivery"]"#).await;
    shop.stocked("MUG-1", 5).await;
    shop.stocked("POT-1", 5).await;
    let poisoned = id(&shop.placed("poisoned", &small("POT-1", 1)).await);
    let healthy = id(&shop.placed("healthy", &small("MUG-1", 1)).await);
    for order in [&poisoned, &healthy] {
        shop.follow(order, None)
            .await
            .until("shipment.delivered")
            .await;
    }
    // Its unit cannot leave: the row would fall below what is reserved, and no row may.
    let reserved = |units| format!("UPDATE stock SET reserved = {units} WHERE sku = 'POT-1'");
    reopen_with_all_roles(&mut shop, &[reserved(0)]).await;

    shop.follow(&healthy, None)
        .await
        .until("order.delivered")
        .await;
    let dead = letter(&shop, "dead", 1).await;
    assert_eq!(
        (&dead["consumer"], &dead["orderId"], &dead["eventType"]),
        (
            &json!("status"),
            &json!(poisoned),
            &json!("shipment.shipped")
        )
    );
    assert_eq!(status(&shop, &poisoned).await, "processing");

    reopen_with_all_roles(&mut shop, &[reserved(1)]).await;
    let path = format!(
        "/v1/dead-letters/{}/redrive",
        dead["id"].as_str().expect("an id")
    );
    let answer = shop.ask(Method::POST, &path, &Value::Null).await;
    assert_eq!(answer.status, 202, "{}", answer.text());
    shop.follow(&poisoned, None)
        .await
        .until("order.delivered")
        .await;
    no_letter_is_left(&shop).await;
    adds_up(&shop).await;
}

#[tokio::test]
async fn a_shipment_that_cannot_be_read_does_not_keep_others_from_being_delivered() {
    let mut shop = open_with(r#"["api", "delivery"]"#).await;
    let damaged = id(&shop.placed("damaged", &small("a", 1)).await);
    shop.follow(&damaged, None)
        .await
        .until("shipment.delivered")
        .await;
    // Its row cannot be read, and a timer of it is due.
    let literal = literal(&shop, &damaged);
    let timer = match shop.0.database() {
        Some(_) => format!(
            "INSERT INTO timers (part, due_at, shipment_id, order_id) SELECT part, 1, id, order_id FROM shipments WHERE order_id = {literal}"
        ),
        None => format!(
            "INSERT INTO timers (due_at, shipment_id, order_id) SELECT 1, id, order_id FROM shipments WHERE order_id = {literal}"
        ),
    };
    let row = format!("UPDATE shipments SET lines = 'nothing' WHERE order_id = {literal}");
    reopen_with_all_roles(&mut shop, &[timer, row]).await;
    let healthy = id(&shop.placed("healthy", &small("a", 1)).await);
    shop.follow(&healthy, None)
        .await
        .until("shipment.created")
        .await;
    shop.follow(&damaged, None)
        .await
        .until("order.processing")
        .await;
}
