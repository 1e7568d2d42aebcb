//! The list of schemas, and whether this binary may run on the schema it finds. The same for both drivers; each driver
//! has its own SQL under the same numbers.
//!
//! A schema changes in two releases: the first adds (old binaries keep running beside the new one), a later one removes
//! what is no longer read. So each schema records the oldest binary that may still run on it, as the newest schema that
//! binary knows. The number is stored in `meta`, where a binary that does not know the schema can read it.

use crate::archive;
use crate::error::{Error, Result};
use crate::packed::{self, LogForm};

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
    Migration {
        number: 3,
        min_compatible: 2,
    },
    Migration {
        number: 4,
        min_compatible: 3,
    },
    Migration {
        number: 5,
        min_compatible: 3,
    },
    Migration {
        number: 6,
        min_compatible: 3,
    },
    Migration {
        number: 7,
        min_compatible: 3,
    },
    Migration {
        number: 8,
        min_compatible: 3,
    },
    Migration {
        number: 9,
        min_compatible: 3,
    },
    Migration {
        number: 10,
        min_compatible: 3,
    },
    Migration {
        number: 11,
        min_compatible: 3,
    },
    Migration {
        number: 12,
        min_compatible: 3,
    },
    Migration {
        number: 13,
        min_compatible: 3,
    },
    Migration {
        number: 14,
        min_compatible: 3,
    },
    Migration {
        number: 15,
        min_compatible: 3,
    },
    Migration {
        number: packed::SINCE,
        min_compatible: 3,
    },
    Migration {
        number: archive::SINCE,
        min_compatible: 3,
    },
    Migration {
        number: 18,
        min_compatible: 3,
    },
];

/// The key in `meta` under which a store keeps what [`Migration::note`] says.
pub const MIN_COMPATIBLE: &str = "min_compatible";

impl Migration {
    /// The note about this schema that is stored in the transaction of the migration. It contains the schema's number,
    /// so that a note left from another schema is recognised and ignored. Binaries that cannot read a packed log may not
    /// run on one, whatever the schema.
    #[must_use]
    pub fn note(&self, log: LogForm) -> String {
        let oldest = match log {
            LogForm::Plain => self.min_compatible,
            LogForm::Packed => self.min_compatible.max(packed::SINCE),
        };
        format!("{}:{oldest}", self.number)
    }
}

/// The note of a store of the newest schema whose log is packed.
///
/// # Errors
/// [`Error::NewerSchema`]: the store has another schema, and its note says what this binary does not know.
pub fn packed_note(found: i64) -> Result<String> {
    let newest = MIGRATIONS.last().filter(|newest| newest.number == found);
    let known = known();
    let newest = newest.ok_or(Error::NewerSchema { found, known })?;
    Ok(newest.note(LogForm::Packed))
}

/// The note of a store that has archived orders, where it has to be another one than `noted`: binaries of before the
/// archive would take the units that left with the orders for units on hand.
#[must_use]
pub fn archive_note(noted: Option<&str>) -> Option<String> {
    let (schema, oldest) = noted?.split_once(':')?;
    // No error: a note that cannot be read allows no older binary as it is.
    let oldest: i64 = oldest.parse().ok()?;
    (oldest < archive::SINCE).then(|| format!("{schema}:{}", archive::SINCE))
}

/// What to do with a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Apply every migration with a higher number than the schema found, then run.
    ConsumerBatch,
    /// Run on it as it is.
    Run,
    /// The schema is newer, and its note does not allow this binary to run on it.
    Refuse,
}

/// The newest schema this binary knows.
#[must_use]
pub fn known() -> i64 {
    MIGRATIONS.last().map_or(0, |newest| newest.number)
}

/// Decides by the schema found (0 when the store is new), the newest one known, and the note in the store. Without a
/// note about the schema found, only a binary that knows that schema may run on it.
#[must_use]
pub fn decide(found: i64, known: i64, note: Option<&str>) -> Verdict {
    if found < known {
        return Verdict::ConsumerBatch;
    }
    // No error: a note that cannot be read allows nothing, like a missing one.
    let min_compatible = note
        .and_then(|note| note.split_once(':'))
        .filter(|(schema, _)| schema.parse() == Ok(found))
        .and_then(|(_, oldest)| oldest.parse().ok())
        .unwrap_or(found);
    if found == known || min_compatible <= known {
        Verdict::Run
    } else {
        Verdict::Refuse
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_rise_by_one_and_no_schema_needs_a_binary_newer_than_itself() {
        for (index, migration) in MIGRATIONS.iter().enumerate() {
            assert_eq!(usize::try_from(migration.number), Ok(index + 1));
            assert!((1..=migration.number).contains(&migration.min_compatible));
        }
    }

    #[test]
    fn a_new_store_and_an_older_one_are_brought_up_to_date() {
        assert_eq!(decide(0, 2, None), Verdict::ConsumerBatch);
        assert_eq!(decide(1, 2, Some("1:1")), Verdict::ConsumerBatch);
    }

    #[test]
    fn a_known_schema_is_run_on_with_any_note() {
        for note in [None, Some("2:1"), Some("2:7"), Some("nonsense")] {
            assert_eq!(decide(2, 2, note), Verdict::Run);
        }
    }

    #[test]
    fn a_newer_schema_is_run_on_when_it_says_so_and_refused_otherwise() {
        assert_eq!(decide(3, 2, Some("3:2")), Verdict::Run);
        assert_eq!(decide(5, 2, Some("5:1")), Verdict::Run);
        for note in [None, Some("3:3"), Some("2:1"), Some("3:"), Some("nonsense")] {
            assert_eq!(decide(3, 2, note), Verdict::Refuse, "{note:?}");
        }
    }

    #[test]
    fn what_is_noted_of_a_migration_is_understood() {
        let newer = Migration {
            number: 9,
            min_compatible: 4,
        };
        let note = newer.note(LogForm::Plain);
        assert_eq!(decide(9, 4, Some(&note)), Verdict::Run);
        assert_eq!(decide(9, 3, Some(&note)), Verdict::Refuse);
    }

    #[test]
    fn a_store_with_an_archive_is_refused_by_binaries_of_before() {
        assert_eq!(archive_note(Some("17:16")), Some("17:17".into()));
        assert_eq!(archive_note(Some("19:3")), Some("19:17".into()));
        for enough in [None, Some("17:17"), Some("19:18"), Some("nonsense")] {
            assert_eq!(archive_note(enough), None, "{enough:?}");
        }
    }

    #[test]
    fn a_packed_log_is_refused_by_binaries_that_cannot_read_it() {
        let newer = Migration {
            number: packed::SINCE + 1,
            min_compatible: 3,
        };
        let note = newer.note(LogForm::Packed);
        let verdict = |known| decide(newer.number, known, Some(&note));
        assert_eq!(verdict(packed::SINCE), Verdict::Run);
        assert_eq!(verdict(packed::SINCE - 1), Verdict::Refuse);
    }
}
