//! Which schemas there are, and whether this binary may run on the one it finds. The same for every driver; each
//! driver has its own SQL under the same numbers.
//!
//! A schema grows in two releases: first what is added (old binaries go on beside the new one), later what nobody
//! reads any more is taken away. So every schema names the oldest binary that may still run on it, by the newest
//! schema that binary knows. The store keeps that number in `meta`, where a binary reads it that is too old to know
//! the schema itself.

/// One step of the schema. A file once released is never edited.
#[derive(Clone, Copy, Debug)]
pub struct Migration {
    pub number: i64,
    /// Binaries that know at least this schema may run on this one: the step before it when this one only adds,
    /// its own number when it takes something away.
    pub min_compatible: i64,
}

/// Every step, oldest first.
pub const MIGRATIONS: &[Migration] = &[
    Migration {
        number: 1,
        min_compatible: 1,
    },
    Migration {
        number: 2,
        min_compatible: 1,
    },
];

/// The key in `meta` of the found schema's `min_compatible`.
pub const MIN_COMPATIBLE: &str = "min_compatible";

/// What to do with a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Apply every migration with a higher number than the schema found, then run.
    Apply,
    /// Run on it as it is.
    Run,
    /// Its schema is newer and does not say that this binary may run on it.
    Refuse,
}

/// The newest schema this binary knows.
#[must_use]
pub fn known() -> i64 {
    MIGRATIONS.last().map_or(0, |newest| newest.number)
}

/// Decides by the schema found (0 when the store is new), the newest one known, and what the store says about who
/// may run on it (`None` when it says nothing: then only who knows it).
#[must_use]
pub fn decide(found: i64, known: i64, min_compatible: Option<i64>) -> Verdict {
    if found < known {
        Verdict::Apply
    } else if min_compatible.unwrap_or(found).min(found) <= known {
        Verdict::Run
    } else {
        Verdict::Refuse
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_rise_by_one_and_nobody_is_asked_to_know_more_than_there_is() {
        for (index, migration) in MIGRATIONS.iter().enumerate() {
            assert_eq!(usize::try_from(migration.number), Ok(index + 1));
            assert!((1..=migration.number).contains(&migration.min_compatible));
        }
    }

    #[test]
    fn a_new_store_and_an_older_one_are_brought_up_to_date() {
        assert_eq!(decide(0, 2, None), Verdict::Apply);
        assert_eq!(decide(1, 2, Some(1)), Verdict::Apply);
    }

    #[test]
    fn the_schema_that_is_known_is_run_on_whatever_it_says_of_others() {
        assert_eq!(decide(2, 2, None), Verdict::Run);
        assert_eq!(decide(2, 2, Some(1)), Verdict::Run);
        assert_eq!(decide(2, 2, Some(7)), Verdict::Run);
    }

    #[test]
    fn a_newer_schema_is_run_on_when_it_says_so_and_refused_otherwise() {
        assert_eq!(decide(3, 2, Some(2)), Verdict::Run);
        assert_eq!(decide(5, 2, Some(2)), Verdict::Run);
        assert_eq!(decide(3, 2, Some(3)), Verdict::Refuse);
        assert_eq!(decide(3, 2, None), Verdict::Refuse);
    }
}
