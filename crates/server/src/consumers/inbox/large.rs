//! Events that were too large for a message: their bodies are read from the service that sent them.
//!
//! The message says where, as `http://host/v1/orders/{id}/events#{event}`: the list of the order's events, and the
//! event's id in it.

use std::time::Duration;

use crate::client::{Client, Target};
use crate::config::Secret;

/// A page may take this long.
const PATIENCE: Duration = Duration::from_secs(10);

/// Pages that are read at most: an order has a few dozen events, and a page holds about as many.
const PAGES: usize = 100;

/// The body of the event at an address.
///
/// # Errors
/// It cannot be had now. The text says why and what to do.
pub async fn body(dataref: &str, token: &Secret) -> Result<String, String> {
    if token.expose().is_empty() {
        return Err(format!(
            "the event was too large for a message and is at {dataref}; set broker.token to a token of that service with the scope order:read"
        ));
    }
    let (list, id) = dataref
        .split_once('#')
        .ok_or_else(|| format!("{dataref} names no event"))?;
    let target = Target::parse(list).map_err(|error| error.to_string())?;
    let client = Client::new(target, token.expose(), PATIENCE);
    let mut client = client.map_err(|error| error.to_string())?;
    let mut page = String::new();
    for _ in 0..PAGES {
        let answer = client.get(&page).await.map_err(|error| error.to_string())?;
        let mut items = answer.body["items"].as_array().into_iter().flatten();
        if let Some(event) = items.find(|event| event["id"] == id) {
            return Ok(event["data"].to_string());
        }
        match answer.body["next"].as_str() {
            Some(next) => page = format!("?after={next}"),
            None => break,
        }
    }
    Err(format!("there is no event {id} at {list}"))
}
