//! Deadlocks in a server's log.
//!
//! There is one lock order, so a deadlock in a test is a failure of the test, even where the statement
//! was repeated successfully. The server logs each at once, with its statements.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

/// The messages of `log` past byte `from`, of one database or of all, each with its details.
pub(super) fn told(log: &Path, from: u64, database: Option<&str>) -> Vec<String> {
    let mut text = Vec::new();
    if let Ok(mut file) = File::open(log) {
        // What cannot be read was not written either: the log is a plain file of our own folder.
        let _ = file
            .seek(SeekFrom::Start(from))
            .and_then(|_| file.read_to_end(&mut text));
    }
    find(&String::from_utf8_lossy(&text), database)
}

/// The server writes `time [pid] database LEVEL:  text`, and a message with its details in one piece.
fn find(text: &str, database: Option<&str>) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut within = false;
    for line in text.lines() {
        let detail = ["DETAIL:", "HINT:", "CONTEXT:", "STATEMENT:"];
        if line.contains("ERROR:  deadlock detected") {
            within = database.is_none_or(|name| line.contains(&format!("] {name} ERROR:")));
            if within {
                found.push(line.to_string());
            }
        } else if within && (line.starts_with('\t') || detail.iter().any(|d| line.contains(d))) {
            let message = found.last_mut().expect("one was begun");
            message.push('\n');
            message.push_str(line);
        } else {
            within = false;
        }
    }
    found
}

/// What a test that ends with deadlocks in the log says.
pub fn complaint(deadlocks: &[String]) -> String {
    format!(
        "there is one lock order, and it was left {} times:\n{}",
        deadlocks.len(),
        deadlocks.join("\n")
    )
}

#[cfg(test)]
mod tests {
    use super::find;

    const LOG: &str = "\
t [7] one LOG:  process 7 detected deadlock while waiting for ShareLock on transaction 3 after 1000.2 ms
t [7] one ERROR:  deadlock detected
t [7] one DETAIL:  Process 7 waits for ShareLock on transaction 3; blocked by process 8.
\tProcess 7: UPDATE stock
t [7] one STATEMENT:  UPDATE stock
t [8] two LOG:  checkpoint
t [9] two ERROR:  deadlock detected
";

    #[test]
    fn a_deadlock_is_told_with_its_statements_and_for_its_database() {
        assert_eq!(find(LOG, None).len(), 2);
        let one = find(LOG, Some("one"));
        assert_eq!(one.len(), 1);
        assert!(one[0].ends_with("STATEMENT:  UPDATE stock"), "{one:?}");
        assert!(find(LOG, Some("on")).is_empty());
    }
}
