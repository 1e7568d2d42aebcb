//! What commands print: text for a person, aligned, or one JSON document for a machine. The only place of the
//! binary that writes to standard output (`clippy.toml` forbids it elsewhere).
//!
//! Results go to standard output, remarks, progress and errors to standard error. Invariants: no control character
//! but the line end is printed (see [`super::cell`]), and output that could not be written is never silent: the
//! first failure is kept, and [`finish`] turns it into a message and an exit code. A reader that went away
//! (`waybill order list | head`) is no failure; the rest is not printed.

use std::fmt::Display;
use std::io::{self, ErrorKind, IsTerminal as _, Write};
use std::process::ExitCode;
use std::sync::OnceLock;

use parking_lot::Mutex;
use serde_json::{Value, json};

use super::cell::{Cell, Lines, escaped};
use super::exit::Exit;

/// The first failure of standard output in this process.
static FAILURE: Mutex<Option<io::Error>> = Mutex::new(None);
/// Whether errors are JSON; decided once, from the command line.
static ERRORS_AS_JSON: OnceLock<bool> = OnceLock::new();

/// Prints text and a line end.
pub fn line(text: impl AsRef<str>) {
    write(|out| writeln!(out, "{}", escaped(text.as_ref(), Lines::Keep)));
}

/// Prints one JSON document, indented.
pub fn json(value: &Value) {
    line(format!("{value:#}"));
}

/// Prints one JSON document on one line, for streams of them.
pub fn json_line(value: &Value) {
    line(value.to_string());
}

/// Prints what this program made itself, as it is: the script of a shell, coloured help.
pub fn raw(bytes: &[u8]) {
    write(|out| out.write_all(bytes));
}

/// Whether nothing more can be printed. A command that would go on for ever ends then.
#[must_use]
pub fn is_closed() -> bool {
    FAILURE.lock().is_some()
}

/// Whether standard output is a terminal.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "nothing is written")]
pub fn is_terminal() -> bool {
    io::stdout().is_terminal()
}

#[expect(
    clippy::disallowed_methods,
    reason = "this is the one place that writes to standard output"
)]
fn write(print: impl FnOnce(&mut dyn Write) -> io::Result<()>) {
    let mut failure = FAILURE.lock();
    if failure.is_some() {
        return;
    }
    let mut out = io::stdout().lock();
    if let Err(error) = print(&mut out).and_then(|()| out.flush()) {
        *failure = Some(error);
    }
}

/// The exit code of a command that ended with `code`, after all that it printed.
#[must_use]
pub fn finish(code: ExitCode) -> ExitCode {
    match FAILURE.lock().take() {
        None => code,
        Some(error) if error.kind() == ErrorKind::BrokenPipe => code,
        Some(error) => error_line(
            "output",
            Exit::Failed,
            &format!("the output cannot be written: {error}"),
        ),
    }
}

/// Prints a remark that is not the result, for a person: with `--json`, standard error is for errors only.
pub fn remark(text: impl AsRef<str>) {
    if !prints_json_errors() {
        to_stderr(text.as_ref());
    }
}

fn to_stderr(text: &str) {
    // When standard error cannot be written either, the message is lost.
    let _ = writeln!(io::stderr().lock(), "{}", escaped(text, Lines::Keep));
}

fn prints_json_errors() -> bool {
    ERRORS_AS_JSON.get().copied().unwrap_or(false)
}

/// From now on errors are JSON.
pub fn errors_as_json(yes: bool) {
    // Set once, before the command runs.
    let _ = ERRORS_AS_JSON.set(yes);
}

/// Says why a command failed, on standard error: a sentence, or with `--json` `{"error":{"code","message"}}`.
pub fn error_line(code: &str, exit: Exit, message: &dyn Display) -> ExitCode {
    let message = message.to_string();
    let body = json!({"error": {"code": code, "message": message}});
    error(&message, &body, exit)
}

/// The same, with a JSON body of its own that has at least those two members.
pub fn error(message: &str, body: &Value, exit: Exit) -> ExitCode {
    if prints_json_errors() {
        to_stderr(&body.to_string());
    } else {
        to_stderr(&format!("waybill: {message}"));
    }
    exit.into()
}

/// Says how a command line is wrong; `coloured` is the same for a terminal.
pub fn usage_error(message: &str, coloured: Option<String>) -> ExitCode {
    if prints_json_errors() {
        return error_line("usage", Exit::Usage, &message);
    }
    match coloured {
        // As in `to_stderr`.
        Some(text) => drop(io::stderr().lock().write_all(text.as_bytes())),
        None => to_stderr(message),
    }
    Exit::Usage.into()
}

/// Lines up columns under their titles, two spaces apart; columns of numbers go to the right. Every cell is escaped
/// and takes the columns that a terminal gives it.
#[must_use]
pub fn table<C: AsRef<str>>(titles: &[&str], rows: &[Vec<C>]) -> String {
    let cells = |row: &Vec<C>| row.iter().map(|cell| Cell::new(cell.as_ref())).collect();
    let rows: Vec<Vec<Cell>> = rows.iter().map(cells).collect();
    let titles: Vec<Cell> = titles.iter().map(|title| Cell::new(title)).collect();
    let all = || std::iter::once(&titles).chain(&rows);
    let widths: Vec<usize> = (0..titles.len())
        .map(|column| all().map(|row| row[column].width()).max().unwrap_or(0))
        .collect();
    let is_number = |cell: &Cell| cell.as_str().parse::<f64>().is_ok();
    let numeric: Vec<bool> = (0..titles.len())
        .map(|column| !rows.is_empty() && rows.iter().all(|row| is_number(&row[column])))
        .collect();
    let shown: Vec<String> = all()
        .map(|row| {
            let mut line = String::new();
            for (column, cell) in row.iter().enumerate() {
                let pad = " ".repeat(widths[column] - cell.width());
                let (before, after) = if numeric[column] {
                    (&*pad, "")
                } else {
                    ("", &*pad)
                };
                line.extend([before, cell.as_str(), after, "  "]);
            }
            line.trim_end().to_owned()
        })
        .collect();
    shown.join("\n")
}

/// How a list goes on, on a line of its own; nothing at its end.
#[must_use]
pub fn more(page: &Value, command: &str) -> String {
    page["next"].as_str().map_or_else(String::new, |next| {
        format!("\nmore: {command} --after {}", Cell::new(next))
    })
}

/// A JSON value as a person reads it: text without quotes, nothing for null; safe to print (see [`Cell`]).
#[must_use]
pub fn plain(value: &Value) -> String {
    Cell::from(value).into_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_and_numbers_go_to_the_right() {
        let rows = vec![vec!["MUG-1", "5", "x"], vec!["B", "120", ""]];
        assert_eq!(
            table(&["sku", "on hand", "note"], &rows),
            "sku    on hand  note\nMUG-1        5  x\nB          120"
        );
    }

    #[test]
    fn wide_characters_and_escapes_do_not_move_the_next_column() {
        let rows = vec![vec!["漢字", "a"], vec!["x\u{1b}\ny", "b"]];
        assert_eq!(
            table(&["sku", "note"], &rows),
            "sku         note\n漢字        a\nx\\u001b\\ny  b"
        );
    }
}
