//! Suggests the known name that is nearest to a misspelled one.

/// The largest edit distance for a suggestion.
const SLIPS: usize = 2;

/// The known name nearest to `name`, if one is near.
#[must_use]
pub fn nearest<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    let name = name.to_lowercase();
    if name.len() > 100 {
        return None;
    }
    let scored = known
        .iter()
        .map(|candidate| (distance(&name, &candidate.to_lowercase()), *candidate));
    let best = scored.min_by_key(|(distance, _)| *distance)?;
    (best.0 <= SLIPS && best.0 < best.1.len()).then_some(best.1)
}

/// Levenshtein's distance, in characters.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_recognised_and_nonsense_is_not() {
        let known = ["sku", "quantity", "unitPrice"];
        assert_eq!(nearest("quantiy", &known), Some("quantity"));
        assert_eq!(nearest("unit_price", &known), Some("unitPrice"));
        assert_eq!(nearest("colour", &known), None);
        assert_eq!(nearest("", &known), None);
    }
}
