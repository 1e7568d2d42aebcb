//! Events that were too large for a message: their bodies are read from the service that sent them.
//!
//! The message says where, as `http://host/v1/orders/{id}/events#{event}`: the list of the order's events, and the
//! event's id in it. A message from another writer to the queue could name any address, so only the one in the settings is
//! asked, and gets the token.

use std::time::Duration;

use waybill_broker::receiver::{JsonObject, NotFetched};

use crate::client::{Client, ClientError, Target};
use crate::config::Secret;

/// A page may take this long.
const PATIENCE: Duration = Duration::from_secs(10);

/// Pages that are read at most: an order has a few dozen events, and a page holds about as many.
const PAGES: usize = 100;

/// The service whose events are taken.
#[derive(Clone, Debug, Default)]
pub struct EventSource {
    /// Its address, `http://host`; empty when it is not told.
    pub url: String,
    /// A token of it.
    pub token: Secret,
}

/// The body of the event at an address.
///
/// # Errors
/// It cannot be had. The text says why and what to do.
pub async fn body(dataref: &str, source: &EventSource) -> Result<JsonObject, NotFetched> {
    if source.url.is_empty() || source.token.expose().is_empty() {
        return Err(NotFetched::Never(format!(
            "it is at {dataref}; set broker.source_url to the address of that service, and broker.token to a token of it with the scope order:read"
        )));
    }
    let base = source.url.trim_end_matches('/');
    let path = dataref.strip_prefix(base);
    if !path.is_some_and(|path| path.starts_with("/v1/orders/")) {
        return Err(NotFetched::Never(format!(
            "it is said to be at {dataref}, which is not below {base}/v1/orders, and broker.source_url is asked alone"
        )));
    }
    let never = |why: String| NotFetched::Never(why);
    let (list, id) = dataref
        .split_once('#')
        .ok_or_else(|| never(format!("{dataref} names no event")))?;
    let target = Target::parse(list).map_err(|error| not_fetched(&error))?;
    let client = Client::new(target, source.token.expose(), PATIENCE);
    let mut client = client.map_err(|error| not_fetched(&error))?;
    let mut page = String::new();
    for _ in 0..PAGES {
        let answer = client.get(&page).await;
        let mut answer = answer.map_err(|error| not_fetched(&error))?;
        let next = answer.body["next"].as_str().map(str::to_owned);
        let items = answer.body["items"].as_array_mut().into_iter().flatten();
        if let Some(event) = items.into_iter().find(|event| event["id"] == id) {
            return match event["data"].take() {
                serde_json::Value::Object(data) => Ok(data),
                _ => Err(never(format!("the event {id} at {list} has no data"))),
            };
        }
        match next {
            Some(next) => page = format!("?after={next}"),
            None => break,
        }
    }
    Err(never(format!("there is no event {id} at {list}")))
}

fn not_fetched(error: &ClientError) -> NotFetched {
    let why = error.to_string();
    if error.is_temporary() {
        NotFetched::Later(why)
    } else {
        NotFetched::Never(why)
    }
}
