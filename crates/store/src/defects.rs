//! Defects planted by tests, to show that the checkers find them, in what both drivers do. Compiled only with the feature
//! `planted-defects`.

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

/// The planted defect that the tests of the archive must reveal: what left stock with an order is not kept.
pub fn loses_archived_units() -> bool {
    defect("lose_archived_units")
}

/// The planted defect that the tests of packed rows must reveal: a page that ends inside of a row goes on behind it.
pub fn passes_rest_of_row() -> bool {
    defect("pass_rest_of_row")
}
