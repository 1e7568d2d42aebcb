//! Discarded events, and the findings that they explain.
//!
//! An operator discards an event that cannot be read, so the checker cannot read it either. This is the only fault of
//! the log that a discard explains. It also explains why an aggregate's stored state differs from its events, because
//! that event's change is unknown.

use super::{Finding, Report, Tables};
use crate::error::Result;
use std::collections::{HashMap, HashSet};
use uuid::Uuid;
use waybill_domain::time::Time;

/// The first schema that records discards; older stores have none.
const SINCE_SCHEMA: i64 = 6;

/// The consumer that writes the copies of shipments that orders keep.
pub(super) const STATUS: &str = "status";

/// The discards in words, by the event's partition and position.
#[derive(Default)]
pub(super) struct Discards {
    by_place: HashMap<(u16, i64), String>,
    by_aggregate: HashMap<Uuid, String>,
    /// The events that were discarded for the consumer `status`.
    of_status: HashSet<(u16, i64)>,
}

impl Discards {
    /// Reads the discards. A row that cannot be read is a finding and explains nothing.
    pub async fn read(tables: &mut dyn Tables, report: &mut Report) -> Result<Self> {
        let mut discards = Self::default();
        if tables.schema().await? < SINCE_SCHEMA {
            return Ok(discards);
        }
        let sql = "SELECT part, position, type, consumer, at FROM discards";
        tables
            .rows(sql, &mut |row| {
                let subject = format!("discard of {} at {} of part {}", row[2], row[1], row[0]);
                let partition = report.number("I7", &subject, "part", &row[0]);
                let position = report.number("I7", &subject, "position", &row[1]);
                let at = report.number("I7", &subject, "at", &row[4]).map(Time);
                let (Some(partition), Some(position), Some(at)) = (partition, position, at) else {
                    return;
                };
                let words = format!(
                    "{} at position {position} was discarded for consumer {} at {at}",
                    row[2], row[3]
                );
                discards.by_place.insert((partition, position), words);
                if row[3] == STATUS {
                    discards.of_status.insert((partition, position));
                }
            })
            .await?;
        Ok(discards)
    }

    /// Why the consumer `status` did not take in the event at this place of the log, if it was discarded for it.
    pub fn for_status(&self, place: (u16, i64)) -> Option<&str> {
        let words = self.by_place.get(&place).map(String::as_str);
        words.filter(|_| self.of_status.contains(&place))
    }

    /// Why the event at this place of the log cannot be read, if it was discarded.
    pub fn of_event(&mut self, place: (u16, i64), aggregate: Uuid) -> Option<String> {
        let words = self.by_place.get(&place)?.clone();
        self.by_aggregate.insert(aggregate, words.clone());
        Some(words)
    }

    /// Why the state of an aggregate is not what its events add up to, if an event of it was discarded.
    pub fn of_aggregate(&self, aggregate: &Uuid) -> Option<&str> {
        self.by_aggregate.get(aggregate).map(String::as_str)
    }
}

impl Report {
    /// Adds a finding to those that are explained, if there is an explanation.
    pub(super) fn find_or_explain(
        &mut self,
        invariant: &'static str,
        subject: String,
        detail: String,
        explanation: Option<&str>,
    ) {
        let finding = Finding {
            invariant,
            subject,
            detail,
        };
        match explanation {
            Some(words) => self.explained.push(super::Explained {
                finding,
                explanation: words.to_owned(),
            }),
            None => self.findings.push(finding),
        }
    }
}
