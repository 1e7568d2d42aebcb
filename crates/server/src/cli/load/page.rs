//! `--report FILE`: a run as one HTML file that needs nothing beside it: no script, no network.
//!
//! Owns the page's content and its file. Invariant: every text from outside (arguments, the server's answers) is
//! escaped, and the token is never on the page. `chart` draws the charts.

use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::path::Path;

use hdrhistogram::Histogram;

use super::chart::{Chart, Scale, Series, escaped, number};
use super::report::Report;
use super::timeline::{Point, Spread, Timeline};
use crate::cli::output;
use crate::client::ClientError;

const STYLE: &str = "
:root { color-scheme: light dark; --ink: #1d2129; --faint: #5b6472; --rule: #d5dae1; --paper: #ffffff;
  --s0: #0b62c4; --s1: #b3460b; --s2: #6b3fa0; --s3: #0a7a55; --bad: #b3261e; --good: #0a7a55; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9ee; --faint: #a3adba; --rule: #39414d; --paper: #14181e;
  --s0: #6db1ff; --s1: #ffa366; --s2: #c7a4f5; --s3: #5fd3a6; --bad: #ff8a80; --good: #5fd3a6; } }
body { background: var(--paper); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 860px; padding: 0 1rem; }
h1 { font-size: 1.4rem; } h2 { font-size: 1.05rem; margin: 2rem 0 .3rem; }
p, figcaption { color: var(--faint); } figure { margin: 0; }
code, pre { font: 13px/1.5 ui-monospace, monospace; } pre { overflow-x: auto; border: 1px solid var(--rule); padding: .6rem; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; } .wide { overflow-x: auto; }
th, td { border-bottom: 1px solid var(--rule); padding: .2rem .8rem .2rem 0; text-align: right; } th:first-child, td:first-child { text-align: left; }
svg { width: 100%; height: auto; } svg text { fill: var(--ink); font: 11px system-ui, sans-serif; } svg .label { fill: var(--faint); }
svg .grid { stroke: var(--rule); stroke-width: 1; } svg polyline, svg line.s0, svg line.s1, svg line.s2, svg line.s3 { fill: none; stroke-width: 1.8; }
svg .s0 { stroke: var(--s0); } svg .s1 { stroke: var(--s1); stroke-dasharray: 7 3; } svg .s2 { stroke: var(--s2); stroke-dasharray: 2 3; } svg .s3 { stroke: var(--s3); stroke-dasharray: 9 3 2 3; }
.ok { color: var(--good); } .not { color: var(--bad); }
";

/// The places of the percentile curve, and how the interesting ones are written.
const CURVE_STEPS_PER_TENFOLD: u32 = 20;
/// The end of the curve: beyond it, points would be single orders.
const CURVE_TENFOLDS: u32 = 5;

/// Checks before the load that the page can be written after it. An older report stays until then.
///
/// # Errors
/// `Usage` with what is in the way.
pub fn check_writable(path: &Path) -> Result<(), ClientError> {
    let fresh = !path.exists();
    let opened = OpenOptions::new().create(true).append(true).open(path);
    opened.map_err(|error| {
        ClientError::usage(
            format!("--report {} cannot be written: {error}", path.display()),
            "name a file in a folder that is there",
        )
    })?;
    if fresh {
        // The file was made only to try it; a run that does not start leaves none.
        let _ = std::fs::remove_file(path);
    }
    Ok(())
}

/// Writes the page, in place of an older one.
///
/// # Errors
/// `Usage`; the run itself is over then.
pub fn write(path: &Path, page: &str) -> Result<(), ClientError> {
    std::fs::write(path, page).map_err(|error| {
        ClientError::usage(
            format!("--report {} could not be written: {error}", path.display()),
            "make room or name another file, and run it again",
        )
    })?;
    output::remark(format!("report: {}", path.display()));
    Ok(())
}

/// What was typed, fit to be typed again, without the token.
#[must_use]
pub fn command_line(arguments: impl Iterator<Item = String>) -> String {
    let mut shown = Vec::new();
    let mut hide_next = false;
    for argument in arguments {
        let argument = match argument.split_once('=') {
            _ if std::mem::take(&mut hide_next) => "…".to_owned(),
            Some(("--token", _)) => "--token=…".to_owned(),
            _ => argument,
        };
        hide_next = argument == "--token";
        let plain = |c: char| c.is_alphanumeric() || "-_=./:,…%+@".contains(c);
        shown.push(if !argument.is_empty() && argument.chars().all(plain) {
            argument
        } else {
            format!("'{}'", argument.replace('\'', r"'\''"))
        });
    }
    if let Some(program) = shown.first_mut() {
        "waybill".clone_into(program);
    }
    shown.join(" ")
}

/// The page of a run.
#[must_use]
pub fn html(report: &Report, timeline: &Timeline, command: &str, made_at: &str) -> String {
    let mut out = String::with_capacity(64 << 10);
    let problems = report.problems();
    let verdict = if problems.is_empty() {
        "<strong class=\"ok\">ok</strong>".to_owned()
    } else {
        let why = escaped(&problems.join("; "));
        format!("<strong class=\"not\">not ok</strong> ({why})")
    };
    // Writing to a String cannot fail, here and below.
    let _ = writeln!(
        out,
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"/><meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n<title>waybill load: {target}</title><style>{STYLE}</style></head><body>\n<h1>waybill load against {target}: {verdict}</h1>\n<p>{made}, waybill {version}. The command that made it:</p>\n<pre>{command}</pre>",
        target = escaped(&report.target),
        made = escaped(made_at),
        version = env!("CARGO_PKG_VERSION"),
        command = escaped(command),
    );
    figures(&mut out, report);
    for (chart, caption) in charts(report, timeline) {
        let _ = writeln!(
            out,
            "<h2>{}</h2>\n<figure>{}<figcaption>{}</figcaption></figure>",
            escaped(&chart.title),
            chart.svg(),
            escaped(caption)
        );
    }
    errors(&mut out, report);
    seconds(&mut out, timeline);
    out.push_str("</body></html>\n");
    out
}

fn charts(report: &Report, timeline: &Timeline) -> Vec<(Chart, &'static str)> {
    let mut charts = vec![
        (
            throughput(timeline),
            "Answers per second. Shed: the server was too busy and said when to come back.",
        ),
        (
            latency(timeline),
            "From the intended time of sending to the acknowledgement, waits and repeated sending included; a logarithmic axis.",
        ),
        (
            curve(report),
            "How many orders waited at most how long. Between the two lines lies the time that orders waited before they were sent the last time.",
        ),
    ];
    if !timeline.consumers().is_empty() {
        charts.push((
            lag(timeline),
            "Events that a consumer of the server asked had not passed yet, until the last delivery was seen where it was waited for.",
        ));
    }
    charts
}

/// What a line shows of a step.
type Count = fn(&Point) -> u64;
/// What a line shows of a step's latencies.
type Percentile = fn(Spread) -> f64;

fn over_time(name: &str, timeline: &Timeline, value: impl Fn(&Point) -> Option<f64>) -> Series {
    Series {
        name: name.to_owned(),
        points: timeline.points.iter().map(|p| (p.at_s, value(p))).collect(),
    }
}

fn time_chart(title: &str, y_label: &str, y_scale: Scale, series: Vec<Series>) -> Chart {
    Chart {
        title: title.to_owned(),
        x_label: "time since the start (s)".to_owned(),
        y_label: y_label.to_owned(),
        x_ticks: None,
        y_scale,
        series,
    }
}

fn throughput(timeline: &Timeline) -> Chart {
    let mut series = vec![over_time("acknowledged", timeline, |p| {
        Some(p.per_second(p.acknowledged))
    })];
    let counts: [(&str, Count); 2] = [("shed", |p| p.shed), ("errors", |p| p.errors)];
    for (name, count) in counts {
        if timeline.points.iter().any(|p| count(p) > 0) {
            series.push(over_time(name, timeline, |p| Some(p.per_second(count(p)))));
        }
    }
    time_chart("Throughput", "orders per second", Scale::Linear, series)
}

fn latency(timeline: &Timeline) -> Chart {
    let lines: [(&str, Percentile); 3] = [
        ("p50", |s| s.p50_ms),
        ("p99", |s| s.p99_ms),
        ("p99.9", |s| s.p999_ms),
    ];
    let series = lines.map(|(name, pick)| over_time(name, timeline, |p| p.latency.map(pick)));
    let series = Vec::from(series);
    time_chart("Latency over time", "latency (ms)", Scale::Log, series)
}

fn lag(timeline: &Timeline) -> Chart {
    let series = timeline.consumers().into_iter().map(|consumer| {
        over_time(consumer, timeline, |p| {
            p.lag.as_ref()?.get(consumer).map(|events| *events as f64)
        })
    });
    let series = series.collect();
    time_chart("Consumer lag", "events behind", Scale::Linear, series)
}

/// Percentiles from 0 on; each next mark is ten times rarer.
fn curve(report: &Report) -> Chart {
    let tally = &report.tally;
    let line = |name: &str, histogram: &Histogram<u32>| {
        let steps = CURVE_STEPS_PER_TENFOLD * CURVE_TENFOLDS;
        let places = (0..=steps).map(|n| f64::from(n) / f64::from(CURVE_STEPS_PER_TENFOLD));
        let places = places.filter(|tenfolds| {
            !histogram.is_empty() && 10f64.powf(*tenfolds) <= histogram.len() as f64 * 1.01
        });
        let points = places.map(|tenfolds| {
            let quantile = 1.0 - 10f64.powf(-tenfolds);
            let ms = histogram.value_at_quantile(quantile) as f64 / 1e3;
            (tenfolds, Some(ms))
        });
        Series {
            name: name.to_owned(),
            points: points.collect(),
        }
    };
    let series = vec![
        line("from the intended time", &tally.latency),
        line("from the last sending", &tally.service),
    ];
    let reached = series.iter().filter_map(|s| s.points.last());
    let reached = reached.map(|(x, _)| *x).fold(1.0, f64::max);
    let marks = ["0", "90", "99", "99.9", "99.99", "99.999"];
    let marks = marks.into_iter().enumerate();
    let ticks = marks.map(|(n, mark)| (n as f64, mark.to_owned()));
    Chart {
        title: "Latency by percentile".to_owned(),
        x_label: "percentile of acknowledged orders (%)".to_owned(),
        y_label: "latency (ms)".to_owned(),
        x_ticks: Some(ticks.filter(|(at, _)| *at <= reached).collect()),
        y_scale: Scale::Log,
        series,
    }
}

fn table(out: &mut String, titles: &[&str], rows: impl Iterator<Item = Vec<String>>) {
    out.push_str("<div class=\"wide\"><table><thead><tr>");
    for title in titles {
        let _ = write!(out, "<th>{}</th>", escaped(title));
    }
    out.push_str("</tr></thead><tbody>\n");
    for row in rows {
        out.push_str("<tr>");
        for cell in row {
            let _ = write!(out, "<td>{}</td>", escaped(&cell));
        }
        out.push_str("</tr>\n");
    }
    out.push_str("</tbody></table></div>\n");
}

fn figures(out: &mut String, report: &Report) {
    out.push_str("<h2>Figures</h2>\n");
    let run = report.run_line();
    let _ = writeln!(out, "<p>{}</p>", escaped(&run));
    table(
        out,
        &["orders", "count", "per second"],
        report.count_rows().into_iter(),
    );
    out.push_str("<p></p>\n");
    let titles = ["latency (ms)", "p50", "p90", "p99", "p99.9", "max"];
    table(out, &titles, report.latency_rows().into_iter());
    if let Some(wait) = &report.deliveries {
        let _ = writeln!(
            out,
            "<p>Delivered: {} of {}, the last {:.2} s after the last acknowledgement.</p>",
            wait.delivered,
            wait.expected,
            wait.took.as_secs_f64()
        );
    }
}

fn errors(out: &mut String, report: &Report) {
    let tally = &report.tally;
    out.push_str("<h2>Errors by kind</h2>\n");
    let sheds = tally.sheds.iter();
    let sheds = sheds.map(|(status, n)| (format!("shed with {status}, not an error"), *n));
    let tolerated = tally.tolerated.iter();
    let tolerated = tolerated.map(|(kind, n)| (format!("{kind}, expected"), *n));
    let failures = tally.failures.iter().map(|(kind, n)| (kind.clone(), *n));
    let kinds: Vec<_> = failures.chain(tolerated).chain(sheds).collect();
    if kinds.is_empty() {
        out.push_str("<p>None.</p>\n");
        return;
    }
    let rows = kinds.into_iter().map(|(kind, n)| vec![kind, n.to_string()]);
    table(out, &["kind", "count"], rows);
    if let Some(words) = &tally.first_failure {
        let _ = writeln!(out, "<p>The first one: <code>{}</code></p>", escaped(words));
    }
}

/// What the charts over time are drawn from.
fn seconds(out: &mut String, timeline: &Timeline) {
    let consumers = timeline.consumers();
    let mut titles = vec![
        "until (s)",
        "orders/s",
        "shed",
        "errors",
        "p50 ms",
        "p99 ms",
        "p99.9 ms",
        "max ms",
    ];
    let lags: Vec<String> = consumers.iter().map(|c| format!("lag of {c}")).collect();
    titles.extend(lags.iter().map(String::as_str));
    out.push_str(
        "<h2>Step by step</h2>\n<details><summary>The figures behind the charts</summary>\n",
    );
    let rows = timeline.points.iter().map(|point| {
        let ms = |pick: fn(Spread) -> f64| {
            point
                .latency
                .map_or_else(|| "–".to_owned(), |l| format!("{:.2}", pick(l)))
        };
        let mut row = vec![
            format!("{:.1}", point.at_s),
            number(point.per_second(point.acknowledged).round()),
            point.shed.to_string(),
            point.errors.to_string(),
            ms(|l| l.p50_ms),
            ms(|l| l.p99_ms),
            ms(|l| l.p999_ms),
            ms(|l| l.max_ms),
        ];
        row.extend(consumers.iter().map(|consumer| {
            let lag = point.lag.as_ref().and_then(|lag| lag.get(*consumer));
            lag.map_or_else(|| "–".to_owned(), ToString::to_string)
        }));
        row
    });
    table(out, &titles, rows);
    out.push_str("</details>\n");
}

#[cfg(test)]
#[path = "page_tests.rs"]
mod tests;
