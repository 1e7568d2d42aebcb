//! The shared store: PostgreSQL, the pooler in front of it, and whether they keep Waybill's guarantees.

use waybill_store::postgres::{Inspection, LINEAGE_ADVICE, Options, inspect};

use super::check::Check;
use super::{checkpoints, snapshot};
use crate::clock::{Clock, SystemClock};

/// With a larger difference, times in logs of two machines cannot be compared.
const SKEW_WARN_MS: i64 = 500;

/// Looks at the database.
pub async fn look(options: &Options) -> Vec<Check> {
    let now = || waybill_domain::time::Time(SystemClock.now_micros());
    let found = match inspect(options, &now).await {
        Ok(found) => found,
        Err(error) => {
            let advice = "nothing else of it can be looked at until then; psql with the same address tells more";
            return vec![Check::bad("store", error.to_string(), advice)];
        }
    };
    let mut checks = vec![
        Check::ok("store", format!("PostgreSQL {}", found.version)),
        schema(&found),
        promises(&found),
        standby(&found),
        archive(&found),
        checkpoints::judge(&found),
        clock(&found),
        snapshot::judge(found.oldest_snapshot.as_ref(), found.sees_other_roles),
        pooler(&found, options),
        notifications(&found, options),
        room(&found, options),
    ];
    checks.extend(primary(&found));
    checks.extend(lineage(&found));
    checks
}

fn schema(found: &Inspection) -> Check {
    const NAME: &str = "schema";
    let known = found.known;
    match found.schema {
        None => Check::bad(
            NAME,
            "the database has no tables of Waybill yet",
            "run `waybill migrate`",
        ),
        Some(schema) if !found.usable => Check::bad(
            NAME,
            format!("{schema}, of a newer version; this one knows up to {known}"),
            "run the newer version",
        ),
        Some(schema) if schema < known => Check::bad(
            NAME,
            format!("{schema}; this version needs {known}"),
            "run `waybill migrate`; the version before goes on running meanwhile",
        ),
        Some(schema) => Check::ok(NAME, format!("{schema}")),
    }
}

/// What makes a commit durable.
fn promises(found: &Inspection) -> Check {
    const NAME: &str = "durable";
    let broken: Vec<String> = ["fsync", "full_page_writes", "synchronous_commit"]
        .into_iter()
        .filter(|name| found.setting(name) == "off")
        .map(|name| format!("{name} = off"))
        .collect();
    if broken.is_empty() {
        let commit = found.setting("synchronous_commit");
        return Check::ok(NAME, format!("synchronous_commit = {commit}"));
    }
    let advice = "set it to on: acknowledged orders would not survive power loss, and Waybill does not start";
    Check::bad(NAME, broken.join(", "), advice)
}

fn standby(found: &Inspection) -> Check {
    const NAME: &str = "standby";
    let names = found.setting("synchronous_standby_names");
    if names.is_empty() {
        let advice = "fine for one server with backups; if it must survive losing a machine, add a synchronous standby";
        return Check::warn(NAME, "none is waited for", advice);
    }
    let said = format!("commits wait for {names}; {} connected", found.standbys);
    if found.standbys == 0 && !found.in_recovery {
        let advice = "every order waits: bring a standby back, or stop waiting for one (docs/operations.md, The primary is lost)";
        return Check::bad(NAME, said, advice);
    }
    Check::ok(NAME, said)
}

/// Whether the database can be restored after the loss of its machine or a mistake.
fn archive(found: &Inspection) -> Check {
    const NAME: &str = "archive";
    if let Some(file) = &found.not_archived {
        let said = format!("{file} cannot be archived; the database's disk fills up until it can");
        return Check::bad(
            NAME,
            said,
            "the database's log has what archive_command said: mend that; no restart is needed, what waits is archived then",
        );
    }
    if found.setting("archive_mode") == "off" {
        let advice = "fine where backups are made by other means; else docs/operations.md, PostgreSQL: base backup and point in time";
        return Check::warn(NAME, "off: no point in time to return to", advice);
    }
    Check::ok(NAME, "the log is archived")
}

fn lineage(found: &Inspection) -> Option<Check> {
    let change = found.other_lineage.as_deref()?;
    Some(Check::warn("history", change, LINEAGE_ADVICE))
}

fn primary(found: &Inspection) -> Option<Check> {
    let advice =
        "give the address of the primary, or all of them with target_session_attrs=read-write";
    found.in_recovery.then(|| {
        Check::bad(
            "primary",
            "this server is a standby and takes no orders",
            advice,
        )
    })
}

fn clock(found: &Inspection) -> Check {
    const NAME: &str = "clock";
    let skew = found.clock_skew_ms;
    let said = format!("{skew} ms from the database's");
    if skew.abs() > SKEW_WARN_MS {
        let advice = "Waybill goes by the database's, but its log lines do not, nor who makes tokens here: let both follow a time server (chrony, systemd-timesyncd)";
        Check::warn(NAME, said, advice)
    } else {
        Check::ok(NAME, said)
    }
}

fn pooler(found: &Inspection, options: &Options) -> Check {
    const NAME: &str = "pooler";
    match (found.shares_sessions, found.keeps_statements) {
        (false, _) if options.unnamed_statements => Check::warn(
            NAME,
            "none was seen, and store.unnamed_statements is on",
            "turn it off: statements are then prepared once, which is faster",
        ),
        (false, _) => Check::ok(NAME, "none, or one that gives each client a session"),
        (true, _) if options.unnamed_statements => {
            Check::ok(NAME, "sessions are shared, statements have no names")
        }
        (true, true) => Check::ok(
            NAME,
            "sessions are shared, named statements are known everywhere",
        ),
        (true, false) => Check::bad(
            NAME,
            "sessions are shared, and named statements get lost",
            "set store.unnamed_statements = true, or use PgBouncer 1.21 or newer with max_prepared_statements",
        ),
    }
}

fn notifications(found: &Inspection, options: &Options) -> Check {
    const NAME: &str = "notify";
    if found.hears_notifications {
        return Check::ok(NAME, "notifications of other processes arrive");
    }
    let advice = if options.listen_url.is_some() {
        "store.listen_url must lead to the same database, past any pooler"
    } else {
        "set store.listen_url to an address past the pooler"
    };
    Check::warn(
        NAME,
        "notifications of other processes do not arrive; consumers poll, up to a second later",
        advice,
    )
}

fn room(found: &Inspection, options: &Options) -> Check {
    const NAME: &str = "room";
    // One more is kept for notifications.
    let wanted =
        i64::try_from(options.pool_max).expect("the setting allows 1,000 connections at most") + 1;
    let free = found.max_connections - found.connections;
    let said = format!(
        "{} of {} connections in use; a process takes up to {wanted}",
        found.connections, found.max_connections
    );
    if !found.shares_sessions && wanted > found.max_connections {
        let advice = format!(
            "set store.pool_size below {}, shared by all processes; or raise max_connections, or put PgBouncer in front",
            found.max_connections
        );
        return Check::bad(NAME, said, advice);
    }
    if found.shares_sessions || free >= wanted {
        return Check::ok(NAME, said);
    }
    let advice = "raise max_connections, lower store.pool_size, or put PgBouncer in front";
    Check::warn(NAME, said, advice)
}
