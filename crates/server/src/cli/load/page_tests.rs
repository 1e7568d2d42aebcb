//! The page of a known run: well-formed, with every series in it, and nothing on it that could be a tag.

use std::time::Duration;

use tokio::time::Instant;

use super::super::recorder::{Recorder, Timing};
use super::super::timeline::Lag;
use super::*;

const WORDS: &str = "<script>alert('1')</script> & \u{1b}[31m";

fn run() -> (Report, Timeline) {
    let recorder = Recorder::default();
    let start = Instant::now();
    for n in 0..2_000 {
        recorder.offered(n);
        let timing = Timing {
            intended: start,
            first_sent: start,
            sent: start,
            answered: start + Duration::from_micros(1_000 + n as u64),
        };
        recorder.acknowledged(n, timing, None);
    }
    recorder.shed(0, 503);
    recorder.failed(0, "500 <internal>".into(), || WORDS.into());
    let report = Report {
        target: "http://127.0.0.1:3000/?<b>&\"".into(),
        seed: 7,
        connections: 2,
        rate_per_s: Some(400),
        elapsed: Duration::from_secs(5),
        interrupted: false,
        planned: None,
        wants_deliveries: false,
        tally: recorder.take(),
        deliveries: None,
        timeline: None,
    };
    let mut timeline = Timeline::default();
    for n in 1..=5u64 {
        let lag: Lag = [("delivery".to_owned(), 10 * n), ("a<b".to_owned(), n)].into();
        timeline.push(Point {
            at_s: n as f64,
            seconds: 1.0,
            acknowledged: 400,
            shed: u64::from(n == 2),
            errors: u64::from(n == 3),
            // Nothing was acknowledged in the fourth second.
            latency: (n != 4).then_some(Spread {
                p50_ms: 1.0,
                p99_ms: 2.0,
                p999_ms: 3.0,
                max_ms: 4.0,
            }),
            lag: Some(lag),
        });
    }
    (report, timeline)
}

fn page() -> String {
    let (report, timeline) = run();
    html(
        &report,
        &timeline,
        "waybill load '<x>'",
        "2026-01-01T00:00:00Z",
    )
}

/// A tag of the page: its name and what stands in it.
struct Tag {
    name: String,
    inside: String,
}

/// Reads the page as XML would be read and panics where it is not well-formed. The style sheet is text to it.
fn tags(page: &str) -> Vec<Tag> {
    let mut open: Vec<String> = vec![];
    let mut all = vec![];
    let mut rest = page
        .strip_prefix("<!DOCTYPE html>")
        .expect("it says what it is");
    while let Some((text, after)) = rest.split_once('<') {
        assert!(!text.contains('>'), "a stray > in {text:?}");
        for reference in text.split('&').skip(1) {
            let known = ["amp;", "lt;", "gt;", "quot;", "#39;"];
            assert!(
                known.iter().any(|k| reference.starts_with(k)),
                "&{reference}"
            );
        }
        let (tag, after) = after.split_once('>').expect("every tag ends");
        assert!(!tag.contains('<'), "<{tag}");
        assert_eq!(tag.matches('"').count() % 2, 0, "quotes of <{tag}>");
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop().as_deref(), Some(name), "what </{name}> closes");
        } else {
            let closed = tag.ends_with('/');
            let inside = tag.trim_end_matches('/');
            let (name, inside) = inside.split_once(' ').unwrap_or((inside, ""));
            if !closed {
                open.push(name.to_owned());
            }
            all.push(Tag {
                name: name.to_owned(),
                inside: inside.to_owned(),
            });
        }
        rest = after;
    }
    assert_eq!((open.as_slice(), rest.trim()), (&[][..], ""), "left open");
    all
}

fn points(tags: &[Tag], series: &str) -> usize {
    let mine = tags
        .iter()
        .filter(|tag| tag.inside.contains(&format!("data-series=\"{series}\"")));
    mine.map(|tag| match tag.name.as_str() {
        "circle" => 1,
        _ => tag.inside.matches(',').count(),
    })
    .sum()
}

#[test]
fn the_page_is_well_formed_and_has_every_series_with_every_value() {
    let tags = tags(&page());
    for (series, expected) in [
        ("acknowledged", 5),
        ("shed", 5),
        ("errors", 5),
        ("p50", 4),
        ("p99", 4),
        ("p99.9", 4),
        ("delivery", 5),
        ("a&lt;b", 5),
    ] {
        assert_eq!(points(&tags, series), expected, "{series}");
    }
    assert!(points(&tags, "from the intended time") > 40);
    assert_eq!(tags.iter().filter(|tag| tag.name == "svg").count(), 4);
}

#[test]
fn axes_have_units_and_the_tables_the_figures() {
    let page = page();
    for part in [
        "time since the start (s)",
        "orders per second",
        "latency (ms)",
        "events behind",
        "percentile of acknowledged orders (%)",
        "<td>acknowledged</td><td>2000</td><td>400.0</td>",
        "<td>500 &lt;internal&gt;</td><td>1</td>",
        "<td>shed with 503, not an error</td><td>1</td>",
        "open loop at 400/s",
        "prefers-color-scheme: dark",
    ] {
        assert!(page.contains(part), "{part}");
    }
}

#[test]
fn what_came_from_outside_is_text_and_nothing_is_fetched() {
    let page = page();
    assert!(!page.contains("<script") && !page.contains('\u{1b}'));
    assert!(page.contains("&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt; &amp; "));
    for tag in tags(&page) {
        assert!(!["script", "link", "img", "iframe"].contains(&tag.name.as_str()));
        assert!(!tag.inside.contains("src=") && !tag.inside.contains("href="));
    }
    assert!(!page.contains("url(") && !page.contains("@import"));
}

#[test]
fn a_run_without_anything_is_a_page_too() {
    let (report, _) = run();
    let empty = Report {
        tally: Recorder::default().take(),
        ..report
    };
    let page = html(&empty, &Timeline::default(), "waybill load", "now");
    assert!(!page.contains("NaN"));
    assert_eq!(
        tags(&page).iter().filter(|tag| tag.name == "svg").count(),
        3
    );
}

#[test]
fn the_command_can_be_typed_again_and_hides_the_token() {
    let typed = |line: &str| command_line(line.split(' ').map(str::to_owned));
    assert_eq!(
        typed("/x/waybill load --token abc.def --sku a'b --rate 5"),
        r"waybill load --token … --sku 'a'\''b' --rate 5"
    );
    assert_eq!(
        typed("waybill load --token=abc.def --report o.html"),
        "waybill load --token=… --report o.html"
    );
}

#[test]
fn a_file_that_cannot_be_written_is_told_before_the_run_and_a_try_leaves_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    for bad in [
        folder.path().to_owned(),
        folder.path().join("no/such/a.html"),
    ] {
        let error = check_writable(&bad).expect_err("it cannot be written");
        assert!(error.to_string().contains("--report"), "{error}");
    }
    let fresh = folder.path().join("a.html");
    check_writable(&fresh).expect("it can");
    assert!(!fresh.exists());
    std::fs::write(&fresh, "older").expect("written");
    check_writable(&fresh).expect("it can");
    assert_eq!(std::fs::read_to_string(&fresh).expect("there"), "older");
}
