//! A transaction left open in the database: vacuum cannot remove rows that were replaced since it began.

use waybill_store::postgres::OpenTransaction;

use super::check::Check;

/// The alert WaybillOldSnapshot begins here, too.
const OLD_S: i64 = 600;

/// Judges the oldest transaction that this role sees.
pub fn judge(oldest: Option<&OpenTransaction>, sees_other_roles: bool) -> Check {
    const NAME: &str = "snapshot";
    let found = match oldest {
        Some(OpenTransaction { seconds, session }) => {
            format!("the oldest transaction has been open for {seconds} s: {session}")
        }
        None => "no transaction is open".into(),
    };
    if oldest.is_some_and(|oldest| oldest.seconds > OLD_S) {
        let advice = "while it is open no replaced row can be removed, and tables grow: let it end, or SELECT pg_terminate_backend(its process) (docs/operations.md, A snapshot is held)";
        return Check::warn(NAME, found, advice);
    }
    if !sees_other_roles {
        let found = format!("{found}, among the sessions of this role; others are not seen");
        let advice = "as an administrator: GRANT pg_monitor TO the role of this address";
        return Check::warn(NAME, found, advice);
    }
    Check::ok(NAME, found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::doctor::check::Verdict;

    fn open(seconds: i64) -> OpenTransaction {
        OpenTransaction {
            seconds,
            session: "process 7, user report, program psql".into(),
        }
    }

    #[test]
    fn a_transaction_left_open_is_a_warning_that_names_its_session() {
        for sees_other_roles in [true, false] {
            let check = judge(Some(&open(OLD_S + 1)), sees_other_roles);
            assert_eq!(check.verdict, Verdict::Warn);
            assert!(check.found.contains("601 s: process 7"), "{}", check.found);
        }
        assert_eq!(judge(Some(&open(OLD_S)), true).verdict, Verdict::Ok);
        assert_eq!(judge(None, true).verdict, Verdict::Ok);
    }

    #[test]
    fn a_role_that_does_not_see_others_is_told_what_it_lacks() {
        let check = judge(None, false);
        assert_eq!(check.verdict, Verdict::Warn);
        let advice = check.advice.expect("some");
        assert!(advice.contains("pg_monitor"), "{advice}");
    }
}
