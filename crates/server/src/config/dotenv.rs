//! Reads `.env`: `NAME=value` lines as shells and other tools write them.
//!
//! `export` in front, quotes around a value, blank lines, comment lines and comments after a value are
//! understood; nothing is expanded.

use std::collections::BTreeMap;

use super::errors::ConfigErrors;

pub fn parse(text: &str, errors: &mut ConfigErrors) -> BTreeMap<String, String> {
    let mut values = BTreeMap::new();
    // Editors of some systems begin a UTF-8 file with this mark.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let line = line.strip_prefix("export ").unwrap_or(line);
        let parsed = line.split_once('=').and_then(|(name, rest)| {
            let name = name.trim();
            Some((name, value(rest.trim())?))
        });
        match parsed {
            Some((name, _)) if !is_name(name) => errors.push(
                format!(".env line {}", number + 1),
                "",
                None,
                "the name before = may hold letters, digits, _, . and - only, and begins with a letter or _",
            ),
            Some((name, value)) => {
                values.insert(name.to_owned(), value);
            }
            // The line itself is not shown: it may hold part of a secret.
            None => errors.push(
                format!(".env line {}", number + 1),
                "",
                None,
                "not understood: write NAME=value, NAME='value' or NAME=\"value\"",
            ),
        }
    }
    values
}

/// Another name is refused, because the variable would be ignored silently; the mistake may be an invisible character.
fn is_name(name: &str) -> bool {
    let begins = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    begins
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b))
}

/// `None` when a quote is not closed, or something other than a comment follows it.
fn value(rest: &str) -> Option<String> {
    let quote = rest.chars().next().filter(|c| matches!(c, '"' | '\''));
    let Some(quote) = quote else {
        let end = rest
            .match_indices('#')
            .map(|(at, _)| at)
            .find(|at| *at == 0 || rest[..*at].ends_with(char::is_whitespace));
        return Some(rest[..end.unwrap_or(rest.len())].trim_end().to_owned());
    };
    let mut value = String::new();
    let mut chars = rest[1..].chars();
    while let Some(c) = chars.next() {
        match c {
            c if c == quote => {
                let after = chars.as_str().trim_start();
                return (after.is_empty() || after.starts_with('#')).then_some(value);
            }
            '\\' if quote == '"' => match chars.next()? {
                'n' => value.push('\n'),
                other => value.push(other),
            },
            c => value.push(c),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_without_quotes_comments_and_export() {
        let mut errors = ConfigErrors::default();
        let text = "# a comment\n\nPORT=3000 # the port\nexport A=b\nB = 'x # y' # z\nC=\"q\\\"\\n\"\nD=\nE=a#b\nF= # none\n";
        let values = parse(text, &mut errors);
        let expected = [
            ("PORT", "3000"),
            ("A", "b"),
            ("B", "x # y"),
            ("C", "q\"\n"),
            ("D", ""),
            ("E", "a#b"),
            ("F", ""),
        ];
        for (name, value) in expected {
            assert_eq!(values.get(name).map(String::as_str), Some(value), "{name}");
        }
        assert_eq!(errors.0, []);
    }

    #[test]
    fn a_byte_order_mark_is_passed_over_once_and_an_odd_name_is_refused() {
        let mut errors = ConfigErrors::default();
        let values = parse("\u{feff}DATABASE_URL=x\n", &mut errors);
        assert_eq!(values.get("DATABASE_URL").map(String::as_str), Some("x"));
        assert_eq!(errors.0, []);
        for name in [
            "\u{feff}\u{feff}A",
            "A\u{a0}B",
            "A\u{200b}B",
            "1A",
            "",
            "A B",
            "ä",
        ] {
            let mut errors = ConfigErrors::default();
            let values = parse(&format!("{name}=hush"), &mut errors);
            assert_eq!((values.len(), errors.0.len()), (0, 1), "{name}");
            assert!(!errors.to_string().contains("hush"));
        }
    }

    #[test]
    fn a_line_that_is_not_understood_is_named_but_not_shown() {
        let mut errors = ConfigErrors::default();
        parse("OK=1\nhush-hush\nX='open\n", &mut errors);
        let shown: Vec<String> = errors.0.iter().map(ToString::to_string).collect();
        assert_eq!(shown.len(), 2);
        assert!(shown[0].starts_with(".env line 2: ") && shown[1].starts_with(".env line 3: "));
        assert!(!shown[0].contains("hush"));
    }
}
