//! A line chart as SVG, written by hand: one plot, labelled axes, a legend.
//!
//! Knows nothing of orders. Invariant: its output is well-formed XML for all names and values; a missing value leaves a
//! gap in the line instead of a zero.

use std::fmt::Write as _;

/// The drawing's own units; the page scales it.
const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 280.0;
const LEFT: f64 = 74.0;
const RIGHT: f64 = 14.0;
const TOP: f64 = 34.0;
const BOTTOM: f64 = 46.0;
/// The number of line styles (colour and dashes); further lines repeat them.
const STYLES: usize = 4;
const TICKS: f64 = 5.0;

/// One line.
pub struct Series {
    pub name: String,
    /// Rising in x.
    pub points: Vec<(f64, Option<f64>)>,
}

/// How an axis goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scale {
    /// From zero.
    Linear,
    /// Powers of ten, for values that differ by powers of ten; from the smallest value.
    Log,
}

/// A mark on an axis: where, and what is written there.
pub type Tick = (f64, String);

/// A chart.
pub struct Chart {
    /// Read out by screen readers in place of the drawing.
    pub title: String,
    pub x_label: String,
    pub y_label: String,
    /// Marks of the x axis where they are not plain numbers.
    pub x_ticks: Option<Vec<Tick>>,
    pub y_scale: Scale,
    pub series: Vec<Series>,
}

/// From values to the drawing's units.
struct Axis {
    low: f64,
    high: f64,
    log: bool,
    from: f64,
    to: f64,
    ticks: Vec<Tick>,
}

impl Axis {
    fn at(&self, value: f64) -> f64 {
        let place = |v: f64| if self.log { v.max(self.low).log10() } else { v };
        let (low, high) = (place(self.low), place(self.high));
        let share = ((place(value) - low) / (high - low)).clamp(0.0, 1.0);
        self.from + share * (self.to - self.from)
    }

    fn linear(highest: f64, from: f64, to: f64) -> Self {
        let step = nice_step(highest.max(1e-9) / TICKS);
        let count = (highest / step).ceil().max(1.0);
        let ticks = (0..=count as u32).map(|n| {
            let value = f64::from(n) * step;
            (value, number(value))
        });
        Self {
            low: 0.0,
            high: count * step,
            log: false,
            from,
            to,
            ticks: ticks.collect(),
        }
    }

    fn logarithmic(lowest: f64, highest: f64, from: f64, to: f64) -> Self {
        let lowest = lowest.max(1e-3);
        let first = lowest.log10().floor();
        let last = highest.max(lowest * 1.01).log10().ceil().max(first + 1.0);
        // Within few powers of ten their 2 and 5 are marked too.
        let marks: &[f64] = if last - first <= 3.0 {
            &[1.0, 2.0, 5.0]
        } else {
            &[1.0]
        };
        let mut ticks = Vec::new();
        for exponent in first as i32..last as i32 {
            ticks.extend(marks.iter().map(|mark| mark * 10f64.powi(exponent)));
        }
        ticks.push(10f64.powi(last as i32));
        Self {
            low: 10f64.powi(first as i32),
            high: 10f64.powi(last as i32),
            log: true,
            from,
            to,
            ticks: ticks.into_iter().map(|v| (v, number(v))).collect(),
        }
    }
}

/// 1, 2 or 5 times a power of ten, at least as large as asked.
fn nice_step(at_least: f64) -> f64 {
    let power = 10f64.powf(at_least.log10().floor());
    [1.0, 2.0, 5.0, 10.0]
        .map(|n| n * power)
        .into_iter()
        .find(|step| *step >= at_least * 0.999)
        .unwrap_or(10.0 * power)
}

/// A number as short as it can be read: 1500000 is `1.5M`, 0.25 is `0.25`.
#[must_use]
pub fn number(value: f64) -> String {
    let (scaled, unit) = match value.abs() {
        large if large >= 1e6 => (value / 1e6, "M"),
        large if large >= 1e4 => (value / 1e3, "k"),
        _ => (value, ""),
    };
    let text = format!("{scaled:.3}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    format!("{text}{unit}")
}

/// Text between tags and in attributes.
#[must_use]
pub fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            // XML does not allow these characters, not even as references.
            c if c.is_control() && c != '\n' && c != '\t' => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

impl Chart {
    fn values(&self) -> impl Iterator<Item = f64> {
        self.series
            .iter()
            .flat_map(|series| series.points.iter().filter_map(|(_, y)| *y))
    }

    fn axes(&self) -> (Axis, Axis) {
        let last_x = self
            .series
            .iter()
            .filter_map(|series| series.points.last())
            .map(|(x, _)| *x)
            .fold(0.0, f64::max);
        let mut x = Axis::linear(last_x, LEFT, WIDTH - RIGHT);
        x.high = last_x.max(1e-9);
        x.ticks.retain(|(value, _)| *value <= last_x);
        if let Some(ticks) = &self.x_ticks {
            x.ticks.clone_from(ticks);
        }
        let highest = self.values().fold(0.0, f64::max);
        let y = match self.y_scale {
            Scale::Linear => Axis::linear(highest, HEIGHT - BOTTOM, TOP),
            Scale::Log => {
                let positive = self.values().filter(|v| *v > 0.0);
                let lowest = positive.fold(f64::INFINITY, f64::min);
                let lowest = if lowest.is_finite() { lowest } else { 1.0 };
                Axis::logarithmic(lowest, highest, HEIGHT - BOTTOM, TOP)
            }
        };
        (x, y)
    }

    /// The drawing. The page's style sheet gives it its colours.
    #[must_use]
    pub fn svg(&self) -> String {
        let (x, y) = self.axes();
        let mut out = String::new();
        // Writing to a String cannot fail, here and below.
        let _ = writeln!(
            out,
            "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\"><title>{}</title>",
            escaped(&self.title)
        );
        self.grid(&mut out, &x, &y);
        for (n, series) in self.series.iter().enumerate() {
            line(&mut out, series, n % STYLES, &x, &y);
        }
        self.legend(&mut out);
        out.push_str("</svg>\n");
        out
    }

    fn grid(&self, out: &mut String, x: &Axis, y: &Axis) {
        let (right, bottom) = (WIDTH - RIGHT, HEIGHT - BOTTOM);
        for (value, text) in &y.ticks {
            let at = y.at(*value);
            let _ = writeln!(
                out,
                "<line class=\"grid\" x1=\"{LEFT}\" y1=\"{at:.1}\" x2=\"{right}\" y2=\"{at:.1}\"/><text class=\"tick\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
                LEFT - 6.0,
                at + 4.0,
                escaped(text)
            );
        }
        for (value, text) in &x.ticks {
            let at = x.at(*value);
            let _ = writeln!(
                out,
                "<line class=\"grid\" x1=\"{at:.1}\" y1=\"{TOP}\" x2=\"{at:.1}\" y2=\"{bottom}\"/><text class=\"tick\" x=\"{at:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
                bottom + 16.0,
                escaped(text)
            );
        }
        let _ = writeln!(
            out,
            "<text class=\"label\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>\n<text class=\"label\" transform=\"translate(14 {:.1}) rotate(-90)\" text-anchor=\"middle\">{}</text>",
            f64::midpoint(LEFT, right),
            HEIGHT - 8.0,
            escaped(&self.x_label),
            f64::midpoint(TOP, bottom),
            escaped(&self.y_label)
        );
    }

    fn legend(&self, out: &mut String) {
        let mut at = LEFT;
        for (n, series) in self.series.iter().enumerate() {
            let _ = writeln!(
                out,
                "<line class=\"s{}\" x1=\"{at:.1}\" y1=\"14\" x2=\"{:.1}\" y2=\"14\"/><text class=\"tick\" x=\"{:.1}\" y=\"18\">{}</text>",
                n % STYLES,
                at + 22.0,
                at + 28.0,
                escaped(&series.name)
            );
            at += 52.0 + 7.0 * series.name.chars().count() as f64;
        }
    }
}

/// One line; where a value is missing it is broken off, and a value between two gaps is a dot.
fn line(out: &mut String, series: &Series, style: usize, x: &Axis, y: &Axis) {
    let name = escaped(&series.name);
    for piece in series.points.split(|(_, value)| value.is_none()) {
        let places: Vec<String> = piece
            .iter()
            .filter_map(|(at, value)| Some(format!("{:.1},{:.1}", x.at(*at), y.at((*value)?))))
            .collect();
        let _ = match &places[..] {
            [] => Ok(()),
            [only] => {
                let (cx, cy) = only.split_once(',').unwrap_or(("0", "0"));
                writeln!(
                    out,
                    "<circle class=\"s{style}\" data-series=\"{name}\" cx=\"{cx}\" cy=\"{cy}\" r=\"2.5\"/>"
                )
            }
            places => writeln!(
                out,
                "<polyline class=\"s{style}\" data-series=\"{name}\" points=\"{}\"/>",
                places.join(" ")
            ),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart(y_scale: Scale, points: &[(f64, Option<f64>)]) -> Chart {
        Chart {
            title: "t".into(),
            x_label: "s".into(),
            y_label: "ms".into(),
            x_ticks: None,
            y_scale,
            series: vec![Series {
                name: "one".into(),
                points: points.to_vec(),
            }],
        }
    }

    #[test]
    fn values_stand_where_the_axes_say() {
        let (x, y) = chart(Scale::Linear, &[(0.0, Some(0.0)), (10.0, Some(100.0))]).axes();
        assert_eq!((x.at(0.0), x.at(10.0)), (LEFT, WIDTH - RIGHT));
        assert_eq!((y.at(0.0), y.at(100.0)), (HEIGHT - BOTTOM, TOP));
        let (_, y) = chart(Scale::Log, &[(0.0, Some(1.0)), (1.0, Some(100.0))]).axes();
        assert_eq!((y.at(1.0), y.at(100.0)), (HEIGHT - BOTTOM, TOP));
        assert!((y.at(10.0) - f64::midpoint(HEIGHT - BOTTOM, TOP)).abs() < 1e-9);
    }

    #[test]
    fn a_missing_value_is_a_gap_and_a_lonely_one_a_dot() {
        let points = [
            (0.0, Some(1.0)),
            (1.0, Some(2.0)),
            (2.0, None),
            (3.0, Some(2.0)),
        ];
        let svg = chart(Scale::Linear, &points).svg();
        assert_eq!(svg.matches("<polyline").count(), 1);
        assert_eq!(svg.matches("<circle").count(), 1);
    }

    #[test]
    fn nothing_zero_and_huge_values_draw_finite_numbers() {
        for scale in [Scale::Linear, Scale::Log] {
            for points in [
                &[][..],
                &[(0.0, Some(0.0))],
                &[(0.0, None)],
                &[(0.0, Some(1e12)), (1e7, Some(1e-9))],
            ] {
                let svg = chart(scale, points).svg();
                assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
            }
        }
    }

    #[test]
    fn numbers_are_short() {
        let shown = [0.0, 0.25, 5.0, 2500.0, 25_000.0, 1_500_000.0].map(number);
        assert_eq!(shown, ["0", "0.25", "5", "2500", "25k", "1.5M"]);
    }
}
