//! Two processes that take orders and two that run the consumers, on one database.

use std::time::{Duration, Instant};

use waybill_testkit::seed;
use waybill_testkit::server::{Fleet, Start};
use waybill_testkit::siege::Siege;
use waybill_testkit::traffic::Load;

const WAYBILL: &str = env!("CARGO_BIN_EXE_waybill");
const WITHIN: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(10);

/// How a member is started.
pub fn start(url: &str, roles: &str) -> Start {
    Start::serve(WAYBILL, roles)
        .on(url)
        .delivering_within_ms("0-300")
        .with_short_leases()
        .env("WAYBILL_LOG__LEVEL", "warn")
}

/// More orders than are ever placed: what is refused at once while a fault lasts counts as well.
pub fn load() -> Load {
    Load {
        clients: 24,
        pause_ms: 20,
        orders: 100_000,
    }
}

/// Two and two, with clients at both that order.
pub async fn siege(url: &str) -> Siege {
    let fleet = Fleet::ready(2, 2, |_, roles| start(url, roles)).await;
    let siege = Siege::lay(fleet.expect("it starts"), seed::of_this_run(), load()).await;
    siege.expect("orders come")
}

/// Waits until something is so, and not for ever.
pub async fn until(what: &str, mut reached: impl FnMut() -> bool) {
    let began = Instant::now();
    while !reached() {
        assert!(
            began.elapsed() < WITHIN,
            "{what} did not come within {WITHIN:?}"
        );
        tokio::time::sleep(POLL).await;
    }
}
