//! `GET /v1/orders/{id}/ws`: each step of an order as a message of a WebSocket (RFC 6455), as it happens.
//!
//! A message is the JSON that the stream of server-sent events shows, with its cursor as `id`; `?after=` goes on behind
//! one. The server closes with 1000 after the order's last step, 1001 when the process stops, 1008 when the token
//! expires, 1011 when the store cannot be read: after all but the first a client connects again with its last `id`.
//!
//! **Invariants.** What a client sends is read, so that its pings are answered and its close is noticed, and ignored; a
//! message of more than [`LONGEST_MESSAGE`] ends the connection. A client that answers no ping for two heartbeats is
//! gone.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade, close_code};
use axum::extract::{FromRequestParts, Path, Request, State};
use http::{HeaderValue, header};

use super::super::answer::Answer;
use super::super::apis::FollowApi;
use super::super::codes;
use super::super::problem::Problem;
use super::caller;
use super::steps::{Next, Step, Steps};
use crate::http::token_end;

/// The longest message of a client, in bytes: none is expected.
const LONGEST_MESSAGE: usize = 4_096;
/// Unsent bytes at which a connection ends; a step has less than a thousandth of it.
const UNSENT: usize = 1 << 20;
/// How long a client may take to answer a close before the connection is dropped.
const FAREWELL: Duration = Duration::from_secs(1);
/// Heartbeats without any sign of the client before it is given up.
const SILENT_HEARTBEATS: u32 = 2;

/// Follows an order over a WebSocket.
#[utoipa::path(
    get, path = "/v1/orders/{id}/ws", operation_id = "followOrder", tag = "orders",
    params(
        ("id" = String, Path, description = "The order's id, `number:WB-000123`, or `ref:` and the caller's own reference", example = "number:WB-000123"),
        ("after" = Option<String>, Query, description = "Goes on after the message with this `id`"),
        ("access_token" = Option<String>, Query, description = "For browsers that cannot set headers: a token with the one scope order:stream"),
    ),
    responses((status = 101, description = "A WebSocket: one JSON message a step, as the data of the stream, with its cursor as `id`; closed with 1000 after the last one")),
    security(("token" = ["order:read"]), ("token" = ["order:stream"])),
)]
pub async fn follow(
    State(api): State<Arc<FollowApi>>,
    Path(id): Path<String>,
    request: Request,
) -> Answer {
    let (mut head, _) = request.into_parts();
    let upgrade = WebSocketUpgrade::from_request_parts(&mut head, &()).await;
    let (call, params) = caller::of(&api.requests, head, &["after", "access_token"])?;
    let after = params.one("after")?.map(|text| ("after", text));
    let upgrade = upgrade.map_err(|_| not_a_websocket())?;
    let token_ends = token_end::passed(
        api.requests.access.clock.clone(),
        call.identity.until_micros,
    );
    let mut steps = Steps::open(api, &call, &id, after).await?;
    let first = steps.read().await?;
    let upgrade = upgrade
        .read_buffer_size(LONGEST_MESSAGE)
        .max_message_size(LONGEST_MESSAGE)
        .max_frame_size(LONGEST_MESSAGE)
        .max_write_buffer_size(UNSENT);
    Ok(upgrade.on_upgrade(async move |mut socket| {
        let end = tokio::select! {
            end = converse(&mut socket, &mut steps, first) => end,
            () = token_ends => End::Close(close_code::POLICY, "the token has expired"),
        };
        // A place among the streams is given back before the client is waited for.
        drop(steps);
        match end {
            End::Close(code, reason) => farewell(socket, Some(close_frame(code, reason))).await,
            End::Left => farewell(socket, None).await,
            End::Gone => {}
        }
    }))
}

fn not_a_websocket() -> Problem {
    let detail = "this address speaks WebSocket (RFC 6455, version 13); the same steps are read without one from /stream";
    Problem::new(codes::UPGRADE_REQUIRED, detail)
        .header(header::UPGRADE, HeaderValue::from_static("websocket"))
        .header(header::CONNECTION, HeaderValue::from_static("upgrade"))
}

/// How a conversation ends.
enum End {
    /// With this code and reason.
    Close(u16, &'static str),
    /// The client has said that it leaves.
    Left,
    /// The connection is lost, or the client does not read.
    Gone,
}

/// Sends the steps until there are no more, or the client leaves.
async fn converse(socket: &mut WebSocket, steps: &mut Steps, first: Vec<Step>) -> End {
    if !send(socket, first).await {
        return End::Gone;
    }
    let mut silent = 0;
    loop {
        let next = {
            let mut next = std::pin::pin!(steps.next());
            loop {
                tokio::select! {
                    next = next.as_mut() => break next,
                    message = socket.recv() => match message {
                        Some(Ok(Message::Close(_))) => return End::Left,
                        Some(Err(_)) | None => return End::Gone,
                        Some(Ok(_)) => silent = 0,
                    }
                }
            }
        };
        let alive = match next {
            Next::Steps(read) => send(socket, read).await,
            Next::Quiet => {
                silent += 1;
                silent <= SILENT_HEARTBEATS
                    && socket.send(Message::Ping(vec![].into())).await.is_ok()
            }
            Next::Ended => {
                return End::Close(close_code::NORMAL, "the order has taken its last step");
            }
            Next::Stopping => {
                return End::Close(close_code::AWAY, "the server stops; connect again");
            }
            Next::Unreadable => {
                return End::Close(
                    close_code::ERROR,
                    "the steps cannot be read now; connect again",
                );
            }
        };
        if !alive {
            return End::Gone;
        }
    }
}

/// Whether all were sent.
async fn send(socket: &mut WebSocket, steps: Vec<Step>) -> bool {
    for Step {
        cursor, mut data, ..
    } in steps
    {
        data["id"] = cursor.into();
        if socket
            .send(Message::Text(data.to_string().into()))
            .await
            .is_err()
        {
            return false;
        }
    }
    true
}

fn close_frame(code: u16, reason: &'static str) -> Message {
    let reason = reason.into();
    Message::Close(Some(CloseFrame { code, reason }))
}

/// Sends what is to be said last, if anything, and reads until the client has closed too, which also sends the answer
/// to its own close: a connection that is dropped with unread bytes in it is reset, and the reason is lost.
async fn farewell(mut socket: WebSocket, last: Option<Message>) {
    let said = async {
        if let Some(last) = last
            && socket.send(last).await.is_err()
        {
            return;
        }
        while let Some(Ok(_)) = socket.recv().await {}
    };
    // A client that does not answer in time loses only the wait.
    let _ = tokio::time::timeout(FAREWELL, said).await;
}
