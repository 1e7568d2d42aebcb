//! The wire that can be cut: it loses exactly the bytes of the armed cut.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use waybill_testkit::postgres::Postgres;
use waybill_testkit::proxy::{Cut, Proxy};
use waybill_testkit::unavailable::or_skip;

/// Answers every byte with the same byte, and records what it received.
struct Echo {
    address: SocketAddr,
    received: Arc<Mutex<Vec<u8>>>,
}

impl Echo {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let received = Arc::new(Mutex::new(Vec::new()));
        let books = received.clone();
        // Ends with the test's process.
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (mut stream, received) = (stream.unwrap(), books.clone());
                std::thread::spawn(move || {
                    let mut buffer = [0; 4096];
                    while let Ok(count @ 1..) = stream.read(&mut buffer) {
                        received.lock().unwrap().extend_from_slice(&buffer[..count]);
                        if stream.write_all(&buffer[..count]).is_err() {
                            break;
                        }
                    }
                });
            }
        });
        Self { address, received }
    }

    fn received(&self) -> String {
        String::from_utf8(self.received.lock().unwrap().clone()).unwrap()
    }
}

fn connected(proxy: &Proxy) -> TcpStream {
    let stream = TcpStream::connect(proxy.address()).unwrap();
    // A bound, not a wait: what does not come fails the test.
    stream
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    stream
}

fn ask(stream: &mut TcpStream, text: &str) -> std::io::Result<String> {
    stream.write_all(text.as_bytes())?;
    let mut answer = vec![0; text.len()];
    stream.read_exact(&mut answer)?;
    Ok(String::from_utf8(answer).unwrap())
}

fn assert_cut(result: std::io::Result<String>) {
    let kind = result.unwrap_err().kind();
    let cut = [ErrorKind::ConnectionReset, ErrorKind::BrokenPipe];
    assert!(cut.contains(&kind), "{kind:?}");
}

#[test]
fn every_byte_passes_and_the_end_is_told() {
    let echo = Echo::start();
    let proxy = Proxy::to(echo.address).unwrap();
    let mut stream = connected(&proxy);
    let sent: Vec<u8> = (0..3_000_000_u32).map(|n| (n % 251) as u8).collect();
    let mut writer = stream.try_clone().unwrap();
    let copy = sent.clone();
    let writing = std::thread::spawn(move || {
        writer.write_all(&copy).unwrap();
        writer.shutdown(Shutdown::Write).unwrap();
    });
    let mut got = Vec::new();
    stream.read_to_end(&mut got).unwrap();
    writing.join().unwrap();
    assert!(got == sent, "{} of {} bytes", got.len(), sent.len());
}

#[test]
fn cut_resets_what_is_open_and_new_connections_pass() {
    let echo = Echo::start();
    let proxy = Proxy::to(echo.address).unwrap();
    let mut streams = [connected(&proxy), connected(&proxy)];
    for stream in &mut streams {
        assert_eq!(ask(stream, "hello").unwrap(), "hello");
    }
    assert_eq!(proxy.connections(), 2);
    proxy.cut();
    for stream in &mut streams {
        assert_cut(stream.read_exact(&mut [0]).map(|()| String::new()));
    }
    assert_eq!(ask(&mut connected(&proxy), "again").unwrap(), "again");
}

#[test]
fn a_frozen_wire_loses_nothing() {
    let echo = Echo::start();
    let proxy = Proxy::to(echo.address).unwrap();
    let mut stream = connected(&proxy);
    assert_eq!(ask(&mut stream, "before ").unwrap(), "before ");
    proxy.freeze();
    stream.write_all(b"after").unwrap();
    // The absence of an answer can only be checked by waiting.
    stream
        .set_read_timeout(Some(Duration::from_millis(100)))
        .unwrap();
    assert!(stream.read_exact(&mut [0]).is_err());
    assert_eq!(echo.received(), "before ");
    proxy.thaw();
    stream
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    let mut answer = [0; 5];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"after");
}

#[test]
fn who_is_refused_is_told_so_at_once_and_who_is_in_stays() {
    let echo = Echo::start();
    let proxy = Proxy::to(echo.address).unwrap();
    let mut inside = connected(&proxy);
    assert_eq!(ask(&mut inside, "in").unwrap(), "in");
    proxy.refuse().unwrap();
    let refused = TcpStream::connect(proxy.address()).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    assert_eq!(ask(&mut inside, "still").unwrap(), "still");
    proxy.allow().unwrap();
    assert_eq!(ask(&mut connected(&proxy), "again").unwrap(), "again");
}

#[test]
fn a_lost_request_is_not_delivered_and_a_lost_answer_was_given() {
    let echo = Echo::start();
    let proxy = Proxy::to(echo.address).unwrap();
    let said = b"COMMIT".to_vec();
    proxy.arm(Cut::Request { said: said.clone() }, 1).unwrap();
    let mut stream = connected(&proxy);
    assert_eq!(ask(&mut stream, "a;").unwrap(), "a;");
    assert_cut(ask(&mut stream, "COMMIT"));
    assert_eq!((echo.received().as_str(), proxy.hits()), ("a;", 1));
    // The cut was armed for one connection, so the next one passes.
    assert_eq!(ask(&mut connected(&proxy), "COMMIT").unwrap(), "COMMIT");

    let answered = b"MIT;".to_vec();
    proxy.arm(Cut::Answer { said, answered }, 1).unwrap();
    let mut stream = connected(&proxy);
    assert_cut(ask(&mut stream, "b;COMMIT;"));
    assert_eq!(
        (echo.received().as_str(), proxy.hits()),
        ("a;COMMITb;COMMIT;", 2)
    );
}

#[tokio::test]
async fn an_answer_is_torn_where_it_was_to_be() {
    let echo = Echo::start();
    let proxy = Proxy::to(echo.address).unwrap();
    proxy.arm(Cut::Torn { bytes: 7 }, 1).unwrap();
    let mut stream = connected(&proxy);
    assert_eq!(ask(&mut stream, "12345").unwrap(), "12345");
    stream.write_all(b"67890").unwrap();
    proxy.hit(1).await;
    let mut rest = Vec::new();
    assert!(stream.read_to_end(&mut rest).is_err(), "{rest:?}");
    assert!(
        rest.len() <= 2,
        "a reset may take what it overtakes: {rest:?}"
    );
}

#[test]
fn a_lost_commit_is_rolled_back_and_a_lost_commit_answer_was_committed() {
    let Some(server) = or_skip(Postgres::shared()) else {
        return;
    };
    let database = server.database(None).unwrap();
    database.sql("CREATE TABLE t (n int)").unwrap();
    let proxy = Proxy::to(server.socket().unwrap()).unwrap();
    let through = |n| {
        let sql = format!("BEGIN; INSERT INTO t VALUES ({n}); COMMIT");
        server.sql_via(proxy.address(), database.name(), &sql)
    };
    through(1).unwrap();
    proxy.arm(Cut::lost_commit(), 1).unwrap();
    through(2).unwrap_err();
    proxy.arm(Cut::lost_commit_answer(), 1).unwrap();
    through(3).unwrap_err();
    assert_eq!(proxy.hits(), 2);
    assert_eq!(database.sql("SELECT n FROM t ORDER BY n").unwrap(), "1\n3");
}

#[test]
fn a_held_request_waits_with_all_the_wire_and_arrives_when_it_thaws() {
    let echo = Echo::start();
    let proxy = Proxy::to(echo.address).unwrap();
    let (mut one, mut other) = (connected(&proxy), connected(&proxy));
    let said = b"now".to_vec();
    proxy.arm(Cut::Hold { said }, 1).unwrap();
    one.write_all(b"not yet, now").unwrap();
    while proxy.hits() == 0 {
        std::thread::yield_now();
    }
    other.write_all(b"nor I").unwrap();
    assert_eq!(echo.received(), "");
    proxy.thaw();
    let mut answer = [0; 12];
    one.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"not yet, now");
    let mut answer = [0; 5];
    other.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"nor I");
}

#[tokio::test]
async fn a_held_answer_was_given_and_is_lost_or_arrives() {
    let echo = Echo::start();
    let proxy = Proxy::to(echo.address).unwrap();
    let cut = Cut::HoldAnswer {
        said: b"ask".to_vec(),
        answered: b"now".to_vec(),
    };
    let mut stream = connected(&proxy);
    proxy.arm(cut.clone(), 1).unwrap();
    stream.write_all(b"ask, now").unwrap();
    proxy.hit(1).await;
    assert_eq!(echo.received(), "ask, now");
    proxy.thaw();
    let mut answer = [0; 8];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"ask, now");
    // The same connection, again.
    proxy.arm(cut, 1).unwrap();
    stream.write_all(b"ask, now").unwrap();
    proxy.hit(2).await;
    proxy.lose_what_is_held().await;
    assert_cut(stream.read_exact(&mut answer).map(|()| String::new()));
    assert_eq!(ask(&mut connected(&proxy), "again").unwrap(), "again");
}

#[tokio::test]
async fn what_a_client_said_before_it_died_is_carried_out_though_its_answer_goes_nowhere() {
    let Some(server) = or_skip(Postgres::shared()) else {
        return;
    };
    let database = server.database(None).unwrap();
    database.sql("CREATE TABLE t (n int)").unwrap();
    let proxy = Proxy::to(server.socket().unwrap()).unwrap();
    let said = b"/* held */".to_vec();
    for (n, delivered) in [(1, true), (2, false)] {
        let hits = proxy.hits();
        proxy.arm(Cut::Hold { said: said.clone() }, 1).unwrap();
        let url = server.url_via(proxy.address(), database.name()).unwrap();
        let mut client = std::process::Command::new("psql")
            .arg(url)
            .args(["-c", &format!("/* held */ INSERT INTO t VALUES ({n})")])
            .spawn()
            .unwrap();
        proxy.hit(hits + 1).await;
        client.kill().unwrap();
        client.wait().unwrap();
        if delivered {
            proxy.deliver_what_is_held().await;
        } else {
            proxy.lose_what_is_held().await;
        }
    }
    assert_eq!(database.sql("SELECT n FROM t").unwrap(), "1");
}
