//! Defects planted by tests, to show that the checkers find them. Compiled only with the feature `planted-defects`.

use waybill_domain::event::LoggedEvent;

/// The planted defect that the tests of combined turns must reveal: status takes as read what clients wrote after the turn
/// was submitted.
pub fn pass_over(events: &mut Vec<LoggedEvent>, log_end: i64) {
    if std::env::var("WAYBILL_TEST_DEFECT").is_ok_and(|planted| planted == "pass_over_others") {
        let is_by_client = |event: &LoggedEvent| event.event.meta.actor.starts_with("client:");
        events.retain(|event| event.position <= log_end || !is_by_client(event));
    }
}
