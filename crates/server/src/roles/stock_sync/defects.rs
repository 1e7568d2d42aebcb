//! Defects planted by tests, to show that the checkers find them. Compiled only with the feature `planted-defects`.

/// Writes what a vendor says over what it has agreed to since it was asked.
pub fn overwrites() -> bool {
    std::env::var("WAYBILL_TEST_DEFECT").is_ok_and(|planted| planted == "snapshot_overwrites")
}
