//! Defects planted by tests, to show that the checkers find them. Compiled only with the feature `planted-defects`.

use super::jobs::Ran;
use std::time::Duration;
use waybill_domain::reservation::ReservationMove;

/// Whether a test planted the defect of this name (test-only builds).
pub fn defect(name: &str) -> bool {
    std::env::var("WAYBILL_TEST_DEFECT").is_ok_and(|planted| planted == name)
}

/// Whether a vendor's units leave its stock row when they ship, once more than when it agreed.
pub fn takes_twice(moved: &ReservationMove) -> bool {
    let ships = matches!(moved, ReservationMove::Consume(units) if !units.vendor.is_local());
    ships && defect("take_twice")
}

/// The planted defect that the crash tests must reveal: results sent before the commit.
pub fn answer_early(ran: Vec<Ran>) -> Vec<Ran> {
    if !defect("answer_before_commit") {
        return ran;
    }
    for (job, outcome) in ran {
        job.answer(outcome);
    }
    // Long enough for a kill to fall between the result and the commit.
    std::thread::sleep(Duration::from_millis(5));
    vec![]
}
