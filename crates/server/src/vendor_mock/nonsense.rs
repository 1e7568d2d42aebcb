//! Answers to `GET /stock` that no vendor should give.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::response::{IntoResponse, Response};
use clap::ValueEnum;
use futures::stream;
use http::{StatusCode, header};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::shelves::Shelves;

/// Bytes of an answer that does not end.
const ENDLESS_BYTES: usize = 1_000_000_000;

/// What is wrong with the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Nonsense {
    /// A page instead of JSON.
    Html,
    /// 302 to another address.
    Redirect,
    /// The first sku has -5 units.
    Negative,
    /// The first sku has 2.5 units.
    Fractional,
    /// The first sku has more units than 64 bits count.
    Huge,
    /// The first sku has no quantity.
    Missing,
    /// The first sku stands twice, with different quantities.
    Twice,
    /// The JSON ends in the middle.
    Truncated,
    /// 1 GB of skus.
    Endless,
    /// A byte a second.
    Dripping,
}

/// The wrong answer.
pub fn answer(nonsense: Nonsense, shelves: &Shelves) -> Response {
    let mut rows: Vec<Value> = shelves
        .iter()
        .map(|(sku, quantity)| json!({"sku": sku, "quantity": quantity}))
        .collect();
    let mut first = |quantity: Value| {
        if let Some(row) = rows.first_mut() {
            row["quantity"] = quantity;
        }
    };
    match nonsense {
        Nonsense::Html => return page(),
        Nonsense::Redirect => return redirect(),
        Nonsense::Endless => return endless(),
        Nonsense::Negative => first(json!(-5)),
        Nonsense::Fractional => first(json!(2.5)),
        Nonsense::Huge => first(json!(1e30)),
        Nonsense::Missing => {
            if let Some(row) = rows.first_mut().and_then(Value::as_object_mut) {
                row.remove("quantity");
            }
        }
        Nonsense::Twice => {
            if let Some(mut again) = rows.first().cloned() {
                again["quantity"] = json!(1);
                rows.push(again);
            }
        }
        Nonsense::Truncated | Nonsense::Dripping => {}
    }
    let mut text = Value::Array(rows).to_string();
    if nonsense == Nonsense::Truncated {
        text.truncate(text.len() / 2);
    }
    let body = if nonsense == Nonsense::Dripping {
        dripping(text.into(), 1)
    } else {
        Body::from(text)
    };
    ([(header::CONTENT_TYPE, "application/json")], body).into_response()
}

fn page() -> Response {
    let page = "<!doctype html><title>Vendor</title><p>We will be back soon.";
    ([(header::CONTENT_TYPE, "text/html")], page).into_response()
}

fn redirect() -> Response {
    let elsewhere = [(header::LOCATION, "http://127.0.0.1:1/stock")];
    (StatusCode::FOUND, elsewhere).into_response()
}

fn endless() -> Response {
    let row = |number: usize| format!("{{\"sku\":\"ENDLESS-{number:09}\",\"quantity\":1}},");
    let rows = ENDLESS_BYTES / row(0).len();
    let pieces = (0..rows).step_by(1_000).map(move |from| {
        let mut piece: String = (from..from + 1_000).map(row).collect();
        if from == 0 {
            piece.insert(0, '[');
        }
        Ok::<_, std::convert::Infallible>(Bytes::from(piece))
    });
    let body = Body::from_stream(stream::iter(pieces));
    ([(header::CONTENT_TYPE, "application/json")], body).into_response()
}

/// A body that leaves a byte at a time, so many a second.
pub fn dripping(bytes: Bytes, bytes_per_s: u32) -> Body {
    let pause = Duration::from_secs(1) / bytes_per_s.max(1);
    let drops = stream::unfold(bytes, move |mut left| async move {
        if left.is_empty() {
            return None;
        }
        tokio::time::sleep(pause).await;
        let drop = left.split_to(1);
        Some((Ok::<_, std::convert::Infallible>(drop), left))
    });
    Body::from_stream(drops)
}
