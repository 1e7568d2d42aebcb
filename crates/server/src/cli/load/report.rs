//! The figures of a run, for a person and for a machine, and whether it was a success.

use std::fmt;
use std::time::Duration;

use hdrhistogram::Histogram;
use serde_json::{Value, json};

use super::deliveries::Deliveries;
use super::recorder::Tally;
use super::timeline::Timeline;
use crate::cli::output::table;
use crate::observe::figures;

/// Everything that is known about a run once it is over.
pub struct Report {
    pub target: String,
    pub seed: u64,
    pub connections: u64,
    pub rate_per_s: Option<u64>,
    /// From the start of the schedule to the last answer.
    pub elapsed: Duration,
    pub interrupted: bool,
    /// How many orders the run was to send, where that was known before.
    pub planned: Option<u64>,
    /// Whether deliveries were to be waited for.
    pub wants_deliveries: bool,
    pub tally: Tally,
    pub deliveries: Option<Deliveries>,
    /// Step by step, where that was asked for.
    pub timeline: Option<Timeline>,
}

const QUANTILES: [(&str, f64); 4] = [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p99.9", 0.999)];

impl Report {
    /// Every order that was due was sent and answered as configured, and what was waited for arrived.
    #[must_use]
    pub fn is_success(&self) -> bool {
        self.problems().is_empty()
    }

    /// No failure that was not configured, nothing missing, and something was achieved at all. Orders that were
    /// never acknowledged do not count here.
    #[must_use]
    pub fn has_no_failure(&self) -> bool {
        let tally = &self.tally;
        let arrived = self
            .deliveries
            .as_ref()
            .is_none_or(|wait| wait.delivered == wait.expected);
        let achieved = tally.acknowledged + tally.replayed + tally.tolerated();
        tally.failed() == 0 && arrived && achieved > 0
    }

    /// Why the run is not a success; empty if it is one.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        let tally = &self.tally;
        let missing = self
            .deliveries
            .as_ref()
            .map_or(0, |wait| wait.expected - wait.delivered);
        let unsent = match self.planned {
            Some(planned) if !self.interrupted => figures::left(planned, tally.offered),
            _ => 0,
        };
        let counted = [
            (tally.failed(), "answered with an error"),
            (
                tally.abandoned,
                "abandoned: the run ended before the server took them",
            ),
            (
                tally.turned_away,
                "turned away and not sent again (--no-retry; --expect-status makes that fine)",
            ),
            (
                tally.unknown(),
                "without an answer when the run ended; whether they exist is not known",
            ),
            (
                unsent,
                "never sent: the connections ended before their time",
            ),
            (missing, "not delivered in time"),
        ];
        let mut problems: Vec<String> = counted
            .iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, what)| format!("{count} orders {what}"))
            .collect();
        if self.wants_deliveries && self.deliveries.is_none() {
            problems.push("interrupted before the deliveries were waited for".to_owned());
        }
        if tally.acknowledged + tally.replayed + tally.tolerated() == 0 && problems.is_empty() {
            problems.push("no order was acknowledged".to_owned());
        }
        problems
    }

    fn per_second(&self, count: u64) -> f64 {
        count as f64 / self.elapsed.as_secs_f64().max(0.001)
    }

    /// Answers of any kind.
    fn answers(&self) -> u64 {
        let tally = &self.tally;
        tally.acknowledged + tally.replayed + tally.shed() + tally.tolerated() + tally.failed()
    }

    /// How the run was done, in one line.
    pub(super) fn run_line(&self) -> String {
        let loop_kind = self.rate_per_s.map_or_else(
            || "closed loop".to_owned(),
            |rate| format!("open loop at {rate}/s"),
        );
        let ended = if self.interrupted {
            ", interrupted"
        } else {
            ""
        };
        format!(
            "{}: {:.2} s, {} connections, {loop_kind}, seed {}{ended}",
            self.target,
            self.elapsed.as_secs_f64(),
            self.connections,
            self.seed
        )
    }

    /// What became of orders: name, count, per second.
    pub(super) fn count_rows(&self) -> Vec<Vec<String>> {
        let tally = &self.tally;
        let mut rows = Vec::new();
        let mut row = |name: &str, count: u64| {
            rows.push(vec![
                name.to_owned(),
                count.to_string(),
                format!("{:.1}", self.per_second(count)),
            ]);
        };
        row("offered", tally.offered);
        row("answered", self.answers());
        row("acknowledged", tally.acknowledged);
        for (name, count) in [
            ("replayed", tally.replayed),
            ("shed", tally.shed()),
            ("abandoned", tally.abandoned),
            (
                "turned away",
                tally.turned_away + tally.turned_away_as_expected,
            ),
            ("unknown", tally.unknown()),
            ("resent", tally.resent),
        ] {
            if count > 0 {
                row(name, count);
            }
        }
        for (kind, count) in &tally.tolerated {
            row(&format!("tolerated: {kind}"), *count);
        }
        for (kind, count) in &tally.failures {
            row(&format!("error: {kind}"), *count);
        }
        rows
    }

    /// Percentiles in milliseconds, one row a kind of latency.
    pub(super) fn latency_rows(&self) -> Vec<Vec<String>> {
        let tally = &self.tally;
        [
            ("acknowledged, from intended", &tally.latency),
            ("acknowledged, from sending", &tally.service),
            ("replayed, from sending", &tally.replay),
            ("sent late (our own delay)", &tally.late),
        ]
        .into_iter()
        .filter(|(_, histogram)| !histogram.is_empty())
        .map(|(name, histogram)| {
            let quantiles = QUANTILES
                .iter()
                .map(|(_, quantile)| histogram.value_at_quantile(*quantile));
            std::iter::once(name.to_owned())
                .chain(
                    quantiles
                        .chain([histogram.max()])
                        .map(|micros| format!("{:.2}", ms(micros))),
                )
                .collect()
        })
        .collect()
    }

    #[must_use]
    pub fn to_json(&self) -> Value {
        let tally = &self.tally;
        json!({
            "ok": self.is_success(),
            "problems": self.problems(),
            "target": self.target,
            "seed": self.seed,
            "connections": self.connections,
            "rate": self.rate_per_s,
            "seconds": self.elapsed.as_secs_f64(),
            "interrupted": self.interrupted,
            "offered": tally.offered,
            "offeredPerSecond": self.per_second(tally.offered),
            "answers": self.answers(),
            "achievedPerSecond": self.per_second(self.answers()),
            "acknowledged": tally.acknowledged,
            "acknowledgedPerSecond": self.per_second(tally.acknowledged),
            "replayed": tally.replayed,
            "shed": tally.shed(),
            "shedByStatus": tally.sheds.iter().map(|(status, count)| (status.to_string(), json!(count)))
                .collect::<serde_json::Map<_, _>>(),
            "abandoned": tally.abandoned,
            "turnedAway": tally.turned_away + tally.turned_away_as_expected,
            "unknown": tally.unknown(),
            "resent": tally.resent,
            "tolerated": tally.tolerated,
            "errors": tally.failed(),
            "errorsByKind": tally.failures,
            "firstError": tally.first_failure,
            "latencyMs": spread(&tally.latency),
            "serviceMs": spread(&tally.service),
            "replayMs": spread(&tally.replay),
            "sentLateMs": spread(&tally.late),
            "deliveries": self.deliveries.as_ref().map(|wait| json!({
                "expected": wait.expected,
                "delivered": wait.delivered,
                "secondsAfterLastAcknowledgement": wait.took.as_secs_f64(),
                "missing": wait.missing,
                "missingIds": wait.missing_ids,
            })),
        })
    }
}

/// Quantiles in milliseconds; null where nothing was recorded.
fn spread(histogram: &Histogram<u32>) -> Value {
    if histogram.is_empty() {
        return Value::Null;
    }
    let mut all: serde_json::Map<String, Value> = QUANTILES
        .iter()
        .map(|(name, quantile)| {
            (
                (*name).to_owned(),
                json!(ms(histogram.value_at_quantile(*quantile))),
            )
        })
        .collect();
    all.insert("max".to_owned(), json!(ms(histogram.max())));
    all.insert("count".to_owned(), json!(histogram.len()));
    Value::Object(all)
}

fn ms(micros: u64) -> f64 {
    micros as f64 / 1000.0
}

impl fmt::Display for Report {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tally = &self.tally;
        let rows = self.count_rows();
        writeln!(out, "{}\n", self.run_line())?;
        writeln!(
            out,
            "{}\n",
            table(&["orders", "count", "per second"], &rows)
        )?;
        writeln!(
            out,
            "{}",
            table(
                &["milliseconds", "p50", "p90", "p99", "p99.9", "max"],
                &self.latency_rows()
            )
        )?;
        if let Some(wait) = &self.deliveries {
            writeln!(
                out,
                "\ndelivered: {} of {}, the last {:.2} s after the last acknowledgement",
                wait.delivered,
                wait.expected,
                wait.took.as_secs_f64()
            )?;
            for (status, count) in &wait.missing {
                writeln!(out, "  missing: {count} ({status})")?;
            }
            if let Some(id) = wait.missing_ids.first() {
                writeln!(out, "  look at one: waybill order get {id}")?;
            }
        }
        if let Some(words) = &tally.first_failure {
            writeln!(out, "\nthe first error: {words}")?;
        }
        let problems = self.problems();
        if problems.is_empty() {
            return out.write_str("\nok");
        }
        write!(out, "\nNOT ok: {}", problems.join("; "))
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::super::recorder::{Recorder, Timing};
    use super::*;

    fn report(fill: impl Fn(&Recorder)) -> Report {
        let recorder = Recorder::default();
        fill(&recorder);
        Report {
            target: "http://127.0.0.1:3000".into(),
            seed: 7,
            connections: 2,
            rate_per_s: None,
            elapsed: Duration::from_secs(2),
            interrupted: false,
            planned: None,
            wants_deliveries: false,
            tally: recorder.take(),
            deliveries: None,
            timeline: None,
        }
    }

    fn acknowledge(recorder: &Recorder) {
        let start = Instant::now();
        let answered = start + Duration::from_millis(3);
        recorder.offered(0);
        recorder.acknowledged(
            0,
            Timing {
                intended: start,
                first_sent: start,
                sent: start,
                answered,
            },
            None,
        );
    }

    #[test]
    fn a_clean_run_is_a_success_and_sheds_do_not_change_that() {
        let report = report(|recorder| {
            acknowledge(recorder);
            recorder.shed(0, 503);
        });
        assert!(report.is_success());
        let json = report.to_json();
        assert_eq!(
            (&json["acknowledged"], &json["shedByStatus"]["503"]),
            (&json!(1), &json!(1))
        );
        assert!(
            json["latencyMs"]["p99"]
                .as_f64()
                .is_some_and(|ms| (2.9..3.1).contains(&ms))
        );
    }

    #[test]
    fn an_order_that_was_not_seen_to_its_end_is_no_success_and_is_said() {
        let abandoned = report(|recorder| {
            acknowledge(recorder);
            recorder.offered(0);
            recorder.abandoned(0);
        });
        let unknown = report(|recorder| {
            acknowledge(recorder);
            recorder.offered(0);
        });
        let unsent = Report {
            planned: Some(2),
            ..report(acknowledge)
        };
        let not_waited = Report {
            wants_deliveries: true,
            interrupted: true,
            ..report(acknowledge)
        };
        for (report, words) in [
            (abandoned, "1 orders abandoned"),
            (unknown, "1 orders without an answer"),
            (unsent, "1 orders never sent"),
            (not_waited, "interrupted before"),
        ] {
            let text = report.to_string();
            assert!(
                !report.is_success() && text.contains(words),
                "{words} in {text}"
            );
            assert_eq!(report.to_json()["ok"], false);
        }
    }

    #[test]
    fn a_failure_a_missing_delivery_or_nothing_at_all_is_none() {
        assert!(!report(|_| ()).is_success());
        let failed = report(|recorder| {
            acknowledge(recorder);
            recorder.failed(0, "500 internal".into(), || "it broke".into());
        });
        assert!(!failed.is_success());
        assert!(
            failed.to_string().contains("error: 500 internal"),
            "{failed}"
        );
        assert!(failed.to_string().contains("it broke"), "{failed}");
        let missing = Deliveries {
            expected: 2,
            delivered: 1,
            took: Duration::from_secs(1),
            missing: [("Failed".to_owned(), 1)].into(),
            missing_ids: vec!["o-2".into()],
        };
        let lost = Report {
            deliveries: Some(missing),
            ..report(acknowledge)
        };
        assert!(!lost.is_success());
        assert!(lost.to_string().contains("waybill order get o-2"), "{lost}");
    }
}
