//! Whether a signing secret can be guessed.
//!
//! Length alone does not suffice: thirty-two times the same letter is as long as a key. This module refuses common
//! mistakes: a placeholder of an example file, few different characters, a repeated word. It does not measure
//! randomness, which cannot be seen in a text.

/// Secrets that stand in public example files; anyone who knows them can sign any token.
pub const WELL_KNOWN: [&str; 3] = [
    "your-secret-key-here-change-in-production",
    "your-secret-key",
    "dev-secret-key-change-in-production",
];

/// Parts of placeholders in example files, in lower case.
const PLACEHOLDERS: [&str; 8] = [
    "your-secret",
    "your_secret",
    "change-in-production",
    "change_in_production",
    "change-me",
    "change_me",
    "changeme",
    "replace-me",
];

/// Shortest secret, the length of an HMAC-SHA-256 key.
const MIN_BYTES: usize = 32;
/// Random text of that length has more different characters than this, even if all of them are digits.
const MIN_DIFFERENT: usize = 8;
/// If a secret repeats a text, the text must be this long.
const MIN_PERIOD: usize = 16;

/// Why this secret must not be used outside `demo`, as a sentence that does not show it; `None` if it may be used.
#[must_use]
pub fn weakness(secret: &str) -> Option<String> {
    // Blanks at the ends come from copying and make no secret longer.
    let secret = secret.trim();
    let lower = secret.to_lowercase();
    if secret.is_empty() {
        return Some("it is empty, or blanks only".into());
    }
    if PLACEHOLDERS.iter().any(|known| lower.contains(known)) {
        return Some("everyone knows it from example files".into());
    }
    if secret.len() < MIN_BYTES {
        let length = secret.len();
        return Some(format!(
            "{length} bytes are too few to be safe; at least {MIN_BYTES} are needed"
        ));
    }
    let different = different(secret.as_bytes());
    if different < MIN_DIFFERENT {
        return Some(format!(
            "it has only {different} different characters, so it can be guessed"
        ));
    }
    let period = period(secret.as_bytes());
    (period < MIN_PERIOD)
        .then(|| format!("it repeats the same {period} bytes, so it can be guessed"))
}

fn different(bytes: &[u8]) -> usize {
    let mut seen = [false; 256];
    bytes
        .iter()
        .for_each(|byte| seen[usize::from(*byte)] = true);
    seen.iter().filter(|seen| **seen).count()
}

/// The length of the text that is repeated; the whole length if none is.
fn period(bytes: &[u8]) -> usize {
    let begins_again = |period: &usize| bytes.iter().zip(&bytes[*period..]).all(|(a, b)| a == b);
    (1..bytes.len()).find(begins_again).unwrap_or(bytes.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_secrets_are_accepted_in_every_usual_spelling() {
        for secret in [
            "9f2c51c0a5f8a6b1d5f8e1b5a9e04c77d1f7c0a39a5be4c21f04e6f9b7a8d310",
            "Zk3vQ0o1mXc5bT7yHh2LrU9pWqEaS4dFgJnK6iBtVzA=",
            "83024719560284719305618274930561",
            "0123456789abcdef0123456789abcdef",
            "correct horse battery staple, and a lot more of them",
        ] {
            assert_eq!(weakness(secret), None, "{secret}");
        }
    }

    #[test]
    fn what_people_type_when_they_have_no_secret_is_refused() {
        let spoken = "let-me-in-now;".repeat(4);
        for secret in [
            "",
            &" ".repeat(40),
            "short",
            &"a".repeat(32),
            &format!("{}  ", "0123456789abcdef0123456789abcde"),
            &"ab".repeat(20),
            &"1234567".repeat(6),
            &spoken,
            "Change-Me-Change-Me-Change-Me-please-0123",
        ] {
            assert!(weakness(secret).is_some(), "{secret:?}");
        }
        for known in WELL_KNOWN {
            for padded in [
                known.to_owned(),
                format!("{known} "),
                format!("\t{known}"),
                known.to_uppercase(),
            ] {
                assert!(weakness(&padded).is_some(), "{padded:?}");
            }
        }
    }

    #[test]
    fn a_reason_does_not_show_the_secret() {
        for secret in ["hush-hush", &"hush-".repeat(10), "your-secret-hush-hush"] {
            assert!(!weakness(secret).expect("weak").contains("hush"));
        }
    }
}
