//! What commands print: text for a person, aligned, or one JSON document for a machine.
//!
//! Results go to standard output, remarks and progress to standard error. A reader that went away
//! (`waybill order list | head`) ends the output quietly instead of panicking.

use std::io::Write as _;

use serde_json::Value;

/// Prints text and a line end.
pub fn line(text: impl AsRef<str>) {
    // The only failure here is a closed pipe, and then nobody reads any more.
    let _ = writeln!(std::io::stdout().lock(), "{}", text.as_ref());
}

/// Prints one JSON document, indented.
pub fn json(value: &Value) {
    line(format!("{value:#}"));
}

/// Prints one JSON document on one line, for streams of them.
pub fn json_line(value: &Value) {
    line(value.to_string());
}

/// Prints a remark that is not the result.
pub fn remark(text: impl AsRef<str>) {
    let _ = writeln!(std::io::stderr().lock(), "{}", text.as_ref());
}

/// Lines up columns under their titles, two spaces apart; columns of numbers go to the right.
#[must_use]
pub fn table(titles: &[&str], rows: &[Vec<String>]) -> String {
    let widths: Vec<usize> = titles
        .iter()
        .enumerate()
        .map(|(column, title)| {
            rows.iter()
                .map(|row| row[column].chars().count())
                .chain([title.chars().count()])
                .max()
                .unwrap_or(0)
        })
        .collect();
    let numeric: Vec<bool> = (0..titles.len())
        .map(|column| !rows.is_empty() && rows.iter().all(|row| row[column].parse::<f64>().is_ok()))
        .collect();
    let mut text = String::new();
    let titles: Vec<String> = titles.iter().map(ToString::to_string).collect();
    for row in std::iter::once(&titles).chain(rows) {
        let mut shown = String::new();
        for (column, cell) in row.iter().enumerate() {
            let pad = " ".repeat(widths[column] - cell.chars().count());
            if numeric[column] {
                shown.push_str(&pad);
                shown.push_str(cell);
            } else {
                shown.push_str(cell);
                shown.push_str(&pad);
            }
            shown.push_str("  ");
        }
        text.push_str(shown.trim_end());
        text.push('\n');
    }
    text.pop();
    text
}

/// A JSON value as a person reads it: text without quotes, nothing for null.
#[must_use]
pub fn plain(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_and_numbers_go_to_the_right() {
        let rows = vec![
            vec!["MUG-1".into(), "5".into(), "x".into()],
            vec!["B".into(), "120".into(), String::new()],
        ];
        assert_eq!(
            table(&["sku", "on hand", "note"], &rows),
            "sku    on hand  note\nMUG-1        5  x\nB          120"
        );
    }
}
