//! The tests' primary and standby: what was acknowledged is on both.

use std::time::{Duration, Instant};

use waybill_testkit::postgres::{Mode, Postgres, ServerOptions};
use waybill_testkit::unavailable::or_skip;

fn pair() -> Option<(Postgres, Postgres)> {
    let primary = or_skip(Postgres::start(ServerOptions::default()))?;
    let standby = or_skip(Postgres::standby_of(&primary))?;
    Some((primary, standby))
}

#[test]
fn a_killed_primary_loses_nothing_that_it_acknowledged() {
    let Some((mut primary, standby)) = pair() else {
        return;
    };
    let database = primary.database(None).unwrap();
    let begin = "CREATE TABLE t (n int); INSERT INTO t VALUES (7)";
    database.sql(begin).unwrap();
    primary.stop(Mode::Killed).unwrap();
    standby.promote().unwrap();
    let rows = "INSERT INTO t VALUES (8); SELECT n FROM t ORDER BY n";
    assert_eq!(standby.sql(database.name(), rows).unwrap(), "7\n8");

    // The dead one's data were those of a crash: it recovers, and knows nothing of what came after.
    primary.start_again().unwrap();
    primary.wait_for_standbys(false).unwrap();
    assert_eq!(database.sql("SELECT n FROM t").unwrap(), "7");
}

#[test]
fn the_string_with_both_finds_the_one_that_takes_writes() {
    let Some((mut primary, standby)) = pair() else {
        return;
    };
    let url = standby.url_with(&primary, "postgres").unwrap();
    let port = |url: &str| {
        let mut psql = std::process::Command::new("psql");
        psql.args(["--no-psqlrc", "--quiet", "--no-align", "--tuples-only"])
            .args(["--command=SELECT inet_server_port()", "--dbname", url]);
        let output = psql.output().unwrap();
        String::from_utf8_lossy(&output.stdout).trim().to_string()
    };
    assert_eq!(port(&url), primary.port().unwrap().to_string());
    primary.stop(Mode::Killed).unwrap();
    standby.promote().unwrap();
    assert_eq!(port(&url), standby.port().unwrap().to_string());
}

#[test]
fn a_commit_waits_for_the_standby_and_says_so_when_the_wait_is_cancelled() {
    let Some((primary, mut standby)) = pair() else {
        return;
    };
    primary.sql("postgres", "CREATE TABLE t (n int)").unwrap();
    standby.stop(Mode::Immediate).unwrap();
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| primary.sql("postgres", "INSERT INTO t VALUES (7)"));
        let began = Instant::now();
        while primary.cancel_backends("wait_event = 'SyncRep'").unwrap() == 0 {
            assert!(began.elapsed() < Duration::from_secs(30), "it never waited");
        }
        waiting.join().expect("it does not panic").unwrap();
    });
    // Committed here, and nowhere else: only the warning tells.
    let log = std::fs::read_to_string(primary.log().unwrap()).unwrap();
    let warning = "canceling wait for synchronous replication due to user request";
    assert!(log.contains(warning), "{log}");
    standby.start_again().unwrap();
    // Readable there, too, and not only safe there.
    let insert = "SET synchronous_commit = remote_apply; INSERT INTO t VALUES (8)";
    primary.sql("postgres", insert).unwrap();
    let rows = standby.sql("postgres", "SELECT n FROM t ORDER BY n");
    assert_eq!(rows.unwrap(), "7\n8");
}
