//! The routes of a mock vendor: the vendor API, and what a test asks it.

use std::future::IntoFuture;
use std::sync::Arc;

use axum::extract::{Path, Query, Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use axum::{Json, Router};
use futures::future::try_join_all;
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use waybill_domain::stock::MAX_UNITS;
use waybill_domain::text::Sku;
use waybill_domain::time::Time;

use super::faults::Faults;
use super::ledger::Entry;
use super::operation::Operation;
use super::shelves::NotMoved;
use super::{Mock, Move, Moved, answer, nonsense};

/// Entries of the ledger in one answer, if the caller names no number, and at most.
const LEDGER_PAGE: usize = 1_000;
const LONGEST_LEDGER_PAGE: usize = 10_000;

/// The vendor's routes under its faults; `/ledger`, `/faults` and the setting of stock are not under them.
fn router(mock: Arc<Mock>) -> Router {
    let vendor = Router::new()
        .route("/health", get(health))
        .route("/stock", get(stock))
        .route("/info", get(info))
        .route("/reduce-stock", post(reduce))
        .route("/restore-stock", post(restore))
        .route("/simulate/fluctuation", post(fluctuate))
        .layer(middleware::from_fn_with_state(Arc::clone(&mock), faulty));
    Router::new()
        .merge(vendor)
        .route("/ledger", get(ledger))
        .route("/faults", get(faults).put(set_faults))
        .route("/stock/{sku}", put(set_stock))
        .fallback(|| async { answer::error(StatusCode::NOT_FOUND, "Not found") })
        .with_state(mock)
}

/// Answers at these listeners until it is stopped. Nothing that a real server needs stands between: no limit of
/// connections, no timeout of heads.
///
/// # Errors
/// A listener fails.
pub async fn serve(
    listeners: Vec<TcpListener>,
    mock: Arc<Mock>,
    stop: CancellationToken,
) -> std::io::Result<()> {
    let routes = router(mock);
    let each = listeners.into_iter().map(|listener| {
        let stopped = stop.clone().cancelled_owned();
        let serving = axum::serve(listener, routes.clone());
        serving.with_graceful_shutdown(stopped).into_future()
    });
    try_join_all(each).await.map(drop)
}

/// Delays, slows or loses what the vendor answers.
async fn faulty(State(mock): State<Arc<Mock>>, request: Request, next: Next) -> Response {
    let faults = mock.faults();
    let latency = faults.latency_ms.pick(&mock.entropy);
    if latency.get() > 0 {
        tokio::time::sleep(latency.duration()).await;
    }
    if faults.down {
        return answer::none();
    }
    answer::slowed(next.run(request).await, &faults).await
}

async fn health(State(mock): State<Arc<Mock>>) -> Json<Value> {
    Json(json!({"status": "ok", "vendor": mock.name}))
}

async fn info(State(mock): State<Arc<Mock>>) -> Json<Value> {
    let skus = mock.books.lock().shelves.len();
    Json(json!({"name": mock.name, "id": mock.id(), "port": mock.port, "stock": skus}))
}

async fn stock(State(mock): State<Arc<Mock>>) -> Response {
    let books = mock.books.lock();
    if let Some(wanted) = books.faults.nonsense {
        return nonsense::answer(wanted, &books.shelves);
    }
    let rows = books.shelves.iter();
    let rows = rows.map(|(sku, quantity)| json!({"sku": sku, "quantity": quantity}));
    Json(rows.collect::<Vec<Value>>()).into_response()
}

#[derive(Deserialize)]
struct Units {
    sku: String,
    quantity: i64,
}

async fn reduce(State(mock): State<Arc<Mock>>, headers: HeaderMap, body: String) -> Response {
    moved(&mock, Operation::Reduce, &headers, &body)
}

async fn restore(State(mock): State<Arc<Mock>>, headers: HeaderMap, body: String) -> Response {
    moved(&mock, Operation::Restore, &headers, &body)
}

fn moved(mock: &Mock, operation: Operation, headers: &HeaderMap, body: &str) -> Response {
    let wrong = || answer::error(StatusCode::BAD_REQUEST, "sku and quantity required");
    let Ok(units) = serde_json::from_str::<Units>(body) else {
        return wrong();
    };
    let (Ok(sku), 1..=MAX_UNITS) = (Sku::parse(&units.sku), units.quantity) else {
        return wrong();
    };
    let key = headers.get("idempotency-key");
    let asked = Move {
        operation,
        sku,
        quantity: units.quantity,
        key: key.and_then(|key| key.to_str().ok()).map(Arc::from),
    };
    match mock.take(&asked) {
        Moved::Yes(quantity) => {
            Json(json!({"success": true, "newQuantity": quantity})).into_response()
        }
        Moved::No(NotMoved::UnknownSku) => {
            answer::error(StatusCode::NOT_FOUND, "Product not found")
        }
        Moved::No(NotMoved::Insufficient) => {
            answer::error(StatusCode::BAD_REQUEST, "Insufficient stock")
        }
        Moved::Failed => answer::error(StatusCode::SERVICE_UNAVAILABLE, "Simulated failure"),
        Moved::Lost => answer::none(),
        Moved::Full => answer::error(
            StatusCode::INSUFFICIENT_STORAGE,
            "The ledger of this mock is full; start it again",
        ),
    }
}

/// Changes some quantities, and answers all of them.
async fn fluctuate(State(mock): State<Arc<Mock>>) -> Json<Value> {
    let mut books = mock.books.lock();
    let changes = books.shelves.fluctuate(&mock.entropy);
    for (sku, difference) in changes {
        let now = books.shelves.quantity(&sku).unwrap_or_default();
        books.ledger.write(own_change(&mock, sku, difference, now));
    }
    let rows = books.shelves.iter();
    let rows = rows.map(|(sku, quantity)| json!({"sku": sku, "quantity": quantity}));
    Json(json!({"success": true, "stock": rows.collect::<Vec<Value>>()}))
}

fn own_change(mock: &Mock, sku: Sku, difference: i64, now: i64) -> Entry {
    Entry {
        at: Time(mock.clock.now_micros()),
        operation: Operation::Set,
        sku,
        quantity: difference,
        key: None,
        result: Ok(now),
        done: true,
        answered: true,
    }
}

#[derive(Deserialize)]
struct LedgerPage {
    after: Option<usize>,
    limit: Option<usize>,
}

async fn ledger(State(mock): State<Arc<Mock>>, Query(page): Query<LedgerPage>) -> Json<Value> {
    let limit = page.limit.unwrap_or(LEDGER_PAGE).min(LONGEST_LEDGER_PAGE);
    let books = mock.books.lock();
    let mut body = books.ledger.to_json(page.after.unwrap_or(0), limit);
    body["vendor"] = json!(mock.name);
    body["honoursKeys"] = json!(books.faults.honours_keys);
    Json(body)
}

async fn faults(State(mock): State<Arc<Mock>>) -> Json<Faults> {
    Json(mock.faults())
}

async fn set_faults(State(mock): State<Arc<Mock>>, body: String) -> Response {
    let read = serde_json::from_str::<Faults>(&body);
    match read
        .map_err(|error| error.to_string())
        .and_then(|faults| faults.check().map_err(|error| error.to_string()))
    {
        Ok(faults) => {
            mock.books.lock().faults = faults.clone();
            Json(faults).into_response()
        }
        Err(why) => answer::error(StatusCode::BAD_REQUEST, &why),
    }
}

#[derive(Deserialize)]
struct Quantity {
    quantity: i64,
}

async fn set_stock(
    State(mock): State<Arc<Mock>>,
    Path(sku): Path<String>,
    Json(count): Json<Quantity>,
) -> Response {
    let (Ok(sku), 0..=MAX_UNITS) = (Sku::parse(&sku), count.quantity) else {
        return answer::error(StatusCode::BAD_REQUEST, "no sku, or no quantity");
    };
    let mut books = mock.books.lock();
    let difference = books.shelves.set(sku.clone(), count.quantity);
    books
        .ledger
        .write(own_change(&mock, sku, difference, count.quantity));
    Json(json!({"quantity": count.quantity})).into_response()
}
