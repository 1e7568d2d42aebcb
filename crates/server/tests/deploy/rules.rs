//! `deploy/alerts.yaml` as the tests read it, and what must be true of every rule.

use std::collections::BTreeSet;

use serde::Deserialize;
use waybill_testkit::server::Start;

use super::scrape::Scrape;
use super::{WAYBILL, repository_file};

/// What Prometheus makes itself.
const OF_PROMETHEUS: [&str; 1] = ["up"];
/// Counters that exist only on a shared store, and only after their first event.
const OF_MANY_PROCESSES: [&str; 1] = ["waybill_lease_takeovers_total"];

/// Metrics that exist only if the store is PostgreSQL; the tests of their alerts run there.
const OF_POSTGRESQL: [&str; 2] = [
    "waybill_store_pool_waiting",
    "waybill_store_oldest_snapshot_seconds",
];

#[derive(Deserialize)]
struct File {
    groups: Vec<Group>,
}

#[derive(Deserialize)]
struct Group {
    rules: Vec<Rule>,
}

#[derive(Deserialize)]
pub struct Rule {
    pub alert: String,
    pub expr: String,
    labels: Labels,
    annotations: Annotations,
}

#[derive(Deserialize)]
struct Labels {
    severity: String,
}

#[derive(Deserialize)]
struct Annotations {
    summary: String,
    description: String,
    runbook_url: String,
}

pub fn all() -> Vec<Rule> {
    let file: File = serde_norway::from_str(&repository_file("deploy/alerts.yaml"))
        .expect("deploy/alerts.yaml has rules with labels and annotations");
    file.groups.into_iter().flat_map(|g| g.rules).collect()
}

pub fn named(alert: &str) -> Rule {
    all()
        .into_iter()
        .find(|rule| rule.alert == alert)
        .unwrap_or_else(|| panic!("deploy/alerts.yaml has no {alert}"))
}

impl Rule {
    /// The comparison and the number at the end of the expression.
    fn comparison(&self) -> (&str, f64) {
        let mut words = self.expr.split_whitespace().rev();
        let number = words.next().and_then(|word| word.parse().ok());
        let sign = words.next().filter(|sign| ["<", ">"].contains(sign));
        match (sign, number) {
            (Some(sign), Some(number)) => (sign, number),
            _ => panic!("{}: no comparison with a number: {}", self.alert, self.expr),
        }
    }

    pub fn threshold(&self) -> f64 {
        self.comparison().1
    }

    /// Whether the alert would begin to fire if its left side were this.
    pub fn is_crossed_by(&self, value: f64) -> bool {
        let (sign, threshold) = self.comparison();
        if sign == "<" {
            value < threshold
        } else {
            value > threshold
        }
    }

    /// The names of metrics in the expression.
    pub fn metrics(&self) -> BTreeSet<String> {
        let words = self
            .expr
            .split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
        words
            .filter(|word| word.starts_with("waybill_") || OF_PROMETHEUS.contains(word))
            .map(str::to_owned)
            .collect()
    }
}

/// Anchors of a page's headings, as code hosts and documentation sites make them.
fn anchors(markdown: &str) -> BTreeSet<String> {
    let headings = markdown.lines().filter(|line| line.starts_with('#'));
    headings
        .map(|line| {
            let text = line.trim_start_matches('#').trim().to_lowercase();
            let kept = text
                .chars()
                .filter(|c| c.is_alphanumeric() || [' ', '-', '_'].contains(c));
            kept.collect::<String>().replace(' ', "-")
        })
        .collect()
}

#[tokio::test]
async fn every_rule_reads_a_metric_that_is_there() {
    let app = Start::demo(WAYBILL).ready().await.expect("ready");
    let scrape = Scrape::settled(&app).await;
    for rule in all() {
        let metrics = rule.metrics();
        assert!(!metrics.is_empty(), "{} reads nothing of ours", rule.alert);
        for metric in metrics {
            let elsewhere = OF_PROMETHEUS
                .iter()
                .chain(&OF_MANY_PROCESSES)
                .chain(&OF_POSTGRESQL)
                .any(|m| *m == metric);
            assert!(
                elsewhere || scrape.has(&metric),
                "{} reads {metric}, which /metrics does not have",
                rule.alert
            );
        }
    }
}

#[test]
fn every_rule_says_what_to_do_where_the_operators_book_has_a_paragraph() {
    let book = repository_file("docs/operations.md");
    let anchors = anchors(&book);
    let mut seen = BTreeSet::new();
    for rule in all() {
        let _ = rule.comparison();
        assert!(seen.insert(rule.alert.clone()), "{} twice", rule.alert);
        assert!(["page", "ticket"].contains(&rule.labels.severity.as_str()));
        let told = &rule.annotations;
        assert!(!told.summary.is_empty() && !told.description.is_empty());
        let anchor = told.runbook_url.strip_prefix("docs/operations.md#");
        let anchor = anchor.unwrap_or_else(|| panic!("{}: {}", rule.alert, told.runbook_url));
        assert!(
            anchors.contains(anchor),
            "{} leads to #{anchor}, and docs/operations.md has {anchors:?}",
            rule.alert
        );
        assert!(
            book.contains(&format!("`{}`", rule.alert)),
            "docs/operations.md does not name {}",
            rule.alert
        );
    }
}

#[test]
fn the_wal_rule_is_the_stores_own_limit() {
    let defaults = repository_file("waybill.default.toml");
    let line = defaults
        .lines()
        .find_map(|line| line.strip_prefix("wal_limit_mib = "));
    let mib: f64 = line.expect("the setting").parse().expect("a number");
    let rule = named("WaybillWalLarge").threshold();
    assert!((rule - mib * 1_048_576.0).abs() < 0.5, "{rule}");
}

#[test]
fn the_lag_rule_is_the_bound_at_which_doctor_warns() {
    let rule = named("WaybillConsumerLag").threshold();
    let bound_s = waybill_domain::stuck::LAG_LIMIT_MS as f64 / 1e3;
    assert!((rule - bound_s).abs() < 0.001, "{rule}");
}
