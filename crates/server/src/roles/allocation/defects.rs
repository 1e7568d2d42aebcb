//! Defects planted by tests, to show that the checkers find them. Compiled only with the feature `planted-defects`.

use waybill_domain::order::Order;
use waybill_domain::time::Time;
use waybill_domain::vendor_call::VendorCall;

fn planted(name: &str) -> bool {
    std::env::var("WAYBILL_TEST_DEFECT").is_ok_and(|planted| planted == name)
}

/// Ends a reservation whose time has passed, whatever the call to its vendor comes to.
pub fn expires_under_way(order: &Order, call: &VendorCall, now: Time) -> bool {
    let sources = order.lines.iter().flat_map(|line| &line.sources);
    let mut asked = sources.filter(|source| source.vendor == call.vendor);
    let is_over = |at: Option<Time>| at.is_some_and(|at| at <= now);
    planted("expire_under_way") && asked.any(|source| is_over(source.reservation.expires_at))
}

/// Makes a call again whose answer was lost, also to a vendor that honours no keys.
pub fn repeats_without_key() -> bool {
    planted("repeat_without_key")
}
