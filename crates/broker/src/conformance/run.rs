//! Runs the cases on a bench and reports.

use super::cases::{CASES, Case};
use super::{Abilities, Bench};
use std::time::Instant;

/// What became of each case.
#[derive(Debug, Default)]
pub struct Report {
    pub passed: Vec<&'static str>,
    /// With the reason.
    pub failed: Vec<(&'static str, String)>,
    /// With what the broker cannot do.
    pub left_out: Vec<(&'static str, &'static str)>,
}

/// Runs every case of the suite, one after another, and prints a line for each. Cases whose name does not contain
/// `filter` are not run.
pub async fn run(bench: &dyn Bench, filter: &str) -> Report {
    let mut report = Report::default();
    let (broker, abilities) = (bench.name(), bench.abilities());
    for case in CASES.iter().filter(|case| case.name.contains(filter)) {
        if let Some(missing) = missing(case, abilities) {
            println!("{broker}: {} left out: {missing}", case.name);
            report.left_out.push((case.name, missing));
            continue;
        }
        let began = Instant::now();
        let outcome = (case.run)(bench).await;
        let took = began.elapsed().as_millis();
        match outcome {
            Ok(()) => {
                println!("{broker}: {} passed, {took} ms", case.name);
                report.passed.push(case.name);
            }
            Err(why) => {
                println!("{broker}: {} FAILED: {why}", case.name);
                report.failed.push((case.name, why));
            }
        }
    }
    report
}

/// What a case needs and the broker cannot do.
fn missing(case: &Case, abilities: Abilities) -> Option<&'static str> {
    let needs = [
        (
            case.needs.restarts,
            abilities.restarts,
            "it is no process of its own",
        ),
        (
            case.needs.strangers,
            abilities.strangers,
            "nobody else sends to it",
        ),
        (
            case.needs.size_limit,
            abilities.size_limit.is_some(),
            "its messages have no limit",
        ),
        (case.needs.keeps, abilities.keeps, "it keeps nothing"),
    ];
    let missing = needs.into_iter().find(|(needed, has, _)| *needed && !has);
    missing.map(|(_, _, why)| why)
}
