//! A running demo and a person at it.

use serde_json::{Value, json};
use waybill_testkit::server::{Start, Waybill};
use waybill_testkit::token;

use super::typed::{Person, WAYBILL};

pub struct Shop {
    /// Ends with the test.
    _server: Waybill,
    pub url: String,
    pub token: String,
    pub person: Person,
}

impl Shop {
    /// Opens with plenty of `a`; its carrier does nothing by itself.
    pub async fn open() -> Self {
        let start = Start::demo(WAYBILL).delivering_within_ms("3600000");
        let server = start.ready().await.expect("the server starts");
        let url = format!("http://{}", server.address());
        let token = token::sign(
            &json!({"alg": "HS256", "typ": "JWT"}),
            &json!({"clientId": "testkit", "tenant": "default", "scope": "admin"}),
            token::DEMO_SECRET.as_bytes(),
        );
        let person = Person::at(&url, &token);
        assert_eq!(person.types(&["stock", "set", "a", "100000"]).await.code, 0);
        Self {
            _server: server,
            url,
            token,
            person,
        }
    }

    /// What a command with `--json` printed.
    pub async fn json(&self, line: &str) -> Value {
        let words: Vec<&str> = line.split(' ').chain(["--json"]).collect();
        self.person.types(&words).await.json()
    }
}

/// The id of a thing.
pub fn id(of: &Value) -> String {
    of["id"].as_str().expect("an id").to_owned()
}
