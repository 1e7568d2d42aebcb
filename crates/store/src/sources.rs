//! The sources of an error: kept for the log, while callers read only the error's own text.

use std::error::Error;
use std::sync::Arc;

/// The source of a store's error. Shared, because a failed commit is reported to every caller of its round.
pub type Cause = Arc<dyn Error + Send + Sync>;

/// An error and its sources in one line, for a log. A source whose text the line contains already adds nothing, and of
/// `Error code 26: file is not a database` after `file is not a database` only the code is added: drivers repeat texts.
#[must_use]
pub fn with_sources(error: &(dyn Error + 'static)) -> String {
    let mut line = error.to_string();
    let mut below = error.source();
    while let Some(source) = below {
        let text = source.to_string();
        if !line.contains(&text) {
            let said = line.rsplit(": ").next().unwrap_or_default();
            let before = text.strip_suffix(said).unwrap_or(&text);
            let addition = before.trim_end_matches(": ").to_owned();
            line.push_str(": ");
            line.push_str(&addition);
        }
        below = source.source();
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{text}")]
    struct Level {
        text: &'static str,
        source: Option<Box<Level>>,
    }

    fn level(text: &'static str, below: Option<Level>) -> Level {
        let source = below.map(Box::new);
        Level { text, source }
    }

    #[test]
    fn every_source_is_named_once() {
        let lowest = level("connection refused", None);
        let middle = level("cannot connect: connection refused", Some(lowest));
        let top = level("the store is not available", Some(middle));
        assert_eq!(
            with_sources(&top),
            "the store is not available: cannot connect: connection refused"
        );
        let coded = level(
            "file is not a database",
            Some(level("code 26: file is not a database", None)),
        );
        assert_eq!(with_sources(&coded), "file is not a database: code 26");
    }
}
