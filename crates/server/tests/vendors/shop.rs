//! A server, the vendors it reads, and what a person asks of both.

use std::time::Duration;

use bytes::Bytes;
use http::Method;
use serde_json::{Value, json};
use waybill_testkit::http::Client;
use waybill_testkit::server::{Start, Waybill};
use waybill_testkit::token;
use waybill_testkit::vendor::Vendor;

pub const BINARY: &str = env!("CARGO_BIN_EXE_waybill");

/// Longer than any reading of these tests takes.
pub const SOON: Duration = Duration::from_secs(30);

pub struct Shop {
    pub app: Waybill,
}

impl Shop {
    /// A server that reads stock only when it is asked to.
    pub async fn open() -> Self {
        Self::with(&[]).await
    }

    /// The same with further settings.
    pub async fn with(settings: &[&str]) -> Self {
        Self::with_defect("", settings).await
    }

    /// The same with a planted defect.
    pub async fn with_defect(defect: &str, settings: &[&str]) -> Self {
        let mut start = Start::demo(BINARY)
            .as_in(env!("CARGO_CRATE_NAME"))
            .env("WAYBILL_TEST_DEFECT", defect)
            .env("WAYBILL_VENDORS__SYNC_INTERVAL_MS", "1h");
        for setting in settings {
            start = start.arg("--set").arg(*setting);
        }
        let app = start.ready().await.expect("the server starts");
        Self { app }
    }

    /// A caller with these scopes.
    pub fn client(&self, tenant: &str, scope: &str) -> Client {
        let token = token::sign(
            &json!({"alg": "HS256", "typ": "JWT"}),
            &json!({"clientId": "testkit", "tenant": tenant, "scope": scope}),
            token::DEMO_SECRET.as_bytes(),
        );
        Client::new(self.app.address()).with_token(&token)
    }

    pub async fn get(&self, path: &str) -> Value {
        let answer = self.client("default", "admin").get(path).await;
        let answer = answer.expect("an answer");
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        answer.json()
    }

    /// The status and the body of a request that changes something.
    pub async fn send(&self, method: Method, path: &str, body: &Value) -> (u16, Value) {
        let mut admin = self.client("default", "admin");
        self.send_as(&mut admin, method, path, body).await
    }

    pub async fn send_as(
        &self,
        client: &mut Client,
        method: Method,
        path: &str,
        body: &Value,
    ) -> (u16, Value) {
        let body = Bytes::from(body.to_string());
        let answer = client.send(method, path, &[], body).await;
        let answer = answer.expect("an answer");
        (answer.status.as_u16(), answer.json())
    }

    /// Adds a vendor.
    pub async fn add(&self, name: &str, vendor: &Vendor) {
        let body = json!({"baseUrl": vendor.url()});
        let path = format!("/v1/vendors/{name}");
        let (status, answer) = self.send(Method::PUT, &path, &body).await;
        assert_eq!(status, 201, "{answer}");
    }

    /// Has the stock of a vendor read; how that went.
    pub async fn sync(&self, name: &str) -> Value {
        let path = format!("/v1/vendors/{name}/sync");
        let (status, answer) = self.send(Method::POST, &path, &json!({})).await;
        assert_eq!(status, 200, "{answer}");
        answer["items"][0]["stock"].clone()
    }

    /// What our copy says of a vendor's stock, by sku.
    pub async fn copy(&self, name: &str) -> Vec<(String, i64)> {
        let page = self.get("/v1/stock?limit=100").await;
        let rows = page["items"].as_array().expect("a list").iter();
        rows.filter(|row| row["vendor"] == name)
            .map(|row| {
                let sku = row["sku"].as_str().expect("a sku").to_owned();
                (sku, row["onHand"].as_i64().expect("units"))
            })
            .collect()
    }
}

pub fn rows(of: &[(&str, i64)]) -> Vec<(String, i64)> {
    let each = of.iter();
    each.map(|(sku, units)| ((*sku).to_owned(), *units))
        .collect()
}
