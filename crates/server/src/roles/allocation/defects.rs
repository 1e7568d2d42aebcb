//! Defects planted by tests, to show that the checkers find them. Compiled only with the feature `planted-defects`.

fn planted(name: &str) -> bool {
    std::env::var("WAYBILL_TEST_DEFECT").is_ok_and(|planted| planted == name)
}

/// Ends a reservation whose time has passed, whatever the call to its vendor comes to.
pub fn expires_under_way() -> bool {
    planted("expire_under_way")
}

/// Makes a call again whose answer was lost, also to a vendor that honours no keys.
pub fn repeats_without_key() -> bool {
    planted("repeat_without_key")
}
