//! A client that orders during a run in a tenant of its own, which the checker of the run does not read; `verify`
//! covers it.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use http::Method;
use serde_json::{Value, json};
use waybill_testkit::http::{Answer, Client};
use waybill_testkit::siege::Siege;
use waybill_testkit::token;

const POLL: Duration = Duration::from_millis(20);

/// Leases of three seconds that have to run out, two steps of 300 ms at most, and the load beside it.
const SERVED_WITHIN: Duration = Duration::from_secs(20);

/// Orders through either door are delivered.
pub async fn both_are_served(siege: &Siege, when: &str) {
    for (number, door) in siege.fleet.doors().into_iter().enumerate() {
        let key = format!("{when}, at door {number}");
        let mut bystander = Bystander::at(door).await;
        let took = bystander.is_served(&key, SERVED_WITHIN).await;
        println!("{key}: delivered after {took:?}");
    }
}

pub struct Bystander {
    client: Client,
}

impl Bystander {
    /// With plenty on the shelf.
    pub async fn at(door: SocketAddr) -> Self {
        let client = Client::new(door).with_token(&token::demo_for("bystander", "looker"));
        let mut bystander = Self { client };
        let body = json!({"onHand": 100_000, "reason": "seed"});
        let put = bystander.sends(Method::PUT, "/v1/stock/SHELF", &[], &body);
        let answer = put.await;
        assert!(answer.status.is_success(), "{}", answer.text());
        bystander
    }

    async fn sends(
        &mut self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: &Value,
    ) -> Answer {
        let body = body.to_string().into();
        let answer = self.client.send(method, path, headers, body).await;
        answer.expect("it answers")
    }

    /// An order that does not fit into the last corner of a page.
    pub async fn orders(&mut self, key: &str) -> Answer {
        let order = json!({"currency": "EUR", "metadata": {"text": "t".repeat(1_000)},
                           "lines": [{"sku": "SHELF", "quantity": 1, "unitPrice": "1.00"}]});
        let headers = [("idempotency-key", key)];
        self.sends(Method::POST, "/v1/orders", &headers, &order)
            .await
    }

    pub async fn gets(&mut self, path: &str) -> Answer {
        self.client.get(path).await.expect("reads go on")
    }

    /// Places an order and waits until it is delivered; how long that took.
    pub async fn is_served(&mut self, key: &str, within: Duration) -> Duration {
        let began = Instant::now();
        let answer = self.orders(key).await;
        assert_eq!(answer.status, 201, "{}", answer.text());
        let placed: Value = answer.json();
        let path = format!("/v1/orders/{}", placed["id"].as_str().expect("an id"));
        loop {
            let order: Value = self.gets(&path).await.json();
            if order["status"] == "delivered" {
                return began.elapsed();
            }
            assert!(began.elapsed() < within, "{key}: {order}");
            tokio::time::sleep(POLL).await;
        }
    }
}
