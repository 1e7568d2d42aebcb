//! Reads a request's body whole, within a size and a time.
//!
//! Invariant: never holds more than the limit, and never waits longer than the timeout for the whole of
//! it (a client that sends a byte now and then does not hold a request). A body that came with the head,
//! as small ones do, is handed on without being copied.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::Body;

/// Why there is no body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// 413.
    #[error("the body is larger than {limit} bytes")]
    TooLarge { limit: usize },
    /// 408.
    #[error("the body did not arrive within {timeout_ms} ms")]
    Timeout { timeout_ms: u64 },
    /// The client went away or sent no valid body; whom an answer would reach is unknown (400).
    #[error("the body broke off or is not valid HTTP")]
    Broken,
}

/// # Errors
/// It is too large (and was not kept), too slow, or broken.
pub async fn read_body<B>(mut body: B, limit: usize, timeout: Duration) -> Result<Bytes, BodyError>
where
    B: Body<Data = Bytes> + Unpin,
{
    let read = if body.size_hint().lower() > limit as u64 {
        Err(BodyError::TooLarge { limit })
    } else {
        // The timer is only set up once the body lets us wait.
        tokio::time::timeout(timeout, collect(&mut body, limit))
            .await
            .unwrap_or_else(|_elapsed| {
                Err(BodyError::Timeout {
                    timeout_ms: u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX),
                })
            })
    };
    if let Err(BodyError::TooLarge { .. }) = read {
        // Whether all of it came or not, the answer is the same.
        let _ = tokio::time::timeout(timeout, discard(body)).await;
    }
    read
}

/// What of a body that is too large is taken off the wire before it is refused.
const DISCARDED_BYTES: usize = 16 << 20;

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

async fn collect<B>(mut body: B, limit: usize) -> Result<Bytes, BodyError>
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
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(0);
    let read = first.len() + second.len();
    let mut whole = BytesMut::with_capacity(read + announced.min(limit - read));
    whole.extend_from_slice(&first);
    whole.extend_from_slice(&second);
    while let Some(data) = next(&mut body, limit - whole.len(), limit).await? {
        whole.extend_from_slice(&data);
    }
    Ok(whole.freeze())
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

    const LONG: Duration = Duration::from_secs(10);

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
}
