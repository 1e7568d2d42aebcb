//! Every kind of problem: its code, its HTTP status, its title and what to do about it; part of the wire contract.
//!
//! The specification at `/openapi.json` and the pages below `/problems` are made from this list.

mod failed;
mod invalid;
mod kind;
mod refused;

use super::codes;
pub use kind::Kind;
use kind::kind_of;

/// All of them, by status.
pub fn all() -> impl Iterator<Item = &'static Kind> {
    [invalid::INVALID, refused::REFUSED, failed::FAILED]
        .into_iter()
        .flatten()
}

/// The kind of a code; a code that is not listed is a defect, and says so.
#[must_use]
pub fn kind(code: &str) -> &'static Kind {
    static UNLISTED: Kind = kind_of(
        codes::INTERNAL,
        500,
        "Something is broken here",
        "Report the correlationId.",
    );
    let found = all().find(|kind| kind.code == code);
    debug_assert!(found.is_some(), "the code {code} is not listed");
    found.unwrap_or(&UNLISTED)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_snake_case_and_stand_once() {
        let mut seen = std::collections::BTreeSet::new();
        for Kind {
            code,
            status,
            title,
            advice,
        } in all()
        {
            assert!(seen.insert(*code), "{code} stands twice");
            assert!(
                code.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'),
                "{code}"
            );
            assert!((400..600).contains(status) && !title.is_empty(), "{code}");
            assert!(advice.ends_with('.'), "{code}: advice is whole sentences");
        }
    }
}
