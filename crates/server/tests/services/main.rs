//! The order service and the delivery service, each with a store of its own, in one process (`demo --services`): what
//! one publishes has its effect in the other, once, whatever is killed.

mod against;
mod log;
mod one_store;
mod personal;
mod race;
mod relay;
mod restored;
mod trace;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::Method;
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};
use waybill_testkit::http::Client;
use waybill_testkit::ports::free_address;
use waybill_testkit::postgres::{Database, Postgres};
use waybill_testkit::server::{Start, Waybill};
use waybill_testkit::token;
use waybill_testkit::unavailable::or_skip;

/// A timeout that only a hanging test reaches.
const HANGS: Duration = Duration::from_secs(120);
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// Both services, and where the second one answers.
struct Services {
    app: Waybill,
    delivery: SocketAddr,
}

impl Services {
    async fn start(database: Option<&Database>) -> Self {
        Self::carrying_within_ms(database, "0-100").await
    }

    async fn carrying_within_ms(database: Option<&Database>, range: &str) -> Self {
        let delivery = free_address().expect("a port");
        let mut start = Start::demo(env!("CARGO_BIN_EXE_waybill"))
            .delivering_within_ms(range)
            .arg("--services")
            .arg("--listen")
            .arg(delivery.to_string());
        if let Some(database) = database {
            start = start.on(&database.url());
        }
        let app = start.ready().await.expect("they start");
        let services = Self { app, delivery };
        services.app.seed("MUG", 10_000).await.expect("stock");
        services
    }

    async fn place(&self, key: &str) -> String {
        let order = json!({"currency": "EUR", "lines": [{"sku": "MUG", "quantity": 2, "unitPrice": "1.00"}]});
        let answer = self.app.place(key, &order).await.expect("an answer");
        assert_eq!(answer.status, 201, "{}", answer.text());
        answer.json::<Value>()["id"]
            .as_str()
            .expect("an id")
            .to_owned()
    }

    async fn delivered(&self, orders: &[String]) {
        let all = async {
            for id in orders {
                while self.app.order(id).await.expect("it is there")["status"] != "delivered" {
                    sleep(LOOK_AGAIN).await;
                }
            }
        };
        let all = timeout(HANGS, all).await;
        if all.is_err() {
            panic!("not delivered: {}", self.app.output());
        }
    }

    /// Waits until the delivery service answers; the order service does so before the other one is opened.
    async fn delivery_answers(&self) {
        let answers = async {
            while self.delivery_client().get("/health/live").await.is_err() {
                sleep(LOOK_AGAIN).await;
            }
        };
        let answers = timeout(HANGS, answers).await;
        if answers.is_err() {
            panic!("no delivery service: {}", self.app.output());
        }
    }

    fn delivery_client(&self) -> Client {
        Client::new(self.delivery).with_token(&token::demo_for("default", "testkit"))
    }

    /// Every shipment of the delivery service: its id and its order.
    async fn shipments(&self) -> Vec<(String, String)> {
        let text = |of: &Value, name: &str| of[name].as_str().expect("text").to_owned();
        let all = self.shipments_as_json().await;
        let all = all.iter().map(|s| (text(s, "id"), text(s, "orderId")));
        all.collect()
    }

    /// Every shipment of the delivery service.
    async fn shipments_as_json(&self) -> Vec<Value> {
        let mut client = self.delivery_client();
        let (mut all, mut path) = (vec![], "/v1/shipments?limit=100".to_owned());
        loop {
            let answer = client.get(&path).await.expect("an answer");
            assert_eq!(answer.status, 200, "{}", answer.text());
            let page: Value = answer.json();
            all.extend(page["items"].as_array().expect("a list").iter().cloned());
            match page["next"].as_str() {
                Some(next) => path = format!("/v1/shipments?limit=100&after={next}"),
                None => return all,
            }
        }
    }

    /// Each order has one shipment, and both stores add up.
    async fn once_and_sound(&mut self, orders: &[String], database: Option<&Database>) {
        let shipments = self.shipments().await;
        let shipped: BTreeSet<&String> = shipments.iter().map(|(_, order)| order).collect();
        assert_eq!(shipments.len(), orders.len(), "one shipment an order");
        assert_eq!(shipped, orders.iter().collect());
        assert!(self.app.stop().await.expect("they stop").success());
        self.sound(database).await;
    }

    /// Each store adds up, and they agree.
    async fn sound(&self, database: Option<&Database>) {
        let data = |store| self.app.data().join(store).to_string_lossy().into_owned();
        let stores = match database {
            None => ["order-service", "delivery-service"].map(data),
            Some(database) => [database.url(), of_delivery(database)],
        };
        let [orders, delivery] = &stores;
        for (store, other) in [(orders, delivery), (delivery, orders)] {
            let mut verify = self.app.command("verify");
            match database {
                None => verify.arg("--data").arg(store),
                Some(_) => verify.env("DATABASE_URL", store),
            };
            verify.arg("--against").arg(other);
            let verified = timeout(HANGS, verify.output()).await;
            let verified = verified.expect("it ends").expect("it runs");
            let said = String::from_utf8_lossy(&verified.stdout);
            assert!(verified.status.success(), "{store}: {said}");
        }
    }
}

/// The second database, which `--services` names after the first.
fn of_delivery(database: &Database) -> String {
    format!("{}_delivery", database.url())
}

#[tokio::test]
async fn an_order_is_shipped_by_the_other_service_and_follows_it_back() {
    let mut services = Services::start(None).await;
    let mut orders = vec![];
    for n in 0..40 {
        orders.push(services.place(&format!("k{n}")).await);
    }
    services.delivered(&orders).await;
    let order = services.app.order(&orders[0]).await.expect("it is there");
    assert_eq!(order["shipments"][0]["status"], "delivered", "{order}");
    services.once_and_sound(&orders, None).await;
}

#[tokio::test]
async fn kills_lose_no_event_between_the_stores_and_repeat_no_effect() {
    let mut services = Services::start(None).await;
    let mut orders = vec![];
    for round in 0..4 {
        for n in 0..25 {
            orders.push(services.place(&format!("k{round}-{n}")).await);
        }
        let open = services.unfinished(&orders).await;
        println!("killed with {open} orders under way");
        services.app.kill().await.expect("it is killed");
        services.app.start().await.expect("it starts again");
    }
    services.delivered(&orders).await;
    services.once_and_sound(&orders, None).await;
}

impl Services {
    async fn unfinished(&self, orders: &[String]) -> usize {
        let mut open = 0;
        for id in orders {
            let order = self.app.order(id).await.expect("it is there");
            open += usize::from(order["status"] != "delivered");
        }
        open
    }
}

#[tokio::test]
async fn with_two_databases_it_is_the_same() {
    let Some(server) = or_skip(Postgres::shared()) else {
        return;
    };
    let database = server.database(None).expect("a database");
    let mut services = Services::start(Some(&database)).await;
    let mut orders = vec![];
    for round in 0..2 {
        for n in 0..20 {
            orders.push(services.place(&format!("k{round}-{n}")).await);
        }
        services.app.kill().await.expect("it is killed");
        services.app.start().await.expect("it starts again");
    }
    services.delivered(&orders).await;
    services.once_and_sound(&orders, Some(&database)).await;
    let second = of_delivery(&database);
    let name = second.rsplit('/').next().expect("a name");
    let dropped = database.sql(&format!("DROP DATABASE \"{name}\" WITH (FORCE)"));
    dropped.expect("it is ours");
}

#[tokio::test]
async fn a_cancellation_is_answered_by_the_other_service() {
    let mut services = Services::start(None).await;
    let (mut orders, mut cancelled) = (vec![], 0);
    for n in 0..20 {
        let id = services.place(&format!("k{n}")).await;
        let path = format!("/v1/orders/{id}/cancel");
        let body = Bytes::from_static(b"{\"reason\":\"changed my mind\"}");
        let mut client = services.app.client();
        let answer = client.send(Method::POST, &path, &[], body).await;
        let answer = answer.expect("an answer");
        assert!(
            [200, 202, 409].contains(&answer.status.as_u16()),
            "{}",
            answer.text()
        );
        orders.push(id);
    }
    let settled = async {
        for id in &orders {
            loop {
                let order = services.app.order(id).await.expect("it is there");
                match order["status"].as_str() {
                    Some("cancelled") => break cancelled += 1,
                    Some("delivered") => break,
                    _ => sleep(LOOK_AGAIN).await,
                }
            }
        }
    };
    timeout(HANGS, settled)
        .await
        .expect("each is cancelled or delivered");
    let shipments = services.shipments().await;
    println!("{cancelled} of {} were cancelled", orders.len());
    for id in &orders {
        let order = services.app.order(id).await.expect("it is there");
        let sent = shipments.iter().filter(|(_, order)| order == id).count();
        if order["status"] == "delivered" {
            assert_eq!(sent, 1, "{id}");
        }
    }
    assert!(services.app.stop().await.expect("they stop").success());
}

#[tokio::test]
async fn a_shipment_that_lives_elsewhere_is_not_simulated_here() {
    let services = Services::start(None).await;
    let id = services.place("k").await;
    let path = format!("/api/orders/{id}/simulate-delivery");
    let body = Bytes::from_static(b"{\"status\":\"shipped\"}");
    let mut client = services.app.client();
    let answer = client.send(Method::POST, &path, &[], body).await;
    let answer = answer.expect("an answer");
    assert_eq!(answer.status, 422, "{}", answer.text());
    assert!(
        answer.text().contains("delivery service"),
        "{}",
        answer.text()
    );
}

#[tokio::test]
async fn each_service_says_its_name_and_words_unknown_paths_as_its_clients_know_them() {
    let services = Services::start(None).await;
    let of_orders = services.app.client();
    for (mut client, name) in [
        (of_orders, "order-service"),
        (services.delivery_client(), "delivery-service"),
    ] {
        let health = client.get("/health").await.expect("an answer");
        assert_eq!(health.json::<Value>()["service"], name);
        for (path, body) in [
            (
                "/nowhere",
                json!({"error": "Not Found", "message": "Endpoint not found"}),
            ),
            (
                "/orders/a/b/c",
                json!({"error": "Not Found", "message": "Endpoint not found"}),
            ),
        ] {
            let answer = client.get(path).await.expect("an answer");
            assert_eq!(
                (answer.status.as_u16(), answer.json::<Value>()),
                (404, body)
            );
        }
        let answer = client.get("/v1/nowhere").await.expect("an answer");
        assert_eq!(answer.json::<Value>()["code"], "not_found");
    }
}
