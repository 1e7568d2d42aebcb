//! Reads a request's body whole, within a size, a time and the memory for all bodies.
//!
//! Invariant: never holds more than the limit, takes from the budget what it holds before it does, and never waits
//! longer than the timeout for the whole of it (a client that sends a byte now and then does not hold a request). A
//! body that came with the head, as small ones do, is handed on without being copied.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, header};
use http_body_util::BodyExt;
use hyper::body::Body;
use waybill_domain::echo::Echo;

use super::body_error::BodyError;
use super::dialect::{Bounds, Media};
use super::v1::codes;
use super::v1::problem::Problem;
use crate::observe::figures;
use crate::resilience::budget::BodyMemory;

/// A body, and the memory that it takes.
pub struct Whole {
    bytes: Bytes,
    _memory: BodyMemory,
}

impl std::ops::Deref for Whole {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

/// The body of a request, within the bounds of its route.
///
/// # Errors
/// 400, 408, 413, 415 or 503.
pub async fn receive(
    bounds: &Bounds,
    media: Media,
    mut memory: BodyMemory,
    headers: &HeaderMap,
    body: axum::body::Body,
) -> Result<Whole, Problem> {
    if !body.is_end_stream() {
        check_content(headers, media)?;
    }
    let bytes = read_body(body, bounds.body_bytes, bounds.body_time, &mut memory).await?;
    Ok(Whole {
        bytes,
        _memory: memory,
    })
}

/// Refuses bodies that are not plain JSON (RFC 8259), or a form where those are taken: another media type, charset or
/// content coding. A request without `Content-Type` is read as JSON.
fn check_content(headers: &HeaderMap, media: Media) -> Result<(), Problem> {
    let (accepted, may_be_form) = match media {
        Media::Json => ("application/json", false),
        Media::JsonOrForm => ("application/json, application/x-www-form-urlencoded", true),
    };
    if let Some(kind) = headers.get(header::CONTENT_TYPE)
        && !is_json(kind)
        && !(may_be_form && is_form(kind))
    {
        let found = String::from_utf8_lossy(kind.as_bytes());
        let detail = format!("expected Content-Type: {accepted}; found {}", Echo(&found));
        return Err(Problem::new(codes::UNSUPPORTED_MEDIA_TYPE, detail)
            .of("Content-Type")
            .header(header::ACCEPT, HeaderValue::from_static(accepted)));
    }
    if let Some(charset) = headers.get(header::CONTENT_TYPE).and_then(foreign_charset) {
        let detail = format!(
            "JSON is UTF-8 (RFC 8259 section 8.1); found charset={}",
            Echo(&charset)
        );
        return Err(Problem::new(codes::UNSUPPORTED_MEDIA_TYPE, detail)
            .of("Content-Type")
            .header(header::ACCEPT, HeaderValue::from_static("application/json")));
    }
    let mut codings = headers.get_all(header::CONTENT_ENCODING).iter();
    if let Some(coding) =
        codings.find(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"identity"))
    {
        let found = String::from_utf8_lossy(coding.as_bytes());
        let detail = format!(
            "compressed bodies are not taken; found Content-Encoding: {}",
            Echo(&found)
        );
        return Err(Problem::new(codes::UNSUPPORTED_ENCODING, detail)
            .of("Content-Encoding")
            .header(
                header::ACCEPT_ENCODING,
                HeaderValue::from_static("identity"),
            ));
    }
    Ok(())
}

/// The charset that a type names, if it is neither UTF-8 nor its subset ASCII.
fn foreign_charset(kind: &HeaderValue) -> Option<String> {
    let mut parameters = kind.to_str().ok()?.split(';').skip(1);
    let charset = parameters.find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        let named = name.trim().eq_ignore_ascii_case("charset");
        named.then(|| value.trim().trim_matches('"'))
    })?;
    let utf_8 = ["utf-8", "utf8", "us-ascii"];
    let known = utf_8.iter().any(|name| charset.eq_ignore_ascii_case(name));
    (!known).then(|| charset.to_owned())
}

/// `application/json`, or a type with the suffix `+json` (RFC 6839), with any parameters.
fn is_json(kind: &HeaderValue) -> bool {
    let Ok(kind) = kind.to_str() else {
        return false;
    };
    let kind = kind.split(';').next().unwrap_or("").trim();
    let Some((family, name)) = kind.split_once('/') else {
        return false;
    };
    let suffix = name.rsplit_once('+').map_or(name, |(_, suffix)| suffix);
    family.eq_ignore_ascii_case("application") && suffix.eq_ignore_ascii_case("json")
}

/// `application/x-www-form-urlencoded`, with any parameters.
pub fn is_form(kind: &HeaderValue) -> bool {
    let kind = kind.to_str().ok().and_then(|kind| kind.split(';').next());
    kind.is_some_and(|kind| {
        kind.trim()
            .eq_ignore_ascii_case("application/x-www-form-urlencoded")
    })
}

/// # Errors
/// It is too large (and was not kept), too slow, broken, or there is no memory for it.
async fn read_body<B>(
    mut body: B,
    limit: usize,
    timeout: Duration,
    memory: &mut BodyMemory,
) -> Result<Bytes, BodyError>
where
    B: Body<Data = Bytes> + Unpin,
{
    let read = if body.size_hint().lower() > limit as u64 {
        Err(BodyError::TooLarge { limit })
    } else {
        // tokio sets the timer up only if the body is not ready at the first poll.
        tokio::time::timeout(timeout, collect(&mut body, limit, memory))
            .await
            .unwrap_or_else(|_elapsed| {
                Err(BodyError::Timeout {
                    timeout_ms: figures::millis(timeout),
                })
            })
    };
    match read {
        // The answer is the same whether or not the rest of the body arrives.
        Err(BodyError::TooLarge { .. }) => {
            let _ = tokio::time::timeout(timeout, discard(body)).await;
        }
        Err(BodyError::NoRoom { .. } | BodyError::NoShare { .. }) => {
            let _ = tokio::time::timeout(timeout.min(GONE_WITHIN), discard(body)).await;
        }
        Ok(_) | Err(BodyError::Timeout { .. } | BodyError::Broken) => {}
    }
    read
}

/// Bytes of a refused body that are read and discarded before the answer.
const DISCARDED_BYTES: usize = 16 << 20;
/// How long a body is discarded when there is no memory for it. The answer should come soon, but closing while the
/// client still sends would reset the connection and lose the answer.
const GONE_WITHIN: Duration = Duration::from_millis(250);

/// Reads on without keeping anything. A client that is still sending does not read, and closing on it would
/// reset the connection and take the answer with it.
async fn discard<B>(mut body: B)
where
    B: Body<Data = Bytes> + Unpin,
{
    let mut room = DISCARDED_BYTES;
    while let Ok(Some(data)) = next(&mut body, room, DISCARDED_BYTES).await {
        room -= data.len();
    }
}

async fn collect<B>(mut body: B, limit: usize, memory: &mut BodyMemory) -> Result<Bytes, BodyError>
where
    B: Body<Data = Bytes> + Unpin,
{
    let Some(first) = next(&mut body, limit, limit).await? else {
        return Ok(Bytes::new());
    };
    if body.is_end_stream() {
        return Ok(first);
    }
    let Some(second) = next(&mut body, limit - first.len(), limit).await? else {
        return Ok(first);
    };
    let mut whole = Vec::new();
    add(&mut whole, &first, &body, limit, memory)?;
    // Dropped so that the connection can reuse its buffer.
    drop(first);
    add(&mut whole, &second, &body, limit, memory)?;
    drop(second);
    while let Some(data) = next(&mut body, limit - whole.len(), limit).await? {
        add(&mut whole, &data, &body, limit, memory)?;
    }
    Ok(whole.into())
}

/// Appends; memory is taken before it is used, twice as much each time, but no more than is announced.
fn add<B: Body>(
    whole: &mut Vec<u8>,
    data: &[u8],
    body: &B,
    limit: usize,
    memory: &mut BodyMemory,
) -> Result<(), BodyError> {
    let needed = whole.len() + data.len();
    if needed > whole.capacity() {
        // A `Content-Length` above the limit was refused before the first byte was read.
        let announced =
            usize::try_from(body.size_hint().lower()).map_or(limit, |more| more.min(limit));
        let all = (needed + announced).min(limit);
        // Without `Content-Length` the size is not known before the end.
        let end = if announced == 0 { limit } else { all };
        let wanted = needed.max(whole.capacity() * 2).min(end).max(needed);
        memory.take(wanted - whole.capacity())?;
        whole.reserve_exact(wanted - whole.len());
    }
    whole.extend_from_slice(data);
    Ok(())
}

/// The next data, of at most `room` of the `limit`; trailers are skipped.
async fn next<B>(body: &mut B, room: usize, limit: usize) -> Result<Option<Bytes>, BodyError>
where
    B: Body<Data = Bytes> + Unpin,
{
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| BodyError::Broken)?;
        match frame.into_data() {
            Ok(data) if data.len() > room => return Err(BodyError::TooLarge { limit }),
            Ok(data) => return Ok(Some(data)),
            Err(_trailers) => {}
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use futures::{StreamExt, stream};
    use http_body_util::{Full, StreamBody};
    use hyper::body::Frame;

    use super::*;
    use crate::config::{Profile, Settings};
    use crate::resilience::budget::BodyBudget;

    const LONG: Duration = Duration::from_secs(10);

    /// [`super::read_body`] with a budget that never refuses.
    async fn read_body<B>(body: B, limit: usize, timeout: Duration) -> Result<Bytes, BodyError>
    where
        B: Body<Data = Bytes> + Unpin,
    {
        let budget = BodyBudget::new(&Settings::of_profile(Profile::Standard).server);
        let read = super::read_body(body, limit, timeout, &mut budget.body("c")).await;
        assert_eq!(budget.used(), 0, "all memory is given back");
        read
    }

    fn pieces(pieces: &[&'static str]) -> impl Body<Data = Bytes, Error = Infallible> + Unpin {
        let frames: Vec<_> = pieces
            .iter()
            .map(|piece| Ok(Frame::data(Bytes::from_static(piece.as_bytes()))))
            .collect();
        StreamBody::new(stream::iter(frames))
    }

    #[tokio::test]
    async fn a_body_is_read_whole_up_to_its_limit() {
        for parts in [&[][..], &["abc"], &["ab", "c"], &["a", "b", "", "c"]] {
            let whole = parts.concat();
            assert_eq!(
                read_body(pieces(parts), 3, LONG).await,
                Ok(Bytes::from(whole))
            );
        }
    }

    #[tokio::test]
    async fn a_body_in_one_piece_is_not_copied() {
        let sent = Bytes::from(vec![1; 100]);
        let read = read_body(Full::new(sent.clone()), 100, LONG)
            .await
            .expect("read");
        assert_eq!(read.as_ptr(), sent.as_ptr());
    }

    #[tokio::test]
    async fn a_body_beyond_its_limit_is_refused_announced_or_not() {
        let refused = Err(BodyError::TooLarge { limit: 3 });
        assert_eq!(
            read_body(Full::new(Bytes::from("abcd")), 3, LONG).await,
            refused
        );
        for parts in [&["abcd"][..], &["ab", "cd"], &["a", "b", "c", "d"]] {
            assert_eq!(
                read_body(pieces(parts), 3, LONG).await,
                refused,
                "{parts:?}"
            );
        }
    }

    #[tokio::test]
    async fn a_body_that_is_refused_is_taken_off_the_wire_so_that_the_answer_arrives() {
        let mut body = pieces(&["abcd", "ef", "g"]);
        let refused = read_body(&mut body, 3, LONG).await;
        assert_eq!(refused, Err(BodyError::TooLarge { limit: 3 }));
        assert!(body.frame().await.is_none(), "all of it was taken");
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_trickles_is_given_up_after_the_time_for_the_whole() {
        let drip = stream::repeat(()).then(|()| async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            Ok::<_, Infallible>(Frame::data(Bytes::from_static(b".")))
        });
        let body = StreamBody::new(Box::pin(drip));
        let start = tokio::time::Instant::now();
        assert_eq!(
            read_body(body, 1_000, LONG).await,
            Err(BodyError::Timeout { timeout_ms: 10_000 })
        );
        assert!(start.elapsed() < Duration::from_secs(11));
    }

    #[tokio::test]
    async fn a_body_that_breaks_off_is_broken() {
        let frames = [Ok(Frame::data(Bytes::from_static(b"ab"))), Err("gone")];
        let body = StreamBody::new(stream::iter(frames));
        assert_eq!(read_body(body, 100, LONG).await, Err(BodyError::Broken));
    }

    #[tokio::test]
    async fn a_body_without_room_is_refused_and_one_that_came_with_its_head_needs_none() {
        let mut server = Settings::of_profile(Profile::Standard).server;
        (server.body_memory_bytes, server.body_limit_bytes) = (1_024, 1_024);
        let budget = BodyBudget::new(&server);
        let mut other = budget.body("other");
        other.take(1_024).expect("all of it");
        let whole = Full::new(Bytes::from("abcd"));
        let read = super::read_body(whole, 100, LONG, &mut budget.body("c")).await;
        assert_eq!(read, Ok(Bytes::from("abcd")));
        let read = super::read_body(pieces(&["ab", "cd"]), 100, LONG, &mut budget.body("c")).await;
        assert_eq!(read, Err(BodyError::NoRoom { limit: 1_024 }));
        drop(other);
        let read = super::read_body(pieces(&["ab", "cd"]), 100, LONG, &mut budget.body("c")).await;
        assert_eq!(read, Ok(Bytes::from("abcd")));
    }

    #[test]
    fn json_is_known_by_its_media_type() {
        let is = |text: &'static str| is_json(&HeaderValue::from_static(text));
        for json in [
            "application/json",
            "Application/JSON; charset=utf-8",
            "application/problem+json",
        ] {
            assert!(is(json), "{json}");
        }
        for other in ["text/plain", "text/json", "application/jsonx", "json", ""] {
            assert!(!is(other), "{other}");
        }
    }
}
