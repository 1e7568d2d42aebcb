//! The pooler of the tests: in transaction mode, as strict as its users' are.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use waybill_testkit::pgbouncer::{PgBouncer, PoolOptions};
use waybill_testkit::postgres::Postgres;
use waybill_testkit::unavailable::or_skip;

#[test]
fn a_connection_of_the_pool_belongs_to_a_client_for_one_transaction() {
    let Some(server) = or_skip(Postgres::shared()) else {
        return;
    };
    let one = PoolOptions {
        pool_size: 1,
        ..PoolOptions::default()
    };
    let Some(mut bouncer) = or_skip(PgBouncer::in_front_of(server, &one)) else {
        return;
    };
    let database = server.database(None).unwrap();
    let mut idle = Command::new("psql")
        .args(["--no-psqlrc", "--quiet", "--no-align", "--tuples-only"])
        .args(["--dbname", &bouncer.url(database.name())])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = idle.stdin.take().expect("piped");
    let mut output = BufReader::new(idle.stdout.take().expect("piped")).lines();
    writeln!(input, "SELECT pg_backend_pid();").unwrap();
    let backend = output.next().expect("a row").unwrap();
    // In session mode this would wait for the other client to leave.
    let other = bouncer.sql(database.name(), "SELECT pg_backend_pid()");
    assert_eq!(other.unwrap(), backend);
    bouncer.stop().unwrap();
    assert!(bouncer.sql(database.name(), "SELECT 1").is_err());
    bouncer.start_again().unwrap();
    assert_eq!(bouncer.sql(database.name(), "SELECT 1").unwrap(), "1");
    drop(input);
    idle.wait().unwrap();
}

#[test]
fn a_start_up_parameter_that_it_does_not_know_is_refused() {
    let Some(bouncer) = or_skip(PgBouncer::shared()) else {
        return;
    };
    let output = Command::new("psql")
        .args(["--no-psqlrc", "--command=SELECT 1", "--dbname"])
        .arg(bouncer.url("postgres"))
        .env("PGOPTIONS", "-c statement_timeout=1s")
        .output()
        .unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(
        error.contains("unsupported startup parameter: options"),
        "{error}"
    );
}
