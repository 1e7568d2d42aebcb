//! Checks a run: compares the clients' journal with what the system shows once no order is under way.
//!
//! Owns the verdict. One file per group of invariants, each a pure function of [`Evidence`], so that
//! each can be shown to fail on evidence with a planted flaw. Invariant: a run that could not be read
//! to the end, or in which too little happened, is *inconclusive*, never green. The numbers (I1, I2, …)
//! are those of docs/invariants.md.

mod evidence;
mod history;
mod keys;
mod stock;

use std::collections::BTreeMap;
use std::fmt;

pub use evidence::{Evidence, Reading};

/// A broken invariant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    pub invariant: &'static str,
    pub what: String,
}

/// What a run must have seen to count.
#[derive(Debug, Clone, Copy)]
pub struct Enough {
    /// Orders acknowledged.
    pub orders: usize,
    /// Faults that hit while requests were in flight.
    pub faults: usize,
}

/// The result of the check.
#[derive(Debug, Clone, Default)]
pub struct Verdict {
    pub violations: Vec<Violation>,
    pub inconclusive: Vec<String>,
    pub counts: BTreeMap<&'static str, usize>,
}

/// Violations of one invariant that are printed; the rest is counted.
const SHOWN: usize = 5;
const SHOWN_CHARACTERS: usize = 1_000;

impl Verdict {
    /// No violation, and enough happened for the run to count.
    pub fn is_green(&self) -> bool {
        self.violations.is_empty() && self.inconclusive.is_empty()
    }

    /// There is a violation.
    pub fn is_red(&self) -> bool {
        !self.violations.is_empty()
    }

    pub fn violates(&self, invariant: &str) -> bool {
        self.violations.iter().any(|v| v.invariant == invariant)
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = match (self.is_red(), self.inconclusive.is_empty()) {
            (true, _) => "RED",
            (false, false) => "INCONCLUSIVE",
            (false, true) => "green",
        };
        writeln!(f, "verdict: {word}")?;
        for (name, count) in &self.counts {
            writeln!(f, "  {name}: {count}")?;
        }
        for why in &self.inconclusive {
            writeln!(f, "  inconclusive: {why}")?;
        }
        let mut by_invariant: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for violation in &self.violations {
            by_invariant
                .entry(violation.invariant)
                .or_default()
                .push(&violation.what);
        }
        for (invariant, all) in by_invariant {
            writeln!(f, "  {invariant} violated {} times:", all.len())?;
            for what in all.iter().take(SHOWN) {
                let shown: String = what.chars().take(SHOWN_CHARACTERS).collect();
                writeln!(f, "    {shown}")?;
            }
        }
        Ok(())
    }
}

/// Judges the evidence by every invariant.
pub fn check(evidence: &Evidence, enough: Enough) -> Verdict {
    let mut verdict = Verdict::default();
    keys::check(evidence, &mut verdict);
    history::check(evidence, &mut verdict);
    stock::check(evidence, &mut verdict);
    verdict.inconclusive.extend(evidence.unread.iter().cloned());
    let faults = verdict
        .counts
        .get("faults while requests were in flight")
        .copied()
        .unwrap_or(0);
    let acknowledged = verdict
        .counts
        .get("orders acknowledged")
        .copied()
        .unwrap_or(0);
    if acknowledged < enough.orders {
        verdict.inconclusive.push(format!(
            "{acknowledged} orders acknowledged, {} wanted",
            enough.orders
        ));
    }
    if faults < enough.faults {
        verdict.inconclusive.push(format!(
            "{faults} faults hit while requests were in flight, {} wanted",
            enough.faults
        ));
    }
    verdict
}

impl Verdict {
    pub(crate) fn add(&mut self, invariant: &'static str, what: impl Into<String>) {
        self.violations.push(Violation {
            invariant,
            what: what.into(),
        });
    }

    pub(crate) fn count(&mut self, what: &'static str, n: usize) {
        *self.counts.entry(what).or_default() += n;
    }
}
