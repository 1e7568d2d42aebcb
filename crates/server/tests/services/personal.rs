//! The address of an order: in the delivery service's store, and in nothing that either service shows.

use std::path::PathBuf;

use bytes::Bytes;
use http::Method;
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

use crate::{HANGS, LOOK_AGAIN, Services, log};

/// Stands nowhere but in the order's personal data.
const MARKER: &str = "Quendelgasse-4711";

fn file(services: &Services, store: &str) -> PathBuf {
    services.app.data().join(store).join("waybill.db")
}

/// Runs a statement on a store whose services are stopped.
fn tamper(services: &Services, store: &str, statement: &str) {
    let db = rusqlite::Connection::open(file(services, store)).expect("it is SQLite");
    db.execute_batch(statement).expect("it is right");
}

/// What a store keeps about people, and everything else that it keeps about events.
fn kept(services: &Services, store: &str) -> (String, String) {
    let db = rusqlite::Connection::open(file(services, store)).expect("it is SQLite");
    let all = |sql: &str| {
        let mut statement = db.prepare(sql).expect("it is right");
        let rows = statement.query_map([], |row| row.get::<_, String>(0));
        let rows: Vec<String> = rows
            .expect("it runs")
            .map(|row| row.expect("text"))
            .collect();
        rows.join("\n")
    };
    let events = log::events(&file(services, store)).into_iter();
    let events = events.map(|logged| format!("{:?}", logged.event));
    let mut others: Vec<String> = events.collect();
    others.push(all("SELECT envelope || COALESCE(error, '') FROM parked"));
    (all("SELECT data FROM order_personal"), others.join("\n"))
}

async fn restarted(services: &mut Services, store: &str, statement: &str) {
    assert!(services.app.stop().await.expect("they stop").success());
    tamper(services, store, statement);
    services.app.start().await.expect("they start");
    services.delivery_answers().await;
}

async fn text(services: &Services, of_delivery: bool, path: &str) -> String {
    let mut client = match of_delivery {
        true => services.delivery_client(),
        false => services.app.client(),
    };
    let answer = client.get(path).await.expect("an answer");
    answer.text()
}

/// Waits until the delivery service has the only dead letter there is; its id.
async fn dead_letter(services: &Services) -> String {
    let found = async {
        loop {
            let page: Value = serde_json::from_str(&text(services, true, "/v1/dead-letters").await)
                .expect("JSON");
            if let Some(letter) = page["items"].as_array().and_then(|items| items.first())
                && letter["state"] == "dead"
            {
                return letter["id"].as_str().expect("an id").to_owned();
            }
            sleep(LOOK_AGAIN).await;
        }
    };
    let found = timeout(HANGS, found).await;
    found.unwrap_or_else(|_| panic!("no dead letter: {}", services.app.output()))
}

#[tokio::test]
async fn an_address_goes_with_its_order_and_is_shown_nowhere_even_when_the_event_is_parked() {
    let mut services = Services::start(None).await;
    // Nothing can be shipped, so that the event is parked.
    let refuse = "CREATE TRIGGER refuse BEFORE INSERT ON shipments BEGIN SELECT RAISE(ABORT, 'not today'); END";
    restarted(&mut services, "delivery-service", refuse).await;
    let order = json!({"currency": "EUR", "lines": [{"sku": "MUG", "quantity": 2, "unitPrice": "1.00"}],
        "customer": {"email": "a@example.org"}, "notes": "ring twice",
        "shippingAddress": {"name": "A. Muster", "address1": MARKER, "city": "Ulm", "postalCode": "89073", "countryCode": "DE"}});
    let placed = services.app.place("k", &order).await.expect("an answer");
    assert_eq!(placed.status, 201, "{}", placed.text());
    let id = placed.json::<Value>()["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let letter = dead_letter(&services).await;

    for (of_delivery, path) in [
        (false, "/v1/events".to_owned()),
        (false, format!("/v1/orders/{id}/events")),
        (false, "/v1/dead-letters".to_owned()),
        (false, "/metrics".to_owned()),
        (true, "/v1/events".to_owned()),
        (true, "/v1/dead-letters".to_owned()),
        (true, format!("/v1/dead-letters/{letter}")),
        (true, "/v1/shipments".to_owned()),
        (true, "/metrics".to_owned()),
    ] {
        let shown = text(&services, of_delivery, &path).await;
        assert!(
            !shown.is_empty() && !shown.contains(MARKER),
            "{path}: {shown}"
        );
    }
    let logged = services.app.output();
    assert!(logged.contains("its order is parked"), "{logged}");
    assert!(!logged.contains(MARKER), "{logged}");

    restarted(&mut services, "delivery-service", "DROP TRIGGER refuse").await;
    for store in ["order-service", "delivery-service"] {
        let (people, events) = kept(&services, store);
        assert!(people.contains(MARKER), "{store}: {people}");
        assert!(!events.contains(MARKER), "{store}: {events}");
    }
    let (people, _) = kept(&services, "delivery-service");
    for unneeded in ["a@example.org", "ring twice"] {
        assert!(!people.contains(unneeded), "{people}");
    }
    let path = format!("/v1/dead-letters/{letter}/redrive");
    let mut client = services.delivery_client();
    let redriven = client.send(Method::POST, &path, &[], Bytes::new()).await;
    let redriven = redriven.expect("an answer");
    assert_eq!(redriven.status, 202, "{}", redriven.text());
    services.delivered(std::slice::from_ref(&id)).await;
    let (people, _) = kept(&services, "delivery-service");
    assert!(people.contains(MARKER), "{people}");
    services.once_and_sound(&[id], None).await;
    let logged = services.app.output();
    assert!(!logged.contains(MARKER), "{logged}");
}
