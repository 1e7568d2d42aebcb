//! The PostgreSQL of the tests: a database each, nothing left behind, no deadlock unnoticed.

use std::io::{BufRead, BufReader};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use waybill_testkit::postgres::{Mode, Postgres, ServerOptions};
use waybill_testkit::unavailable::or_skip;

fn own() -> Option<Postgres> {
    or_skip(Postgres::start(
        ServerOptions::default().set("deadlock_timeout", "10ms"),
    ))
}

#[tokio::test]
async fn a_database_is_a_copy_of_its_template_and_goes_with_its_test() {
    let Some(server) = or_skip(Postgres::shared()) else {
        return;
    };
    let mut made = 0;
    for _ in 0..2 {
        let template = server.template("of_the_kit", async |url: &str| {
            made += 1;
            let name = url.rsplit('/').next().expect("a url has a path");
            let name = name.split('?').next().expect("a first part");
            server.sql(name, "CREATE TABLE t (n int); INSERT INTO t VALUES (7)")?;
            Ok(())
        });
        let template = template.await.unwrap();
        let [one, two] = [(), ()].map(|()| server.database(Some(&template)).unwrap());
        one.sql("UPDATE t SET n = 8").unwrap();
        assert_eq!(one.sql("SELECT n FROM t").unwrap(), "8");
        assert_eq!(two.sql("SELECT n FROM t").unwrap(), "7");
        let name = one.name().to_string();
        drop(one);
        assert!(server.sql(&name, "SELECT 1").is_err());
    }
    assert!(made <= 1, "a template is prepared once a server");
}

#[test]
fn what_was_committed_is_there_after_an_immediate_stop() {
    let Some(mut server) = own() else { return };
    let database = server.database(None).unwrap();
    database
        .sql("CREATE TABLE t (n int); INSERT INTO t VALUES (7)")
        .unwrap();
    let before = server.pid().unwrap();
    server.stop(Mode::Immediate).unwrap();
    assert!(database.sql("SELECT 1").is_err());
    server.start_again().unwrap();
    assert_ne!(server.pid().unwrap(), before);
    assert_eq!(database.sql("SELECT n FROM t").unwrap(), "7");
    server.stop(Mode::Fast).unwrap();
    server.start_again().unwrap();
    assert_eq!(database.sql("SELECT n FROM t").unwrap(), "7");
}

#[test]
fn a_deadlock_whose_statement_was_repeated_fails_its_test() {
    let Some(server) = own() else { return };
    let database = server.database(None).unwrap();
    let begin = "CREATE TABLE t (n int); INSERT INTO t VALUES (1), (2)";
    database.sql(begin).unwrap();
    // Each waits until the other has its row.
    let both = "SELECT pg_advisory_lock_shared(1);\
         DO $$ BEGIN WHILE (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory') < 2 LOOP \
         PERFORM pg_sleep(0.01); END LOOP; END $$;";
    let side = |first, second| {
        format!(
            "{both} BEGIN; UPDATE t SET n = n WHERE n = {first}; SELECT pg_advisory_lock(10 + {first});\
             DO $$ BEGIN WHILE (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory') < 4 LOOP \
             PERFORM pg_sleep(0.01); END LOOP; END $$; UPDATE t SET n = n WHERE n = {second}; COMMIT"
        )
    };
    let results = std::thread::scope(|scope| {
        let one = scope.spawn(|| database.sql(&side(1, 2)));
        let two = scope.spawn(|| database.sql(&side(2, 1)));
        [one, two].map(|t| t.join().expect("it does not panic").is_ok())
    });
    assert_eq!(
        results.iter().filter(|ok| **ok).count(),
        1,
        "one was the victim"
    );
    assert_eq!(database.deadlocks().len(), 1);
    assert_eq!(server.deadlocks().len(), 1);
    let another = server.database(None).unwrap();
    assert!(another.deadlocks().is_empty(), "it is not another test's");
    drop(another);
    let failed = catch_unwind(AssertUnwindSafe(|| drop(database))).unwrap_err();
    let message = failed.downcast_ref::<String>().expect("a message");
    assert!(message.contains("UPDATE t SET n"), "{message}");
    let error = server.finish().unwrap_err().to_string();
    assert!(error.contains("deadlock detected"), "{error}");
}

#[test]
fn a_backend_is_terminated_by_what_it_does() {
    let Some(server) = or_skip(Postgres::shared()) else {
        return;
    };
    let database = server.database(None).unwrap();
    std::thread::scope(|scope| {
        let sleeper = scope.spawn(|| database.sql("SELECT pg_sleep(60)"));
        let condition = format!(
            "datname = '{}' AND query LIKE 'SELECT pg_sleep%'",
            database.name()
        );
        let began = Instant::now();
        while server.terminate_backends(&condition).unwrap() == 0 {
            assert!(began.elapsed() < Duration::from_secs(30), "it never slept");
        }
        let error = sleeper.join().expect("it does not panic").unwrap_err();
        assert!(
            error.to_string().contains("terminating connection"),
            "{error}"
        );
    });
}

#[test]
fn a_server_ends_with_a_test_process_that_is_killed() {
    if own().is_none() {
        return;
    }
    let mut giver = Command::new(env!("CARGO_BIN_EXE_postgres-for-tests"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(giver.stdout.take().expect("piped")).lines();
    let url = said.next().expect("a line").unwrap();
    let pid = said.next().expect("a line").unwrap();
    assert!(url.starts_with("postgres://"), "{url}");
    let process = Path::new("/proc").join(&pid);
    let data = std::fs::read_link(process.join("cwd")).unwrap();
    assert!(data.exists());
    giver.kill().unwrap();
    giver.wait().unwrap();
    let began = Instant::now();
    while process.exists() || data.exists() {
        assert!(
            began.elapsed() < Duration::from_secs(30),
            "{pid} is still there"
        );
        std::thread::sleep(Duration::from_millis(10));
    }
}
