//! Defects planted by tests, to show that the checkers find them. Compiled only with the feature `planted-defects`.

use super::jobs::Ran;
pub use crate::defects::{defect, takes_twice};
use std::time::Duration;

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
