//! `/metrics` as Prometheus would see it once.

use std::time::{Duration, Instant};

use waybill_testkit::server::Waybill;

const WITHIN: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(20);

/// One sample: its name, its labels as they are written, its value.
struct Sample {
    name: String,
    labels: String,
    value: f64,
}

pub struct Scrape(Vec<Sample>);

impl Scrape {
    pub async fn of(app: &Waybill) -> Self {
        let answer = app.client().get("/metrics").await.expect("it answers");
        assert_eq!(answer.status, 200, "{}", answer.text());
        let samples = answer.text();
        let samples = samples.lines().filter(|line| !line.starts_with('#'));
        Self(samples.map(read).collect())
    }

    /// One of a server that has been asked something, so that every kind of figure is there.
    pub async fn settled(app: &Waybill) -> Self {
        until("its figures", app, |scrape| {
            scrape.has("waybill_http_requests_total") && scrape.has("waybill_consumer_lag_seconds")
        })
        .await
    }

    /// All of it that is not part of a histogram, for a person.
    fn told(&self) -> String {
        let plain = self.0.iter().filter(|s| !s.name.ends_with("_bucket"));
        plain
            .map(|s| format!("\n{}{{{}}} {}", s.name, s.labels, s.value))
            .collect()
    }

    pub fn has(&self, name: &str) -> bool {
        self.0.iter().any(|sample| sample.name == name)
    }

    /// The values of a metric whose labels contain a text.
    pub fn all(&self, name: &str, labels: &str) -> Vec<f64> {
        let mine = self
            .0
            .iter()
            .filter(|sample| sample.name == name && sample.labels.contains(labels));
        mine.map(|sample| sample.value).collect()
    }

    pub fn sum(&self, name: &str, labels: &str) -> f64 {
        self.all(name, labels).into_iter().sum()
    }

    /// The one value of a metric; panics when it is not there or there are several.
    pub fn one(&self, name: &str, labels: &str) -> f64 {
        match self.all(name, labels)[..] {
            [value] => value,
            ref values => panic!("{name}{{{labels}}} is {values:?}"),
        }
    }
}

fn read(line: &str) -> Sample {
    let (series, value) = line.rsplit_once(' ').expect("a name and a value");
    let (name, labels) = series.split_once('{').unwrap_or((series, ""));
    Sample {
        name: name.to_owned(),
        labels: labels.trim_end_matches('}').to_owned(),
        value: value.parse().expect("a number"),
    }
}

/// Looks until it is as it should be.
pub async fn until(what: &str, app: &Waybill, reached: impl Fn(&Scrape) -> bool) -> Scrape {
    let begun = Instant::now();
    loop {
        let scrape = Scrape::of(app).await;
        if reached(&scrape) {
            return scrape;
        }
        let in_time = begun.elapsed() < WITHIN;
        assert!(in_time, "{what} did not come: {}", scrape.told());
        tokio::time::sleep(POLL).await;
    }
}
