//! A rule of `deploy/alerts.yaml` in a test: the fault that it is for moves its metric past the threshold.

use std::time::Duration;

use axum::Router;
use axum::body::Body;
use tower::ServiceExt;

/// A timeout that only a hanging test reaches.
const HANGS: Duration = Duration::from_secs(60);
const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// The metric of a rule with its labels, and the threshold that it is above when the rule fires.
pub struct Rule {
    series: &'static str,
    pub threshold: f64,
}

impl Rule {
    /// The rule of this name, which reads this metric.
    pub fn of(alert: &str, series: &'static str) -> Self {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/alerts.yaml");
        let file = std::fs::read_to_string(file).expect("the rules");
        let mut rules = file.split("- alert: ");
        let rule = rules.find(|rule| rule.lines().next() == Some(alert));
        let mut lines = rule.expect("the rule").lines();
        let expr = lines.find(|line| line.contains("expr: "));
        let expr = expr.expect("an expression");
        let name = series.split('{').next().unwrap_or(series);
        assert!(expr.contains(name), "{alert} reads {name}: {expr}");
        let (_, threshold) = expr.rsplit_once(" > ").expect("a comparison");
        Self {
            series,
            threshold: threshold.trim().parse().expect("a number"),
        }
    }

    /// The metric as `/metrics` shows it; 0 if it does not.
    pub async fn value(&self, router: &Router) -> f64 {
        let request = http::Request::builder().uri("/metrics");
        let request = request.header("host", "localhost");
        let request = request.body(Body::empty()).expect("valid");
        let answer = router.clone().oneshot(request).await.expect("infallible");
        let body = axum::body::to_bytes(answer.into_body(), 1 << 24).await;
        let body = body.expect("whole");
        let text = String::from_utf8_lossy(&body);
        let line = text.lines().find_map(|line| line.strip_prefix(self.series));
        line.map_or(0.0, |value| value.trim().parse().expect("a number"))
    }

    /// Waits until the metric is above the threshold.
    pub async fn fires(&self, router: &Router) {
        self.until("fires", router, |value| value > self.threshold)
            .await;
    }

    /// Waits until the metric is not above the threshold.
    pub async fn is_quiet(&self, router: &Router) {
        self.until("is quiet", router, |value| value <= self.threshold)
            .await;
    }

    async fn until(&self, what: &str, router: &Router, holds: impl Fn(f64) -> bool) {
        let looks = async {
            while !holds(self.value(router).await) {
                tokio::time::sleep(LOOK_AGAIN).await;
            }
        };
        let found = tokio::time::timeout(HANGS, looks).await;
        assert!(found.is_ok(), "the alert on {} {what}", self.series);
    }
}
