//! What comes from a row, a file or another process and cannot be is an error, never another number.
//!
//! A conversion that gives a number all the same (`unwrap_or(i64::MAX)`, `saturating_add`, `parse().ok()`) is found here
//! unless the line above it says `// No error:` and why the number is right.

use std::fs;
use std::path::{Path, PathBuf};

const REASON: &str = "// No error: ";

/// Rust files below a folder, without the suite for drivers, which is test code.
fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() && !path.ends_with("conformance") {
            files(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
}

/// A statement's beginning with the lines of its chain of calls, and the comment lines above it.
struct Piece {
    number: usize,
    text: String,
    reasoned: bool,
}

/// Joins each line with those that begin with a dot behind it. Tests at the end of a file are left out.
fn pieces(source: &str) -> Vec<Piece> {
    let mut pieces: Vec<Piece> = vec![];
    let mut reasoned = false;
    for (line, number) in source.lines().zip(1..) {
        let line = line.trim();
        if line == "mod tests {" {
            break;
        }
        if line.starts_with("//") {
            reasoned |= line.starts_with(REASON);
            continue;
        }
        match pieces.last_mut() {
            Some(piece) if line.starts_with('.') => {
                piece.text.push_str(line);
                piece.reasoned |= reasoned;
            }
            _ => pieces.push(Piece {
                number,
                text: line.to_owned(),
                reasoned,
            }),
        }
        reasoned = false;
    }
    pieces
}

/// Which way of making a number up a statement contains.
fn made_up(text: &str) -> Option<&'static str> {
    let integers = ["i16", "i32", "i64", "u8", "u16", "u32", "u64", "usize"];
    if text.contains("saturating_") {
        return Some("saturating_");
    }
    if integers
        .iter()
        .any(|t| text.contains(&format!("unwrap_or({t}::")))
    {
        return Some("unwrap_or of a bound");
    }
    for reads in ["try_from(", "parse()", "parse::<", "parse_str("] {
        let Some((_, after)) = text.split_once(reads) else {
            continue;
        };
        if after.contains(".unwrap_or") {
            return Some("unwrap_or after a conversion");
        }
        if reads.starts_with("parse") && after.contains(".ok()") {
            return Some("ok() after a parse");
        }
    }
    None
}

fn findings(name: &str, source: &str) -> Vec<String> {
    let faults = pieces(source).into_iter().filter_map(|piece| {
        let what = made_up(&piece.text).filter(|_| !piece.reasoned)?;
        Some(format!("{name}:{}: {what}: {}", piece.number, piece.text))
    });
    faults.collect()
}

#[test]
fn what_cannot_be_is_an_error_or_says_why_not() {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut all = vec![];
    for of in ["store/src", "domain/src"] {
        files(&crates.join(of), &mut all);
    }
    assert!(all.len() > 150, "{}", all.len());
    let found: Vec<String> = all
        .iter()
        .flat_map(|path| {
            let source = fs::read_to_string(path).expect("text");
            findings(&path.display().to_string(), &source)
        })
        .collect();
    assert!(
        found.is_empty(),
        "make it an error that names the row, or say `{REASON}` and why above it:\n{}",
        found.join("\n")
    );
}

#[test]
fn each_way_of_making_a_number_up_is_found_and_a_reason_is_accepted() {
    for planted in [
        "let n = i64::try_from(n).unwrap_or(i64::MAX);",
        "let n = u16::try_from(n)\n    .unwrap_or(1);",
        "let n = a.saturating_add(b);",
        "let n = cell.parse().unwrap_or_default();",
        "let n = cell\n    .parse::<u16>()\n    .ok()\n    .unwrap_or(0);",
        "let id = Uuid::parse_str(cell).unwrap_or_default();",
        "let n = text.and_then(|n| n.parse().ok());",
        "let before = before.unwrap_or(i64::MAX);",
    ] {
        assert_eq!(findings("planted", planted).len(), 1, "{planted}");
        let reasoned = format!("// No error: it is planted.\n{planted}");
        assert!(findings("planted", &reasoned).is_empty(), "{planted}");
    }
    let sound = "let n: i64 = cell.parse().map_err(|_| damaged())?;\nlet row = rows.next().unwrap_or_default();";
    assert!(findings("sound", sound).is_empty());
}
