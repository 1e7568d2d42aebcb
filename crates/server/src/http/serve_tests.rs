//! Connections as clients see them, over real sockets.

use std::sync::atomic::Ordering::Relaxed;

use axum::Router;
use axum::routing::get;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use super::*;
use crate::config::{Profile, Settings};
use crate::http::listen::bind;

struct Server {
    address: SocketAddr,
    connections: Arc<Connections>,
    stop: CancellationToken,
    task: JoinHandle<Stopped>,
}

fn options() -> Options {
    Options::from(&Settings::of_profile(Profile::Standard).server)
}

fn start(router: Router, options: Options) -> Server {
    let listeners = bind(&["127.0.0.1:0".parse().expect("an address")]).expect("bound");
    let address = listeners[0].local_addr().expect("bound");
    let (connections, stop) = (Arc::<Connections>::default(), CancellationToken::new());
    let serving = serve(
        listeners,
        router,
        options,
        Arc::clone(&connections),
        stop.clone(),
    );
    Server {
        address,
        connections,
        stop,
        task: tokio::spawn(serving),
    }
}

fn hello() -> Router {
    Router::new().route("/", get(|| async { "hello" }))
}

/// A route that signals when it is reached, and answers when the test permits.
fn gate() -> (Router, Arc<Notify>, Arc<Notify>) {
    let (reached, open) = (Arc::<Notify>::default(), Arc::<Notify>::default());
    let (r, o) = (Arc::clone(&reached), Arc::clone(&open));
    let handler = move || async move {
        r.notify_one();
        o.notified().await;
        "let go"
    };
    (Router::new().route("/", get(handler)), reached, open)
}

impl Server {
    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.expect("connected")
    }

    async fn ask(&self) -> TcpStream {
        let mut stream = self.connect().await;
        stream
            .write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
            .await
            .expect("sent");
        stream
    }

    async fn stopped(self) -> Stopped {
        self.stop.cancel();
        self.task.await.expect("no panic")
    }
}

/// Everything until the server closes.
async fn rest(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    // A reset after the answer still leaves what was read.
    let _end = stream.read_to_end(&mut bytes).await;
    String::from_utf8(bytes).expect("text")
}

#[tokio::test]
async fn several_requests_share_a_connection_and_an_idle_one_closes_on_stop() {
    let server = start(hello(), options());
    let mut stream = server.ask().await;
    let mut answer = [0; 1024];
    for _ in 0..2 {
        let read = stream.read(&mut answer).await.expect("answered");
        assert!(
            answer[..read].starts_with(b"HTTP/1.1 200 OK") && answer[..read].ends_with(b"hello")
        );
        stream
            .write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
            .await
            .expect("sent");
    }
    let _third = stream.read(&mut answer).await.expect("answered");
    let connections = Arc::clone(&server.connections);
    assert_eq!(
        (connections.accepted.load(Relaxed), connections.open()),
        (1, 1)
    );
    assert_eq!(server.stopped().await, Stopped { cut: 0 });
    assert_eq!(rest(&mut stream).await, "");
    assert_eq!(connections.open(), 0);
}

#[tokio::test]
async fn a_request_under_way_is_answered_after_stop_and_nothing_new_is_accepted() {
    let (router, reached, open) = gate();
    let server = start(router, options());
    let mut stream = server.ask().await;
    reached.notified().await;
    let address = server.address;
    let stopping = tokio::spawn(server.stopped());
    while TcpStream::connect(address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    open.notify_one();
    let answer = rest(&mut stream).await;
    assert!(
        answer.ends_with("let go") && answer.contains("connection: close"),
        "{answer}"
    );
    assert_eq!(stopping.await.expect("no panic"), Stopped { cut: 0 });
}

#[tokio::test]
async fn the_deadline_cuts_what_does_not_end() {
    let (router, reached, _open) = gate();
    let options = Options {
        shutdown_deadline: Duration::from_millis(20),
        ..options()
    };
    let server = start(router, options);
    let mut stream = server.ask().await;
    reached.notified().await;
    assert_eq!(server.stopped().await, Stopped { cut: 1 });
    assert_eq!(rest(&mut stream).await, "");
}

#[tokio::test]
async fn one_connection_too_many_is_told_so_and_a_closed_one_makes_room() {
    let (router, reached, _open) = gate();
    let server = start(
        router,
        Options {
            max_connections: 1,
            header_timeout: Duration::from_millis(30),
            ..options()
        },
    );
    let first = server.ask().await;
    reached.notified().await;
    let answer = rest(&mut server.connect().await).await;
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
    assert!(
        head.starts_with("HTTP/1.1 503 ") && head.contains("retry-after: 1"),
        "{head}"
    );
    assert!(
        head.contains(&format!("content-length: {}", body.len())),
        "{head} {}",
        body.len()
    );
    let problem: serde_json::Value = serde_json::from_str(body).expect("JSON");
    assert_eq!(problem["code"], "too_many_connections");
    assert_eq!(server.connections.refused.load(Relaxed), 1);
    drop(first);
    while server.connections.open() > 0 {
        tokio::task::yield_now().await;
    }
    let _second = server.ask().await;
    reached.notified().await;
}

#[tokio::test]
async fn a_head_that_does_not_come_to_an_end_closes_the_connection() {
    let server = start(
        hello(),
        Options {
            header_timeout: Duration::from_millis(30),
            idle_timeout: Duration::from_millis(30),
            ..options()
        },
    );
    let mut slow = server.connect().await;
    slow.write_all(b"GET / HTTP/1.1\r\nhost: ")
        .await
        .expect("sent");
    assert_eq!(rest(&mut slow).await, "");
    let mut silent = server.connect().await;
    assert_eq!(rest(&mut silent).await, "");
    let mut idle = server.ask().await;
    assert!(
        rest(&mut idle).await.ends_with("hello"),
        "answered, then closed"
    );
}

#[tokio::test]
async fn a_huge_head_is_refused() {
    let server = start(hello(), options());
    let mut stream = server.connect().await;
    let head = format!("GET / HTTP/1.1\r\nx: {}", "y".repeat(20_000));
    stream.write_all(head.as_bytes()).await.expect("sent");
    assert!(rest(&mut stream).await.starts_with("HTTP/1.1 431 "));
}

#[tokio::test]
async fn a_client_that_leaves_its_answer_unread_is_dropped() {
    let large = Router::new().route("/", get(|| async { vec![b'x'; 64 << 20] }));
    let server = start(
        large,
        Options {
            write_timeout: Duration::from_millis(30),
            ..options()
        },
    );
    let _stream = server.ask().await;
    while server.connections.accepted.load(Relaxed) == 0 || server.connections.open() > 0 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_request_knows_its_peer() {
    let show = |ConnectInfo(peer): ConnectInfo<SocketAddr>| async move { peer.to_string() };
    let router = Router::new().route("/", get(show));
    let server = start(router, options());
    let mut stream = server.ask().await;
    let own = stream.local_addr().expect("connected").to_string();
    let mut answer = [0; 1024];
    let read = stream.read(&mut answer).await.expect("answered");
    assert!(answer[..read].ends_with(own.as_bytes()));
}

#[tokio::test]
async fn an_idle_connection_is_kept_for_longer_than_a_head_may_take() {
    let server = start(
        hello(),
        Options {
            header_timeout: Duration::from_millis(30),
            ..options()
        },
    );
    let mut idle = server.ask().await;
    let mut answer = [0; 1024];
    let _read = idle.read(&mut answer).await.expect("answered");
    // A connection that sends nothing is closed after the time of a head; by then the other was idle for as long.
    let mut silent = server.connect().await;
    assert_eq!(rest(&mut silent).await, "");
    idle.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        .await
        .expect("sent");
    let read = idle.read(&mut answer).await.expect("answered");
    assert!(answer[..read].ends_with(b"hello"));
    // A head that was begun on it has the time of a head.
    idle.write_all(b"GET / HTTP/1.1\r\n").await.expect("sent");
    assert_eq!(rest(&mut idle).await, "");
}

/// A route that signals when it is reached and when its request is cancelled, and never answers.
fn abandoned() -> (Router, Arc<Notify>, Arc<Notify>) {
    struct GivenUp(Arc<Notify>);
    impl Drop for GivenUp {
        fn drop(&mut self) {
            self.0.notify_one();
        }
    }
    let (reached, given_up) = (Arc::<Notify>::default(), Arc::<Notify>::default());
    let (r, g) = (Arc::clone(&reached), Arc::clone(&given_up));
    let handler = move |_request: axum::extract::Request| async move {
        let _given_up = GivenUp(g);
        r.notify_one();
        std::future::pending::<()>().await;
    };
    let router = Router::new().route("/", axum::routing::any(handler));
    (router, reached, given_up)
}

#[tokio::test]
async fn a_client_that_hangs_up_cancels_its_request_even_with_unread_bytes() {
    let body = "content-length: 100000\r\n\r\nbegun";
    for more in [
        "\r\n",
        "\r\nGET / HTTP/1.1\r\nhost: x\r\n\r\n",
        "\r\nGET / HT",
        body,
        &format!("{body}{}", "x".repeat(90_000)),
    ] {
        let (router, reached, given_up) = abandoned();
        let server = start(router, options());
        let mut stream = server.connect().await;
        let request = format!("POST / HTTP/1.1\r\nhost: x\r\n{more}");
        stream.write_all(request.as_bytes()).await.expect("sent");
        reached.notified().await;
        drop(stream);
        given_up.notified().await;
        while server.connections.open() > 0 {
            tokio::task::yield_now().await;
        }
    }
}

/// A stream that never sends anything, and signals when it is dropped.
#[tokio::test]
async fn a_client_that_hangs_up_ends_its_stream() {
    struct Ended(Arc<Notify>);
    impl Drop for Ended {
        fn drop(&mut self) {
            self.0.notify_one();
        }
    }
    let ended = Arc::<Notify>::default();
    let e = Arc::clone(&ended);
    let handler = move || async move {
        let ended = Ended(e);
        let begun = futures::stream::once(async { Ok::<_, Infallible>(Bytes::from("begun")) });
        let silent = futures::stream::once(async move {
            let _ended = ended;
            std::future::pending::<Result<Bytes, Infallible>>().await
        });
        axum::body::Body::from_stream(futures::StreamExt::chain(begun, silent))
    };
    let server = start(Router::new().route("/", get(handler)), options());
    let mut stream = server.ask().await;
    // A second request waits behind the stream.
    stream
        .write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        .await
        .expect("sent");
    let mut answer = Vec::new();
    while !answer.ends_with(b"begun\r\n") {
        stream.read_buf(&mut answer).await.expect("begun");
    }
    drop(stream);
    ended.notified().await;
}

#[tokio::test]
async fn one_address_gets_its_share_of_the_connections() {
    let (router, reached, _open) = gate();
    let server = start(
        router,
        Options {
            max_connections: 4,
            client_share: 0.5,
            header_timeout: Duration::from_millis(30),
            ..options()
        },
    );
    let mut held = vec![];
    for _ in 0..2 {
        held.push(server.ask().await);
        reached.notified().await;
    }
    let answer = rest(&mut server.connect().await).await;
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    let from_elsewhere = tokio::net::TcpSocket::new_v4().expect("a socket");
    let elsewhere = "127.0.0.2:0".parse().expect("an address");
    from_elsewhere.bind(elsewhere).expect("loopback is wide");
    let mut other = from_elsewhere
        .connect(server.address)
        .await
        .expect("connected");
    other
        .write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        .await
        .expect("sent");
    reached.notified().await;
}

#[tokio::test]
async fn a_connection_beyond_the_bound_is_marked_and_its_place_goes_to_the_next() {
    let asks = |request: axum::extract::Request| async move {
        match request.extensions().get::<HealthOnly>() {
            Some(HealthOnly) => "health only",
            None => "anything",
        }
    };
    let server = start(
        Router::new().route("/", get(asks)),
        Options {
            max_connections: 1,
            health_connections: 1,
            ..options()
        },
    );
    let mut first = server.ask().await;
    let mut answer = [0; 1024];
    let read = first.read(&mut answer).await.expect("answered");
    assert!(answer[..read].ends_with(b"anything"));
    let mut silent = server.connect().await;
    let told = rest(&mut server.ask().await).await;
    assert!(
        told.ends_with("health only") && told.contains("connection: close"),
        "{told}"
    );
    // It lost its place to a later connection before its own timeout.
    assert!(rest(&mut silent).await.starts_with("HTTP/1.1 503 "));
}
