//! What one client can take from the others at the front door, and what it costs the server: memory for bodies, places
//! for connections and streams, requests in a minute, file descriptors.

mod behind_nginx;
mod bodies;
mod descriptors;
mod places;
mod rate;
#[cfg(feature = "redis")]
mod redis_away;
mod routed_by_role;
#[cfg(feature = "redis")]
mod shared_limit;

use std::time::{Duration, Instant};

use waybill_testkit::raw::Raw;
use waybill_testkit::server::{Start, Waybill};
use waybill_testkit::token;

/// Longer than any step of a test takes, also on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

fn demo() -> Start {
    Start::demo(env!("CARGO_BIN_EXE_waybill")).delivering_within_ms("600000")
}

/// The head of a request of a client.
fn head(start_line: &str, client: &str, lines: &str) -> String {
    let token = token::demo_for("default", client);
    format!(
        "{start_line} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n{lines}\r\n"
    )
}

async fn connect(app: &Waybill) -> Raw {
    Raw::connect(app.address()).await.expect("connected")
}

/// Waits until something is so.
async fn until<F: Future<Output = bool>>(what: &str, mut is_so: impl FnMut() -> F) {
    let begun = Instant::now();
    while !is_so().await {
        assert!(begun.elapsed() < PATIENCE, "{what}: not yet");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Whether the process says that it is there, on a connection of its own.
async fn is_alive(app: &Waybill) -> bool {
    let answer = app.client().get("/health/live").await;
    answer.is_ok_and(|answer| answer.status == 200)
}
