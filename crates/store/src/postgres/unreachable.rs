//! The message for a database that cannot be reached: host, port, database and user, the error, and what to do.
//!
//! Invariant: it never contains the password.

use super::errors::{meaning, with_cause};
use crate::error::Error;
use tokio_postgres::Config;
use tokio_postgres::config::Host;
use tokio_postgres::error::SqlState;

/// Why there is no connection, and what a person can do about it.
pub fn unreachable(config: &Config, error: tokio_postgres::Error) -> Error {
    let place = place(config);
    let code = error.code();
    let is = |states: &[SqlState]| code.is_some_and(|code| states.contains(code));
    let (what, advice) = if is(&[SqlState::UNDEFINED_DATABASE]) {
        (
            format!("the database is not there yet: {place}"),
            "`waybill migrate` makes it and its tables",
        )
    } else if is(&[
        SqlState::INVALID_PASSWORD,
        SqlState::INVALID_AUTHORIZATION_SPECIFICATION,
    ]) {
        (
            format!("the database lets this user not in: {place}"),
            "check user and password (DATABASE_URL or store.url), and pg_hba.conf on the server",
        )
    } else if is(&[SqlState::TOO_MANY_CONNECTIONS]) {
        (
            format!("the database has no connection left: {place}"),
            "raise max_connections, lower store.pool_size of the processes, or put PgBouncer in front",
        )
    } else if is(&[SqlState::CANNOT_CONNECT_NOW]) {
        (
            format!("the database is starting or stopping: {place}"),
            "wait, and look at the server's log if it stays so",
        )
    } else {
        (
            format!("the database cannot be reached: {place}"),
            "check the address (DATABASE_URL or store.url) and that the server runs",
        )
    };
    let said = match error.as_db_error() {
        Some(db) => db.message().to_owned(),
        None => meaning(&error).to_string(),
    };
    let detail = format!("{said}; {advice}");
    with_cause(Error::open(what, detail), error)
}

/// `waybill at db-1:5432 or db-2:5432 as order_app`.
fn place(config: &Config) -> String {
    let ports = config.get_ports();
    let port = |index: usize| {
        let one_for_all = ports.first().filter(|_| ports.len() == 1);
        ports.get(index).or(one_for_all).copied().unwrap_or(5432)
    };
    let hosts = config.get_hosts().iter().enumerate();
    let hosts = hosts.map(|(index, host)| match host {
        Host::Tcp(name) => format!("{name}:{}", port(index)),
        #[cfg(unix)]
        Host::Unix(folder) => format!("{}, port {}", folder.display(), port(index)),
    });
    let hosts: Vec<String> = hosts.collect();
    let user = config.get_user().unwrap_or("the user of this process");
    let name = config.get_dbname().unwrap_or(user);
    format!("{name} at {} as {user}", hosts.join(" or "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::error::Error as _;

    fn of(url: &str) -> String {
        place(&url.parse().expect("an address"))
    }

    #[test]
    fn a_place_names_every_host_its_port_and_the_user_and_never_the_password() {
        let two = of("postgres://app:s3cret@db-1:5433,db-2/orders?target_session_attrs=read-write");
        assert_eq!(two, "orders at db-1:5433 or db-2:5432 as app");
        assert_eq!(of("postgres://app@h"), "app at h:5432 as app");
        assert_eq!(
            of("host=a,b port=6000 user=u"),
            "u at a:6000 or b:6000 as u"
        );
        let socket = of("host=/run/pg user=u dbname=d password=s3cret");
        assert_eq!(socket, "d at /run/pg, port 5432 as u");
    }

    #[tokio::test]
    async fn a_server_that_is_not_there_is_named_and_its_password_is_not() {
        let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = taken.local_addr().expect("bound").port();
        drop(taken);
        let url = format!("postgres://app:s3cret@127.0.0.1:{port}/orders");
        let config: Config = url.parse().expect("an address");
        let refused = config.connect(tokio_postgres::NoTls).await;
        let error = refused.map(|_| ()).expect_err("no server listens");
        let error = unreachable(&config, error);
        let told = error.to_string();
        for part in [
            &format!("127.0.0.1:{port}"),
            "as app",
            "orders",
            "refused",
            "DATABASE_URL",
        ] {
            assert!(told.contains(part), "{part}: {told}");
        }
        assert!(!told.contains("s3cret"), "{told}");
        let logged = crate::with_sources(&error);
        assert_eq!(logged.matches("refused").count(), 1, "{logged}");
        let cause = error.source().expect("the client library's error");
        let lowest = cause.source().expect("the system's error");
        assert!(lowest.is::<std::io::Error>(), "{lowest:?}");
    }
}
