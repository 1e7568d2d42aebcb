//! An order's steps over a WebSocket: the same as the stream's, resumable, closed with a reason.

use futures::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async};
use waybill_testkit::token;

use crate::shop::{AT_ONCE, NEVER, PATIENCE, Shop, id, small, token_of};

/// An open WebSocket that follows an order.
struct Socket(WebSocketStream<TcpStream>);

impl Socket {
    /// # Errors
    /// The status and the body of an answer that is not 101.
    async fn open(shop: &Shop, path: &str, token: Option<&str>) -> Result<Self, (u16, Value)> {
        let address = shop.0.address();
        let tcp = TcpStream::connect(address).await.expect("connects");
        let mut request = format!("ws://{address}{path}")
            .into_client_request()
            .expect("a valid address");
        if let Some(token) = token {
            let bearer = format!("Bearer {token}").parse().expect("a valid header");
            request.headers_mut().insert("authorization", bearer);
        }
        match timeout(PATIENCE, client_async(request, tcp)).await {
            Ok(Ok((socket, _))) => Ok(Self(socket)),
            Ok(Err(Error::Http(answer))) => {
                let body = answer.body().as_deref().unwrap_or_default();
                let problem = serde_json::from_slice(body).unwrap_or(Value::Null);
                Err((answer.status().as_u16(), problem))
            }
            Ok(Err(error)) => panic!("no WebSocket: {error}"),
            Err(_) => panic!("no answer in time"),
        }
    }

    async fn follow(shop: &Shop, order: &str, after: Option<&str>) -> Self {
        let after = after.map(|id| format!("?after={id}")).unwrap_or_default();
        let path = format!("/v1/orders/{order}/ws{after}");
        let opened = Self::open(shop, &path, Some(&token_of("default", "admin"))).await;
        opened.unwrap_or_else(|refused| panic!("refused: {refused:?}"))
    }

    /// The next step; `Err` with the code of the close, `None` if the connection ended without one.
    async fn next(&mut self) -> Result<Value, Option<u16>> {
        loop {
            let message = timeout(PATIENCE, self.0.next()).await.expect("in time");
            match message {
                Some(Ok(Message::Text(text))) => {
                    return Ok(serde_json::from_str(&text).expect("JSON"));
                }
                Some(Ok(Message::Close(close))) => {
                    return Err(close.map(|close| close.code.into()));
                }
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Err(None),
            }
        }
    }

    async fn until(&mut self, kind: &str) -> Value {
        loop {
            let step = self.next().await;
            let step = step.unwrap_or_else(|code| panic!("closed with {code:?} before {kind}"));
            if step["type"] == kind {
                return step;
            }
        }
    }

    /// All steps that are left, and the code of the close.
    async fn rest(&mut self) -> (Vec<Value>, Option<u16>) {
        let mut steps = vec![];
        loop {
            match self.next().await {
                Ok(step) => steps.push(step),
                Err(code) => return (steps, code),
            }
        }
    }
}

#[tokio::test]
async fn it_shows_the_steps_of_the_stream_as_they_happen_and_closes_after_the_last() {
    let shop = Shop::open(NEVER).await;
    let order = id(&shop.placed("k", &small("a", 1)).await);
    let mut socket = Socket::follow(&shop, &order, None).await;
    let mut seen = vec![socket.until("order.created").await];
    while seen
        .last()
        .is_some_and(|step| step["type"] != "order.processing")
    {
        seen.push(socket.next().await.expect("a step"));
    }
    let page: Value = shop
        .get(&format!("/v1/shipments?orderId={order}"))
        .await
        .json();
    let shipment = format!("/v1/shipments/{}/status", id(&page["items"][0]));
    for status in ["shipped", "delivered"] {
        shop.post(&shipment, &json!({ "status": status })).await;
    }
    let (rest, code) = socket.rest().await;
    seen.extend(rest);
    assert_eq!(code, Some(1000));
    let told = shop.follow(&order, None).await.rest().await;
    let told: Vec<Value> = told
        .into_iter()
        .map(|event| {
            let mut data = event.data;
            data["id"] = event.id.into();
            data
        })
        .collect();
    assert_eq!(seen, told, "both ways show the same");
}

#[tokio::test]
async fn it_goes_on_after_the_last_message_seen() {
    let shop = Shop::open(AT_ONCE).await;
    let order = id(&shop.placed("k", &small("a", 1)).await);
    let (all, code) = Socket::follow(&shop, &order, None).await.rest().await;
    assert_eq!((all.len() > 4, code), (true, Some(1000)));
    for (n, seen) in all.iter().enumerate() {
        let cursor = seen["id"].as_str();
        let (rest, code) = Socket::follow(&shop, &order, cursor).await.rest().await;
        assert_eq!((&rest[..], code), (&all[n + 1..], Some(1000)));
    }
}

#[tokio::test]
async fn it_is_for_those_who_may_stream_the_order() {
    let shop = Shop::open(NEVER).await;
    let order = id(&shop.placed("k", &small("a", 1)).await);
    let path = format!("/v1/orders/{order}/ws");
    for (tenant, scope, in_address, status) in [
        ("default", "order:read", false, 101),
        ("default", "order:stream", false, 101),
        ("default", "order:create", false, 403),
        ("other", "order:read", false, 404),
        ("default", "order:stream", true, 101),
        ("default", "order:read", true, 403),
        ("other", "order:stream", true, 404),
    ] {
        let token = token_of(tenant, scope);
        let opened = if in_address {
            Socket::open(&shop, &format!("{path}?access_token={token}"), None).await
        } else {
            Socket::open(&shop, &path, Some(&token)).await
        };
        let found = opened.err().map_or(101, |(status, _)| status);
        assert_eq!(
            found, status,
            "{tenant} {scope} in the address: {in_address}"
        );
    }
    let refused = Socket::open(&shop, &path, None).await.err();
    assert_eq!(refused.map(|(status, _)| status), Some(401));
    let token = token_of("default", "order:stream");
    let wrong = format!("{path}?after=nonsense&access_token={token}");
    let refused = Socket::open(&shop, &wrong, None).await.err();
    let (status, problem) = refused.expect("refused");
    assert_eq!((status, &problem["field"]), (400, &json!("after")));
}

#[tokio::test]
async fn without_an_upgrade_it_says_what_to_do() {
    let shop = Shop::open(NEVER).await;
    let order = id(&shop.placed("k", &small("a", 1)).await);
    let answer = shop.get(&format!("/v1/orders/{order}/ws")).await;
    let problem: Value = answer.json();
    assert_eq!(
        (
            answer.status.as_u16(),
            &problem["code"],
            answer.header("upgrade")
        ),
        (426, &json!("upgrade_required"), Some("websocket"))
    );
}

#[tokio::test]
async fn it_counts_as_a_stream_and_ends_when_the_server_stops() {
    let start = waybill_testkit::server::Start::demo(env!("CARGO_BIN_EXE_waybill"))
        .as_in(env!("CARGO_CRATE_NAME"))
        .delivering_within_ms(NEVER)
        .env("WAYBILL_SERVER__MAX_STREAMS", "1");
    let mut shop = Shop::start(start).await;
    let order = id(&shop.placed("k", &small("a", 1)).await);
    let mut socket = Socket::follow(&shop, &order, None).await;
    socket.until("order.processing").await;
    let token = token_of("default", "admin");
    let path = format!("/v1/orders/{order}/ws");
    let second = Socket::open(&shop, &path, Some(&token)).await.err();
    let (status, problem) = second.expect("refused");
    assert_eq!(
        (status, &problem["code"]),
        (503, &json!("too_many_streams"))
    );
    // A client that leaves gives its place back; the next one gets it when the server has noticed.
    socket.0.close(None).await.expect("it is closed");
    while let Some(Ok(_)) = socket.0.next().await {}
    let mut socket = Socket::follow(&shop, &order, None).await;
    socket.until("order.processing").await;
    let (ended, stopped) = tokio::join!(socket.next(), shop.0.stop());
    assert_eq!(ended, Err(Some(1001)), "the server says that it stops");
    assert!(stopped.expect("it stops").success());
}

#[tokio::test]
async fn it_ends_with_its_token_and_with_a_client_that_sends_too_much() {
    let start = waybill_testkit::server::Start::demo(env!("CARGO_BIN_EXE_waybill"))
        .as_in(env!("CARGO_CRATE_NAME"))
        .delivering_within_ms(NEVER)
        .env("WAYBILL_AUTH__CLOCK_SKEW_MS", "0");
    let shop = Shop::start(start).await;
    let order = id(&shop.placed("k", &small("a", 1)).await);
    let path = format!("/v1/orders/{order}/ws");
    let claims = json!({"sub": "guest", "scope": "order:stream", "exp": token::in_seconds(3)});
    let header = json!({"alg": "HS256", "typ": "JWT"});
    let short = token::sign(&header, &claims, token::DEMO_SECRET.as_bytes());
    let opened = Socket::open(&shop, &format!("{path}?access_token={short}"), None).await;
    let mut socket = opened.unwrap_or_else(|refused| panic!("refused: {refused:?}"));
    socket.until("order.processing").await;
    assert_eq!(socket.next().await, Err(Some(1008)));

    let mut socket = Socket::follow(&shop, &order, None).await;
    socket.until("order.processing").await;
    let talk = Message::text("is it there yet?");
    socket.0.send(talk).await.expect("it is sent");
    socket
        .0
        .send(Message::Ping(vec![7].into()))
        .await
        .expect("sent");
    let answer = timeout(PATIENCE, socket.0.next()).await.expect("in time");
    assert!(matches!(answer, Some(Ok(Message::Pong(told))) if told[..] == [7]));
    let too_long = Message::text("x".repeat(5_000));
    socket.0.send(too_long).await.expect("it is sent");
    assert!(socket.next().await.is_err(), "the connection ends");
}
