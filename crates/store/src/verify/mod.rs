//! The checks of `waybill verify`: invariants recomputed from the tables and the log.
//!
//! They share no code with the writes they check. A driver hands in its tables; the checks are the same for every
//! driver. docs/invariants.md says what each number means and what to do about a finding.

mod against;
mod archive;
mod copies;
mod difference;
mod discards;
mod log;
mod orders;
mod received;
mod rows;
mod shipments;
mod stock;

pub use against::{Side, compare};

use crate::archive::ArchivedOrder;
use crate::error::Result;
use async_trait::async_trait;
use serde::Serialize;
use std::collections::BTreeSet;
use std::str::FromStr;
use waybill_domain::echo::quoted;
use waybill_domain::event::LoggedEvent;

/// A violated invariant.
#[derive(Clone, Debug, Serialize, PartialEq, Eq)]
pub struct Finding {
    /// Which invariant, as `I5`.
    pub invariant: &'static str,
    /// The order, shipment, stock row or table.
    pub subject: String,
    pub detail: String,
}

impl Finding {
    /// The page and section that explain the invariant to operators. `None` for a line that only counts findings.
    #[must_use]
    pub fn reference(&self) -> Option<String> {
        let number = self.invariant.strip_prefix('I')?;
        Some(format!("docs/invariants.md#i{number}"))
    }
}

/// A finding that follows from an operator's decision.
#[derive(Clone, Debug, Serialize, PartialEq, Eq)]
pub struct Explained {
    #[serde(flatten)]
    pub finding: Finding,
    pub explanation: String,
}

/// The outcome of a verification.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Report {
    /// The findings without an explanation; the store is sound when there are none.
    pub findings: Vec<Finding>,
    /// The findings that a discarded event explains.
    pub explained: Vec<Explained>,
    /// The stock rows that findings are about: tenant, sku and vendor. They can be reconciled.
    #[serde(skip)]
    pub stock_rows: BTreeSet<[String; 3]>,
    pub counts: Counts,
}

/// How many rows were checked.
#[derive(Clone, Copy, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Counts {
    pub orders: usize,
    /// Orders that were moved into the archive.
    pub archived: usize,
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

/// Called with each row of a SELECT.
pub type VisitRow<'a> = &'a mut (dyn FnMut(&[String]) + Send);
/// Called with each event of the log.
pub type VisitEvent<'a> = &'a mut (dyn FnMut(LoggedEvent) + Send);

/// Called with each order of the archive.
pub type VisitArchived<'a> = &'a mut (dyn FnMut(Result<ArchivedOrder>) + Send);

/// Tables of a store, on one snapshot.
#[async_trait]
pub trait Tables: Send {
    /// Runs a SELECT that every driver's database accepts. Cells are passed as text: null as the empty text, ids as
    /// UUIDs in lower case with hyphens, JSON as its text.
    async fn rows(&mut self, sql: &str, visit: VisitRow<'_>) -> Result<()>;
    /// The whole log; within a partition, oldest first.
    async fn events(&mut self, visit: VisitEvent<'_>) -> Result<()>;
    /// Every order of the archive; an error for one that cannot be read.
    async fn archived(&mut self, visit: VisitArchived<'_>) -> Result<()>;
    /// The number of the schema; a store that was not migrated yet is checked as well.
    async fn schema(&mut self) -> Result<i64>;
}

/// The most findings that a list shows; the others are counted in one line.
const LISTED: usize = 200;

/// Runs every check.
///
/// # Errors
/// The tables cannot be read.
pub async fn run(tables: &mut dyn Tables) -> Result<Report> {
    let mut report = Report::default();
    let histories = log::read(tables, &mut report).await?;
    orders::check(tables, &histories, &mut report).await?;
    copies::check(tables, &histories.copies, &histories.discards, &mut report).await?;
    shipments::check(tables, &histories, &mut report).await?;
    stock::check(tables, &mut report).await?;
    archive::check(tables, &mut report).await?;
    rows::check(tables, &mut report).await?;
    rows::count(tables, &mut report).await?;
    let more = shorten(&mut report.findings);
    report.findings.extend(more);
    let more = shorten(&mut report.explained);
    report.explained.extend(more.map(|finding| Explained {
        finding,
        explanation: "events were discarded".into(),
    }));
    Ok(report)
}

/// Cuts a list to its bound; returns the line that counts the findings that were cut off.
fn shorten<T>(list: &mut Vec<T>) -> Option<Finding> {
    let more = list.len().checked_sub(LISTED).filter(|more| *more > 0)?;
    list.truncate(LISTED);
    Some(Finding {
        invariant: "-",
        subject: "more".into(),
        detail: format!("{more} further findings are not listed"),
    })
}

impl Report {
    /// Parses a cell as a number. An invalid cell is a finding that names the row, and the row takes part in no
    /// comparison.
    fn number<T: FromStr>(
        &mut self,
        invariant: &'static str,
        subject: &str,
        column: &str,
        cell: &str,
    ) -> Option<T> {
        // No error: an invalid cell becomes a finding.
        self.known(invariant, subject, column, cell, |cell| cell.parse().ok())
    }

    /// Reads a cell. An invalid one is a finding that names the row.
    fn known<T>(
        &mut self,
        invariant: &'static str,
        subject: &str,
        column: &str,
        cell: &str,
        read: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        let known = read(cell);
        if known.is_none() {
            let detail = format!("{column} cannot be read: {}", quoted(cell));
            self.find(invariant, subject, detail);
        }
        known
    }

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
