//! Compares the answers that the client got with what the server has afterwards.
//!
//! The client's journal has every answer that acknowledged an order. Each such order is read, and sent again with its
//! key: it must exist with the content that was answered, and the key must lead to it.

use std::path::Path;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, StatusCode};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::trial::TrialError;
use crate::client::{Client, ClientError, path_segment};

/// Connections that read orders.
const READERS: usize = 16;
/// Orders at fault that are named.
const NAMED: usize = 5;
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// An answer that acknowledged an order.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Promise {
    key: String,
    order_id: String,
    request: Box<RawValue>,
    answer: Value,
}

/// The result.
#[derive(Default)]
pub struct Judgement {
    pub promised: u64,
    pub lost: u64,
    pub changed: u64,
    pub doubled: u64,
    /// Descriptions of the first few faults.
    pub named: Vec<String>,
}

impl Judgement {
    pub fn is_clean(&self) -> bool {
        self.lost + self.changed + self.doubled == 0
    }

    pub fn to_json(&self) -> Value {
        json!({"promised": self.promised, "lost": self.lost, "changed": self.changed, "doubled": self.doubled,
            "named": self.named})
    }

    fn absorb(&mut self, other: Self) {
        self.promised += other.promised;
        self.lost += other.lost;
        self.changed += other.changed;
        self.doubled += other.doubled;
        self.named.extend(other.named);
        self.named.truncate(NAMED);
    }

    fn name(&mut self, words: String) {
        if self.named.len() < NAMED {
            self.named.push(words);
        }
    }
}

/// Reads the journal and checks every order in it.
pub async fn judge(client: &Client, journal: &Path) -> Result<Judgement, TrialError> {
    let promises = read(journal)?;
    let mut readers = JoinSet::new();
    let mut shares: Vec<Vec<Promise>> = (0..READERS).map(|_| Vec::new()).collect();
    for (number, promise) in promises.into_iter().enumerate() {
        shares[number % READERS].push(promise);
    }
    for share in shares {
        let mut client = client.another();
        readers.spawn(async move {
            let mut judgement = Judgement::default();
            for promise in share {
                one(&mut client, &promise, &mut judgement).await?;
            }
            Ok::<_, ClientError>(judgement)
        });
    }
    let mut whole = Judgement::default();
    while let Some(ended) = readers.join_next().await {
        let judgement =
            ended.map_err(|error| TrialError::io("reading back", std::io::Error::other(error)))?;
        whole.absorb(judgement?);
    }
    Ok(whole)
}

fn read(journal: &Path) -> Result<Vec<Promise>, TrialError> {
    let wrong = |source| TrialError::io(journal.display(), source);
    let text = std::fs::read_to_string(journal).map_err(wrong)?;
    text.lines()
        .map(|line| serde_json::from_str(line).map_err(|error| wrong(error.into())))
        .collect()
}

async fn one(
    client: &mut Client,
    promise: &Promise,
    judgement: &mut Judgement,
) -> Result<(), ClientError> {
    judgement.promised += 1;
    let id = &promise.order_id;
    match client
        .get(&format!("/api/orders/{}", path_segment(id)))
        .await
    {
        Ok(answer) => {
            if let Some(difference) = differs(&promise.answer["data"], &answer.body["data"]) {
                judgement.changed += 1;
                judgement.name(format!("order {id}: {difference}"));
            }
        }
        Err(ClientError::Refused(refusal)) if refusal.status == StatusCode::NOT_FOUND => {
            judgement.lost += 1;
            judgement.name(format!("order {id} was promised and is gone"));
        }
        Err(error) => return Err(error),
    }
    let key = HeaderValue::from_str(&promise.key).map_err(|_| {
        ClientError::usage(
            "a key of the journal is no header",
            "keep the journal as it was written",
        )
    })?;
    let body = Bytes::copy_from_slice(promise.request.get().as_bytes());
    let again = client
        .send(
            Method::POST,
            "/api/orders",
            Some(body),
            &[(IDEMPOTENCY_KEY, key)],
        )
        .await?;
    let same = again.body["data"]["orderId"] == id.as_str();
    if !same || !again.headers.contains_key("idempotent-replayed") {
        judgement.doubled += 1;
        judgement.name(format!(
            "key {} made {id} and then {}",
            promise.key, again.body["data"]["orderId"]
        ));
    }
    Ok(())
}

/// A field that must not change and did. The status is not compared, because it does change.
fn differs(promised: &Value, found: &Value) -> Option<String> {
    ["orderId", "customerId", "items", "totalAmount", "createdAt"]
        .into_iter()
        .find(|field| promised[*field] != found[*field])
        .map(|field| format!("{field} was {} and is {}", promised[field], found[field]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_of_status_is_none_of_content() {
        let promised = json!({"orderId":"o","customerId":"c","items":[1],"totalAmount":1.5,"createdAt":"t","status":"Pending Shipment"});
        let mut found = promised.clone();
        found["status"] = "Delivered".into();
        assert_eq!(differs(&promised, &found), None);
        found["totalAmount"] = 2.into();
        assert_eq!(
            differs(&promised, &found).as_deref(),
            Some("totalAmount was 1.5 and is 2")
        );
    }
}
