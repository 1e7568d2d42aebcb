//! Defects planted by tests, to show that the checkers find them. Compiled only with the feature `planted-defects`.

/// The planted defect that the tests of the relay must reveal: the cursor is written before the broker has confirmed
/// anything.
pub fn cursor_before_confirm() -> bool {
    std::env::var("WAYBILL_TEST_DEFECT").is_ok_and(|planted| planted == "cursor_before_confirm")
}
