//! Two processes that take orders and two that see them through, on one database.

use waybill_testkit::server::{Fleet, Start};

const WAYBILL: &str = env!("CARGO_BIN_EXE_waybill");

/// How a member is started: what a lease bounds is short, so that a run sees many of them run out.
pub fn start(url: &str, roles: &str) -> Start {
    Start::serve(WAYBILL, roles)
        .on(url)
        .delivering_within_ms("0-300")
        .env("WAYBILL_CONSUMERS__LEASE_MS", "3s")
        .env("WAYBILL_STORE__STATEMENT_TIMEOUT_MS", "2s")
        .env("WAYBILL_STORE__LOCK_TIMEOUT_MS", "1500ms")
        .env("WAYBILL_STORE__IDLE_IN_TRANSACTION_TIMEOUT_MS", "2s")
        .env("WAYBILL_STORE__TCP_TIMEOUT_MS", "2s")
        .env("WAYBILL_STORE__CONNECT_TIMEOUT_MS", "10s")
        .env("WAYBILL_LOG__LEVEL", "warn")
}

/// Two and two.
pub async fn fleet(url: &str) -> Fleet {
    fleet_with(url, "").await
}

/// The same with a defect planted in each.
pub async fn fleet_with(url: &str, defect: &str) -> Fleet {
    let start = |_: &str, roles: &str| start(url, roles).env("WAYBILL_TEST_DEFECT", defect);
    let fleet = Fleet::ready(2, 2, start).await;
    fleet.expect("every process starts")
}
