//! Two processes that take orders and two that run the consumers, on one database.

use waybill_testkit::server::{Fleet, Start};

const WAYBILL: &str = env!("CARGO_BIN_EXE_waybill");

/// How a member is started.
pub fn start(url: &str, roles: &str) -> Start {
    Start::serve(WAYBILL, roles)
        .on(url)
        .delivering_within_ms("0-300")
        .with_short_leases()
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
