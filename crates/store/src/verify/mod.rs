//! The checks of `waybill verify`: invariants recomputed from the tables and the log.
//!
//! They share no code with the writes they check. A driver hands in its tables; the checks are the same for every
//! driver. docs/invariants.md says what each number means and what to do about a finding.

mod log;
mod orders;
mod rows;
mod shipments;
mod stock;

use crate::error::Result;
use async_trait::async_trait;
use serde::Serialize;
use waybill_domain::event::LoggedEvent;

/// Something that does not add up.
#[derive(Clone, Debug, Serialize, PartialEq, Eq)]
pub struct Finding {
    /// Which invariant, as `I5`.
    pub invariant: &'static str,
    /// The order, shipment, stock row or table.
    pub subject: String,
    pub detail: String,
}

impl Finding {
    /// Where operators read what the invariant says and what to do. None for a line that only counts findings.
    #[must_use]
    pub fn reference(&self) -> Option<String> {
        let number = self.invariant.strip_prefix('I')?;
        Some(format!("docs/invariants.md#i{number}"))
    }
}

/// The outcome of a verification.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Report {
    pub findings: Vec<Finding>,
    pub counts: Counts,
}

/// What was looked at.
#[derive(Clone, Copy, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Counts {
    pub orders: usize,
    pub shipments: usize,
    pub events: usize,
    pub stock_rows: usize,
    pub reservations: usize,
    pub claims: usize,
    /// Orders that are not yet delivered, cancelled or failed.
    pub unfinished: usize,
    pub parked: usize,
    pub timers: usize,
}

/// What is shown each row of a SELECT.
pub type VisitRow<'a> = &'a mut (dyn FnMut(&[String]) + Send);
/// What is shown each event of the log.
pub type VisitEvent<'a> = &'a mut (dyn FnMut(LoggedEvent) + Send);

/// Tables of a store, on one snapshot.
#[async_trait]
pub trait Tables: Send {
    /// Runs a SELECT that every driver understands. Cells come as text: null as the empty text, ids as UUIDs in
    /// lower case with hyphens, JSON as its text.
    async fn rows(&mut self, sql: &str, visit: VisitRow<'_>) -> Result<()>;
    /// The whole log; within a part, oldest first.
    async fn events(&mut self, visit: VisitEvent<'_>) -> Result<()>;
}

/// Findings listed at most; the rest is counted in one line.
const LISTED: usize = 200;

/// Runs every check.
///
/// # Errors
/// When the tables cannot be read.
pub async fn run(tables: &mut dyn Tables) -> Result<Report> {
    let mut report = Report::default();
    let histories = log::read(tables, &mut report).await?;
    orders::check(tables, &histories, &mut report).await?;
    shipments::check(tables, &histories, &mut report).await?;
    stock::check(tables, &mut report).await?;
    rows::check(tables, &mut report).await?;
    rows::count(tables, &mut report).await?;
    if report.findings.len() > LISTED {
        let more = report.findings.len() - LISTED;
        report.findings.truncate(LISTED);
        report.findings.push(Finding {
            invariant: "-",
            subject: "more".into(),
            detail: format!("{more} further findings are not listed"),
        });
    }
    Ok(report)
}

impl Report {
    fn find(
        &mut self,
        invariant: &'static str,
        subject: impl Into<String>,
        detail: impl Into<String>,
    ) {
        self.findings.push(Finding {
            invariant,
            subject: subject.into(),
            detail: detail.into(),
        });
    }
}
